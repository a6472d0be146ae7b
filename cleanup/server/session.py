"""The session under APIClient: the SDK's configuration, credentials and token, and plain answers or plain errors."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from clearml.backend_api.session import CallResult, Response
from clearml.backend_api.session.client import StrictSession
from clearml.backend_api.session.response import ResponseMeta
from clearml.backend_api.utils import get_http_session_with_retry

from cleanup.base.errors import CleanupError, CredentialsError, ServerError, ServerUnreachable, Stopped
from cleanup.base.http import BUSY, Bearer, Http, Network, Reply, Request
from cleanup.base.text import address_of, without_secrets

LOGIN = "auth.login"

LISTS: dict[str, tuple[str, dict[str, type]]] = {
    "tasks.get_all": ("tasks", {"id": str}),
    "models.get_all": ("models", {"id": str, "ready": bool}),
    "projects.get_all": ("projects", {"id": str}),
    "queues.get_all": ("queues", {"id": str}),
    "events.get_task_events": ("events", {}),
    "events.get_task_metrics": ("metrics", {"task": str, "metrics": list}),
}
"""The list that the answer to a call must hold, and the fields in each of its rows, as the server sends them.

Without its list an answer would read as "no more tasks" or "no files", and a row without its id as one task, one user
of a model or one file fewer.
"""

# A task id that fails to delete makes the server answer 500 after it deleted the ids before it; sending the same again
# would hide which of them this service deleted. deletion.py takes such a batch apart instead.
SEND_ONCE = frozenset({"tasks.delete", "tasks.delete_many"})

ALIVE = 10.0
"""Seconds in which a server that is there answers a small call."""

_WRONG_ADDRESS = (
    "This looks like the web or files address of ClearML: api.api_server in clearml.conf, or CLEARML_API_HOST, must be "
    "that of its API server (usually port 8008)"
)


class _PlainResponse(Response):
    """The ``data`` of an answer as it came: the SDK's typed one fails a whole page for one odd value."""

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__()
        self.data = data

    def __getattr__(self, name: str) -> Any:
        return self.__dict__.get("data", {}).get(name)


class CleanupSession(StrictSession):
    """A session for APIClient. Raises ServerUnreachable, CredentialsError or ServerError, never the SDK's errors."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._login_lock = threading.Lock()
        self._login_failed: tuple[float, CleanupError] | None = None
        self.clock_skew = 0.0
        """Seconds by which the server's clock is ahead of this machine's, kept up with every answer."""
        with self._login_errors():
            super().__init__()

    def token_for_files(self, refused: str = "") -> str:
        """Return the session's token, which the file server wants as well, another one than ``refused``.

        One thread logs in for all that ask meanwhile: they get what it gets, be it an error.
        """
        asked = time.monotonic()
        with self._login_lock:
            if not self.raw_token or self.raw_token == refused:
                if self._login_failed and self._login_failed[0] > asked:
                    raise self._login_failed[1]
                try:
                    with self._login_errors():
                        self.refresh_token()
                except CleanupError as error:
                    self._login_failed = (time.monotonic(), error)
                    raise
            return str(self.raw_token)

    @contextmanager
    def _login_errors(self) -> Iterator[None]:
        """Turn what the SDK raises on the way to a token, whatever that is, into this package's errors."""
        try:
            yield
        except Exception as error:
            cause = error.__context__ if isinstance(error.__context__, CleanupError) else error
            if isinstance(cause, (Stopped, ServerUnreachable)):
                raise cause from None
            if isinstance(cause, ServerError) and not 400 <= cause.code < 500:
                raise ServerUnreachable(f"There is no session: {cause}", cause.code, cause.subcode) from None
            raise CredentialsError(
                f"{self.where} gives no session: {without_secrets(cause)}. Check api.api_server and "
                "api.credentials in clearml.conf, or CLEARML_API_HOST, CLEARML_API_ACCESS_KEY and "
                "CLEARML_API_SECRET_KEY"
            ) from None

    @classmethod
    def understands(cls, version: str) -> bool:
        """True if the server told at the login that it understands this version of the API.

        Where it does not, the SDK's own check logs in once more, and tries that for hours if the server is lost.
        """
        return bool(cls._version_tuple(cls.max_api_version) >= cls._version_tuple(version))

    @property
    def where(self) -> str:
        """The address of the API server, without credentials, as far as the configuration was read."""
        return address_of(str(getattr(self, "host", "the ClearML server")))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def away(self, error: ServerError) -> bool:
        """True if ``error`` is not about what was asked: the server refuses the credentials, or answers nothing at all.

        Whoever goes on after an error, or ends the cycle for it, asks this.
        """
        return isinstance(error, CredentialsError) or (isinstance(error, ServerUnreachable) and not self.alive())

    def alive(self) -> bool:
        """True if the server answers a small call, asked once. That it wants a new token is an answer, too."""
        call, body = "projects.get_all", {"page": 0, "page_size": 1, "only_fields": ["id"]}
        request = self._request(call, self.api_version, body)
        try:
            self._ask(call, replace(request, auth=Bearer(str(self.raw_token)), once=True, within=ALIVE))
        except CredentialsError:
            return True
        except ServerError:
            return False
        return True

    @cached_property
    def _http(self) -> Http:
        # The certificate settings stand in clearml.conf and the environment; the SDK reads both.
        verify = get_http_session_with_retry(config=self.config).verify
        return Http(self._network, self.token_for_files, verify=True if verify is None else verify)

    def send(self, request: Any, *_: Any, **__: Any) -> CallResult:  # type: ignore[override]  # raises, never None
        """Send an API request object and return its plain answer."""
        call = f"{request._service}.{request._action}"
        data = self._ask(call, self._request(call, request._version, request.to_dict()))
        meta = ResponseMeta(id="", trx="", endpoint={}, result_code=200, result_subcode=0, result_msg="OK")
        return CallResult(meta=meta, response=_PlainResponse(data), response_data=data)

    def _send_request(  # type: ignore[override]  # not the SDK's way to send
        self, service: str, action: str, version: str | None = None, auth: Any = None, headers: Any = None, **more: Any
    ) -> Any:
        """Send what the SDK's session sends by itself: the login, for a new token."""
        call, headers = f"{service}.{action}", dict(headers or {})
        token = headers.pop(self._AUTHORIZATION_HEADER, "").partition(" ")[2]
        request = self._request(call, version, more.get("json") or {})
        request = replace(request, auth=auth or Bearer(token), params=more.get("params"))
        data = self._ask(call, request)
        return SimpleNamespace(ok=True, status_code=200, json=lambda: {"data": data})

    def _request(self, call: str, version: str | None, body: Any) -> Request:
        url = "/".join(filter(None, (str(self.host), f"v{version}" if version else "", call)))
        headers = dict.fromkeys(self._WORKER_HEADER, self.worker) | dict.fromkeys(self._CLIENT_HEADER, self.client)
        once = call in SEND_ONCE
        # Always POST: some proxies drop the body of the GET that the SDK would send.
        return Request("POST", url, body, headers, once=once, deletes=once)

    def _ask(self, call: str, request: Request) -> dict[str, Any]:
        def read(reply: Reply) -> tuple[dict[str, Any] | ServerError, bool]:
            self._note_clock(reply)
            return _read(call, self.where, reply)

        answer = self._http.send(request, read)
        if isinstance(answer, ServerError):
            raise answer
        return answer

    def _note_clock(self, reply: Reply) -> None:
        """Move the skew as little as this answer demands.

        The server wrote its time, in whole seconds, at some moment between request and answer: what one answer says
        is a range, the narrower the quicker it was, and a difference inside the range is none.
        """
        if reply.date is not None:
            least, most = reply.date - reply.ended, reply.date + 1 - reply.begun
            self.clock_skew = min(max(self.clock_skew, least), most)


