"""Resetting a task: back to a draft, without what it made."""

from __future__ import annotations

from cleanup.sandbox.calls.deletion import clean_up
from cleanup.sandbox.calls.generic import Body, Handler, need
from cleanup.sandbox.calls.status import change_status, leave_queues
from cleanup.sandbox.errors import ApiError
from cleanup.sandbox.kinds import TASK
from cleanup.sandbox.store import Store

EMPTIED = (
    *("started", "completed", "published", "active_duration", "enqueue_status", "last_worker", "last_worker_report"),
    *("execution.queue", "output.result", "output.error"),
)


def reset(store: Store, body: Body) -> Body:
    need(body, "task")
    task = store.get_for_writing(TASK, body["task"])
    if task["status"] == "published" and not body.get("force"):
        raise ApiError(400, 110, "Invalid task status", task_id=task["id"], status=task["status"])
    dequeued = leave_queues(store, task)
    cleaned = clean_up(store, task, body, update_children=False)
    answer = change_status(
        store,
        task,
        "created",
        {**body, "status_reason": "reset", "status_message": "reset"},
        **dict.fromkeys(EMPTIED),
        **{
            "execution.artifacts": [
                item for item in task["execution"].get("artifacts", ()) if item.get("mode") == "input"
            ],
            "models.output": [],
            "last_iteration": 0,
            "last_metrics": {},
            "runtime": {},
        },
    )
    return {**answer, **cleaned, "dequeued": {"removed": dequeued}}


HANDLERS: dict[str, Handler] = {"tasks.reset": reset}
