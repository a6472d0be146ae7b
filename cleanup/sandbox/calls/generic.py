"""The calls that every kind of entity has: get_all, get_by_id, update, archiving."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cleanup.sandbox.errors import ApiError, invalid, required
from cleanup.sandbox.kinds import MODEL, TASK, Kind, names
from cleanup.sandbox.query import find_page
from cleanup.sandbox.store import Store
from cleanup.sandbox.values import Entity

Body = dict[str, Any]
Handler = Callable[[Store, Body], Body]

SIGNS_OF_LIFE = names("uri framework design labels ready metadata system_tags tags")
"""Of a model: a change of one of these moves `last_update` too; `update` of a task never does."""


def need(body: Body, *fields: str) -> None:
    for field in fields:
        if body.get(field) is None:
            raise required(field)


def need_ids(body: Body) -> list[str]:
    ids = body.get("ids") or []
    if not ids:
        joint = ":" if "ids" in body else "."
        raise invalid(f"error for field 'ids'{joint} value '[]' length is lower than allowed minimum '1'.")
    return list(ids)


def chosen(body: Body, allowed: frozenset[str]) -> Body:
    return {name: value for name, value in body.items() if name.split(".")[0] in allowed}


def get_all(kind: Kind) -> Handler:
    return lambda store, body: {kind.service: find_page(store.collection(kind), kind, body, store.page_cap)}


def get_by_id(kind: Kind) -> Handler:
    def handler(store: Store, body: Body) -> Body:
        need(body, kind.name)
        return {kind.name: store.get(kind, body[kind.name])}

    return handler


def update(kind: Kind) -> Handler:
    def handler(store: Store, body: Body) -> Body:
        need(body, kind.name)
        return changed(store, kind, store.get_for_writing(kind, body[kind.name]), chosen(body, kind.updated))

    return handler


def changed(store: Store, kind: Kind, entity: Entity, fields: Body) -> Body:
    if not fields:
        return {"updated": 0, "fields": {}}
    alive = kind is not TASK and (kind is not MODEL or not SIGNS_OF_LIFE.isdisjoint(fields))
    more = {"last_update": store.now()} if alive else {}
    return {"updated": 1, "fields": store.edit(kind, entity, {**fields, **more})}


def many(act: Callable[[Store, str, Body], Body]) -> Handler:
    """Each id succeeds or fails by itself, in one answer."""

    def handler(store: Store, body: Body) -> Body:
        succeeded, failed = [], []
        for entity_id in need_ids(body):
            try:
                succeeded.append({"id": entity_id, **act(store, entity_id, body)})
            except ApiError as error:
                if error.code >= 500:
                    # The real server stops at an error it did not expect, though the ids before it are done.
                    raise
                failed.append({"id": entity_id, "error": error.as_failure()})
        return {"succeeded": succeeded, "failed": failed}

    return handler


def archived(kind: Kind, on: bool) -> Callable[[Store, str, Body], Body]:
    def act(store: Store, entity_id: str, body: Body) -> Body:
        entity = store.get_for_writing(kind, entity_id)
        tags = [tag for tag in entity["system_tags"] if tag != "archived"]
        told = {name: body.get(name) or "" for name in ("status_message", "status_reason")} if kind is TASK else {}
        store.edit(kind, entity, {"system_tags": [*tags, "archived"] if on else tags, **told})
        return {"archived": True} if on else {"unarchived": True}

    return act


def common(kind: Kind) -> dict[str, Handler]:
    return {
        f"{kind.service}.get_all": get_all(kind),
        f"{kind.service}.get_by_id": get_by_id(kind),
        f"{kind.service}.update": update(kind),
    }