def _read(call: str, where: str, reply: Reply) -> tuple[dict[str, Any] | ServerError, bool]:
    """Return the ``data`` of the answer, or the error that it means; and whether another attempt may help.

    A ClearML error is the server's word and is final, unless it says that the server is busy.
    """
    status = reply.status
    if not status:
        return ServerUnreachable(f"{where} does not answer {call}: {reply.error}"), True
    try:
        answer = json.loads(reply.body)
        meta, data = answer["meta"], answer.get("data")
        code, subcode = int(meta["result_code"]), int(meta.get("result_subcode") or 0)
        said = without_secrets(meta.get("result_msg"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return _no_answer(call, where, reply)
    code = status if code == 200 else code
    if code != 200:
        busy = code in {429, 503}
        kind = CredentialsError if code == 401 else ServerUnreachable if busy else ServerError
        text = f"{where} {'is too busy for' if busy else 'refuses'} {call}: {said} (code {code}/{subcode})"
        return kind(text, code, subcode), busy
    lack = _lack(call, data)
    return (ServerError(f"{where} answers {call} without its {lack}"), True) if lack else (data, False)


def _no_answer(call: str, where: str, reply: Reply) -> tuple[ServerUnreachable, bool]:
    """Return what an answer that is none of ClearML's means."""
    status = reply.status
    told = status if status != 200 else 0
    if 300 <= status < 400:
        return ServerUnreachable(f"{where} redirects {call} elsewhere. {_WRONG_ADDRESS}", status), False
    text = f"{where} answers {call} with HTTP {status} and no ClearML answer"
    # Something else lives there: a page to log in, a file server. A cut-off answer begins as a ClearML answer does.
    if call == LOGIN and status < 500 and status not in BUSY and not reply.body.lstrip().startswith(b"{"):
        return ServerUnreachable(f"{text}. {_WRONG_ADDRESS}", told), False
    return ServerUnreachable(text, told), True


def _lack(call: str, data: object) -> str:
    """Return what ``data`` lacks of an answer to ``call`` that can be believed, "" if nothing."""
    if not isinstance(data, dict):
        return "data"
    if call == LOGIN:
        return "" if isinstance(data.get("token"), str) and data["token"] else "token"
    name, fields = LISTS.get(call, ("", {}))
    rows = data.get(name) if name else []
    if not isinstance(rows, list):
        return name
    whole = all(isinstance(row, dict) for row in rows) and all(
        isinstance(row.get(key), kind) for key, kind in fields.items() for row in rows
    )
    return "" if whole else " and their ".join([name, *fields])
