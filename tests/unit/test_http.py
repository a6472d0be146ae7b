"""Sending requests: a real server on loopback that does its worst, and how each time it is given up in time."""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cleanup.base.errors import Stopped
from cleanup.base.http import BUSY, MIB, Http, Network, Reply, Request, Slots

FAST = Network(attempts=3, backoff=0.0, read_timeout=30.0, total=60.0)
Act = Callable[[], Iterator[bytes | None]]
DEADLINE = 0.2
SOON = 20.0
"""Seconds: far more than any deadline here, far less than any of these servers would take."""


class Server:
    """Does to each request what the next of ``acts`` says, the last one again and again.

    An act yields pieces of the answer; None stands for a moment in which nothing comes.
    """

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.requests: list[bytes] = []
        self.connections = self.open = self.peak = 0
        self.broken, self.closing, self._lock = threading.Event(), threading.Event(), threading.Lock()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while request := connection.recv(65536):
                with self._lock:
                    self.requests.append(request)
                    self.open += 1
                    self.peak = max(self.peak, self.open)
                    act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
                for piece in act():
                    if piece is not None:
                        connection.sendall(piece)
                    elif self.closing.wait(0.01) or select.select([connection], [], [], 0)[0]:
                        raise BrokenPipeError  # nothing more was asked, so this is the other end's farewell
                with self._lock:
                    self.open -= 1
                if act in (cut, dropped):
                    return
        self.broken.set()


def saying(*pieces: bytes | None) -> Act:
    return lambda: iter(pieces)


def answer(status: int = 200, body: bytes = b"{}", headers: str = "", after: int = 0) -> Act:
    whole = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body
    return saying(*[None] * after, whole)


def dripping(begin: bytes) -> Act:
    return lambda: itertools.chain([begin], itertools.cycle((b"x", None)))


def silence() -> Iterator[bytes | None]:
    return itertools.repeat(None)


def endless() -> Iterator[bytes | None]:
    return itertools.chain([b"HTTP/1.0 302 Found\r\nLocation: /elsewhere\r\n\r\n"], itertools.repeat(b"x" * 65536))


dripped_headers = dripping(b"HTTP/1.1 200 OK\r\nX: ")
dripped_body = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n")
cut, dropped = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), saying(b"")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.closing.set()
    server.listening.close()


def send(server: Server, network: Network = FAST, token: Callable[[str], str] | None = None, **request: Any) -> Reply:
    """Send one request, again while the server is busy or gives no answer; it ends soon, and so do its threads."""
    http = Http(network, token or (lambda refused: "token"), largest=MIB)
    what = Request("POST", f"{server.url}/call", **request)
    begun = time.monotonic()
    try:
        return http.send(what, lambda reply: (reply, reply.status in {0, *BUSY}))
    finally:
        assert time.monotonic() - begun < SOON
        http.close()
        for thread in threads_of_requests():
            thread.join(SOON)
            assert not thread.is_alive(), "a request goes on after it was given up"


def threads_of_requests() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "cleanup-request"]


@pytest.mark.parametrize(
    ("act", "proxy"), [(silence, False), (dripped_headers, False), (dripped_body, False), (dripped_headers, True)]
)
def test_a_request_ends_at_its_deadline_whatever_still_comes(
    server: Server, monkeypatch: pytest.MonkeyPatch, act: Act, proxy: bool
) -> None:
    server.acts = [act]
    if proxy:
        monkeypatch.setenv("HTTPS_PROXY", server.url)
        server.url = "https://example.test"

    assert "no answer within" in send(server, replace(FAST, read_timeout=DEADLINE, attempts=2)).error
    assert server.broken.wait(SOON), "its connection stays open"


@pytest.mark.parametrize("act", [silence, answer(429), answer(429, headers="Retry-After: 3600\r\n")])
def test_the_attempts_for_one_request_end_together(server: Server, act: Act) -> None:
    server.acts = [act]
    network = replace(FAST, total=DEADLINE, attempts=10**6, backoff=0.01, backoff_max=3600.0)
    assert send(server, network).status in {0, 429}


