"""A ClearML API made of prepared answers: what was asked is kept, nothing leaves the process."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import responses

from cleanup.sandbox.auth import Authority
from cleanup.server import Network, Server

HOST = "https://api.clearml.test"
ACCESS, SECRET = "ACCESSKEY0123456789X", "s3cr3t-0123456789-abcdefghij"
IDENTITY = {"user": "u", "company": "c", "role": "admin", "user_name": "U", "company_name": "C"}

Body = dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """An error in the server's own form."""

    code: int = 500
    subcode: int = 0
    message: str = "General server error"


@dataclass(frozen=True)
class Raw:
    """Whatever comes over the wire in place of a ClearML answer."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Body | Refusal | Raw | Exception | Callable[[Body], Any]


class Api:
    """Answers calls as they were prepared; the last answer to a call repeats."""

    def __init__(self, mock: responses.RequestsMock, api_version: str = "2.31") -> None:
        self._authority = Authority(api_version, "2.0.0", 3600, IDENTITY)
        self._answers: dict[str, list[Answer]] = {}
        self.requests: list[tuple[str, Body, requests.PreparedRequest]] = []
        self.tokens: list[str] = []
        mock.add_callback("POST", re.compile(re.escape(HOST) + "/.*"), callback=self._serve)
        self.on("auth.login", lambda _: {"token": self.new_token()})

    def connect(self, **network: Any) -> Server:
        """Log in, with no pauses between attempts."""
        return Server(Network(**{"attempts": 3, "backoff": 0.0, **network}))

    def new_token(self) -> str:
        """Make a token as a login does; each is another one."""
        self._authority.token_seconds += 1
        self.tokens.append(self._authority.token())
        return self.tokens[-1]

    def on(self, call: str, *answers: Answer) -> None:
        """Prepare the answers to ``call``, in their order."""
        self._answers[call] = list(answers)

    def rows(self, call: str, *pages: list[Any]) -> None:
        """Prepare the pages of a ``get_all``, whatever the order in which they are asked for."""
        name = call.split(".", maxsplit=1)[0]
        self.on(call, lambda body: {name: pages[body["page"]] if body["page"] < len(pages) else []})

    def bodies(self, call: str) -> list[Body]:
        """Return the bodies of all requests for ``call``."""
        return [body for name, body, _ in self.requests if name == call]

    def count(self, call: str) -> int:
        """Return how often ``call`` came."""
        return len(self.bodies(call))

    def _serve(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        call = str(request.url).partition("?")[0].rpartition("/")[2]
        body = json.loads(request.body or "{}")
        body.pop("method", None)  # how the SDK would have sent it
        self.requests.append((call, body, request))
        prepared = self._answers.get(call) or [Refusal(404, 0, f"Unable to find endpoint for name {call}")]
        answer = prepared.pop(0) if len(prepared) > 1 else prepared[0]
        if callable(answer):
            answer = answer(body)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Raw):
            return answer.status, dict(answer.headers), answer.body
        status = answer.code if isinstance(answer, Refusal) else 200
        return status, {}, json.dumps(in_envelope(answer))


def in_envelope(answer: Body | Refusal) -> Body:
    """Return ``answer`` in the form that every answer of the server has."""
    told = answer if isinstance(answer, Refusal) else Refusal(200, 0, "OK")
    meta = {"id": "1", "trx": "1", "result_code": told.code, "result_subcode": told.subcode, "result_msg": told.message}
    return {"meta": meta, "data": {} if isinstance(answer, Refusal) else answer}
