"""How requests are sent: the one place that sends HTTP requests to ClearML's servers, and the one that repeats them."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import requests
from requests.auth import AuthBase

from cleanup.base.errors import Stopped
from cleanup.base.exchange import LISTEN, Exchange, Session
from cleanup.base.text import without_secrets

MIB = 1024 * 1024
BUSY = frozenset({429, 502, 503, 504})
"""What a server, or a proxy before it, answers when it is busy or about to come back."""

_PIECE = 64 * 1024
_SLOW = 0.25

_OBJECT = re.compile(r"^<?[\w.]+(?:\(host=.*?\)| object at 0x\w+>): ")

_T = TypeVar("_T")


@dataclass
class Network:
    """How requests are sent. Seconds for every time; ``attempts`` counts the first one too.

    One request ends after ``read_timeout`` (``delete_timeout`` if it deletes), from start to end; all attempts and
    pauses for one take at most ``total``. After ``stop`` an open request is waited for no longer than ``grace``, or
    ``delete_grace`` if it deletes: what was deleted should be known.
    """

    attempts: int = 8
    backoff: float = 0.5
    backoff_max: float = 15.0
    connect_timeout: float = 10.0
    read_timeout: float = 40.0
    delete_timeout: float = 60.0
    parallel: int = 8
    stop: threading.Event = field(default_factory=threading.Event)
    total: float = 45.0
    grace: float = 3.0
    delete_grace: float = 20.0

    def pause(self, seconds: float) -> None:
        """Wait, at most ``backoff_max`` seconds. Raises Stopped as soon as a stop is asked for."""
        if self.stop.wait(min(seconds, self.backoff_max)):
            raise Stopped("stopped, as asked")


@dataclass(frozen=True)
class Request:
    """What to send. ``auth`` replaces the token; ``once``: not repeated; ``within``: seconds, instead of Network's."""

    method: str
    url: str
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Any = None
    auth: AuthBase | None = None
    once: bool = False
    within: float = 0.0
    deletes: bool = False


@dataclass(frozen=True)
class Reply:
    """What came back. ``status`` 0: no answer, and ``error`` says why; ``final`` if asking again cannot help.

    ``begun`` and ``ended`` are this machine's time (seconds since 1970) around the request.
    """

    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    final: bool = False
    begun: float = 0.0
    ended: float = 0.0

    @property
    def date(self) -> float | None:
        """The server's time in its Date header, in seconds since 1970."""
        try:
            return parsedate_to_datetime(self.headers.get("Date", "")).timestamp()
        except (TypeError, ValueError, OverflowError):
            return None

    @property
    def retry_after(self) -> float:
        """The seconds that the server asks to wait before the next attempt, 0 if it does not."""
        text = self.headers.get("Retry-After", "")
        return float(text) if text.isdecimal() else 0.0


