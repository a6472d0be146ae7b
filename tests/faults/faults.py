"""Faults: every way to fail at every request, in bursts and for ever; bad tasks, and storages that refuse files."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

from cleanup.sandbox import Fault
from tests.faults.build import Builder, Step
from tests.faults.rig import Rig
from tests.faults.runner import Attack
from tests.faults.street import trial

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
WHEN: dict[str, dict[str, Any]] = {"once": {"times": 1}, "a burst": {"times": 4, "after": 1}, "ever": {"times": None}}
# What an answer cannot be understood without. A row without an address is one without a file.
LACKS = {
    "auth.login": ("token",),
    "projects.get_all": ("projects",),
    "tasks.get_all": (
        "tasks",
        "tasks.id",
        "tasks.system_tags",
        "tasks.status",
        "tasks.company",
        "tasks.status_changed",
    ),
    "models.get_all": ("models", "models.id", "models.task", "models.ready", "models.system_tags", "models.company"),
    "events.get_task_metrics": ("metrics", "metrics.task", "metrics.metrics"),
    "events.get_task_events": ("events", "total", "scroll_id"),
    "tasks.delete_many": ("succeeded", "failed", "succeeded.id", "succeeded.deleted"),
    "models.delete_many": ("succeeded", "failed", "succeeded.id", "succeeded.deleted"),
    "tasks.delete": ("deleted",),
    "models.delete": ("deleted",),
}
ONE_BY_ONE = ("tasks.delete", "models.delete", "files.DELETE", "s3.delete_object")
ENDPOINTS = (*LACKS, *ONE_BY_ONE[2:], "files.delete_many", "s3.delete_objects", "s3.list_objects")


def series(every: int) -> Iterator[Iterator[Attack]]:
    """Yield the attacks."""
    for way, fault in WAYS.items():
        for old in (False, True) if way in {"500", "drop after it acted"} else (False,):
            name = f"{way} at request %d{', an old server' if old else ''}"
            yield (
                Attack(name % (n + 1), _faulty(Fault("*", after=n, times=1, **fault), old=old))
                for n in itertools.count()
            )
    yield _at_every_endpoint()
    yield _refused_files()
    yield _bad_tasks()


def _at_every_endpoint() -> Iterator[Attack]:
    for endpoint, when in itertools.product(ENDPOINTS, WHEN):
        lacks = {f"without {name}": {"kind": "missing", "drop_fields": (name,)} for name in LACKS.get(endpoint, ())}
        for way, fault in {**WAYS, **lacks}.items():
            if not (endpoint.startswith("s3.") and way in {"no data", "no envelope"}):
                fails = _faulty(Fault(endpoint, **fault, **WHEN[when]), old=endpoint in ONE_BY_ONE, any_time=True)
                yield Attack(f"{endpoint} {way}, {when}", fails)


def make_old(rig: Rig, *, file_server: bool = True) -> None:
    """Let the servers know no requests for many things at once. Without them a file server can remove no folder."""
    rig.sandbox._authority.api_version = "2.12"
    rig.sandbox.inject(Fault("s3.delete_objects", status=501, times=None))
    if file_server:
        rig.sandbox.inject(Fault("files.delete_many", status=404, times=None))


def _faulty(fault: Fault, *, old: bool, any_time: bool = False) -> Callable[[Rig], list[str] | None]:
    def run(rig: Rig) -> list[str] | None:
        def attack(built: Builder) -> Callable[[], object]:
            # The first fault that meets a request decides.
            rig.sandbox.inject(fault)
            if old:
                make_old(rig)
            return lambda: any_time or fault.hits

        return trial(rig, attack, timeout=STALLED if fault.kind == "stall" else 20.0)

    return run


def _refused_files() -> Iterator[Attack]:
    """Files that a storage may not delete: their task stays, every other one goes."""
    for victim, most in itertools.product(("draft", "full", "on s3", "ring 1", "ring 2"), (1, 99)):

        def run(rig: Rig, victim: str = victim, most: int = most) -> list[str] | None:
            def attack(built: Builder) -> Callable[[], object]:
                mine = sorted(file for file in rig.snapshot().files if built.tasks[victim] in file)[:most]
                rig.refuse(mine)
                built.stuck.add(built.tasks[victim])
                return lambda: True

            return trial(rig, attack, clean=True)

        yield Attack(f"{most} files of {victim!r} are refused", run)


def _bad_tasks() -> Iterator[Attack]:
    """Tasks that the server fails at whatever is asked of them, in a row or spread among the others."""
    endpoints = ("events.*", "tasks.delete*", "models.get_all", "tasks.get_all", "files.*")
    places = {"the oldest": slice(40), "the newest": slice(-40, None), "spread": slice(0, 80, 2), "one": slice(50, 51)}
    for endpoint, status, place in itertools.product(endpoints, (500, 400), places):

        def run(
            rig: Rig, endpoint: str = endpoint, status: int = status, which: slice = places[place]
        ) -> list[str] | None:
            def attack(built: Builder) -> Callable[[], object]:
                bad = list(built.tasks.values())[which]
                built.stuck.update(bad)
                speaks = Fault(endpoint, status=status, times=None, match=lambda body: _names(body, bad))
                rig.sandbox.inject(speaks)
                return lambda: True

            return trial(rig, attack, steps=_hundred(), clean=True)

        yield Attack(f"bad tasks among 100, {place}: {endpoint} answers {status}", run)


def _hundred() -> Iterator[Step]:
    for number in range(100):
        yield "task", f"task {number}", {"age_days": 50.0 - number / 10}
        yield "artifact", f"task {number}", "data"
        yield "samples", f"task {number}", 1


def _names(body: dict[str, Any], tasks: list[str]) -> bool:
    text = json.dumps(body)
    return any(task in text for task in tasks)
