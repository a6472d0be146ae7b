"""Reporting events and reading them back."""

from __future__ import annotations

import hashlib

from cleanup.sandbox.calls.generic import Body, Handler, need
from cleanup.sandbox.errors import ApiError
from cleanup.sandbox.events import task_events, task_metrics
from cleanup.sandbox.kinds import MODEL, TASK
from cleanup.sandbox.store import Store
from cleanup.sandbox.values import Entity, copied, set_path

TYPES = ("training_stats_scalar", "training_stats_vector", "training_debug_image", "plot", "log")


def check_tasks(store: Store, ids: list[str]) -> None:
    """One unknown id fails the whole call."""
    if not all(task_id in store.tasks or task_id in store.models for task_id in ids):
        raise ApiError(400, *TASK.missing, ids=f"({', '.join(ids)})")


def add_batch(store: Store, body: Body) -> Body:
    added = 0
    errors: dict[str, int] = {}
    touched: dict[str, Body] = {}
    for event in body.get("events") or []:
        of_locked = event.pop("allow_locked", False)
        entity = store.tasks.get(event.get("task")) or store.models.get(event.get("task"))
        if event.get("type") not in TYPES:
            errors["Invalid event type"] = errors.get("Invalid event type", 0) + 1
            continue
        if entity is None or not entity.get("company") or (is_locked(entity) and not of_locked):
            errors["Invalid task id"] = errors.get("Invalid task id", 0) + 1
            continue
        store.events.add(event)
        added += 1
        follow(entity, event, touched.setdefault(entity["id"], {}))
    for entity_id, changes in touched.items():
        kind = TASK if entity_id in store.tasks else MODEL
        store.edit(kind, store.get(kind, entity_id), {**changes, "last_update": store.now()})
    if errors and not added:
        raise ApiError(400, 131, "Events not added", added=added, errors=sum(errors.values()), errors_info=errors)
    return {"added": added, "errors": sum(errors.values()), "errors_info": {}}


def is_locked(entity: Entity) -> bool:
    """What is published takes no more events, unless they say that they may."""
    return bool(entity.get("ready")) or entity.get("status") in ("publishing", "published")


def follow(entity: Entity, event: Entity, changes: Body) -> None:
    """What a task or model keeps of its events: the last iteration and the last values."""
    if isinstance(event.get("iter"), int):
        changes["last_iteration"] = max(event["iter"], changes.get("last_iteration", entity.get("last_iteration") or 0))
    if event["type"] != "training_stats_scalar" or "value" not in event:
        return
    metrics = changes.setdefault("last_metrics", copied(entity.get("last_metrics") or {}))
    names = [str(event.get(name) or "") for name in ("metric", "variant")]
    path = ".".join(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest() for name in names)
    value = event["value"]
    last = {"metric": names[0], "variant": names[1], "value": value, "min_value": value, "max_value": value}
    set_path(metrics, path, {**last, "iter": event.get("iter")})


def add(store: Store, body: Body) -> Body:
    return add_batch(store, {"events": [body]})


def get_task_events(store: Store, body: Body) -> Body:
    need(body, "task")
    check_tasks(store, [body["task"]])
    return task_events(store.events, body["task"], body)


def get_task_metrics(store: Store, body: Body) -> Body:
    need(body, "tasks", "event_type")
    check_tasks(store, body["tasks"])
    found = task_metrics(store.events, body["tasks"], body["event_type"])
    # The server searches the events of the first task's company alone, so public and own tasks do not mix.
    companies = {task: (store.tasks.get(task) or {}).get("company") for task in body["tasks"]}
    first = companies[body["tasks"][0]]
    return {
        "metrics": [{**item, "metrics": item["metrics"] if companies[item["task"]] == first else []} for item in found]
    }


def scalar_histogram(store: Store, body: Body) -> Body:
    need(body, "task")
    check_tasks(store, [body["task"]])
    found: Body = {}
    for event in store.events.sorted(body["task"], "training_stats_scalar")[1]:
        series = found.setdefault(event.get("metric", ""), {}).setdefault(event.get("variant", ""), {})
        series.setdefault("name", event.get("variant", ""))
        series.setdefault("x", []).append(event.get("iter"))
        series.setdefault("y", []).append(event.get("value"))
    return found


HANDLERS: dict[str, Handler] = {
    "events.add": add,
    "events.add_batch": add_batch,
    "events.get_task_events": get_task_events,
    "events.get_task_metrics": get_task_metrics,
    "events.scalar_metrics_iter_histogram": scalar_histogram,
}
