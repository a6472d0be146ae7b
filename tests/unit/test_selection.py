"""Which tasks may go: every rule at its edge, with a fixed clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from cleanup import selection
from cleanup.base.records import Task
from cleanup.cycle.plan import OTHER_STATUSES
from cleanup.selection import CHANGED, EPOCH, Rules, mismatch, reason_to_keep, rules_of, since
from cleanup.settings import Settings

NOW = datetime(2026, 6, 15, 12, tzinfo=timezone.utc)
MOMENT = timedelta(microseconds=1)
STATUSES = ("created", *OTHER_STATUSES)
ALIVE = ("queued", "in_progress", "publishing")
ENDED = tuple(status for status in OTHER_STATUSES if status not in ALIVE)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def task(status: str = "completed", age: float = 60.0, **fields: Any) -> Task:
    """Return an archived task of this company, every time of it ``age`` days ago; a draft as one that never ran."""
    times = dict.fromkeys(("status_changed", "last_update", "last_change", "created"), ago(age))
    if status == "created":
        times.pop("status_changed")
    return Task("t", status=status, **{"archived": True, "public": False, "project": "p", **times, **fields})


def rules(projects: frozenset[str] | None = None, own_task: str | None = None, **settings: Any) -> Rules:
    return rules_of(Settings.parse({"force_delete": True, **settings}), NOW, projects, own_task)


def fate(candidate: Task, by: Rules) -> str:
    """Return why ``candidate`` stays, an empty text if it goes."""
    return mismatch(candidate, by) or reason_to_keep(candidate, by)


@pytest.mark.parametrize("status", STATUSES)
def test_an_old_archived_task_in_any_status_goes_with_force(status: str) -> None:
    assert fate(task(status), rules()) == ""


@pytest.mark.parametrize("status", STATUSES)
def test_without_force_only_drafts_go(status: str) -> None:
    expected = "" if status == "created" else "not a draft"
    assert fate(task(status), rules(force_delete=False)) == expected


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"archived": False}, "not archived"),
        ({"age": 29.9}, "not past the threshold"),
        ({"age": -400.0}, "not past the threshold"),
        ({"public": True}, selection.PUBLIC),
        ({"id": "own"}, selection.OWN_TASK),
        ({"tags": ("x", "keep")}, "has the tag keep"),
        ({"system_tags": ("archived", "keep")}, "has the tag keep"),
        ({"project": "other"}, "not in the projects of the settings"),
        ({"project": ""}, "not in the projects of the settings"),
    ],
)
def test_no_setting_and_no_status_reaches_what_must_stay(
    status: str, force: bool, fields: dict[str, Any], expected: str
) -> None:
    made = task(status, fields.get("age", 60.0))
    candidate = replace(made, **{name: value for name, value in fields.items() if name != "age"})
    by = rules(frozenset({"p"}), "own", force_delete=force, keep_tags="keep")

    assert fate(candidate, by) == ("not a draft" if not force and _is_late(expected, status) else expected)
    assert fate(replace(made, status_changed=ago(60), last_update=ago(60)), rules()) == ""


def _is_late(expected: str, status: str) -> bool:
    """True where the missing force is told first."""
    return status != "created" and expected not in ("not archived", "not past the threshold")


@pytest.mark.parametrize("status", ALIVE)
def test_a_task_at_work_stays_while_it_reports(status: str) -> None:
    assert fate(task(status, last_update=ago(0)), rules()) == selection.REPORTING
    assert fate(task(status, last_update=ago(29.9)), rules()) == selection.REPORTING
    assert fate(task(status, last_update=ago(30.1)), rules()) == ""
    assert fate(task(status, last_update=None), rules()) == selection.REPORTING


@pytest.mark.parametrize("status", ENDED)
def test_a_report_after_the_end_keeps_no_task(status: str) -> None:
    assert fate(task(status, last_update=ago(0), last_change=ago(0)), rules()) == ""


def test_a_draft_counts_from_its_last_update_and_else_from_its_creation() -> None:
    assert fate(task("created", last_update=ago(1)), rules()) == "not past the threshold"
    assert fate(task("created", last_update=ago(31), created=ago(400)), rules()) == ""
    assert fate(task("created", last_update=None, created=ago(31)), rules()) == ""
    assert fate(task("created", last_update=None, created=ago(29)), rules()) == "not past the threshold"
    assert fate(task("created", last_update=None, created=None), rules()) == "not past the threshold"


def test_a_draft_that_was_reset_counts_from_its_status_change() -> None:
    assert fate(task("created", status_changed=ago(1)), rules()) == "not past the threshold"
    assert fate(task("created", status_changed=ago(31), last_update=ago(1)), rules()) == ""


@pytest.mark.parametrize("status", OTHER_STATUSES)
def test_only_a_draft_may_lack_its_status_change(status: str) -> None:
    assert fate(task(status, status_changed=None), rules()) == "not past the threshold"


@pytest.mark.parametrize("days", ["0", "0.0000115740740740", "0.5", "30", "3650"])
def test_a_task_exactly_at_the_threshold_stays(days: str) -> None:
    cutoff = rules(delete_threshold_days=days).cutoff
    for candidate in (task(status_changed=cutoff), task("created", last_update=cutoff)):
        assert fate(candidate, rules(delete_threshold_days=days)) == "not past the threshold"
    for candidate in (task(status_changed=cutoff - MOMENT), task("created", last_update=cutoff - MOMENT)):
        assert fate(candidate, rules(delete_threshold_days=days)) == ""


def test_the_threshold_counts_days_of_24_hours() -> None:
    assert rules(delete_threshold_days=30).cutoff == datetime(2026, 5, 16, 12, tzinfo=timezone.utc)
    assert rules(delete_threshold_days=1 / 86400).cutoff == NOW - timedelta(seconds=1)
    assert rules(delete_threshold_days=0).cutoff == NOW


@pytest.mark.parametrize("days", ["3650000", "1e9", "1e20", "1e308"])
def test_a_threshold_before_all_time_reaches_nothing(days: str) -> None:
    assert rules(delete_threshold_days=days).cutoff == EPOCH
    assert fate(task(age=365 * 50), rules(delete_threshold_days=days)) == "not past the threshold"


def test_the_clock_may_be_in_any_zone() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=-11)))
    assert rules_of(Settings(), there, None, None).cutoff == rules_of(Settings(), NOW, None, None).cutoff


def test_a_change_of_any_kind_keeps_a_task_for_the_grace() -> None:
    by = rules(archive_grace_days=7)
    assert fate(task(last_change=ago(6.9)), by) == selection.GRACE
    assert fate(task(last_change=ago(7)), by) == selection.GRACE
    assert fate(task(last_change=ago(7) - MOMENT), by) == ""
    assert fate(task(last_change=None), by) == selection.GRACE


def test_without_a_grace_the_last_change_does_not_matter() -> None:
    assert fate(task(last_change=ago(0)), rules()) == ""
    assert fate(task(last_change=None), rules()) == ""


def test_a_grace_longer_than_the_threshold_holds() -> None:
    assert fate(task(age=60), rules(delete_threshold_days=30, archive_grace_days=90)) == selection.GRACE


@pytest.mark.parametrize("tags", [(), ("Keep",), ("keep it",), ("kee",)])
def test_only_the_very_tag_keeps(tags: tuple[str, ...]) -> None:
    assert fate(task(tags=tags), rules(keep_tags="keep, best model")) == ""
    assert fate(task(tags=("best model",)), rules(keep_tags="keep, best model")) == "has the tag best model"


def test_no_project_at_all_reaches_no_task() -> None:
    assert fate(task(), rules(frozenset())) == "not in the projects of the settings"


def test_more_force_changes_only_the_statuses() -> None:
    by = rules(frozenset({"p"}), "own", force_delete=False, keep_tags="keep", archive_grace_days=7)
    assert replace(by.with_force(), force_delete=False) == by
    assert fate(task(), by.with_force()) == ""


def test_the_age_of_a_task_is_none_where_nothing_tells_it() -> None:
    assert since(task(status_changed=None)) is None
    assert since(Task("t", status="created")) is None


def test_reasons_are_distinct_texts() -> None:
    reasons = [
        selection.OWN_TASK, selection.PUBLIC, selection.REPORTING, selection.GRACE, selection.OVER_LIMIT,
        selection.GONE, CHANGED, selection.NOT_REACHED,
    ]  # fmt: skip
    assert len(set(reasons)) == len(reasons)
    assert all(reasons)
