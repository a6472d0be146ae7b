"""What is counted over all of the company's entities."""

from __future__ import annotations

from cleanup.sandbox.calls.generic import Body, Handler
from cleanup.sandbox.kinds import MODEL, PROJECT, TASK
from cleanup.sandbox.query import matching_ids
from cleanup.sandbox.store import Store


def get_entities_count(store: Store, body: Body) -> Body:
    """By each kind that criteria are given for; hidden ones only where `search_hidden` says so."""
    hidden = {"search_hidden": bool(body.get("search_hidden"))}
    return {
        kind.service: len(matching_ids(store.collection(kind), kind, {**body[kind.service], **hidden}))
        for kind in (PROJECT, TASK, MODEL)
        if body.get(kind.service) is not None
    }


HANDLERS: dict[str, Handler] = {"organization.get_entities_count": get_entities_count}
