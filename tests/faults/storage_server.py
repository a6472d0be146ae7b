"""An S3 server of one bucket, behind the sandbox's faults: it lists, deletes, and refuses what it is told to refuse."""

from __future__ import annotations

import re
import threading
from typing import Any
from xml.sax.saxutils import escape, unescape

from werkzeug.wrappers import Request, Response

from cleanup.sandbox.answer import Answer
from cleanup.sandbox.http import WebServer
from cleanup.sandbox.traffic import Traffic

KEY_ID, SECRET = "AKIAFAULTSKEYID00000", "s3-secret-that-nobody-may-see"
_CODES = {
    400: "MalformedXML", 403: "AccessDenied", 404: "NoSuchBucket", 429: "TooManyRequests", 500: "InternalError",
    501: "NotImplemented",
}  # fmt: skip
_XML = (("Content-Type", "application/xml"),)
_NAMES = {"POST": "delete_objects", "GET": "list_objects", "DELETE": "delete_object", "HEAD": "head_bucket"}


class S3:
    """The server; its requests are counted and attacked as ``s3.<operation>`` with the sandbox's own."""

    def __init__(self, traffic: Traffic) -> None:
        self.keys: set[str] = set()
        self.forbidden: set[str] = set()
        """Keys that the server answers AccessDenied for, each alone."""
        self._traffic, self._lock = traffic, threading.Lock()
        self.server = WebServer(self._app)
        self.host = self.server.url.removeprefix("http://")
        self.root = f"s3://{self.host}/bucket"
        self.server.start()

    def _app(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        name, text = _NAMES[request.method], request.get_data().decode(errors="replace")
        alone = name == "delete_object"
        keys = [unescape(key) for key in re.findall(r"<Key>(.*?)</Key>", text, re.DOTALL)]
        if alone:
            keys = [request.path.removeprefix("/bucket/")]
        body = {"path": request.path, "keys": keys, "alone": alone, **request.args}
        work = {"delete_objects": self._delete, "delete_object": self._delete, "list_objects": self._list}
        try:
            act = work.get(name, lambda body: Answer(200, b"", _XML))
            answer = self._traffic.handle(f"s3.{name}", body, "", lambda: act(body))
        except ValueError:  # of an answer without its data, which is none of JSON here
            answer = Answer(200, b"<DeleteResult/>", _XML)
        if b"injected fault" in answer.body or answer.body[:1] == b"{":
            answer = _in_xml(answer)
        headers = [*answer.headers, ("Content-Length", str(answer.promised or len(answer.body)))]
        return Response(answer.body, answer.status, headers)(environ, start_response)

    def _list(self, body: dict[str, Any]) -> Answer:
        with self._lock:
            found = sorted(key for key in self.keys if key.startswith(body.get("prefix", "")))
        told = "<Size>7</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        entries = "".join(f"<Contents><Key>{escape(key)}</Key>{told}</Contents>" for key in found)
        head = f"<Name>bucket</Name><KeyCount>{len(found)}</KeyCount><IsTruncated>false</IsTruncated>"
        return Answer(200, f"<ListBucketResult>{head}{entries}</ListBucketResult>".encode(), _XML)

    def _delete(self, body: dict[str, Any]) -> Answer:
        refused = self.forbidden.intersection(body["keys"])
        with self._lock:
            self.keys -= set(body["keys"]) - refused
        if body["alone"]:
            return Answer(403, b"<Error><Code>AccessDenied</Code></Error>", _XML) if refused else Answer(204, b"", _XML)
        lines = [f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in body["keys"] if key not in refused]
        lines += [f"<Error><Key>{escape(key)}</Key><Code>AccessDenied</Code></Error>" for key in refused]
        return Answer(200, f"<DeleteResult>{''.join(lines)}</DeleteResult>".encode(), _XML)


def _in_xml(answer: Answer) -> Answer:
    """Return an injected answer as S3 writes it."""
    if answer.status == 200:
        return Answer(200, b"<DeleteResult/>", _XML, answer.promised)
    code = _CODES.get(answer.status, "ServiceUnavailable")
    text = f"<Error><Code>{code}</Code><Message>injected fault</Message></Error>"
    return Answer(answer.status, text.encode(), _XML, answer.promised)
