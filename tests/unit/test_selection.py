"""Which tasks may go: broken rows, which read as the value that keeps, and every rule at its edge."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import product
from typing import Any

import pytest

from cleanup import selection
from cleanup.base.records import Artifact, Model, Task
from cleanup.selection import EPOCH, GRACE, OWN_TASK, PUBLIC, REPORTING, Rules, mismatch, reason_to_keep, rules_of
from cleanup.server.rows import DRAFT, NO_DRAFT, is_id, models_of, parse_model, parse_task, parse_time
from cleanup.settings import Settings

UTC = timezone.utc
ID = "0123456789abcdef0123456789abcdef"
JUNK: list[Any] = [..., None, "", 5, True, [], [None], {"a": 1}, "junk"]
OLD = "2020-01-01T00:00:00+00:00"
LIMIT = datetime(2026, 1, 1, tzinfo=UTC)
RULES = Rules(LIMIT, LIMIT, LIMIT, force_delete=True, keep_tags=frozenset(), projects=frozenset({"p"}), own_task=None)


def read(**changed: Any) -> Task:
    """What is read from the row of a task that may go; a value of ``...`` leaves the field out."""
    times = dict.fromkeys(("status_changed", "last_update", "last_change", "created"), OLD)
    row = {
        "id": ID, "name": "n", "project": "p", "company": "c", "status": "completed", "tags": ["a"],
        "system_tags": ["archived", "x"], **times, "report_assets": ["r"], "output": {"destination": "s3://b"},
        "execution": {"artifacts": [{"key": "k", "uri": "u", "content_size": 5}]},
        "models": {"output": [{"model": "m1", "name": "o"}], "input": [{"model": "m2"}]}, **changed,
    }  # fmt: skip
    task = parse_task({name: value for name, value in row.items() if value is not ...})
    assert task is not None
    return task


def goes(**changed: Any) -> bool:
    task = read(**changed)
    return not mismatch(task, RULES) and not reason_to_keep(task, RULES)


def test_a_time_is_read_in_every_form_as_utc_and_what_is_none_is_none() -> None:
    forms: dict[Any, datetime] = {
        "2026-01-02T03:04:05": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "2026-01-02 03:04:05": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "2026-01-02T03:04:05z": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "2026-01-02T03:04:05-05:30": datetime(2026, 1, 2, 8, 34, 5, tzinfo=UTC),
        "2026-01-02T03:04:05.5Z": datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC),
        "2026-01-02T03:04:05.123456789": datetime(2026, 1, 2, 3, 4, 5, 123_456, tzinfo=UTC),
        "  2026-01-02T03:04:05.678000+02:00 ": datetime(2026, 1, 2, 1, 4, 5, 678_000, tzinfo=UTC),
        "2026-01-02": datetime(2026, 1, 2, tzinfo=UTC),
    }
    assert {text: parse_time(text) for text in forms} == forms
    assert {time.utcoffset() for text in forms if (time := parse_time(text))} == {timedelta(0)}
    none: tuple[Any, ...] = ("", "junk", "2026-13-01", "<2026-01-01", ".5", "0001-01-01T00:00:00+14:00")
    assert [value for value in (*none, None, 1767225600, ["2026-01-02"], LIMIT) if parse_time(value)] == []


def test_a_whole_row_is_read() -> None:
    old = datetime(2020, 1, 1, tzinfo=UTC)
    whole = Task(
        id=ID, name="n", project="p", status="completed", draft=False, at_work=False, archived=True, public=False,
        tags=("a", "archived", "x"), status_changed=old, last_update=old, last_change=old, created=old,
        artifacts=(Artifact("k", "u", 5),), report_assets=("r",), output_models=("m1",), input_models=("m2",),
        destination="s3://b", artifacts_listed=True,
    )  # fmt: skip
    assert read() == read(project={"id": "p", "name": "x"}, company={"id": "c"}) == whole
    assert goes()


def test_every_status_of_the_api_says_whether_the_task_is_a_draft_or_may_be_at_work() -> None:
    statuses = {status: read(status=status) for status in (DRAFT, *NO_DRAFT)}
    assert len(statuses) == 10
    assert {status for status, task in statuses.items() if task.draft} == {"created"}
    assert {status for status, task in statuses.items() if task.at_work} == {"in_progress", "queued", "publishing"}


@pytest.mark.parametrize("value", JUNK)
def test_a_field_that_says_nothing_keeps_the_task_and_ends_no_reading(value: Any) -> None:
    for name in ("system_tags", "status_changed", "last_change", "project"):
        assert not goes(**{name: value})
    assert not goes(company={"id": ""} if value == "junk" else value)
    for name in ("name", "tags", "created", "execution", "models", "output", "report_assets"):
        assert goes(**{name: value})

    # A task that may be at work stays without a report, a draft without any time.
    assert goes(status="in_progress")
    assert not goes(status="in_progress", last_update=value)
    assert goes(status="created", status_changed=...)
    assert not goes(status="created", status_changed=..., last_update=value, created=value)
    unknown = read(status=value)
    assert (unknown.draft, unknown.at_work) == (False, value != "junk")


def test_a_row_without_an_id_is_none() -> None:
    for value in (*JUNK[1:-1], "a/b", "-a", "__$not", "a" * 129, "a\n", "ä"):
        assert not is_id(value)
        assert parse_task({"id": value}) is parse_model({"id": value}) is None


def test_artifacts_keep_whatever_they_have_as_an_address_and_a_size_that_is_one() -> None:
    uris: list[Any] = ["u", None, "", 7, ["u"]]
    rows: list[Any] = [*({"key": "k", "uri": uri} for uri in uris), {}, None, "x"]
    assert [artifact.uri for artifact in read(execution={"artifacts": rows}).artifacts] == [*uris, None]
    sizes: list[Any] = [5, 0, None, -1, "5", 1.5, True]
    rows = [{"key": "k", "uri": "u", "content_size": size} for size in sizes]
    assert [artifact.size for artifact in read(execution={"artifacts": rows}).artifacts] == [5, 0] + [None] * 5


def test_artifacts_that_are_no_list_are_not_taken_for_none() -> None:
    for given in (value for value in JUNK if not isinstance(value, list)):
        assert not read(execution={} if given is ... else {"artifacts": given}).artifacts_listed
        assert not read(execution=given).artifacts_listed
    assert read(execution={"artifacts": []}).artifacts_listed


def test_models_without_an_id_are_left_out_and_one_that_is_not_clearly_a_draft_counts_as_published() -> None:
    entries = [{"model": "m"}, {"model": None}, {"model": 5}, {"model": "__DELETED__m"}, {}, None, "m"]
    task = read(models={"output": entries, "input": "junk"})
    assert (task.output_models, task.input_models) == (("m",), ())
    assert models_of({"models": {"input": entries}}, "input") == ["m"]
    row = {"id": "m", "uri": 5, "task": {"id": "t"}, "company": "c"}
    assert parse_model(row | {"ready": False}) == Model("m", 5, "t", published=False)
    for ready in ({}, *({"ready": value} for value in (None, 0, "false", True))):
        assert parse_model(row | ready) == Model("m", 5, "t", published=True)


NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
MOMENT, HOUR = timedelta(microseconds=1), timedelta(hours=1)
TOO_YOUNG, NOT_A_DRAFT, ELSEWHERE = "not past the threshold", "not a draft", "not in the projects of the settings"


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
        assert fate(task(kind, **fields), by) == (expected if told_first else NOT_A_DRAFT)
        assert by.with_force() == replace(by, force_delete=True)
    # No project at all reaches no task, all projects every one.
    assert (fate(task("ended"), rules(frozenset())), fate(task("ended", project=""), rules())) == (ELSEWHERE, "")


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


@pytest.mark.parametrize("file", ["http://files:8081", "file://", f"s3://bucket/run.{32 * 'a'}"])
def test_an_entry_whose_upload_did_not_end_has_no_file(file: str) -> None:
    model = parse_model({"id": "m", "uri": f"{file}/uploading_file"})
    assert model
    assert (model.uri is None) == ("run" not in file)
