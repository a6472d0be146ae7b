"""Everything the sandbox's server holds, and its clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from cleanup.sandbox.collection import Collection
from cleanup.sandbox.errors import ApiError, invalid, no_write_permission
from cleanup.sandbox.events import EventLog
from cleanup.sandbox.kinds import MODEL, MOMENTS, PROJECT, QUEUE, TASK, Kind
from cleanup.sandbox.query import existing
from cleanup.sandbox.values import Entity, new_id, read_time, set_path, stamp

Body = dict[str, Any]


class Store:
    def __init__(self, page_cap: int = 500) -> None:
        self.lock = threading.RLock()
        """Held for the whole of a call, so each call sees and leaves a whole world."""
        self.page_cap = page_cap
        self.company = new_id()
        self.user = new_id()
        self.tasks = Collection(TASK.indexes, TASK.id_indexes)
        self.models = Collection(MODEL.indexes, MODEL.id_indexes)
        self.projects = Collection(("name",))
        self.queues = Collection(("name",))
        self.workers: dict[str, Entity] = {}
        self.events = EventLog()
        self.task_failures: dict[str, tuple[int, int, str]] = {}
        self._last = datetime.now(timezone.utc)

    def now(self) -> str:
        """Never the same time twice, so that sorting by time is sorting by order of events."""
        self._last = max(datetime.now(timezone.utc), self._last + timedelta(microseconds=1))
        return stamp(self._last)

    def collection(self, kind: Kind) -> Collection:
        collection: Collection = getattr(self, kind.service)
        return collection

    def get(self, kind: Kind, entity_id: Any) -> Entity:
        return existing(self.collection(kind), kind, entity_id, id=entity_id, company=self.company)

    def get_for_writing(self, kind: Kind, entity_id: Any) -> Entity:
        """Raises for a public entity: of a model the server says that there is none."""
        entity = self.collection(kind).get(entity_id)
        if kind is MODEL and (entity is None or not entity.get("company")):
            raise ApiError(400, *MODEL.missing, company=self.company, id=entity_id)
        entity = self.get(kind, entity_id)
        if not entity.get("company"):
            raise no_write_permission(id=entity_id)
        return entity

    def add(self, kind: Kind, **fields: Any) -> Entity:
        now = self.now()
        entity: Entity = {
            "id": new_id(),
            "company": self.company,
            "user": self.user,
            "created": now,
            "last_update": now,
            "last_change": now,
            "tags": [],
            "system_tags": [],
            **DEFAULTS[kind.name](),
        }
        apply(entity, fields)
        return self.collection(kind).add(entity)

    def edit(self, kind: Kind, entity: Entity, fields: Body, *, touch: bool = True) -> Body:
        """Changes fields of an entity; `last_change` moves with every change."""
        changes = {**fields, "last_change": self.now()} if touch else dict(fields)
        apply(entity, changes)
        self.collection(kind).changed(entity["id"])
        return changes

    def ensure_project(self, name: str) -> str:
        """The id of a project, made with its parents where missing."""
        found = self.projects.find("name", name)
        if found:
            return str(found[0]["id"])
        above, _, base = name.rpartition("/")
        parent = self.ensure_project(above) if above else None
        path = [] if parent is None else [*(self.get(PROJECT, parent).get("path") or []), parent]
        project = self.add(PROJECT, name=name, basename=base, description="", parent=parent, path=path)
        return str(project["id"])


SORTED = ("tags", "system_tags")


def apply(entity: Entity, fields: Body) -> None:
    for path, value in fields.items():
        moment = path in MOMENTS and value is not None
        kept = read_time(value) if moment else sorted(value) if path in SORTED and value else value
        if moment and kept is None:
            raise invalid(f"not a time: {path}={value}")
        set_path(entity, path, kept)


DEFAULTS: dict[str, Callable[[], Entity]] = {
    TASK.name: lambda: {
        "status": "created",
        "status_reason": "",
        "status_message": "",
        "execution": {"artifacts": []},
        "output": {},
        "models": {"input": [], "output": []},
        "script": {"binary": "python", "repository": "", "entry_point": ""},
        "hyperparams": {},
        "configuration": {},
        "runtime": {},
        "last_iteration": 0,
        "last_metrics": {},
    },
    MODEL.name: lambda: {"ready": False, "metadata": {}, "labels": {}, "ui_cache": {}},
    PROJECT.name: lambda: {"description": "", "path": []},
    QUEUE.name: lambda: {"entries": [], "metadata": {}},
}
