"""One HTTP answer as plain data, and the envelope of the API's answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from cleanup.sandbox.values import new_id


class Dropped(Exception):
    """The connection is to be closed without an answer."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    promised: int | None = None
    """A Content-Length other than the body's own."""
    drip: str = ""
    """"header" or "body": from there on it is sent byte by byte, with a pause of so many seconds after each."""
    pause: float = 0.0
    endless: bool = False
    """Without a length, and spaces after the body for as long as somebody reads them."""

    def with_body(self, body: bytes) -> Answer:
        return replace(self, body=body, headers=(("Content-Type", "application/json"),))


def envelope(
    data: Any, endpoint: str, *, code: int = 200, subcode: int = 0, message: str = "OK", version: str = ""
) -> dict[str, Any]:
    call = new_id()
    return {
        "meta": {
            "id": call,
            "trx": call,
            "endpoint": {"name": endpoint, "requested_version": version, "actual_version": version},
            "result_code": code,
            "result_subcode": subcode,
            "result_msg": message,
            "error_stack": None,
            "error_data": {},
        },
        "data": data,
    }


def as_json(status: int, content: Any) -> Answer:
    return Answer(status, json.dumps(content).encode())


def error_answer(endpoint: str, status: int, subcode: int, message: str) -> Answer:
    """As the API answers an error; the file server answers a plain text."""
    if endpoint.startswith("files."):
        return Answer(status, message.encode(), (("Content-Type", "text/plain"),))
    return as_json(status, envelope({}, endpoint, code=status, subcode=subcode, message=message))
