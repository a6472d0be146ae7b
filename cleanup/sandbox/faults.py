"""Faults that a test puts in the way of requests: what they look like and which requests they meet."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from cleanup.sandbox.answer import Answer, Dropped, as_json, envelope, error_answer
from cleanup.sandbox.values import set_path

KINDS = {
    "status": "an error in the form of the server's own",
    "busy": "429 and when to ask again",
    "redirect": "to another address",
    "html": "a page where an answer of the API belongs, as a proxy that wants a login sends it",
    "malformed": "no JSON",
    "missing": "an answer without data, or without `drop_fields`",
    "missing_meta": "an answer without its envelope",
    "truncated": "an answer that ends before its end",
    "endless": "an answer that has no end",
    "drip": "an answer byte by byte",
    "stall": "silence, then the connection is closed",
    "drop": "the connection is closed",
}
STATUS = {"busy": 429, "redirect": 302, "html": 200}
HEADERS = {"busy": {"Retry-After": "1"}, "redirect": {"Location": "/login"}}
LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body><form action='/login'></form></body></html>"


@dataclass
class Fault:
    """What goes wrong with requests to an endpoint; the kinds are explained in KINDS.

    `endpoint` takes patterns ("tasks.*", "files.*", "*"). The first `after` matching requests pass, the following
    `times` (None: all) are hit, each with `probability`, and only those whose body `match` accepts.
    `acted`: the server does the work all the same, only its answer suffers.
    `seconds`: how long a stall lasts, and between two bytes of a drip, which begins with the header or the body.
    `headers`: of the answer, instead of those that a kind brings.
    """

    endpoint: str = "*"
    kind: str = "status"
    status: int = 0
    subcode: int = 0
    message: str = "injected fault"
    times: int | None = 1
    after: int = 0
    probability: float = 1.0
    match: Callable[[dict[str, Any]], bool] | None = None
    acted: bool = False
    seconds: float = 60.0
    drip: str = "body"
    headers: dict[str, str] | None = None
    drop_fields: tuple[str, ...] = ()
    hits: int = field(default=0, init=False)
    _passed: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}, one of {', '.join(KINDS)} is allowed")
        self.status = self.status or STATUS.get(self.kind, 500)

    def meets(self, endpoint: str, body: dict[str, Any], chance: random.Random) -> bool:
        if self.times is not None and self.hits >= self.times:
            return False
        if not fnmatchcase(endpoint, self.endpoint) or (self.match is not None and not self.match(body)):
            return False
        if self._passed < self.after:
            self._passed += 1
            return False
        if self.probability < 1.0 and chance.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def answer(self, endpoint: str, work: Callable[[], Answer], stopping: threading.Event) -> Answer:
        """What the client gets; raises Dropped where that is nothing."""
        answer = work() if self.acted or self.drop_fields else as_json(200, envelope({}, endpoint))
        if self.kind in ("stall", "drop"):
            stopping.wait(self.seconds if self.kind == "stall" else 0)
            raise Dropped
        if self.kind in ("status", "busy", "redirect"):
            failed = error_answer(endpoint, self.status, self.subcode, self.message)
            headers = self.headers if self.headers is not None else HEADERS.get(self.kind, {})
            return replace(failed, headers=(*failed.headers, *headers.items()))
        return self._spoilt(answer)

    def _spoilt(self, answer: Answer) -> Answer:
        if self.kind == "truncated":
            return replace(answer, body=answer.body[:-1], promised=len(answer.body) + 100)
        if self.kind == "drip":
            return replace(answer, drip=self.drip, pause=self.seconds)
        if self.kind == "endless":
            return replace(answer, endless=True)
        if self.kind == "html":
            return Answer(self.status, LOGIN_PAGE, (("Content-Type", "text/html"),))
        if self.kind == "malformed":
            return answer.with_body(b"<html>this is not JSON</html>")
        return answer.with_body(json.dumps(self._without(json.loads(answer.body))).encode())

    def _without(self, content: dict[str, Any]) -> dict[str, Any]:
        if self.kind == "missing_meta":
            return {name: value for name, value in content.items() if name != "meta"}
        if not self.drop_fields:
            return {**content, "data": {}}
        for path in self.drop_fields:
            drop(content.get("data"), path)
        return content


def drop(value: Any, path: str) -> None:
    """Removes a dotted path, in every item of the lists on the way."""
    name, _, below = path.partition(".")
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict):
            continue
        if below:
            drop(item.get(name), below)
        else:
            set_path(item, name, None)
