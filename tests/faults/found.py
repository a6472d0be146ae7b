"""The attacks that once broke a law, each with what went wrong, and worlds of the kind in which one did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.faults import clocks, hostile, matrix
from tests.faults.case import Attack
from tests.faults.plans import Plan, TaskPlan
from tests.faults.rig import Rig
from tests.faults.worlds import try_plan

# What happened before the bug was mended, and the case of the other classes that shows it.
CASES = {
    "a model without its state was taken for published": "models.get_all without models.ready, for ever",
    "a model without its id was overlooked": "models.get_all without models.id, for ever",
    "a model without its task was overlooked": "models.get_all without models.task, for ever",
    "a user of a model without its id was overlooked": "tasks.get_all without tasks.id, burst later",
    "a task without its list of metrics had no samples": "events.get_task_metrics without metrics.metrics, for ever",
    "metrics without their task were nobody's": "events.get_task_metrics without metrics.task, for ever",
    "an empty answer to tasks.delete was a success": "tasks.delete no data, for ever",
    "an empty answer to models.delete was a success": "models.delete no data, for ever",
    "a page to log in was a file's deletion": "files.DELETE no data, for ever",
    "deleted tasks were somebody else's deed": "tasks.delete_many no list, for ever",
    "deleted tasks without ids were somebody else's deed": "tasks.delete_many without succeeded.id, for ever",
    "a lost answer was a failure without a doubt": "tasks.delete 500 after it acted, for ever",
    "a dropped answer was a failure without a doubt": "tasks.delete drop after it acted, for ever",
    "a file was kept for a task that only failed": "tasks.delete 400, burst later",
    "ten thousand reasons were told": "one task with ten thousand odd artifacts",
}

_GONE: dict[str, Any] = {"status": "completed", "archived": True, "days": 60.0, "project": "team"}


def _plan(*tasks: dict[str, Any], **more: Any) -> Plan:
    made = [{"name": f"t{number}", "storage": "s3", **_GONE, **task} for number, task in enumerate(tasks)]
    return Plan(tuple(TaskPlan(**task) for task in made), **more)


WORLDS = {
    "two tasks use each other's models": _plan({"models": (False,), "uses": (1,)}, {"models": (False,), "uses": (0,)}),
    "two tasks register each other's addresses": _plan(
        {"models": (False,), "registers": (1,)}, {"models": (False,), "registers": (0,)}
    ),
    "a ring of three": _plan(
        {"models": (False,), "uses": (1,)}, {"models": (False,), "uses": (2,)}, {"models": (False,), "uses": (0,)}
    ),
    "a task uses a model and lists it as its output too": _plan({"lists": (1,), "uses": (0,)}, {"models": (False,)}),
    "two tasks list each other's models": _plan(
        {"models": (False,), "lists": (1,)}, {"models": (False,), "lists": (0,)}
    ),
    "tasks wait for one that another keeps": _plan(
        {"archived": False, "models": (False,)},
        {"lists": (0,), "models": (False,)},
        {"lists": (1,), "uses": (1,), "models": (False,)},
    ),
    "a draft with a published model, without force": _plan(
        {"status": "created", "models": (True,), "artifacts": 1}, force=False
    ),
    "a model twice as input": _plan({"models": (False,), "uses": (0, 0)}),
    "a project that looks like a task's folder": _plan(
        {"project": "p.0123456789abcdef0123456789abcdef", "storage": "files", "artifacts": 1, "models": (False,)}
    ),
}


def attacks() -> Iterator[Attack]:
    """Yield every case."""
    others = {attack.name: attack for kind in (matrix, hostile, clocks) for attack in kind.attacks()}
    for story, name in CASES.items():
        yield Attack(f"{story}: {name}", others[name].run)
    for story, plan in WORLDS.items():
        yield Attack(story, _world(plan))


def _world(plan: Plan) -> Callable[[Rig], list[str]]:
    return lambda rig: try_plan(rig, plan)
