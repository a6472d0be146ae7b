"""Random worlds under attack: hypothesis draws them, the six laws are the properties."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from cleanup.cycle.result import CycleResult
from cleanup.sandbox import Fault
from cleanup.sandbox.calls.deletion import delete_task
from tests.faults.case import Attack, first
from tests.faults.judge import Case, Meddling, Rules, broken_laws, gone_tasks
from tests.faults.plans import PLANS, Built, Meddle, Plan, build
from tests.faults.rig import Rig
from tests.faults.snapshot import Snapshot, held_by_others

EXAMPLES = 25
"""Worlds in one attack; each counts as a case."""

SHRINK = False
"""To look for the smallest world that breaks the law takes minutes: for whoever hunts a bug."""

_TAGS = frozenset({"keep"})


def attacks(batches: int = 40) -> Iterator[Attack]:
    """Yield attacks of 25 worlds each."""
    for number in range(batches):
        yield Attack(f"worlds of seed {number}", _batch(number))


def _batch(number: int) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        rig.tried = 0

        @seed(number)
        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink) if SHRINK else (Phase.generate,),
        )
        @given(PLANS)
        def lawful(plan: Plan) -> None:
            rig.tried += 1
            broken = try_plan(rig, plan)
            assert not broken, first(broken)

        try:
            lawful()
        except Exception as error:
            return [_told(error)]
        return []

    return run


def _told(error: BaseException) -> str:
    """Return the laws that were broken and the world in which they were."""
    notes = "\n".join(getattr(error, "__notes__", ()))
    several = getattr(error, "exceptions", ())
    if several:
        return "\n".join([str(error), notes, *map(_told, several)])
    where = "" if isinstance(error, AssertionError) else "".join(traceback.format_tb(error.__traceback__)[-3:])
    return f"{type(error).__name__} {error}\n{where}{notes}"[:6000]


def try_plan(rig: Rig, plan: Plan) -> list[str]:
    """Build the world, run the service in it as planned, then a clean cycle; return the broken laws."""
    said = list(rig.said)
    rig.reset()
    rig.said.extend(said[-50:])
    built = build(rig, plan)
    before = rig.snapshot()
    rules = Rules(datetime.now(timezone.utc), force=plan.force, keep_tags=_TAGS)
    chosen = {"force_delete": plan.force}
    meddler = Meddler(rig, plan, built)
    _inject(rig, plan)
    results = _run(rig, plan, chosen)
    rig.sandbox.on_request = None
    rig.sandbox.clear_faults()
    between = rig.snapshot()
    meddling = meddler.done()
    broken = _judge_together(Case(before, between, rules, None, meddling), results, bool(plan.faults))
    if plan.services == 1 and not broken:
        complete = not plan.faults and not plan.meddling
        broken += broken_laws(Case(before, between, rules, results[0], meddling, complete=complete))
    return broken + [f"then clean: {line}" for line in _finish(rig, rules, chosen, between, before, plan)]


def _finish(
    rig: Rig, rules: Rules, chosen: dict[str, Any], between: Snapshot, before: Snapshot, plan: Plan
) -> list[str]:
    result = rig.cycle(chosen)
    after = rig.snapshot()
    broken = broken_laws(Case(between, after, rules, result, complete=True))
    if not plan.meddling:
        exempt = frozenset(held_by_others(between))
        broken += broken_laws(Case(before, after, rules, None, complete=True, exempt=exempt))
    return broken


def _inject(rig: Rig, plan: Plan) -> None:
    for kind, probability in plan.faults:
        acted = kind.startswith("acted ")
        plain = kind.removeprefix("acted ")
        shape = {"status": int(plain)} if plain.isdigit() else {"kind": plain}
        endpoint = "[!s]*" if plain == "missing" else "*"
        rig.sandbox.inject(Fault(endpoint, **shape, acted=acted, times=None, probability=probability))


def _run(rig: Rig, plan: Plan, chosen: dict[str, Any]) -> list[CycleResult | None]:
    if plan.services == 1:
        return [rig.cycle(chosen)]
    with ThreadPoolExecutor(plan.services) as pool:
        return list(pool.map(lambda _: rig.cycle(chosen), range(plan.services)))


def _judge_together(case: Case, results: list[CycleResult | None], faults: bool) -> list[str]:
    """Judge the world, and what several services say of it: each task deleted by one of them."""
    broken = broken_laws(case)
    deleted = [entry.task.id for result in results if result for entry in result.deleted]
    if len(results) > 1 and not faults and len(deleted) != len(set(deleted)):
        broken.append("law 6: two services both say that they deleted a task")
    unsure = {
        entry.task.id for result in results if result for entry in result.failed if "the next cycle sees" in entry.error
    }
    untold = gone_tasks(case) - set(deleted) - unsure
    if untold and all(results):
        broken.append(f"law 6: {len(untold)} tasks were deleted and no report says so")
    return broken


class Meddler:
    """Another user, who changes tasks while the cycle runs."""

    def __init__(self, rig: Rig, plan: Plan, built: Built) -> None:
        self._rig, self._built = rig, built
        self._waiting = sorted(plan.meddling, key=lambda one: one.request)
        self._lock = threading.Lock()
        self._count = 0
        self._meddling = Meddling()
        if self._waiting:
            rig.sandbox.on_request = self._request

    def done(self) -> Meddling:
        return self._meddling

    def _request(self, endpoint: str, body: dict[str, Any]) -> None:
        with self._lock:
            self._count += 1
            while self._waiting and self._waiting[0].request <= self._count:
                self._act(self._waiting.pop(0))

    def _act(self, one: Meddle) -> None:
        sandbox = self._rig.sandbox
        task = self._built.tasks[one.task % len(self._built.tasks)]
        with sandbox.store.lock:
            held = sandbox.store.tasks.get(task)
            if held is None:
                return
            self._meddling.touched.add(task)
            tags = [tag for tag in held["system_tags"] if tag != "archived"]
            if one.action == "unarchive":
                sandbox.edit_task(task, system_tags=tags)
            elif one.action == "archive":
                sandbox.edit_task(task, system_tags=[*tags, "archived"])
            elif one.action == "rerun":
                now = sandbox.store.now()
                sandbox.edit_task(task, status="in_progress", status_changed=now, last_update=now)
            elif held.get("company"):
                delete_task(sandbox.store, task, {"force": True})
                self._meddling.removed.add(task)
