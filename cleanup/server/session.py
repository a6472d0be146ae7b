"""The session under APIClient: bounded retries, bounded requests at once, plain answers.

The SDK's own session repeats lost connections up to 240 times, and TLS errors, truncated answers and 503 without end:
right for a training that must not lose its reports, wrong for a service that must say within a minute that there is no
server. This one keeps the SDK's configuration, credentials and tokens, and replaces how a request is sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import jwt
import requests
from clearml.backend_api.session import CallResult, Response
from clearml.backend_api.session.client import StrictSession
from clearml.backend_api.session.defs import MissingConfigError
from clearml.backend_api.session.response import ResponseMeta
from clearml.backend_api.session.session import LoginError
from clearml.backend_api.utils import get_http_session_with_retry
from requests.auth import AuthBase
from urllib3.util import Retry

from cleanup.base.errors import CleanupError, CredentialsError, ServerError, ServerUnreachable, Stopped
from cleanup.base.text import address_of, one_line, without_secrets
from cleanup.server.answers import missing

# A task id that fails to delete makes the server answer 500 after it deleted the ids before it; sending the same again
# would hide which of them this service deleted. server.py takes such a batch apart instead.
SEND_ONCE = frozenset({"tasks.delete", "tasks.delete_many"})


@dataclass
class Network:
    """How requests are sent. Seconds for every time; ``attempts`` counts the first one too."""

    attempts: int = 5
    backoff: float = 0.5
    backoff_max: float = 15.0
    connect_timeout: float = 10.0
    read_timeout: float = 120.0
    delete_timeout: float = 300.0
    parallel: int = 8
    stop: threading.Event = field(default_factory=threading.Event)

    def pause(self, seconds: float) -> None:
        """Wait, at most ``backoff_max`` seconds. Raises Stopped as soon as a stop is asked for."""
        if self.stop.wait(min(seconds, self.backoff_max)):
            raise Stopped("stopped, as asked")


class _Bearer(AuthBase):
    """Puts the token of the moment into a request; given as ``auth``, so that no .netrc replaces it."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token()}"
        return request


class _Failed(Exception):
    """Tells urllib3's Retry, which computes the pauses, that an attempt failed."""


class _PlainResponse(Response):
    """The ``data`` of an answer as it came: the SDK's typed one fails a whole page for one odd value."""

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__()
        self.data = data

    def __getattr__(self, name: str) -> Any:
        return self.__dict__.get("data", {}).get(name)

    def __bool__(self) -> bool:
        return True


class CleanupSession(StrictSession):
    """A session for APIClient. Raises ServerUnreachable, CredentialsError or ServerError, never the SDK's errors."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._login_lock = threading.RLock()
        self._slots = threading.BoundedSemaphore(network.parallel)
        self._http: requests.Session | None = None
        self.clock_skew = 0.0
        """Seconds by which the server's clock is ahead of this machine's, from its first answer."""
        self._skew_known = False
        with _login_errors("the ClearML server"):
            super().__init__()

    def token_for_files(self, refresh: bool) -> str:
        """Return the token that the file server wants, a new one if ``refresh``."""
        if refresh:
            self._renew(self.raw_token)
        with _login_errors(self.where):
            return str(self.token)

    @property
    def where(self) -> str:
        """The address of the API server, without credentials."""
        return address_of(str(self.host))

    def limit(self, parallel: int) -> None:
        """Let at most ``parallel`` requests be open at once, from now on. Not while requests are open."""
        self._network.parallel = parallel
        self._slots = threading.BoundedSemaphore(parallel)
        self.close()
        self._http = None

    def close(self) -> None:
        """Close the connections."""
        if self._http:
            self._http.close()

    def send(self, request: Any, *_: Any, **__: Any) -> CallResult:  # type: ignore[override]  # raises, never None
        """Send an API request object and return its plain answer."""
        call = f"{request._service}.{request._action}"
        service, action = call.split(".")
        body = request.to_dict()

        def once() -> dict[str, Any]:
            response = self._post(service, action, request._version, json=body, auth=_Bearer(self._token_now))
            if response.status_code == 401:
                self._renew(response.request.headers["Authorization"].partition(" ")[2])
                response = self._post(service, action, request._version, json=body, auth=_Bearer(self._token_now))
            return _checked(call, response, self.where)

        data = self._until_answered(call, once)
        meta = ResponseMeta(id="", trx="", endpoint={}, result_code=200, result_subcode=0, result_msg="OK")
        return CallResult(meta=meta, response=_PlainResponse(data), response_data=data)

    def _until_answered(self, call: str, once: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what ``once`` returns, tried again with growing pauses while that can help."""
        network = self._network
        left = 1 if call in SEND_ONCE else network.attempts
        retries = Retry(total=None, backoff_factor=network.backoff, backoff_max=network.backoff_max)
        while True:
            left -= 1
            try:
                return once()
            except ServerError as error:
                if not left or not _worth_another(error):
                    raise
                retries = retries.increment(method="POST", url=call, error=_Failed(str(error)))
            network.pause(max(retries.get_backoff_time(), network.backoff / 2))

    def _token_now(self) -> str:
        with self._login_lock, _login_errors(self.where):
            return str(self.token)

    def _renew(self, refused: str) -> None:
        """Log in again, unless another thread already did since ``refused`` was in use."""
        with self._login_lock:
            if self.raw_token == refused:
                with _login_errors(self.where):
                    self.refresh_token()

    def _send_request(  # type: ignore[override]  # the SDK's own login is its only caller left
        self, service: str, action: str, auth: Any = None, headers: Any = None, params: Any = None, **_: Any
    ) -> requests.Response:
        """Log in: the one request that the SDK's session itself still sends, for a new token."""
        answered: list[requests.Response] = []

        def once() -> dict[str, Any]:
            response = self._post(service, action, None, json={}, auth=auth, headers=headers, params=params)
            answered.append(response)
            return _checked(f"{service}.{action}", response, self.where)

        self._until_answered(f"{service}.{action}", once)
        return answered[-1]

    def _post(self, service: str, action: str, version: str | None, **request: Any) -> requests.Response:
        call = f"{service}.{action}"
        own = dict.fromkeys(self._WORKER_HEADER, self.worker) | dict.fromkeys(self._CLIENT_HEADER, self.client)
        headers = {**own, **(request.pop("headers", None) or {})}
        network = self._network
        network.pause(0)
        read = network.delete_timeout if call in SEND_ONCE else network.read_timeout
        try:
            # Always POST: some proxies drop the body of the GET that the SDK would send.
            with self._slots:
                response = self._connection().post(
                    "/".join(filter(None, (str(self.host), f"v{version}" if version else "", call))),
                    headers=headers,
                    timeout=(network.connect_timeout, read),
                    allow_redirects=False,
                    **request,
                )
        except requests.RequestException as error:
            raise ServerUnreachable(f"{self.where} does not answer {call}: {_cause(error)}") from None
        self._note_clock(response)
        return response

    def _connection(self) -> requests.Session:
        if self._http is None:
            http = requests.Session()
            # The certificate settings stand in clearml.conf and the environment; the SDK reads both.
            http.verify = get_http_session_with_retry(config=self.config).verify
            adapter = requests.adapters.HTTPAdapter(pool_maxsize=self._network.parallel, max_retries=0)
            http.mount("https://", adapter)
            http.mount("http://", adapter)
            self._http = http
        return self._http

    def _note_clock(self, response: requests.Response) -> None:
        if self._skew_known or "Date" not in response.headers:
            return
        try:
            server = parsedate_to_datetime(response.headers["Date"]).timestamp()
        except (TypeError, ValueError, OverflowError):
            return
        skew = server - (time.time() - response.elapsed.total_seconds() / 2)
        # The header counts whole seconds, and the answer took its time: less than this is no difference.
        self.clock_skew = skew if abs(skew) > 3 + response.elapsed.total_seconds() else 0.0
        self._skew_known = True


