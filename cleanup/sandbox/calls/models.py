"""Model entries: making, publishing and archiving them."""

from __future__ import annotations

from cleanup.sandbox.calls.generic import Body, Handler, archived, common, many, need, own_fields
from cleanup.sandbox.calls.tasks import add_or_update_model
from cleanup.sandbox.errors import ApiError
from cleanup.sandbox.kinds import MODEL, TASK
from cleanup.sandbox.store import Store


def create(store: Store, body: Body) -> Body:
    need(body, "name", "uri")
    return {"created": True, "id": store.add(MODEL, **own_fields(MODEL, body))["id"]}


def edit(store: Store, body: Body) -> Body:
    need(body, "model")
    model = store.get_for_writing(MODEL, body["model"])
    return {"updated": 1, "fields": store.edit(MODEL, model, {**own_fields(MODEL, body), "last_update": store.now()})}


def update_for_task(store: Store, body: Body) -> Body:
    """The output model of a task: changed if it has one, else made."""
    need(body, "task")
    task = store.get_for_writing(TASK, body["task"])
    fields = {name: value for name, value in own_fields(MODEL, body).items() if name not in ("task", "project")}
    outputs = task["models"]["output"]
    model = store.models.get(outputs[-1]["model"]) if outputs else None
    if model is not None:
        store.edit(MODEL, model, fields)
        return {"id": model["id"], "updated": 1}
    fields.setdefault("name", task["name"])
    model = store.add(MODEL, task=task["id"], project=task.get("project"), **fields)
    add_or_update_model(store, {"task": task["id"], "name": "output", "type": "output", "model": model["id"]})
    return {"id": model["id"], "created": True}


def publish(store: Store, model_id: str, _body: Body) -> Body:
    model = store.get_for_writing(MODEL, model_id)
    if model["ready"]:
        raise ApiError(400, 203, "Model is ready", model=model_id)
    store.edit(MODEL, model, {"ready": True})
    return {"updated": 1}


def set_ready(store: Store, body: Body) -> Body:
    need(body, "model")
    return publish(store, body["model"], body)


def add_or_update_metadata(store: Store, body: Body) -> Body:
    need(body, "model")
    model = store.get_for_writing(MODEL, body["model"])
    held = {} if body.get("replace_metadata") else dict(model["metadata"])
    held.update({item["key"]: item for item in body.get("metadata") or []})
    store.edit(MODEL, model, {"metadata": held})
    return {"updated": 1}


HANDLERS: dict[str, Handler] = {
    **common(MODEL),
    "models.create": create,
    "models.edit": edit,
    "models.update_for_task": update_for_task,
    "models.set_ready": set_ready,
    "models.publish_many": many(publish),
    "models.add_or_update_metadata": add_or_update_metadata,
    "models.archive_many": many(archived(MODEL, True)),
    "models.unarchive_many": many(archived(MODEL, False)),
}
