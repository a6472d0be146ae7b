"""The judge sees each law that is broken: a harness that finds nothing wrong must be able to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from cleanup.cycle.result import CycleResult, Failed, Gone, Planned
from tests.faults.judge import Case, Meddling, Rules, broken_laws
from tests.faults.snapshot import Snapshot

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
OLD, LIVING, OTHER = "a" * 32, "b" * 32, "c" * 32
RULES = Rules(NOW)


def task(archived: bool = True, days: float = 60, inputs: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    moment = (NOW - timedelta(days=days)).isoformat()
    entries = [{"model": model} for model in inputs]
    return {
        "name": "t", "status": "completed", "company": "c", "tags": [], "status_changed": moment, "last_update": moment,
        "system_tags": ["archived"] if archived else [], "models": {"input": entries, "output": []},
        "execution": {"artifacts": []}, **more,
    }  # fmt: skip


def file(writer: str, name: str = "a") -> str:
    return f"s3://bucket/p/t.{writer}/artifacts/{name}"


def world(*files: str, models: dict[str, Any] | None = None, **tasks: dict[str, Any]) -> Snapshot:
    return Snapshot({key * 32: value for key, value in tasks.items()}, models or {}, frozenset(files))


def result(
    deleted: tuple[str, ...] = (), failed: dict[str, str] | None = None, matched: int | None = None
) -> CycleResult:
    def planned(found: str) -> Planned:
        return Planned(found, "t", "p", "completed", NOW)

    told = CycleResult(NOW)
    told.deleted = [Gone(planned(found), 0, 0) for found in deleted]
    told.failed = [Failed(planned(found), error) for found, error in (failed or {}).items()]
    told.matched = len(told.deleted) + len(told.failed) if matched is None else matched
    return told


BEFORE = world(file(OLD), file(LIVING), a=task(), b=task(archived=False))
GOOD = Case(BEFORE, world(file(LIVING), b=task(archived=False)), RULES, result((OLD,)), complete=True)


def laws(case: Case) -> set[str]:
    return {line.partition(":")[0] for line in broken_laws(case)}


def test_a_good_cycle_breaks_none() -> None:
    assert laws(GOOD) == set()


def test_a_living_task_that_is_gone_breaks_law_1() -> None:
    assert "law 1" in laws(replace(GOOD, after=world(file(LIVING)), result=result((OLD, LIVING))))


def test_a_task_taken_out_of_reach_in_time_breaks_law_1() -> None:
    assert "law 1" in laws(replace(GOOD, meddling=Meddling(spared={OLD})))


def test_a_living_task_that_is_changed_breaks_law_1() -> None:
    assert "law 1" in laws(replace(GOOD, after=world(file(LIVING), b=task(archived=False, tags=["x"]))))


def test_a_task_that_stays_breaks_law_2_and_in_a_batch_law_5() -> None:
    case = replace(GOOD, after=BEFORE, result=result(failed={OLD: "no"}))
    assert "law 2" in laws(case)
    assert "law 5" in laws(replace(case, complete=False, others_than=frozenset({OTHER})))


def test_a_file_without_its_task_breaks_law_3() -> None:
    assert laws(replace(GOOD, after=world(file(OLD), file(LIVING), b=task(archived=False)))) == {"law 3"}


def test_a_file_kept_for_a_task_that_is_to_go_breaks_law_3() -> None:
    model = {"id": "m", "uri": file(OLD), "task": OTHER, "ready": False}
    before = world(file(OLD), models={"m": model}, a=task(), c=task())
    after = world(file(OLD), models={"m": model}, c=task())
    case = Case(before, after, RULES, result((OLD,), {OTHER: "no"}))
    assert laws(case) == {"law 3"}


def test_a_file_of_a_living_task_that_is_gone_breaks_law_4() -> None:
    assert laws(replace(GOOD, after=world(b=task(archived=False)))) == {"law 4"}


def test_a_model_whose_file_is_gone_breaks_law_4() -> None:
    model = {"id": "m", "uri": file(OLD), "task": None, "ready": True}
    before = replace(BEFORE, models={"m": model})
    assert laws(replace(GOOD, before=before, after=replace(GOOD.after, models={"m": model}))) == {"law 4"}


def test_numbers_that_are_not_so_break_law_6() -> None:
    assert laws(replace(GOOD, result=result())) == {"law 6"}
    assert laws(replace(GOOD, result=result((OLD,), matched=2))) == {"law 6"}
    assert "law 6" in laws(replace(GOOD, after=BEFORE, complete=False))
    assert laws(replace(GOOD, complete=False, result=result(failed={OLD: "timed out"}))) == {"law 6"}


def test_a_deletion_that_only_the_next_cycle_can_see_is_said_so() -> None:
    unsure = result(failed={OLD: "no answer; the next cycle sees whether the task is gone"})
    assert laws(replace(GOOD, complete=False, result=unsure)) == set()
