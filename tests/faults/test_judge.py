"""The judge sees each law that is broken: a suite that finds nothing wrong must be able to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from cleanup.cycle.result import CycleResult, Failed, Gone, Kept, Planned
from tests.faults.judge import Case, broken_laws
from tests.faults.world import Rules, World

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
OLD, LIVING = "a" * 32, "b" * 32
FILE, THEIRS = f"s3:p/old.{OLD}/artifacts/a", f"s3:p/living.{LIVING}/artifacts/a"


def task(archived: bool, *links: str) -> dict[str, Any]:
    moment = (NOW - timedelta(days=60)).isoformat()
    return {
        "name": "t", "status": "completed", "company": "c", "tags": [], "status_changed": moment, "last_update": moment,
        "system_tags": ["archived"] if archived else [], "models": {"input": [], "output": []}, "configuration": {},
        "execution": {"artifacts": [{"uri": link} for link in links]},
    }  # fmt: skip


def model(uri: str, ready: bool) -> dict[str, Any]:
    return {"name": "m", "uri": uri, "ready": ready, "task": OLD, "company": "c", "tags": [], "system_tags": []}


def shelved(uri: str, **fields: Any) -> dict[str, Any]:
    moment = (NOW - timedelta(days=60)).isoformat()
    return {**model(uri, False), "task": LIVING, "system_tags": ["archived"], "last_change": moment, **fields}


def world(files: set[str], models: dict[str, Any] | None = None, **tasks: Any) -> World:
    return World({key * 32: row for key, row in tasks.items()}, models or {}, {}, frozenset(files))


def said(deleted: bool = False, failed: str = "", kept: str = "") -> CycleResult:
    one = Planned(OLD, "t", "p", "completed", NOW)
    result = CycleResult(NOW)
    result.deleted = [Gone(one, 1, 0)] if deleted else []
    result.failed, result.kept = [Failed(one, failed)] if failed else [], [Kept(one, kept)] if kept else []
    return result


BEFORE = world({FILE, THEIRS}, a=task(True), b=task(False))
AFTER = world({THEIRS}, b=task(False))
GOOD = Case(BEFORE, AFTER, Rules(NOW), [said(deleted=True)], clean=True)
USING = {**task(False), "models": {"input": [{"model": "m"}], "output": []}}
MODELS = replace(GOOD, before=replace(BEFORE, models={"m": shelved(THEIRS)}), after=world(set(), b=task(False)))
TELLING = said(deleted=True)
TELLING.models.deleted = [Gone(Planned("m", "m", "p", "draft", NOW), 1, 0)]
MODELS.results = [TELLING]
LINKED = f"http://elsewhere/x/P/OLD.{OLD.upper()}/artifacts%252Fa?download=1"


@pytest.mark.parametrize(
    ("case", "law"),
    [
        (GOOD, ""),
        (replace(GOOD, after=world({THEIRS}), results=[None]), "law 1"),
        (replace(GOOD, after=BEFORE, results=[said(kept="a reason")]), "law 2"),
        (replace(GOOD, after=BEFORE, results=[said(failed="an error")], stuck=frozenset({"c" * 32})), "law 5"),
        (replace(GOOD, after=world({FILE, THEIRS}, b=task(False))), "law 3"),
        (replace(GOOD, after=world(set(), b=task(False))), "law 1"),
        (replace(GOOD, before=world({FILE, THEIRS}, a=task(True), b=task(False, LINKED))), "law 4"),
        (replace(GOOD, before=replace(BEFORE, models={"m": model(FILE, True)})), "law 4"),
        (replace(GOOD, before=replace(BEFORE, models={"m": model(FILE, False)})), ""),
        (replace(GOOD, after=world({THEIRS}, a=task(True), b=task(False)), results=[said(kept="a reason")]), "law 5"),
        (replace(GOOD, results=[said(failed="an error")]), "law 6"),
        (replace(GOOD, results=[said(deleted=True, kept="a reason")]), "law 6"),
        (replace(GOOD, results=[CycleResult(NOW)]), "law 6"),
        (MODELS, ""),
        (replace(MODELS, after=world({THEIRS}, b=task(False))), "law 3"),
        (replace(MODELS, after=replace(MODELS.before, tasks=AFTER.tasks, files=AFTER.files)), "law 6"),
        (replace(MODELS, results=[said(deleted=True)]), "law 6"),
        (replace(MODELS, before=replace(MODELS.before, tasks={**BEFORE.tasks, LIVING: USING})), "law 4"),
        (replace(MODELS, before=replace(BEFORE, models={"m": shelved(THEIRS, tags=["keep"])})), "law 4"),
        (replace(MODELS, before=replace(BEFORE, models={"m": shelved(THEIRS, company="")})), "law 4"),
        (replace(MODELS, before=replace(BEFORE, models={"m": shelved(THEIRS, last_change=NOW.isoformat())})), "law 4"),
    ],
)
def test_each_law_that_is_broken_is_seen(case: Case, law: str) -> None:
    lines = broken_laws(case)
    assert any(line.startswith(law) for line in lines) if law else not lines