def test_a_host_that_is_looked_up_for_ever_is_given_up_and_gets_nothing_later(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up, found = socket.getaddrinfo, threading.Event()

    def slow(*asked: Any, **how: Any) -> Any:
        assert found.wait(SOON)
        return looked_up(*asked, **how)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    server.acts = [answer()]
    http = Http(replace(FAST, read_timeout=DEADLINE), lambda refused: "token")
    reply = http.send(Request("POST", server.url, once=True), lambda reply: (reply, False))
    late = threads_of_requests()
    found.set()
    for thread in late:
        thread.join(SOON)

    assert (reply.status, len(late), server.requests) == (0, 1, [])


def test_an_answer_without_an_end_is_not_read_even_where_it_redirects(server: Server) -> None:
    server.acts = [endless]
    assert "more than 1 MiB" in send(server).error
    assert len(server.requests) == 1


@pytest.mark.parametrize("act", [cut, dropped, *map(answer, sorted(BUSY))])
def test_what_can_pass_is_repeated_over_one_connection_where_it_stays_open(server: Server, act: Act) -> None:
    server.acts = [act, act, answer(200, b"good")]
    assert send(server).body == b"good"
    assert len(server.requests) == 3
    assert server.connections == (3 if act in (cut, dropped) else 1)


def test_what_does_not_pass_is_told_after_all_attempts(server: Server) -> None:
    for act, status in ((answer(429), 429), (dropped, 0)):
        for once, attempts in ((True, 1), (False, 3)):
            server.acts, server.requests = [act], []
            assert (send(server, once=once).status, len(server.requests)) == (status, attempts)


def test_pauses_double_last_as_long_as_the_server_asks_and_are_bounded(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(Network, "pause", lambda _, seconds: pauses.append(seconds))
    asking = [answer(429, headers=f"Retry-After: {text}\r\n") for text in ("7", "x", "86400")]
    server.acts = [answer(503), answer(503), *asking, answer()]

    send(server, Network(attempts=6, backoff=0.5, backoff_max=9.0, total=60.0))
    assert [seconds for seconds in pauses if seconds] == [0.5, 1.0, 7.0, 4.0, 9.0]


def stopping(stop: threading.Event, act: Act) -> Act:
    """Ask for a stop as soon as the request is there."""
    return lambda: (stop.set(), act())[1]


@pytest.mark.parametrize("act", [answer(503), silence])
def test_a_stop_is_heard_between_attempts_and_in_an_open_request(server: Server, act: Act) -> None:
    stop = threading.Event()
    server.acts = [stopping(stop, act)]
    with pytest.raises(Stopped):
        send(server, replace(FAST, backoff=30.0, backoff_max=30.0, stop=stop, grace=DEADLINE))


@pytest.mark.parametrize(
    ("how", "deletes", "status"),
    [({"grace": SOON}, False, 200), ({"delete_grace": SOON}, True, 200), ({"grace": SOON}, True, 0)],
)
def test_after_a_stop_an_answer_is_waited_for_as_long_as_what_it_is_about_deserves(
    server: Server, how: Any, deletes: bool, status: int
) -> None:
    stop = threading.Event()
    server.acts = [stopping(stop, answer(after=40))]
    network = replace(FAST, **{"stop": stop, "grace": 0.0, "delete_grace": 0.0, **how})
    assert send(server, network, deletes=deletes, once=True).status == status


def test_a_refused_token_is_renewed_once_and_no_netrc_replaces_it(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.acts = [answer(401)]

    assert send(server, token=lambda refused: refused + "x", once=True).status == 401
    sent = [line for request in server.requests for line in request.split(b"\r\n") if b"Authorization" in line]
    assert sent == [b"Authorization: Bearer x", b"Authorization: Bearer xx"]


def test_no_more_requests_are_open_at_once_than_allowed(server: Server) -> None:
    server.acts = [answer(after=5)]
    http = Http(replace(FAST, parallel=3), lambda refused: "token")
    request = Request("GET", server.url)
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda _: http.send(request, lambda reply: (reply.status, False)), range(24)))
    http.close()
    assert (set(statuses), server.peak) == ({200}, 3)


def test_a_server_in_trouble_is_asked_less_at_once_and_later_more_again() -> None:
    slots = Slots(replace(FAST, parallel=8))
    bounds = []
    for _ in range(5):
        begun = time.monotonic()
        for _ in range(slots.bound):
            slots.take()
        for _ in range(slots.bound):
            slots.give(begun, well=False)
        bounds.append(slots.bound)
    assert bounds == [4, 2, 1, 1, 1]

    turns = 0
    while slots.bound < 8:
        slots.take()
        slots.give(time.monotonic(), well=True)
        turns += 1
    assert 7 <= turns <= 40
