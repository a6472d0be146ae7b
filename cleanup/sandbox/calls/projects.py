"""Projects: unique by name, with their parents made as needed."""

from __future__ import annotations

from cleanup.sandbox.calls.generic import Body, Handler, chosen, common, need
from cleanup.sandbox.errors import not_unique
from cleanup.sandbox.kinds import PROJECT
from cleanup.sandbox.store import Store


def create(store: Store, body: Body) -> Body:
    need(body, "name")
    if store.projects.find("name", body["name"]):
        raise not_unique()
    project = store.get(PROJECT, store.ensure_project(body["name"]))
    store.edit(PROJECT, project, chosen(body, PROJECT.edited - {"name"}))
    return {"id": project["id"]}


HANDLERS: dict[str, Handler] = {**common(PROJECT), "projects.create": create}
