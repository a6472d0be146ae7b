"""Faults: every way to fail at every request, in bursts and for ever; bad tasks, and storages that refuse files."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from cleanup.sandbox import Fault
from tests.faults.rig import Rig
from tests.faults.runner import Attack
from tests.faults.street import Trial, task

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
        "tasks", "tasks.id", "tasks.system_tags", "tasks.status", "tasks.company", "tasks.status_changed",
    ),
    "models.get_all": ("models", "models.id", "models.task", "models.ready", "models.system_tags", "models.company"),
    "events.get_task_metrics": ("metrics", "metrics.task", "metrics.metrics"),
    "events.get_task_events": ("events", "total", "scroll_id"),
    "tasks.delete_many": ("succeeded", "failed", "succeeded.id", "succeeded.deleted"),
    "models.delete_many": ("succeeded", "failed", "succeeded.id", "succeeded.deleted"),
    "tasks.delete": ("deleted",),
    "models.delete": ("deleted",),
}  # fmt: skip
ONE_BY_ONE = ("tasks.delete", "models.delete", "files.DELETE", "s3.delete_object")
ENDPOINTS = (*LACKS, *ONE_BY_ONE[2:], "files.delete_many", "s3.delete_objects", "s3.list_objects")
PLACES = {"the oldest": slice(40), "the newest": slice(-40, None), "spread": slice(0, 80, 2), "one": slice(50, 51)}


def series(every: int) -> Iterator[Iterator[Attack]]:
    for way, fault in WAYS.items():
        for old in (False, True) if way in {"500", "drop after it acted"} else (False,):
            name = f"{way} at request %d{', an old server' if old else ''}"
            yield (
                Attack(name % (n + 1), partial(_faulty, Fault("*", after=n, times=1, **fault), old, False))
                for n in itertools.count()
            )
    yield _at_every_endpoint()
    yield (
        Attack(f"{most} files of {victim!r} are refused", partial(_refused, victim, most))
        for victim, most in itertools.product(("draft", "full", "on s3", "ring 1", "ring 2"), (1, 99))
    )
    endpoints = ("events.*", "tasks.delete*", "models.get_all", "tasks.get_all", "files.*")
    yield (
        Attack(
            f"bad tasks among 100, {place}: {endpoint} answers {status}", partial(_bad_tasks, endpoint, status, which)
        )
        for endpoint, status, (place, which) in itertools.product(endpoints, (500, 400), PLACES.items())
    )


def _at_every_endpoint() -> Iterator[Attack]:
    for endpoint, when in itertools.product(ENDPOINTS, WHEN):
        lacks = {f"without {name}": {"kind": "missing", "drop_fields": (name,)} for name in LACKS.get(endpoint, ())}
        for way, fault in {**WAYS, **lacks}.items():
            if not (endpoint.startswith("s3.") and way in {"no data", "no envelope"}):
                fails = partial(_faulty, Fault(endpoint, **fault, **WHEN[when]), endpoint in ONE_BY_ONE, True)
                yield Attack(f"{endpoint} {way}, {when}", fails)


def make_old(rig: Rig, *, file_server: bool = True) -> None:
    """Let the servers know no requests for many things at once. Without them a file server can remove no folder."""
    rig.sandbox._authority.api_version = "2.12"
    rig.sandbox.inject(Fault("s3.delete_objects", status=501, times=None))
    if file_server:
        rig.sandbox.inject(Fault("files.delete_many", status=404, times=None))


def _faulty(fault: Fault, old: bool, any_time: bool, rig: Rig) -> list[str] | None:
    trial = Trial(rig)
    # The first fault that meets a request decides.
    rig.sandbox.inject(fault)
    if old:
        make_old(rig)
    result = trial.cycle(timeout=STALLED if fault.kind == "stall" else 20.0)
    return trial.judged(result) if any_time or fault.hits else None


def _refused(victim: str, most: int, rig: Rig) -> list[str]:
    """Files that a storage may not delete: their task stays, every other one goes."""
    trial = Trial(rig)
    task = trial.built.tasks[victim]
    rig.refuse(sorted(file for file in trial.before.files if task in file)[:most])
    trial.built.stuck.add(task)
    return trial.judged(trial.cycle(), clean=True)


def _bad_tasks(endpoint: str, status: int, which: slice, rig: Rig) -> list[str]:
    """Tasks that the server fails at whatever is asked of them, in a row or spread among the others."""
    trial = Trial(rig, [step for n in range(100) for step in task(f"task {n}", 50.0 - n / 10, "as")])
    bad = list(trial.built.tasks.values())[which]
    trial.built.stuck.update(bad)
    speaks = Fault(endpoint, status=status, times=None, match=lambda body: any(one in json.dumps(body) for one in bad))
    rig.sandbox.inject(speaks)
    return trial.judged(trial.cycle(), clean=True)
