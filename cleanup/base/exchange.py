"""One request and its answer, in a thread that can be left alone whatever it hangs in."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import requests

LISTEN = 0.2
"""Seconds in which a stop is heard."""

_T = TypeVar("_T")


class Exchange(threading.Thread, Generic[_T]):
    """Looking up a host has no time-out at all, and those of a socket begin anew with every byte.

    So whoever waits for an answer waits for the thread that gets it, and cuts its connection when it takes too long.
    """

    def __init__(self, talk: Callable[[], _T]) -> None:
        super().__init__(name="cleanup-request", daemon=True)
        self._talk, self._results, self._error = talk, list[_T](), Exception()
        self._socket: socket.socket | None = None
        self._given_up = False

    def result(self, seconds: float, grace: float, stop: threading.Event) -> _T:
        """Talk, and return what comes of it, within ``seconds``, and within ``grace`` seconds of ``stop``.

        Raises TimeoutError, and what talking raises.
        """
        begun = time.monotonic()
        self.start()
        while self.is_alive() and not stop.is_set() and (left := begun + seconds - time.monotonic()) > 0:
            self.join(min(LISTEN, left))
        self.join(max(0.0, min(grace, begun + seconds - time.monotonic())))
        if self.is_alive():
            self._given_up = True
            self.uses(self._socket)
            raise TimeoutError(f"no answer within {time.monotonic() - begun:.3g} seconds")
        if not self._results:
            raise self._error
        return self._results[0]

    def run(self) -> None:
        """Talk, in this thread."""
        try:
            self._results.append(self._talk())
        except Exception as error:
            self._error = error

    def uses(self, connected: socket.socket | None) -> None:
        """Note the socket that is used from now on; once the exchange is given up, nothing is sent or read there."""
        self._socket = connected
        if connected and self._given_up:
            with contextlib.suppress(OSError):
                # Past the TLS layer, which is not made to be used by two threads at once.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)


class Session(requests.Session):
    """A session for exchanges, from several threads. It follows no redirect."""

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(pool_connections=1, pool_maxsize=64))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Without this, the body of a redirect is read to an end that may never come even if it is not followed."""


class _Adapter(requests.adapters.HTTPAdapter):
    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of connections, which from now on tell the exchange that uses them."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if not issubclass(pool.ConnectionCls, _Telling):
            pool.ConnectionCls = type("Telling", (_Telling, pool.ConnectionCls), {})
        return pool


class _Telling(http.client.HTTPConnection):
    """A connection that tells the exchange in whose thread it is used what to cut: a bare socket, then one with TLS."""

    def _new_conn(self) -> socket.socket:
        connected: socket.socket = super()._new_conn()  # type: ignore[misc]  # urllib3's, which comes next
        cast("Exchange[Any]", threading.current_thread()).uses(connected)
        return connected

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        if self.sock:
            cast("Exchange[Any]", threading.current_thread()).uses(self.sock)
        super().putrequest(*args, **kwargs)
