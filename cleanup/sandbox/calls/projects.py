"""Projects: unique by name, with their parents made as needed."""

from __future__ import annotations

from cleanup.sandbox.calls.generic import Body, Handler, chosen, common, need
from cleanup.sandbox.errors import ApiError, not_unique
from cleanup.sandbox.kinds import PROJECT
from cleanup.sandbox.store import Store


def create(store: Store, body: Body) -> Body:
    need(body, "name")
    if store.projects.find("name", body["name"]):
        raise not_unique()
    project = store.get(PROJECT, store.ensure_project(body["name"]))
    store.edit(PROJECT, project, chosen(body, PROJECT.edited - {"name"}))
    return {"id": project["id"]}


def delete(store: Store, body: Body) -> Body:
    need(body, "project")
    project = store.get_for_writing(PROJECT, body["project"])
    if any(task.get("project") == project["id"] for task in store.tasks.all()):
        raise ApiError(400, 402, "Project has associated tasks", "use force=True to delete", id=project["id"])
    store.projects.remove(project["id"])
    return {"deleted": 1, "disassociated_tasks": 0, "deleted_models": 0, "deleted_tasks": 0}


HANDLERS: dict[str, Handler] = {**common(PROJECT), "projects.create": create, "projects.delete": delete}
