"""Sending requests: a real server on loopback that does its worst, and how each time it is given up in time."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cleanup.base.errors import Stopped
from cleanup.base.http import BUSY, MIB, Http, Network, Reply, Request, Slots
from cleanup.sandbox.answer import Answer, Dropped
from cleanup.sandbox.http import ANSWER, WebServer, open_connections

FAST = Network(attempts=3, backoff=0.0, read_timeout=30.0, total=60.0)
DEADLINE = 0.2
SOON = 20.0
"""Seconds: far more than any deadline here, far less than any of these servers would take."""


class Server:
    """Answers each request as the next of ``acts`` says, the last one again and again, ``after`` so many seconds."""

    def __init__(self) -> None:
        self.acts: list[Answer | None] = []
        self.after, self.at_request = 0.0, threading.Event()
        self.tokens: list[str] = []
        self.connections: set[str] = set()
        self._lock = threading.Lock()
        self.web = WebServer(self._app)
        self.url = self.web.url
        self.web.start()

    def _app(self, environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        with self._lock:
            self.tokens.append(environ.get("HTTP_AUTHORIZATION", ""))
            self.connections.add(environ["REMOTE_PORT"])
            act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
        self.at_request.set()
        if self.after or act is SILENCE:
            # Nothing more is asked meanwhile: what comes is the other end's farewell.
            select.select([environ["werkzeug.socket"]], [], [], SOON if act is SILENCE else self.after)
        if act is None or act is SILENCE:
            raise Dropped
        environ[ANSWER] = act
        start_response(f"{act.status} X", list(act.headers))
        return [act.body]

    def is_left(self) -> bool:
        """True once nobody is connected any more."""
        until = time.monotonic() + SOON
        while open_connections(self.web._server) and time.monotonic() < until:
            time.sleep(0.01)
        return not open_connections(self.web._server)


SILENCE = Answer(0, b"")
DROPPED = None
CUT = Answer(200, b"{", promised=99)
DRIPPED_HEADERS, DRIPPED_BODY = (Answer(200, b"x" * 9999, drip=part, pause=0.01) for part in ("header", "body"))
ENDLESS = Answer(302, b"", (("Location", "/elsewhere"),), endless=True)


def busy(status: int = 429, **headers: str) -> Answer:
    return Answer(status, b"{}", tuple((name.replace("_", "-"), value) for name, value in headers.items()))


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.web.stop()


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
    ("act", "proxy"), [(SILENCE, False), (DRIPPED_HEADERS, False), (DRIPPED_BODY, False), (DRIPPED_HEADERS, True)]
)
def test_a_request_ends_at_its_deadline_whatever_still_comes(
    server: Server, monkeypatch: pytest.MonkeyPatch, act: Answer, proxy: bool
) -> None:
    server.acts = [act]
    if proxy:
        monkeypatch.setenv("HTTPS_PROXY", server.url)
        server.url = "https://example.test"
    assert "no answer within" in send(server, replace(FAST, read_timeout=DEADLINE, attempts=2)).error
    assert server.is_left(), "its connection stays open"


@pytest.mark.parametrize("act", [SILENCE, busy(), busy(Retry_After="3600")])
def test_the_attempts_for_one_request_end_together(server: Server, act: Answer) -> None:
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
    http = Http(replace(FAST, read_timeout=DEADLINE), lambda refused: "token")
    reply = http.send(Request("POST", server.url, once=True), lambda reply: (reply, False))
    late = threads_of_requests()
    found.set()
    for thread in late:
        thread.join(SOON)
    assert (reply.status, len(late), server.tokens) == (0, 1, [])


def test_an_answer_without_an_end_is_not_read_even_where_it_redirects(server: Server) -> None:
    server.acts = [ENDLESS]
    assert "more than 1 MiB" in send(server).error
    assert len(server.tokens) == 1


@pytest.mark.parametrize("act", [CUT, DROPPED, *map(busy, sorted(BUSY))])
def test_what_can_pass_is_repeated_over_one_connection_where_it_stays_open(server: Server, act: Answer | None) -> None:
    server.acts = [act, act, Answer(200, b"good")]
    assert send(server).body == b"good"
    assert (len(server.tokens), len(server.connections)) == (3, 3 if act in (CUT, DROPPED) else 1)


def test_what_does_not_pass_is_told_after_all_attempts(server: Server) -> None:
    for act, status in ((busy(), 429), (DROPPED, 0)):
        for once, attempts in ((True, 1), (False, 3)):
            server.acts, server.tokens = [act], []
            assert (send(server, once=once).status, len(server.tokens)) == (status, attempts)


def test_pauses_double_last_as_long_as_the_server_asks_and_are_bounded(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(Network, "pause", lambda _, seconds: pauses.append(seconds))
    asking = [busy(Retry_After=text) for text in ("7", "x", "86400")]
    server.acts = [busy(503), busy(503), *asking, Answer(200, b"{}")]
    send(server, Network(attempts=6, backoff=0.5, backoff_max=9.0, total=60.0))
    assert [seconds for seconds in pauses if seconds] == [0.5, 1.0, 7.0, 4.0, 9.0]


@pytest.mark.parametrize("act", [busy(503), SILENCE])
def test_a_stop_is_heard_between_attempts_and_in_an_open_request(server: Server, act: Answer) -> None:
    server.acts = [act]
    with pytest.raises(Stopped):
        send(server, replace(FAST, backoff=30.0, backoff_max=30.0, stop=server.at_request, grace=DEADLINE))


@pytest.mark.parametrize(
    ("how", "deletes", "status"),
    [({"grace": SOON}, False, 200), ({"delete_grace": SOON}, True, 200), ({"grace": SOON}, True, 0)],
)
def test_after_a_stop_an_answer_is_waited_for_as_long_as_what_it_is_about_deserves(
    server: Server, how: Any, deletes: bool, status: int
) -> None:
    server.acts, server.after = [Answer(200, b"{}")], 2 * DEADLINE
    network = replace(FAST, **{"stop": server.at_request, "grace": 0.0, "delete_grace": 0.0, **how})
    assert send(server, network, deletes=deletes, once=True).status == status


def test_a_refused_token_is_renewed_once_and_no_netrc_replaces_it(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.acts = [Answer(401, b"{}")]
    given = iter(("x", "xx"))
    assert send(server, token=lambda refused: next(given), once=True).status == 401
    assert server.tokens == ["Bearer x", "Bearer xx"]


def test_a_server_in_trouble_is_asked_less_at_once_and_later_more_again() -> None:
    """How many are open over a whole cycle: tests/cycle/test_polite.py."""
    slots = Slots(replace(FAST, parallel=8, stop=threading.Event()))
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

    for _ in range(8):
        slots.take()
    slots._network.stop.set()
    with pytest.raises(Stopped):
        slots.take()
