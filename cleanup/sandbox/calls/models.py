"""Model entries: making, publishing, archiving and deleting them."""

from __future__ import annotations

from cleanup.sandbox.calls.generic import Body, Handler, archived, changed, chosen, common, many, need
from cleanup.sandbox.errors import ApiError
from cleanup.sandbox.kinds import MODEL, PROJECT, TASK
from cleanup.sandbox.store import Store
from cleanup.sandbox.values import DELETED, Entity


def create(store: Store, body: Body) -> Body:
    """Published, unless it says otherwise."""
    need(body, "name", "uri")
    if body.get("project"):
        store.get(PROJECT, body["project"])
    if body.get("task"):
        store.get_for_writing(TASK, body["task"])
    fields = {"ready": True, **chosen(body, MODEL.edited | {"ui_cache"})}
    return {"created": True, "id": store.add(MODEL, **fields)["id"]}


def edit(store: Store, body: Body) -> Body:
    need(body, "model")
    model = store.get_for_writing(MODEL, body["model"])
    fields = chosen(body, MODEL.edited)
    if str(fields.get("task")).startswith(DELETED):
        del fields["task"]
    if fields.get("task"):
        store.get_for_writing(TASK, fields["task"])
    return changed(store, MODEL, model, fields)


def set_ready(store: Store, body: Body) -> Body:
    need(body, "model")
    model = store.get_for_writing(MODEL, body["model"])
    if model["ready"]:
        raise ApiError(400, 203, "Model is ready", model=model["id"])
    return {"updated": changed(store, MODEL, model, {"ready": True})["updated"]}


def as_deleted(entries: list[Entity], model_id: str) -> list[Entity]:
    return [{**entry, "model": DELETED + model_id} if entry["model"] == model_id else entry for entry in entries]


def delete(store: Store, model_id: str, body: Body) -> Body:
    """By force its users name it as deleted, its maker no more at all, unless that is published.

    What else lists it as output still does, as on the server.
    """
    model = store.get_for_writing(MODEL, model_id)
    users = store.tasks.find("models.input.model", model_id)
    if users and not body.get("force"):
        raise ApiError(
            400, 205, "Model is used by tasks", "as execution model, use force=True to delete", num_tasks=len(users)
        )
    for user in users:
        store.edit(TASK, user, {"models.input": as_deleted(user["models"]["input"], model_id)}, touch=False)
    maker = store.tasks.get(model.get("task"))
    if maker is not None and maker["status"] == "published":
        if not body.get("force"):
            raise ApiError(400, 206, "Task that created this model exists", "and published, use force=True to delete")
        entries = as_deleted(maker["models"]["output"], model_id)
        store.edit(TASK, maker, {"models.output": entries, "output.error": f"model deleted on {store.now()}"})
    elif maker is not None:
        store.edit(TASK, maker, {"models.output": [e for e in maker["models"]["output"] if e["model"] != model_id]})
    store.models.remove(model_id)
    store.events.remove(model_id)
    return {"deleted": True, "url": model.get("uri")}


def delete_one(store: Store, body: Body) -> Body:
    need(body, "model")
    return delete(store, body["model"], body)


HANDLERS: dict[str, Handler] = {
    **common(MODEL),
    "models.create": create,
    "models.edit": edit,
    "models.set_ready": set_ready,
    "models.archive_many": many(archived(MODEL, True)),
    "models.unarchive_many": many(archived(MODEL, False)),
    "models.delete": delete_one,
    "models.delete_many": many(delete),
}
