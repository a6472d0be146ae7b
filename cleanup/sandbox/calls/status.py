"""The life of a task: its statuses, the queue, the archive."""

from __future__ import annotations

from typing import Any

from cleanup.sandbox.calls.generic import Body, Handler, archived, many, need
from cleanup.sandbox.errors import ApiError
from cleanup.sandbox.kinds import MODEL, QUEUE, TASK
from cleanup.sandbox.store import Store
from cleanup.sandbox.values import Entity, days_ago

WORKER_SILENT_DAYS = 600 / 86400
FOLLOWING = {
    "created": {"queued", "in_progress"},
    "queued": {"created", "in_progress", "stopped"},
    "in_progress": {"stopped", "failed", "created", "completed"},
    "stopped": {"closed", "created", "failed", "queued", "in_progress", "published", "publishing", "completed"},
    "closed": {"created", "failed", "published", "publishing", "stopped"},
    "failed": {"created", "stopped", "published", "queued"},
    "publishing": {"published"},
    "published": set(),
    "completed": {"published", "in_progress", "created"},
}


def change_status(store: Store, task: Entity, new: str, body: Body, **more: Any) -> Body:
    current = task["status"]
    if new != current and not body.get("force") and new not in FOLLOWING.get(current, set()):
        raise ApiError(400, 110, "Invalid task status", "Invalid status change", current_status=current, new_status=new)
    now = store.now()
    changes = {
        "status": new,
        "status_reason": body.get("status_reason") or "",
        "status_message": body.get("status_message") or "",
        "status_changed": now,
        "last_update": now,
        **more,
    }
    return {"updated": 1, "fields": store.edit(TASK, task, changes)}


def to_status(new: str, moment: str | None = None) -> Handler:
    def handler(store: Store, body: Body) -> Body:
        need(body, "task")
        task = store.get_for_writing(TASK, body["task"])
        return change_status(store, task, new, body, **({moment: store.now()} if moment else {}))

    return handler


def started(store: Store, body: Body) -> Body:
    need(body, "task")
    task = store.get_for_writing(TASK, body["task"])
    first = "started" not in task
    answer = change_status(store, task, "in_progress", body, **({"started": store.now()} if first else {}))
    return {**answer, "started": 1}


def completed(store: Store, body: Body) -> Body:
    answer = to_status("completed", "completed")(store, body)
    if body.get("publish"):
        answer["published"] = publish(store, body)["updated"]
    return answer


def publish(store: Store, body: Body) -> Body:
    need(body, "task")
    task = store.get_for_writing(TASK, body["task"])
    answer = change_status(store, task, "published", body, published=store.now())
    outputs = task["models"]["output"]
    model = store.models.get(outputs[-1]["model"]) if outputs else None
    if model is not None and body.get("publish_model", True):
        store.edit(MODEL, model, {"ready": True})
    return answer


def stop(store: Store, body: Body) -> Body:
    """A worker that reported lately stops its task itself: then only the message tells it to."""
    need(body, "task")
    task = store.get_for_writing(TASK, body["task"])
    development = "development" in task["system_tags"]
    if task["status"] == "queued":
        leave_queues(store, task)
    elif task.get("last_worker") and not development and task["last_update"] > days_ago(WORKER_SILENT_DAYS):
        return change_status(store, task, task["status"], {**body, "status_message": "stopping"})
    return change_status(store, task, "stopped", body)


def queue_of(store: Store, body: Body) -> Entity:
    if body.get("queue_name"):
        found = store.queues.find("name", body["queue_name"])
        return found[0] if found else store.add(QUEUE, name=body["queue_name"])
    if body.get("queue"):
        return store.get(QUEUE, body["queue"])
    for queue in store.queues.all():
        if "default" in queue["system_tags"] or queue["name"] == "default":
            return queue
    raise ApiError(400, 707, "No queue is tagged as the default queue for this company")


def enqueue(store: Store, body: Body) -> Body:
    need(body, "task")
    task = store.get_for_writing(TASK, body["task"])
    queue = queue_of(store, body)
    if any(entry["task"] == task["id"] for entry in queue["entries"]):
        raise ApiError(400, 706, "Failed adding task to queue since task is already queued", task=task["id"])
    before = task["status"] if task["status"] != "queued" else task.get("enqueue_status")
    tags = [tag for tag in task["system_tags"] if tag != "development"]
    answer = change_status(
        store, task, "queued", body, enqueue_status=before, system_tags=tags, **{"execution.queue": queue["id"]}
    )
    leave_queues(store, task)
    add_to_queue(store, queue, task["id"])
    return {**answer, "queued": 1}


def add_to_queue(store: Store, queue: Entity, task_id: str) -> None:
    entries = [*queue["entries"], {"task": task_id, "added": store.now()}]
    store.edit(QUEUE, queue, {"entries": entries, "last_update": store.now()})


def leave_queues(store: Store, task: Entity) -> int:
    left = 0
    for queue in list(store.queues.all()):
        entries = [entry for entry in queue["entries"] if entry["task"] != task["id"]]
        if len(entries) < len(queue["entries"]):
            left += 1
            store.edit(QUEUE, queue, {"entries": entries})
    return left


def settle(store: Store, task: Entity, body: Body, aborted: str | None = None) -> Body:
    """Takes a task off its queues; one that waits or runs gets the status it had before, or `aborted` if it runs."""
    leave_queues(store, task)
    if task["status"] not in ("queued", "in_progress"):
        return {"updated": 0}
    new = body.get("new_status") or task.get("enqueue_status") or "created"
    if aborted and task["status"] == "in_progress":
        new = aborted
    told = {name: body.get(name) for name in ("status_reason", "status_message")}
    return change_status(store, task, new, {**told, "force": True}, enqueue_status=None)


def archive(store: Store, entity_id: str, body: Body) -> Body:
    """Archiving takes a task off its queue and stops a running one."""
    settle(store, store.get_for_writing(TASK, entity_id), body, aborted="stopped")
    return archived(TASK, True)(store, entity_id, body)


def ping(store: Store, body: Body) -> Body:
    """Of a task that is not there, or is public, it says nothing."""
    need(body, "task")
    task = store.tasks.get(body["task"])
    if task is not None and task.get("company"):
        store.edit(TASK, task, {"last_update": store.now()})
    return {}


HANDLERS: dict[str, Handler] = {
    "tasks.stop": stop,
    "tasks.publish": publish,
    "tasks.enqueue": enqueue,
    "tasks.started": started,
    "tasks.stopped": to_status("stopped", "completed"),
    "tasks.completed": completed,
    "tasks.failed": to_status("failed"),
    "tasks.ping": ping,
    "tasks.archive_many": many(archive),
    "tasks.unarchive_many": many(archived(TASK, False)),
}
