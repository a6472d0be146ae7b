"""Changes: a task is taken out of reach at every request of a cycle; from the next look at it on, it must stay."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

from cleanup.sandbox.traffic import Request
from tests.faults.case import Attack
from tests.faults.judge import Case, Meddling, Rules, broken_laws
from tests.faults.matrix import RULES_TAGS
from tests.faults.rig import Rig
from tests.faults.world import ODD_NAME, World

REQUESTS = 56
ACTIONS = ("unarchive", "run again", "reset", "tag", "report")
VICTIMS = (ODD_NAME, "chain 2", "dead run", "registered twice", "on s3")


def attacks() -> Iterator[Attack]:
    """Yield every case."""
    for number in range(2, REQUESTS):
        for place, action in enumerate(ACTIONS):
            victim = VICTIMS[(number + place) % len(VICTIMS)]
            if action != "report":
                yield Attack(f"{action} {victim!r} at request {number}", _changed(number, action, victim))
            else:
                yield Attack(f"'dead run' reports at request {number}", _changed(number, action, "dead run"))


def _changed(number: int, action: str, victim: str) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        world = World(rig)
        task = world.tasks[victim]
        before = rig.snapshot()
        rules = Rules(datetime.now(timezone.utc), keep_tags=RULES_TAGS)
        rig.sandbox.record = True
        rig.sandbox.reset_requests()
        done: list[bool] = []
        rig.sandbox.at_request(number, lambda: done.append(_act(rig, action, task)))
        result = rig.cycle()
        log = rig.sandbox.log
        rig.sandbox.record = False
        meddling = Meddling(touched={task})
        if any(done) and _looked_at(log[number - 1 :], task):
            meddling.spared.add(task)
        between = rig.snapshot()
        broken = broken_laws(Case(before, between, rules, result, meddling)) + list(_deleted_unseen(log))
        clean = rig.cycle()
        last = broken_laws(Case(between, rig.snapshot(), rules, clean, complete=True))
        return broken + [f"then clean: {line}" for line in last]

    return run


def _act(rig: Rig, action: str, task: str) -> bool:
    """Change the task as another user does; False if it is gone already."""
    store = rig.sandbox.store
    with store.lock:
        held = store.tasks.get(task)
        if held is None:
            return False
        now = store.now()
        fields: dict[str, dict[str, Any]] = {
            "unarchive": {"system_tags": [tag for tag in held["system_tags"] if tag != "archived"]},
            "run again": {"status": "in_progress", "status_changed": now, "last_update": now},
            "reset": {"status": "created", "status_changed": now, "last_update": now},
            "tag": {"tags": ["keep"]},
            "report": {"last_update": now},
        }
        rig.sandbox.edit_task(task, **fields[action], last_change=now)
    return True


def _deleted_unseen(log: list[Request]) -> Iterator[str]:
    """Yield the tasks that were deleted without a look at them after their files were: it may be too late by then."""
    seen: set[str] = set()
    for request in log:
        body = request.body
        if request.endpoint == "tasks.get_all":
            seen.update(body.get("id") or [])
        elif request.endpoint.startswith(("files.", "s3.")):
            text = json.dumps(body)
            seen = {task for task in seen if task not in text}
        elif request.endpoint.startswith("tasks.delete"):
            for task in set(body.get("ids") or [body.get("task")]) - seen:
                yield f"law 1: task {task} was deleted and not looked at after its files were"


def _looked_at(log: list[Request], task: str) -> bool:
    """Tell whether the service read the task once more before it deleted it."""
    for request in log:
        body = request.body
        if request.endpoint == "tasks.get_all" and task in (body.get("id") or []) and body.get("system_tags"):
            return True
        if request.endpoint.startswith("tasks.delete") and task in (body.get("ids") or [body.get("task")]):
            return False
    return False
