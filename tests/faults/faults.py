"""Faults: every way to fail at every request, in bursts and for ever; bad tasks, and storages that refuse files."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

from cleanup.sandbox import Fault
from tests.faults.build import Builder, Step
from tests.faults.judge import Case, broken_laws
from tests.faults.rig import Rig, utc_now
from tests.faults.runner import Attack, finished
from tests.faults.street import STREET
from tests.faults.world import Rules

STALLED = 0.25
"""Seconds that the client waits where the server stalls; else it waits long enough for a slow machine."""

WAYS: dict[str, dict[str, Any]] = {
    **{str(status): {"status": status} for status in (400, 401, 403, 404, 429, 500, 502, 503)},
    "500 after it acted": {"status": 500, "acted": True},
    "drop": {"kind": "drop"},
    "drop after it acted": {"kind": "drop", "acted": True},
    "truncated": {"kind": "truncated", "acted": True},
    "malformed": {"kind": "malformed", "acted": True},
    "no data": {"kind": "missing"},
    "no envelope": {"kind": "missing_meta", "acted": True},
    "stall": {"kind": "stall"},
    "stall after it acted": {"kind": "stall", "acted": True},
}
# What an answer cannot be understood without. A row without an address is one without a file.
LACKS = {
    "auth.login": ("token",),
    "projects.get_all": ("projects",),
    "tasks.get_all": ("tasks", "tasks.id", "tasks.system_tags", "tasks.status", "tasks.company", "tasks.status_changed"),
    "models.get_all": ("models", "models.id", "models.task", "models.ready"),
    "events.get_task_metrics": ("metrics", "metrics.task", "metrics.metrics"),
    "events.get_task_events": ("events", "total", "scroll_id"),
    "tasks.delete_many": ("succeeded", "failed", "succeeded.id", "succeeded.deleted"),
    "tasks.delete": ("deleted",),
    "models.delete": ("deleted",),
}
ENDPOINTS = (*LACKS, "files.delete_many", "files.DELETE", "s3.delete_objects", "s3.delete_object", "s3.list_objects")
# Servers on which the same work takes other requests.
NEEDS: dict[str, dict[str, Any]] = {
    "tasks.delete": {"endpoint": "tasks.delete_many", "status": 500},
    "files.DELETE": {"endpoint": "files.delete_many", "status": 404},
    "s3.delete_object": {"endpoint": "s3.delete_objects", "status": 501},
}
OLD_SERVER: tuple[dict[str, Any], ...] = (
    {"endpoint": "tasks.delete_many", "status": 404},
    {"endpoint": "files.delete_many", "status": 404},
    {"endpoint": "s3.delete_objects", "status": 501},
)


def series() -> Iterator[Iterator[Attack]]:
    """Yield the attacks."""
    for way, fault in WAYS.items():
        yield _at_every_request(way, fault, ())
    for way in ("500", "drop after it acted"):
        yield _at_every_request(way, WAYS[way], OLD_SERVER)
    yield iter(_at_every_endpoint())
    yield iter(_refused_files())
    yield iter(_bad_tasks())


def _at_every_request(way: str, fault: dict[str, Any], needs: tuple[dict[str, Any], ...]) -> Iterator[Attack]:
    server = ", an old server" if needs else ""
    for number in itertools.count():
        put = [Fault("*", after=number, times=1, **fault), *(Fault(times=None, **need) for need in needs)]
        yield Attack(f"{way} at request {number + 1}{server}", _faulty(put, "stall" in way))


def _at_every_endpoint() -> Iterator[Attack]:
    for endpoint in ENDPOINTS:
        needs = [Fault(times=None, **NEEDS[endpoint])] if endpoint in NEEDS else []
        lacks = {f"without {name}": {"kind": "missing", "drop_fields": (name,)} for name in LACKS.get(endpoint, ())}
        for way, fault in {**WAYS, **lacks}.items():
            s3_says_nothing = endpoint.startswith("s3.") and way in {"no data", "no envelope"}
            for when, how in {"once": {"times": 1}, "a burst": {"times": 4, "after": 1}, "ever": {"times": None}}.items():
                if not s3_says_nothing:
                    put = [Fault(endpoint, **fault, **how), *needs]
                    yield Attack(f"{endpoint} {way}, {when}", _faulty(put, "stall" in way, any_time=True))


def _faulty(put: list[Fault], stalls: bool, any_time: bool = False) -> Callable[[Rig], list[str] | None]:
    def run(rig: Rig) -> list[str] | None:
        Builder(rig, STREET)
        before, rules = rig.snapshot(), Rules(utc_now())
        for fault in put:
            rig.sandbox.inject(fault)
        result = rig.cycle(timeout=STALLED if stalls else 20.0)
        if not put[0].hits and not any_time:
            return None
        rig.calm()
        return broken_laws(Case(before, rig.snapshot(), rules, [result])) + finished(rig, rules)

    return run


def _refused_files() -> Iterator[Attack]:
    """Files that a storage may not delete: their task stays, every other one goes."""
    for victim, most in itertools.product(("draft", "full", "on s3", "chain 1", "heir"), (1, 99)):

        def run(rig: Rig, victim: str = victim, most: int = most) -> list[str]:
            built = Builder(rig, STREET)
            mine = sorted(file for file in rig.snapshot().files if built.tasks[victim] in file)[:most]
            paths = {file.partition(":")[2] for file in mine}
            rig.forbidden |= paths
            rig.s3.forbidden |= paths
            return _without(rig, frozenset({built.tasks[victim]} if mine else ()))

        yield Attack(f"{most} files of {victim!r} are refused", run)


def _bad_tasks() -> Iterator[Attack]:
    """Tasks that the server fails at whatever is asked of them, here and there and in a row."""
    kinds = ("events.*", "tasks.delete*", "models.get_all", "tasks.get_all", "files.*")
    for endpoint, status, many in itertools.product(kinds, (500, 400), (1, 40)):
        for place in ("first", "spread"):

            def run(
                rig: Rig, endpoint: str = endpoint, status: int = status, many: int = many, place: str = place
            ) -> list[str]:
                built = Builder(rig, _hundred())
                tasks = list(built.tasks.values())
                bad = tasks[:many] if place == "first" else tasks[:: 100 // many][:many]
                rig.sandbox.inject(
                    Fault(endpoint, status=status, times=None, match=lambda body: _speaks_of(body, bad))
                )
                return _without(rig, frozenset(bad))

            yield Attack(f"{many} bad tasks of 100, {place}: {endpoint} answers {status}", run)


def _hundred() -> Iterator[Step]:
    for number in range(100):
        name = f"task {number}"
        yield "task", name, {"age_days": 40.0 + number / 10}
        yield "artifact", name, "data"
        yield "samples", name, 1


def _speaks_of(body: dict[str, Any], tasks: list[str]) -> bool:
    text = json.dumps(body)
    return any(task in text for task in tasks)


def _without(rig: Rig, stuck: frozenset[str]) -> list[str]:
    """Run a cycle in which all but the ``stuck`` tasks must go, and one without faults."""
    before, rules = rig.snapshot(), Rules(utc_now())
    result = rig.cycle()
    case = Case(before, rig.snapshot(), rules, [result], clean=True, stuck=stuck)
    broken = broken_laws(case)
    if stuck and result and (result.ok or not {entry.task.id for entry in result.failed} >= stuck & set(before.tasks)):
        broken.append("law 6: it does not say of each of them that it failed")
    rig.calm()
    return broken + finished(rig, rules)