class Bearer(AuthBase):
    """Puts a token into a request; given as ``auth``, so that no .netrc replaces it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Http:
    """Sends requests to one server, from several threads, and repeats those that have no usable answer yet.

    Each request has a deadline from start to end and a bound on its answer's size. No redirect is followed, so that a
    token reaches this server only. ``stop`` is heard while waiting for a turn, for an answer and between attempts.

    The SDK's own session has settings for its retries, and they do not do: its loops around TLS errors, cut answers and
    503 repeat without an end and without a look at anything that asks them to stop, its time-outs count from one byte
    to the next, its answers may have any size, and a redirect or a .netrc takes the token along or replaces it.

    ``token(refused)`` gives the token to send, another one than ``refused``; several threads may ask at once. It may
    raise. ``largest``: bytes of the largest answer that is read.
    """

    def __init__(
        self, network: Network, token: Callable[[str], str], verify: bool | str = True, largest: int = 256 * MIB
    ) -> None:
        self._network, self._token, self._verify, self._largest = network, token, verify, largest
        self._slots = Slots(network)
        self._session = Session()

    def send(self, request: Request, read: Callable[[Reply], tuple[_T, bool]]) -> _T:
        """Return what ``read`` makes of the reply: a value, and whether another attempt may bring a better one.

        The pauses between attempts double, and last as long as the server asks (Retry-After) up to ``backoff_max``.
        A 401 renews the token, once; then the time begins anew. Raises Stopped, and what ``token`` raises.
        """
        network = self._network
        limit = request.within or (network.delete_timeout if request.deletes else network.read_timeout)
        total, left = (limit, 1) if request.once else (network.total, network.attempts)
        token = "" if request.auth else self._token("")
        pause, renewed, until = network.backoff, request.auth is not None, time.monotonic() + total
        while True:
            reply = self._attempt(request, request.auth or Bearer(token), min(limit, until - time.monotonic()))
            if reply.status == 401 and not renewed:
                token, renewed, until = self._token(token), True, time.monotonic() + total
                continue
            value, again = read(reply)
            left -= 1
            wait = min(max(pause, reply.retry_after), network.backoff_max)
            if not (again and left) or reply.final or time.monotonic() + wait >= until:
                return value
            network.pause(wait)
            pause *= 2

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._session.close()

    def _attempt(self, request: Request, auth: AuthBase, seconds: float) -> Reply:
        """Return the reply within ``seconds``. Raises Stopped, unless the request deletes: then what became of it is
        not known, and it is the caller who must say so.
        """
        network = self._network
        network.pause(0)
        self._slots.take()
        begun = time.monotonic()
        reply = Reply()
        try:
            grace = network.delete_grace if request.deletes else network.grace
            reply = Exchange(lambda: self._talk(request, auth, seconds)).result(seconds, grace, network.stop)
        except Exception as error:
            # A ValueError is about the request itself: an address or a header that is none.
            reply = Reply(error=_reason(error), final=isinstance(error, ValueError) or _is_untrusted(error))
        finally:
            well = reply.status not in {0, *BUSY} and time.monotonic() - begun < _SLOW * seconds
            self._slots.give(begun, well=well)
        if not (reply.status or request.deletes):
            network.pause(0)
        return reply

    def _talk(self, request: Request, auth: AuthBase, seconds: float) -> Reply:
        """Send the request and read the answer, however long that takes."""
        begun = time.time()
        with self._session.request(
            request.method,
            request.url,
            json=request.json,
            headers=request.headers,
            params=request.params,
            auth=auth,
            timeout=(min(self._network.connect_timeout, seconds), seconds),
            # Said here, it is not replaced by what the environment says.
            verify=self._verify,
            stream=True,
        ) as response:
            body = bytearray()
            for piece in response.iter_content(_PIECE):
                body += piece
                if len(body) > self._largest:
                    return Reply(error=f"an answer of more than {self._largest // MIB} MiB", final=True)
            return Reply(response.status_code, bytes(body), response.headers, begun=begun, ended=time.time())


class Slots:
    """Bounds the requests that are open at once: less of them while the server is in trouble, more again later.

    Additive increase and multiplicative decrease, as TCP does it (Chiu and Jain, 1989). No answer, 429, 502, 503, 504
    or an answer that took a quarter of its deadline halves the bound, once for all requests that were open together,
    down to one; every other answer raises it by its share of one, up to ``parallel`` of the network.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._bound, self._open, self._halved = float(network.parallel), 0, 0.0
        self._free = threading.Condition()

    @property
    def bound(self) -> int:
        """How many requests may be open at the moment."""
        return min(self._network.parallel, int(self._bound))

    def take(self) -> None:
        """Wait for a turn. Raises Stopped."""
        with self._free:
            while self._open >= self.bound:
                self._free.wait(LISTEN)
                self._network.pause(0)
            self._open += 1

    def give(self, begun: float, *, well: bool) -> None:
        """End a turn: ``begun`` (monotonic seconds), and whether the request went ``well``."""
        with self._free:
            self._open -= 1
            if well:
                self._bound = min(self._network.parallel, self._bound + 1 / self._bound)
            elif begun >= self._halved:
                self._bound, self._halved = max(1.0, self._bound / 2), time.monotonic()
            self._free.notify()


def _is_untrusted(error: BaseException) -> bool:
    return isinstance(error, requests.exceptions.SSLError) and "certificate" in str(error).lower()


def _reason(error: BaseException) -> str:
    """Return why there is no answer, from the innermost error: the outer ones repeat addresses and object names."""
    if _is_untrusted(error):
        return "its certificate is not trusted: see api.verify_certificate in clearml.conf"
    inner = [cause for cause in (getattr(error, "reason", None), *error.args) if isinstance(cause, BaseException)]
    if inner:
        return _reason(inner[0])
    text = _OBJECT.sub("", str(error))
    if isinstance(error, socket.gaierror) or "resolve" in text.lower():
        return "its host name is not known on this machine"
    return without_secrets(text) or type(error).__name__