def _checked(call: str, response: requests.Response, where: str) -> dict[str, Any]:
    """Return the answer of ``call`` with its ``data``, or raise the ServerError that it means."""
    status = response.status_code
    try:
        answer = response.json()
    except ValueError:
        answer = None
    meta = answer.get("meta") if isinstance(answer, dict) else None
    if not isinstance(meta, dict):
        if 300 <= status < 400:
            raise ServerError(f"{where} redirects {call} elsewhere: is api.api_server its API address?", status)
        raise ServerError(
            f"{where} answers {call} with HTTP {status} and no ClearML answer", status if status != 200 else 0
        )
    code, subcode = meta.get("result_code"), meta.get("result_subcode")
    if status != 200 or code != 200:
        code = code if isinstance(code, int) and code != 200 else status
        text = f"{where} refuses {call}: {without_secrets(meta.get('result_msg'))} (code {code}/{subcode})"
        kind = CredentialsError if code == 401 else ServerError
        raise kind(text, code, subcode if isinstance(subcode, int) else 0)
    data = answer.get("data")
    lack = missing(call, data)
    if lack or not isinstance(data, dict):
        raise ServerError(f"{where} answers {call} without its {lack}")
    return data


def _worth_another(error: ServerError) -> bool:
    return isinstance(error, ServerUnreachable) or error.code in (0, 429) or error.code >= 500


def _cause(error: BaseException) -> str:
    """Return the innermost reason of a network error: the outer ones repeat addresses and object names."""
    seen: BaseException = error
    while True:
        inner = getattr(seen, "reason", None) or next((a for a in seen.args if isinstance(a, BaseException)), None)
        if not isinstance(inner, BaseException) or inner is seen:
            break
        seen = inner
    text = str(seen).rpartition("object at 0x")[2].partition(">: ")[2] or str(seen)
    return without_secrets(text) or type(seen).__name__


@contextmanager
def _login_errors(where: str) -> Iterator[None]:
    """Turn what the SDK raises on the way to a token into this package's errors."""
    try:
        yield
    except (MissingConfigError, LoginError, ValueError, jwt.PyJWTError) as error:
        if isinstance(error.__context__, CleanupError) and not isinstance(error.__context__, CredentialsError):
            raise error.__context__ from None
        raise CredentialsError(
            f"{where} gives no session: {one_line(without_secrets(error))}. Check api.api_server and api.credentials "
            "in clearml.conf, or CLEARML_API_HOST, CLEARML_API_ACCESS_KEY and CLEARML_API_SECRET_KEY"
        ) from None
