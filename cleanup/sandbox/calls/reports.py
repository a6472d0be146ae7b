"""Reports: hidden tasks with a text, in a project `.reports` of their own."""

from __future__ import annotations

from cleanup.sandbox.calls.generic import Body, Handler, chosen, need
from cleanup.sandbox.calls.tasks import wrong_status
from cleanup.sandbox.errors import ApiError
from cleanup.sandbox.kinds import PROJECT, TASK
from cleanup.sandbox.store import Store

PROJECT_NAME = ".reports"
ALWAYS = frozenset(("name", "tags", "comment"))
"""What can be changed of a published report too."""
CONTENT = frozenset(("report", "report_assets"))


def create(store: Store, body: Body) -> Body:
    """Without its text and its assets: those come with an update."""
    need(body, "name")
    above = store.get_for_writing(PROJECT, body["project"])["name"] if body.get("project") else ""
    inside = above.rpartition("/")[2] == PROJECT_NAME
    project = store.ensure_project(above if inside else f"{above}/{PROJECT_NAME}".strip("/"))
    store.edit(PROJECT, store.get(PROJECT, project), {"system_tags": ["hidden", "reports"]}, touch=False)
    fields = {"type": "report", "project": project, "system_tags": ["hidden", "reports"]}
    return {"id": store.add(TASK, **chosen(body, ALWAYS), **fields)["id"], "project_id": project}


def update(store: Store, body: Body) -> Body:
    need(body, "task")
    task = store.get_for_writing(TASK, body["task"])
    if task.get("type") != "report":
        raise ApiError(400, 150, "Passed task is not report", id=task["id"])
    fields = chosen(body, ALWAYS | CONTENT)
    if not fields:
        return {"updated": 0}
    content = not CONTENT.isdisjoint(fields)
    if content and task["status"] != "created":
        raise wrong_status(task)
    store.edit(TASK, task, {**fields, "last_update": store.now()} if content else fields)
    return {"updated": 1, "fields": fields}


HANDLERS: dict[str, Handler] = {"reports.create": create, "reports.update": update}
