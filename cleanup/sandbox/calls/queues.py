"""Queues and the workers that take tasks from them."""

from __future__ import annotations

from cleanup.sandbox.calls.generic import Body, Handler, chosen, common, need
from cleanup.sandbox.calls.status import queue_of
from cleanup.sandbox.errors import not_unique
from cleanup.sandbox.kinds import QUEUE, TASK
from cleanup.sandbox.store import Store


def create(store: Store, body: Body) -> Body:
    need(body, "name")
    if store.queues.find("name", body["name"]):
        raise not_unique()
    return {"id": store.add(QUEUE, **chosen(body, QUEUE.edited))["id"]}


def get_default(store: Store, _body: Body) -> Body:
    queue = queue_of(store, {})
    return {"id": queue["id"], "name": queue["name"]}


def get_next_task(store: Store, body: Body) -> Body:
    need(body, "queue")
    queue = store.get(QUEUE, body["queue"])
    if not queue["entries"]:
        return {}
    entry, *rest = queue["entries"]
    store.edit(QUEUE, queue, {"entries": rest})
    answer: Body = {"entry": entry}
    if body.get("get_task_info"):
        task = store.tasks.get(entry["task"]) or {}
        answer["task_info"] = {name: task.get(name) for name in ("company", "user")}
    return answer


def register(store: Store, body: Body) -> Body:
    need(body, "worker")
    held = {"id": body["worker"], "user": {"id": store.user}, "company": {"id": store.company}, "queues": []}
    fields = {name: body.get(name) or [] for name in ("queues", "tags", "system_tags")}
    store.workers[body["worker"]] = {**held, **fields, "register_time": store.now(), "last_activity_time": store.now()}
    return {}


def unregister(store: Store, body: Body) -> Body:
    need(body, "worker")
    store.workers.pop(body["worker"], None)
    return {}


def status_report(store: Store, body: Body) -> Body:
    """A worker says what it runs; one that the server does not know is registered by that."""
    need(body, "worker")
    if body["worker"] not in store.workers:
        register(store, body)
    worker = store.workers[body["worker"]]
    worker["last_activity_time"] = worker["last_report_time"] = store.now()
    task = store.tasks.get(body.get("task"))
    worker["task"] = None if task is None else {"id": task["id"], "name": task["name"]}
    if task is not None and task.get("company"):
        reported = {"last_worker": body["worker"], "last_worker_report": store.now(), "last_update": store.now()}
        store.edit(TASK, task, reported)
    return {}


def workers(store: Store, _body: Body) -> Body:
    """Registered are ids of queues; told are their names and how much waits in them too."""
    return {"workers": [{**held, "queues": _shown(store, held["queues"])} for held in store.workers.values()]}


def _shown(store: Store, queues: list[str]) -> list[Body]:
    known = [queue for queue in map(store.queues.get, queues) if queue is not None]
    return [{"id": queue["id"], "name": queue["name"], "num_tasks": len(queue["entries"])} for queue in known]


def runtime_properties(_store: Store, _body: Body) -> Body:
    return {"runtime_properties": []}


HANDLERS: dict[str, Handler] = common(QUEUE) | {
    "queues.create": create,
    "queues.get_default": get_default,
    "queues.get_next_task": get_next_task,
    "workers.register": register,
    "workers.unregister": unregister,
    "workers.status_report": status_report,
    "workers.get_all": workers,
    "workers.get_runtime_properties": runtime_properties,
}
