"""A proxy in front of a sandbox's API that behaves as badly as what stands between a client and a server can."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

import requests

from cleanup.sandbox.answer import envelope

PAGE = b"<html><title>Sign in</title></html>"
PAUSE = 0.2


class Front:
    """`manner` is how requests whose endpoint is like `endpoint` are answered; the others pass through."""

    def __init__(self, api_url: str, manner: str = "well", endpoint: str = "*") -> None:
        self.api_url, self.manner, self.endpoint = api_url, manner, endpoint
        self.closing = threading.Event()
        self.met = threading.Event()
        """Set once a request was answered in that manner."""
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                manner = "well"
                if fnmatchcase(self.path.rpartition("/")[2], front.endpoint):
                    manner = front.manner
                    front.met.set()
                front.answer(self, manner, body)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """A client that hangs up is what some manners are there for."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Front:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler, manner: str, body: bytes) -> None:
        if manner in PLAIN:
            status, content, headers = PLAIN[manner]
            if isinstance(content, dict):
                endpoint = handler.path.rpartition("/")[2]
                content = json.dumps(envelope(content, endpoint, code=status, message="as the test wants")).encode()
            send(handler, status, content, headers)
        elif manner in UNENDING:
            UNENDING[manner](self, handler)
        elif manner == "slow":
            self.closing.wait(1.0)
            self.answer(handler, "well", body)
        else:
            passed = {
                name: handler.headers[name] for name in ("Authorization", "Content-Type") if handler.headers[name]
            }
            got = requests.request(handler.command, self.api_url + handler.path, data=body, headers=passed, timeout=60)
            send(handler, got.status_code, got.content, {"Content-Type": "application/json"})


def send(handler: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    if status != 204:
        handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    if status != 204:
        handler.wfile.write(content)


PLAIN: dict[str, tuple[int, bytes | dict[str, object], dict[str, str]]] = {
    "unauthorized": (401, {}, {}),
    "forbidden": (403, {}, {}),
    "missing": (404, PAGE, {}),
    "not allowed": (405, PAGE, {}),
    "broken": (500, {}, {}),
    "bad gateway": (502, PAGE, {}),
    "busy": (429, b"slow down", {"Retry-After": "1"}),
    "redirecting": (302, b"", {"Location": "http://127.0.0.1:9/login"}),
    "login page": (200, PAGE, {"Content-Type": "text/html"}),
    "empty": (204, b"", {}),
    "no data": (200, {}, {}),
    "lying": (200, {"token": "no.token.this", "task": [], "id": 7, "projects": 5, "tasks": "none"}, {}),
}
"""Status, what is sent (a mapping: as the data of a ClearML answer), headers."""


def silent(front: Front, _: BaseHTTPRequestHandler) -> None:
    front.closing.wait(600)


def dripping(front: Front, handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not front.closing.wait(PAUSE):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def endless(front: Front, handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 40))
    handler.end_headers()
    while not front.closing.is_set():
        handler.wfile.write(b" " * (1 << 16))


def dropping(_: Front, handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(2)


UNENDING: dict[str, Callable[[Front, BaseHTTPRequestHandler], None]] = {
    "silent": silent,
    "dripping": dripping,
    "endless": endless,
    "dropping": dropping,
}
