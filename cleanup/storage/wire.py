"""HTTP to a ClearML file server: the session's token, bounded retries and time, no redirects, no surprises."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from cleanup.base.text import without_secrets

_WAITS = (0.5, 1.0, 2.0)
_LONGEST_WAIT = 10.0
_CONNECT = 10.0
_LARGEST_ANSWER = 64 * 1024 * 1024
_BUSY = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. ``status`` 0: nothing usable, and ``error`` says why; ``again`` if asking again may help."""

    status: int
    body: bytes = b""
    error: str = ""
    again: bool = False
    wait: float = 0.0


class _Bearer(AuthBase):
    """Sets the token itself: without it, requests would replace the header by what a .netrc says."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Wire:
    """Sends requests to one file server, several threads at once.

    A dropped connection, a busy server (429, 5xx) and an answer that ``usable`` rejects are asked again at most three
    times, with a few seconds of waiting altogether. A server that stays silent for ``timeout`` seconds, or takes more
    than twice that for one answer, is not asked again. After a 401 the token is renewed once. A redirect is an
    answer like any other: it is never followed, so the token reaches this server only.
    """

    def __init__(
        self,
        base: str,
        token: Callable[[bool], str],
        *,
        verify: bool | str = True,
        timeout: float = 60.0,
        connections: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base, self._token, self._timeout, self._sleep = base, token, timeout, sleep
        self._renewing = threading.Lock()
        self._session = requests.Session()
        self._session.verify = verify
        adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=connections)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def send(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        usable: Callable[[Reply], bool] = lambda _: True,
        patient: bool = True,
    ) -> Reply:
        """Return the last reply. Not ``patient``: a 500 is taken as the answer at once. Never raises."""
        token, renewed = self._current(False), False
        waits = iter(_WAITS)
        while True:
            reply = token if isinstance(token, Reply) else self._once(method, path, json, token)
            if reply.status == 200 and not usable(reply):
                reply = Reply(0, error="an answer that is cut off or not a file server's", again=True)
            if reply.status == 401 and isinstance(token, str) and not renewed:
                token, renewed = self._renewed(token), True
                continue
            wait = next(waits, None)
            if wait is None or not _worth_asking_again(reply, patient):
                return reply
            self._sleep(min(max(wait, reply.wait), _LONGEST_WAIT))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _current(self, renew: bool) -> str | Reply:
        try:
            return self._token(renew)
        except Exception as error:
            return Reply(0, error=without_secrets(f"no session with the ClearML server: {error}"))

    def _renewed(self, used: str) -> str | Reply:
        """Return a newer token than ``used``, asking for one only if no other thread has done so meanwhile."""
        with self._renewing:
            now = self._current(False)
            return self._current(True) if now == used else now

    def _once(self, method: str, path: str, json: Any, token: str) -> Reply:
        until = time.monotonic() + 2 * self._timeout
        try:
            with self._session.request(
                method,
                self._base + path,
                json=json,
                auth=_Bearer(token),
                timeout=(min(_CONNECT, self._timeout), self._timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                return _reply(response, until)
        except requests.ReadTimeout:
            return Reply(0, error=f"no answer within {self._timeout:g} seconds")
        except requests.exceptions.SSLError:
            return Reply(0, error="its certificate is not trusted: see api.verify_certificate in clearml.conf")
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            timed_out = "timed out" in str(error).lower()
            return Reply(0, error=_no_connection(error), again=not timed_out)
        except Exception as error:
            return Reply(0, error=f"no request could be made: {type(error).__name__}")


def _reply(response: requests.Response, until: float) -> Reply:
    body = bytearray()
    for piece in response.iter_content(64 * 1024):
        body += piece
        if time.monotonic() > until or len(body) > _LARGEST_ANSWER:
            return Reply(0, error="an answer without an end")
    if 300 <= response.status_code < 400:
        where = urlsplit(response.headers.get("Location", ""))
        host = f"{where.scheme}://{where.hostname}" if where.hostname else "another address"
        return Reply(response.status_code, error=f"it redirects to {host}: set api.files_server to the final address")
    wait = response.headers.get("Retry-After", "")
    return Reply(response.status_code, bytes(body), wait=float(wait) if wait.isdigit() else 0.0)


def _worth_asking_again(reply: Reply, patient: bool) -> bool:
    if reply.status == 500 and not patient:
        return False
    return reply.again or reply.status in _BUSY


def _no_connection(error: Exception) -> str:
    text = str(error).lower()
    if "name or service" in text or "resolve" in text or "getaddrinfo" in text:
        return "its host name is not known on this machine"
    if "refused" in text:
        return "it refuses connections"
    return "no connection within the time allowed" if "timed out" in text else "the connection broke"
