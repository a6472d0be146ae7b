"""Faults: every endpoint that the service calls, every way to fail, once at each call, in bursts, for ever."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from cleanup.sandbox import Fault
from tests.faults.case import Attack
from tests.faults.judge import Case, Rules, broken_laws
from tests.faults.rig import Rig
from tests.faults.snapshot import held_by_others
from tests.faults.world import World

RULES_TAGS = frozenset({"keep"})
STALLED = 0.25
"""Seconds that the client waits where the server stalls; else it waits long enough for a slow machine."""

_STATUS = (400, 401, 403, 404, 429, 500, 502, 503)
_ANSWER_OF = {
    "auth.login": "token",
    "tasks.get_all": "tasks",
    "models.get_all": "models",
    "projects.get_all": "projects",
    "events.get_task_metrics": "metrics",
    "events.get_task_events": "events",
    "tasks.delete_many": "succeeded",
    "tasks.delete": "deleted",
    "models.delete": "deleted",
}
# An entry without an address is one without a file: its lack is no sign of a broken answer.
_FIELDS = {
    "tasks.get_all": ("tasks.id", "tasks.system_tags", "tasks.status", "tasks.company", "tasks.status_changed"),
    "models.get_all": ("models.id", "models.task", "models.ready"),
    "events.get_task_metrics": ("metrics.task", "metrics.metrics"),
    "events.get_task_events": ("total", "scroll_id"),
    "tasks.delete_many": ("failed", "succeeded.id", "succeeded.deleted"),
}


@dataclass(frozen=True)
class Endpoint:
    """``calls``: how often a clean cycle of the world asks for it. ``needs``: what makes the service use it at all."""

    name: str
    calls: int
    needs: tuple[dict[str, Any], ...] = ()


ENDPOINTS = (
    Endpoint("auth.login", 1),
    Endpoint("tasks.get_all", 18),
    Endpoint("models.get_all", 12),
    Endpoint("projects.get_all", 1),
    Endpoint("events.get_task_metrics", 6),
    Endpoint("events.get_task_events", 6),
    Endpoint("models.delete", 1),
    Endpoint("tasks.delete_many", 3),
    Endpoint("tasks.delete", 19, ({"endpoint": "tasks.delete_many", "status": 500},)),
    Endpoint("files.delete_many", 6),
    Endpoint("files.DELETE", 19, ({"endpoint": "files.delete_many", "status": 404},)),
    Endpoint("s3.delete_objects", 1),
    Endpoint("s3.delete_object", 8, ({"endpoint": "s3.delete_objects", "status": 501},)),
)


@dataclass(frozen=True)
class Way:
    """One way to fail: the arguments of a Fault."""

    name: str
    fault: dict[str, Any] = field(default_factory=dict)


def ways(endpoint: str) -> Iterator[Way]:
    """Yield every way in which ``endpoint`` can fail."""
    for status in _STATUS:
        yield Way(f"{status}", {"status": status})
    for status in (500, 503):
        yield Way(f"{status} after it acted", {"status": status, "acted": True})
    empty = endpoint == "s3.delete_object"  # its success is an empty answer, of which nothing can be missing
    for kind in ("drop", "stall", "truncated"):
        if not empty or kind != "truncated":
            yield Way(kind, {"kind": kind})
        yield Way(f"{kind} after it acted", {"kind": kind, "acted": True})
    yield Way("malformed", {"kind": "malformed", "acted": True})
    if not empty:
        yield Way("no data", {"kind": "missing"})
    if endpoint.startswith("s3."):
        return
    yield Way("no envelope", {"kind": "missing_meta", "acted": True})
    if endpoint in _ANSWER_OF:
        yield Way("no list", {"kind": "missing", "drop_fields": (_ANSWER_OF[endpoint],)})
    for name in _FIELDS.get(endpoint, ()):
        yield Way(f"without {name}", {"kind": "missing", "drop_fields": (name,)})


def attacks() -> Iterator[Attack]:
    """Yield every case."""
    for endpoint in ENDPOINTS:
        for way in ways(endpoint.name):
            name = f"{endpoint.name} {way.name}"
            for call in range(endpoint.calls):
                yield Attack(f"{name}, at call {call + 1}", _faulty(endpoint, way, times=1, after=call))
            yield Attack(f"{name}, burst", _faulty(endpoint, way, times=3))
            yield Attack(f"{name}, burst later", _faulty(endpoint, way, times=3, after=endpoint.calls // 2))
            yield Attack(f"{name}, for ever", _faulty(endpoint, way, times=None))
            if endpoint.name not in {"auth.login", "projects.get_all"}:
                yield Attack(f"{name}, for one task", _for_one_task(endpoint, way))
                yield Attack(f"{name}, for one task, once", _for_one_task(endpoint, way, times=1))
    yield from _server_fails_at_tasks()
    yield from _storages_refuse_files()


def judged(rig: Rig, attack: Callable[[World], None], others: str = "", **cycle: Any) -> list[str]:
    """Build the world, attack it, run a cycle; then one without faults. Return the broken laws of both."""
    world = World(rig)
    before = rig.snapshot()
    rules = Rules(datetime.now(timezone.utc), keep_tags=RULES_TAGS)
    attack(world)
    result = rig.cycle(**cycle)
    rig.sandbox.clear_faults()
    rig.sandbox.task_failures.clear()
    rig.s3.forbidden.clear()
    rig.forbidden.clear()
    between = rig.snapshot()
    others_than = frozenset({world.tasks[others]}) if others else None
    broken = broken_laws(Case(before, between, rules, result, others_than=others_than))
    return broken + finished(rig, before, rules)


def finished(rig: Rig, before: Any, rules: Rules) -> list[str]:
    """Run one clean cycle; return what it leaves unfinished of the world ``before``."""
    between = rig.snapshot()
    result = rig.cycle()
    after = rig.snapshot()
    if result is None:
        return [f"law 5: the clean cycle could not begin: {rig.said[-1]}"]
    broken = broken_laws(Case(between, after, rules, result, complete=True))
    exempt = frozenset(held_by_others(between))
    broken += broken_laws(Case(before, after, rules, None, complete=True, exempt=exempt))
    return [f"then clean: {line}" for line in broken]


def _faulty(endpoint: Endpoint, way: Way, **when: Any) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        def attack(world: World) -> None:
            _inject(rig, endpoint, way, **when)

        return judged(rig, attack, timeout=_patience(way))

    return run


def _for_one_task(endpoint: Endpoint, way: Way, times: int | None = None) -> Callable[[Rig], list[str]]:
    # Only what a server does to one task is the task's own trouble; refused credentials are everybody's.
    lonely = way.name in {"500", "500 after it acted"} and times is None
    everybody = endpoint.name in {"files.delete_many", "files.DELETE"} and way.name != "500"
    victim = "on s3" if endpoint.name.startswith("s3.") else "user of itself"
    others = victim if lonely and not everybody and not endpoint.name.startswith("s3.") else ""

    def run(rig: Rig) -> list[str]:
        def attack(world: World) -> None:
            task = world.tasks[victim]
            _inject(rig, endpoint, way, times=times, match=lambda body: task in json.dumps(body))

        return judged(rig, attack, others, timeout=_patience(way))

    return run


def _inject(rig: Rig, endpoint: Endpoint, way: Way, **when: Any) -> None:
    for need in endpoint.needs:
        rig.sandbox.inject(Fault(times=None, **need))
    rig.sandbox.inject(Fault(endpoint.name, **way.fault, **when))


def _patience(way: Way) -> float:
    return STALLED if "stall" in way.name else 20.0


def _server_fails_at_tasks() -> Iterator[Attack]:
    """One task that the server itself cannot delete, in the middle of the batch."""
    for code, subcode in ((400, 123), (400, 110), (403, 21), (404, 0), (500, 0), (500, 100), (503, 0)):
        for victim in ("draft", "chain 2", "registered twice", "empty"):

            def run(rig: Rig, code: int = code, subcode: int = subcode, victim: str = victim) -> list[str]:
                def attack(world: World) -> None:
                    rig.sandbox.task_failures[world.tasks[victim]] = (code, subcode, "cannot be deleted")

                alone = victim in {"draft", "empty"}
                return judged(rig, attack, victim if alone else "")

            yield Attack(f"the server answers {code}/{subcode} for task {victim!r}", run)


def _storages_refuse_files() -> Iterator[Attack]:
    """Files that a storage may not delete, each alone."""
    for victim in ("draft", "on s3", "on s3 too", "hidden", "dead run"):
        for most in (1, 99):

            def run(rig: Rig, victim: str = victim, most: int = most) -> list[str]:
                def attack(world: World) -> None:
                    task = world.tasks[victim]
                    mine = sorted(file for file in rig.snapshot().files if f".{task}/" in file)[:most]
                    rig.s3.forbidden.update(file.removeprefix(f"{rig.s3.root}/") for file in mine)
                    rig.forbidden.update(file.removeprefix(f"{rig.sandbox.files_url}/") for file in mine)

                return judged(rig, attack, victim)

            yield Attack(f"{most} files of {victim!r} are forbidden", run)
