"""A web server on a loopback port: threads, connections that stay open, and answers that can be cut."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import replace
from io import BytesIO
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from cleanup.sandbox.answer import Answer, Dropped

HOST = "127.0.0.1"
POLL_SECONDS = 0.05
BACKLOG = 128
SPACES = b" " * 2**16
ANSWER = "cleanup.sandbox.answer"
"""In a request's WSGI environment: what is to be answered."""


class Handler(WSGIRequestHandler):
    """werkzeug's own handler closes the connection after each answer and waits a moment to do it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        open_connections(self.server).add(self.connection)

    def finish(self) -> None:
        open_connections(self.server).discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log(self, type: str, message: str, *args: Any) -> None:
        """Says nothing: the requests are counted elsewhere."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Says nothing."""

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        length = int(environ.get("CONTENT_LENGTH") or 0)
        # Read to its end whatever becomes of it: the next request begins there.
        chunked = environ.get("wsgi.input_terminated")
        sent = environ["wsgi.input"].read() if chunked else self.rfile.read(length)
        environ["wsgi.input"] = BytesIO(sent)
        environ["CONTENT_LENGTH"] = str(len(sent))
        answered: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            answered[:] = [status, headers]
            return None

        try:
            parts = self.server.app(environ, start_response)
            body = b"".join(parts)
            getattr(parts, "close", lambda: None)()
        except Dropped:
            self.cut()
            return
        status, headers = answered
        plain = Answer(int(status.split()[0]), body)
        with contextlib.suppress(OSError):
            self.send_answer(status, headers, replace(environ.get(ANSWER, plain), body=body))
            return
        self.close_connection = True

    def send_answer(self, status: str, headers: list[tuple[str, str]], answer: Answer) -> None:
        """Raises OSError if nobody is there any more."""
        given = {name.lower(): value for name, value in headers}
        length = int(given.get("content-length", len(answer.body))) if answer.promised is None else answer.promised
        lines = [f"HTTP/1.1 {status}", f"Date: {self.date_time_string()}"]
        lines += [f"{name}: {value}" for name, value in headers if name.lower() != "content-length"]
        lines.append("Connection: close" if answer.endless else f"Content-Length: {length}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        body = b"" if self.command == "HEAD" else answer.body
        at_once, slowly = (b"", head + body) if answer.drip == "header" else (head, body)
        self.wfile.write(at_once if answer.drip else head + body)
        for byte in slowly if answer.drip else b"":
            self.wfile.write(bytes([byte]))
            time.sleep(answer.pause)
        while answer.endless:
            self.wfile.write(SPACES)
        if length != len(body) and self.command != "HEAD":
            self.cut()

    def cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def open_connections(server: Any) -> set[socket.socket]:
    connections: set[socket.socket] = server.__dict__.setdefault("open_connections", set())
    return connections


class WebServer:
    """Listens from the start, answers from `start` on. Raises OSError if the port is taken."""

    def __init__(self, app: Any, port: int = 0) -> None:
        # Bound here: werkzeug ends the whole process when it finds a port taken.
        with socket.create_server((HOST, port), backlog=BACKLOG) as listening:
            self._server: BaseWSGIServer = make_server(
                HOST, port, app, threaded=True, request_handler=Handler, fd=listening.fileno()
            )
        self.url = f"http://{HOST}:{self._server.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": POLL_SECONDS}, daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        for connection in list(open_connections(self._server)):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
