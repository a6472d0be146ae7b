"""An S3 server (moto's) behind the sandbox's faults, and a look at what it holds."""

from __future__ import annotations

import re
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

from cleanup.sandbox.answer import Answer
from cleanup.sandbox.http import WebServer
from cleanup.sandbox.traffic import Traffic

BUCKET = "bucket"
KEY_ID, SECRET = "AKIAFAULTSKEYID00000", "s3-secret-that-nobody-may-see"

_CODES = {
    400: "MalformedXML",
    403: "AccessDenied",
    404: "NoSuchBucket",
    429: "TooManyRequests",
    500: "InternalError",
    501: "NotImplemented",
}
_KEY = re.compile(r"<Key>(.*?)</Key>", re.DOTALL)
_XML = (("Content-Type", "application/xml"),)


class S3:
    """The server; its requests are counted and attacked as ``s3.<operation>`` with the sandbox's own."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.forbidden: set[str] = set()
        """Keys that the server answers AccessDenied for, each alone."""
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = WebServer(self._app)
        self.host = self._server.url.removeprefix("http://")
        self.root = f"s3://{self.host}/{BUCKET}"
        self._server.start()
        self.clear()

    def stop(self) -> None:
        self._server.stop()

    @property
    def _backend(self) -> Any:
        return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]

    def clear(self) -> None:
        self.forbidden.clear()
        self._backend.reset()
        self._backend.create_bucket(BUCKET, "us-east-1")

    def put(self, key: str, content: bytes = b"content") -> str:
        self._backend.put_object(BUCKET, key, content)
        return f"{self.root}/{key}"

    def held(self) -> set[str]:
        return set(self._backend.get_bucket(BUCKET).keys)

    def remove(self, key: str) -> None:
        self._backend.delete_object(BUCKET, key)

    def has(self, key: str) -> bool:
        return key in self._backend.get_bucket(BUCKET).keys

    def _app(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        text = request.get_data(cache=True).decode(errors="replace")
        name, body = _operation(request), {"path": request.path, "keys": _KEY.findall(text)}
        environ["wsgi.input"].seek(0)
        try:
            answer = self.traffic.handle(f"s3.{name}", body, "", lambda: self._work(name, environ, body["keys"]))
        except ValueError:
            answer = Answer(200, b"<DeleteResult/>", _XML)
        if b"injected fault" in answer.body or (answer.status == 200 and answer.body[:1] == b"{"):
            answer = _in_xml(answer)
        headers = [*answer.headers, ("Content-Length", str(answer.promised or len(answer.body)))]
        return Response(answer.body, answer.status, headers)(environ, start_response)

    def _work(self, name: str, environ: dict[str, Any], keys: list[str]) -> Answer:
        refused = self.forbidden.intersection(keys)
        if name == "delete_objects" and refused:
            return self._partly(set(keys), refused)
        parts, status, headers = run_wsgi_app(self._moto, environ)
        kept = tuple((key, value) for key, value in headers.items() if key.lower() != "content-length")
        return Answer(int(status.split()[0]), b"".join(parts), kept)

    def _partly(self, keys: set[str], refused: set[str]) -> Answer:
        for key in keys - refused:
            self._backend.delete_object(BUCKET, key)
        lines = [f"<Deleted><Key>{key}</Key></Deleted>" for key in keys - refused]
        lines += [f"<Error><Key>{key}</Key><Code>AccessDenied</Code><Message>no</Message></Error>" for key in refused]
        return Answer(200, f"<DeleteResult>{''.join(lines)}</DeleteResult>".encode(), _XML)


def _operation(request: Request) -> str:
    if request.method == "POST" and "delete" in request.args:
        return "delete_objects"
    if request.method == "GET" and {"list-type", "prefix"} & request.args.keys():
        return "list_objects"
    return {"DELETE": "delete_object", "HEAD": "head_bucket"}.get(request.method, request.method.lower())


def _in_xml(answer: Answer) -> Answer:
    """Return an injected answer as S3 writes it."""
    if answer.status == 200:
        return Answer(200, b"<DeleteResult/>", _XML, answer.promised)
    code = _CODES.get(answer.status, "ServiceUnavailable")
    text = f"<Error><Code>{code}</Code><Message>injected fault</Message></Error>"
    return Answer(answer.status, text.encode(), _XML, answer.promised)
