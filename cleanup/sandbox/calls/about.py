"""Who is calling, what the server says of itself, and how much it holds."""

from __future__ import annotations

from cleanup.sandbox.calls.generic import Body, Handler
from cleanup.sandbox.kinds import MODEL, PROJECT, TASK
from cleanup.sandbox.query import matching_ids
from cleanup.sandbox.store import Store

NAME = "sandbox"
"""Of the user and of the company."""
SERVER_VERSION = "2.0.0"


def current_user(store: Store, _body: Body) -> Body:
    company = {"id": store.company, "name": NAME}
    return {"user": {"id": store.user, "name": NAME, "role": "admin", "company": company}}


def get_entities_count(store: Store, body: Body) -> Body:
    """By each kind that criteria are given for; hidden ones only where `search_hidden` says so."""
    hidden = {"search_hidden": bool(body.get("search_hidden"))}
    return {
        kind.service: len(matching_ids(store.collection(kind), kind, {**body[kind.service], **hidden}))
        for kind in (PROJECT, TASK, MODEL)
        if body.get(kind.service) is not None
    }


HANDLERS: dict[str, Handler] = {
    "users.get_current_user": current_user,
    "organization.get_entities_count": get_entities_count,
    "server.info": lambda _, __: {"version": SERVER_VERSION, "build": "sandbox", "commit": "", "api_version": ""},
    "debug.ping": lambda _, __: {"msg": "Hello World"},
}
