"""The API server: finds the call that a request names, checks who asks, answers in the envelope."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Response, request

from cleanup.sandbox.answer import Answer, as_json, envelope
from cleanup.sandbox.auth import Authority
from cleanup.sandbox.calls import HANDLERS, SINCE
from cleanup.sandbox.errors import ApiError, invalid
from cleanup.sandbox.http import ANSWER
from cleanup.sandbox.store import Store
from cleanup.sandbox.traffic import Traffic

METHODS = ["GET", "POST", "PUT"]
NEWEST = "2.31"


def read_version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def read_path(path: str) -> tuple[str, str]:
    """The call's name and the API version asked for: `v2.23/tasks.get_all`, or without a version."""
    version, _, name = path.strip("/").rpartition("/")
    return name, version.rpartition("/")[2].removeprefix("v")


def read_body(raw: bytes, name: str, args: dict[str, Any]) -> dict[str, Any]:
    """JSON in the body whatever the method, as the SDK sends it with GET; JSON lines for a batch of events."""
    if name == "events.add_batch":
        return {"events": [json.loads(line) for line in raw.splitlines() if line.strip()]}
    body = json.loads(raw) if raw.strip() else dict(args)
    return body if isinstance(body, dict) else {}


def refused(error: ApiError, name: str, version: str) -> Answer:
    failed = envelope({}, name, code=error.code, subcode=error.subcode, message=error.message, version=version)
    return as_json(error.code, failed)


def make_api(store: Store, authority: Authority, traffic: Traffic) -> Flask:
    app = Flask("cleanup.sandbox.api", static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    served = {
        name: handler
        for name, handler in HANDLERS.items()
        if SINCE.get(name, ()) <= read_version(authority.api_version)
    }

    def call(name: str, version: str, body: dict[str, Any]) -> Answer:
        try:
            authority.check(request.headers.get("Authorization"))
            with store.lock:
                if name == "auth.login":
                    data: dict[str, Any] = {"token": authority.token()}
                elif name in served:
                    data = served[name](store, body)
                else:
                    raise ApiError(404, 0, f"Unable to find endpoint for name {name} and version {version}")
                if name == "server.info" and read_version(version) < (2, 12):
                    data = {**data, "uid": store.company}
                # Still under the lock: the data is a view of what the store holds.
                return as_json(200, envelope(data, name, version=version))
        except ApiError as error:
            return refused(error, name, version)
        except Exception as error:  # as a server does: a mistake of its own is a 500, not its end
            return refused(ApiError(500, 0, f"General server error: {error!r}"), name, version)

    @app.route("/", methods=METHODS, defaults={"path": ""})
    @app.route("/<path:path>", methods=METHODS)
    def serve(path: str) -> Response:
        name, version = read_path(path)
        raw = request.get_data(cache=False)
        scheme = request.headers.get("Authorization", "").partition(" ")[0]
        try:
            body = read_body(raw, name, request.args.to_dict())
        except ValueError as error:
            failure = invalid(f"malformed request: {error}, it begins with {raw[:100]!r}")
            body = {}

            def work() -> Answer:
                return refused(failure, name, version)
        else:

            def work() -> Answer:
                return call(name, version or NEWEST, body)

        return as_response(traffic.handle(name, body, scheme, work))

    return app


def as_response(answer: Answer) -> Response:
    """The server sends the answer itself: how it is cut or slowed down is nothing that Flask could say."""
    request.environ[ANSWER] = answer
    return Response(answer.body, answer.status, answer.headers)
