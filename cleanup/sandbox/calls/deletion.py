"""What goes with a deleted task, what stays and what it then points to."""

from __future__ import annotations

from typing import Any

from cleanup.sandbox.calls.generic import Body, Handler, many, need
from cleanup.sandbox.calls.status import settle
from cleanup.sandbox.errors import ApiError
from cleanup.sandbox.kinds import MODEL, TASK
from cleanup.sandbox.store import Store
from cleanup.sandbox.values import DELETED, Entity


def refusal(detail: str, **data: Any) -> ApiError:
    return ApiError(400, 123, "Task cannot be deleted", f"{detail}, use force=True", **data)


def output_models(store: Store, task: Entity) -> list[Entity]:
    """The models that name the task as their maker, and those the task names as its output."""
    found = {model["id"]: model for model in store.models.find("task", task["id"])}
    for entry in task["models"]["output"]:
        model = store.models.get(entry.get("model"))
        if model is not None:
            found[model["id"]] = model
    return list(found.values())


def check_children_and_models(store: Store, task: Entity, models: list[Entity]) -> None:
    children = [child for child in store.tasks.find("parent", task["id"]) if child["status"] == "published"]
    if children:
        raise refusal("has children", task=task["id"], children=len(children))
    published = [model for model in models if model["ready"]]
    if published:
        raise refusal("has output models", task=task["id"], models=len(published))


def clean_up(store: Store, task: Entity, body: Body, update_children: bool = True) -> Body:
    models = output_models(store, task)
    if not body.get("force"):
        check_children_and_models(store, task, models)
    used = {model["id"] for model in models if store.tasks.find("models.input.model", model["id"])}
    drafts = [model for model in models if not model["ready"]]
    published = [model for model in models if model["ready"]]
    urls = None
    if body.get("return_file_urls"):
        artifacts = task["execution"].get("artifacts", ())
        urls = {
            "model_urls": sorted({m["uri"] for m in drafts if m.get("uri") and m["id"] not in used}),
            "artifact_urls": sorted({a["uri"] for a in artifacts if a.get("mode") == "output" and a.get("uri")}),
            "event_urls": [],
        }
    gone = DELETED + str(task["id"])
    children = store.tasks.find("parent", task["id"]) if update_children else []
    for child in children:
        store.edit(TASK, child, {"parent": gone})
    counts = {"updated_children": len(children), "updated_models": 0, "deleted_models": 0}
    for model in drafts:
        if not body.get("delete_output_models", True):
            published.append(model)
        elif model["id"] in used:
            store.edit(MODEL, model, {"task": None})
        else:
            store.models.remove(model["id"])
            store.events.remove(model["id"])
            counts["deleted_models"] += 1
    for model in published:
        store.edit(MODEL, model, {"task": gone if update_children else None})
        counts["updated_models"] += update_children
    store.events.remove(task["id"])
    return {**counts, "urls": urls}


def delete_task(store: Store, task_id: str, body: Body) -> Body:
    if task_id in store.task_failures:
        raise ApiError(*store.task_failures[task_id])
    task = store.get_for_writing(TASK, task_id)
    if task["status"] != "created" and "archived" not in task["system_tags"] and not body.get("force"):
        raise refusal("due to status", task=task["id"], expected="created", current=task["status"])
    # The server takes a task off its queue before it looks for what may refuse the deletion.
    settle(store, task, body)
    cleaned = clean_up(store, task, body)
    store.tasks.remove(task["id"])
    return {"deleted": True, **cleaned}


def delete(store: Store, body: Body) -> Body:
    need(body, "task")
    return delete_task(store, body["task"], body)


HANDLERS: dict[str, Handler] = {"tasks.delete": delete, "tasks.delete_many": many(delete_task)}
