"""Which tasks may go: every rule at its edge, with a fixed clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import product
from typing import Any

import pytest

from cleanup import selection
from cleanup.base.records import Model, Task
from cleanup.selection import EPOCH, GRACE, OWN_TASK, PUBLIC, REPORTING, Rules, mismatch, reason_to_keep, rules_of
from cleanup.settings import Settings

NOW = datetime(2026, 6, 15, 12, tzinfo=timezone.utc)
MOMENT, HOUR = timedelta(microseconds=1), timedelta(hours=1)
TOO_YOUNG, NO_DRAFT, ELSEWHERE = "not past the threshold", "not a draft", "not in the projects of the settings"


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def task(kind: str, age: float = 60.0, **fields: Any) -> Task:
    """An archived task of this company, every time of it ``age`` days ago; a draft as one that never ran."""
    times = dict.fromkeys(("status_changed", "last_update", "last_change", "created"), ago(age))
    if kind == "draft":
        times.pop("status_changed")
    flags = {"draft": kind == "draft", "at_work": kind == "at work", "archived": True, "public": False}
    return Task(**{"id": "t", "project": "p", **flags, **times, **fields})


def rules(projects: frozenset[str] | None = None, own_task: str | None = None, **settings: Any) -> Rules:
    return rules_of(Settings.parse({"force_delete": True, **settings}), NOW, projects, own_task)


def fate(candidate: Task | Model, by: Rules) -> str:
    """Why ``candidate`` stays, an empty text if it goes."""
    return mismatch(candidate, by) or reason_to_keep(candidate, by)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ""),
        ({"archived": False}, "not archived"),
        ({"age": 29.9}, TOO_YOUNG),
        ({"age": -400.0}, TOO_YOUNG),
        ({"project": "other"}, ELSEWHERE),
        ({"project": ""}, ELSEWHERE),
        ({"public": True, "tags": ("keep",)}, PUBLIC),
        ({"tags": ("x", "keep", "best model")}, "has the tag best model"),
        ({"tags": ("Keep", "keep it", "kee")}, ""),
        ({"id": "own", "public": True}, OWN_TASK),
    ],
)
def test_what_must_stay_stays_in_every_status_and_without_force_only_drafts_go(
    fields: dict[str, Any], expected: str
) -> None:
    for kind, force in product(("draft", "at work", "ended"), (True, False)):
        by = rules(frozenset({"p"}), "own", force_delete=force, keep_tags="keep, best model")
        told_first = force or kind == "draft" or expected in ("not archived", TOO_YOUNG)
        assert fate(task(kind, **fields), by) == (expected if told_first else NO_DRAFT)
        assert by.with_force() == replace(by, force_delete=True)


@pytest.mark.parametrize(
    ("candidate", "settings", "expected"),
    [
        # From the last status change on; exactly at the threshold it stays.
        (task("ended", status_changed=ago(30)), {}, TOO_YOUNG),
        (task("ended", status_changed=ago(30) - MOMENT, last_update=NOW, last_change=NOW), {}, ""),
        (task("ended", status_changed=NOW), {"delete_threshold_days": 0}, TOO_YOUNG),
        (task("ended", status_changed=None), {}, TOO_YOUNG),
        (task("ended", age=365 * 50), {"delete_threshold_days": "1e308"}, TOO_YOUNG),
        # A draft that never ran has none: from its last update, else its creation. One that was reset has one again.
        (task("draft", last_update=ago(30) - MOMENT, created=NOW), {}, ""),
        (task("draft", last_update=ago(30)), {}, TOO_YOUNG),
        (task("draft", last_update=None, created=ago(30) - MOMENT), {}, ""),
        (task("draft", last_update=None, created=ago(30)), {}, TOO_YOUNG),
        (task("draft", last_update=None, created=None), {}, TOO_YOUNG),
        (task("draft", status_changed=ago(29)), {}, TOO_YOUNG),
        (task("draft", status_changed=ago(31), last_update=NOW), {}, ""),
        # At work it stays while it reports: since the threshold, and in any case within the last hour.
        (task("at work", last_update=ago(30)), {}, REPORTING),
        (task("at work", last_update=ago(30) - MOMENT), {}, ""),
        (task("at work", last_update=None), {}, REPORTING),
        (task("at work", last_update=NOW - HOUR), {"delete_threshold_days": 0}, REPORTING),
        (task("at work", last_update=NOW - HOUR - MOMENT), {"delete_threshold_days": 0}, ""),
        (task("at work", status_changed=NOW - HOUR), {"delete_threshold_days": 0}, REPORTING),
        # The grace counts from the last change of any kind, and may be longer than the threshold.
        (task("ended", last_change=ago(7)), {"archive_grace_days": 7}, GRACE),
        (task("ended", last_change=ago(7) - MOMENT), {"archive_grace_days": 7}, ""),
        (task("ended", last_change=None), {"archive_grace_days": 7}, GRACE),
        (task("ended"), {"archive_grace_days": 90}, GRACE),
        (task("ended", last_change=None), {}, ""),
    ],
)
def test_every_time_counts_to_the_moment(candidate: Task, settings: dict[str, Any], expected: str) -> None:
    assert fate(candidate, rules(**settings)) == expected


def test_the_same_rules_hold_for_entries_of_the_archive() -> None:
    entry = Model("m", "", "", False, project="p", archived=True, public=False, last_change=ago(60))
    for fields, settings, expected in (
        ({}, {"force_delete": False}, ""),
        ({"archived": False}, {}, "not archived"),
        ({"last_change": ago(30)}, {}, TOO_YOUNG),
        ({"last_change": ago(30) - MOMENT}, {}, ""),
        ({"last_change": None}, {}, TOO_YOUNG),
        ({"project": "other"}, {}, ELSEWHERE),
        ({"public": True, "tags": ("keep",)}, {}, selection.PUBLIC_MODEL),
        ({"published": True}, {}, ""),
        ({"published": True}, {"force_delete": False}, selection.PUBLISHED),
        ({"tags": ("x", "keep")}, {"keep_tags": "keep"}, "has the tag keep"),
        ({}, {"archive_grace_days": 60}, GRACE),
    ):
        changed: dict[str, Any] = fields
        assert fate(replace(entry, **changed), rules(frozenset({"p"}), **settings)) == expected


def test_days_have_24_hours_begin_with_the_epoch_and_know_no_zone() -> None:
    assert rules(delete_threshold_days=0.5).cutoff == NOW - timedelta(hours=12)
    assert rules(delete_threshold_days=3_650_000).cutoff == rules(delete_threshold_days=1e308).cutoff == EPOCH
    there = NOW.astimezone(timezone(timedelta(hours=-11)))
    assert rules_of(Settings(), there, None, None) == rules_of(Settings(), NOW, None, None)


def test_no_project_at_all_reaches_no_task_and_all_projects_every_one() -> None:
    assert fate(task("ended"), rules(frozenset())) == ELSEWHERE
    assert fate(task("ended", project=""), rules()) == ""
