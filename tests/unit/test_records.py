"""Reading the server's rows: every form of a time, and fields that are missing or of another type."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from cleanup.base.records import Artifact, Model, Task, is_id, parse_inputs, parse_model, parse_task, parse_time
from cleanup.selection import Rules, mismatch, reason_to_keep

UTC = timezone.utc
ID = "0123456789abcdef0123456789abcdef"
JUNK: list[Any] = [None, "", 0, 1.5, True, [], {}, ["x"], {"a": 1}, [None], [[]], "junk"]
OLD, NEW = "2020-01-01T00:00:00+00:00", "2026-06-01T00:00:00+00:00"
RULES = Rules(
    cutoff=datetime(2026, 1, 1, tzinfo=UTC),
    grace_cutoff=datetime(2026, 1, 1, tzinfo=UTC),
    force_delete=True,
    keep_tags=frozenset(),
    projects=frozenset({"p"}),
    own_task=None,
)


def row(**changed: Any) -> dict[str, Any]:
    """Return the row of a task that may go; a value of ``...`` leaves the field out."""
    fields = {
        "id": ID,
        "name": "n",
        "project": "p",
        "company": "c",
        "status": "completed",
        "tags": ["a"],
        "system_tags": ["archived", "x"],
        "status_changed": OLD,
        "last_update": OLD,
        "last_change": OLD,
        "created": OLD,
        "execution": {"artifacts": [{"key": "k", "uri": "u", "content_size": 5}]},
        "models": {"output": [{"model": "m1", "name": "o"}], "input": [{"model": "m2"}]},
    } | changed
    return {name: value for name, value in fields.items() if value is not ...}


def goes(fields: dict[str, Any]) -> bool:
    task = parse_task(fields)
    return task is not None and not mismatch(task, RULES) and not reason_to_keep(task, RULES)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02 03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05+00:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05-05:30", datetime(2026, 1, 2, 8, 34, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.5Z", datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)),
        ("  2026-01-02T03:04:05.678000+00:00 ", datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)),
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_in_every_form_and_utc_where_it_names_no_offset(text: str, time: datetime) -> None:
    assert parse_time(text) == time
    assert parse_time(text).utcoffset() == timedelta(0)  # type: ignore[union-attr]


@pytest.mark.parametrize("digits", range(1, 10))
@pytest.mark.parametrize("offset", ["", "Z", "+00:00"])
def test_a_fraction_of_a_second_has_one_to_nine_digits(digits: int, offset: str) -> None:
    fraction = "123456789"[:digits]
    read = parse_time(f"2026-01-02T03:04:05.{fraction}{offset}")
    assert read == datetime(2026, 1, 2, 3, 4, 5, int((fraction + "000000")[:6]), tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        None, "", " ", "junk", "yesterday", "2026-13-01", "2026-01-32T00:00:00", "2026-01-02T25:00:00", "0",
        "1767225600",
        "2026-01-02T03:04:05+99:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "<2026-01-01", ".5",
        1767225600, 1.5, True, [], {}, ["2026-01-02"], b"2026-01-02", datetime(2026, 1, 2, tzinfo=UTC), "\x00",
    ],
)  # fmt: skip
def test_what_is_no_time_is_none(value: Any) -> None:
    assert parse_time(value) is None


def test_a_whole_row_is_read() -> None:
    old = datetime(2020, 1, 1, tzinfo=UTC)
    assert parse_task(row()) == Task(
        ID, "n", "p", "completed", True, False, ("a",), ("archived", "x"), old, old, old, old,
        (Artifact("k", "u", 5),), ("m1",), ("m2",), True,
    )  # fmt: skip
    assert goes(row())


def test_references_are_read_as_text_and_as_entities() -> None:
    task = parse_task(row(project={"id": "p", "name": "x"}, company={"id": "c"}))
    assert task is not None
    assert (task.project, task.public) == ("p", False)


@pytest.mark.parametrize("name", ["company", "system_tags", "status_changed", "last_change", "project"])
@pytest.mark.parametrize("value", [..., *JUNK])
def test_a_field_that_says_nothing_keeps_the_task(name: str, value: Any) -> None:
    if name == "company" and value == "junk":
        value = {"id": ""}
    assert not goes(row(**{name: value}))


@pytest.mark.parametrize("value", [..., *JUNK])
def test_a_running_task_stays_if_nothing_says_when_it_last_reported(value: Any) -> None:
    assert goes(row(status="in_progress"))
    assert not goes(row(status="in_progress", last_update=value))


@pytest.mark.parametrize("value", [..., None, "", 0, True, [], {}])
def test_a_task_without_a_status_stays_while_it_reports(value: Any) -> None:
    assert not goes(row(status=value, last_update=NEW))


@pytest.mark.parametrize("value", [..., *JUNK])
def test_a_draft_stays_if_no_field_says_how_old_it_is(value: Any) -> None:
    draft = row(status="created", status_changed=...)
    assert goes(draft)
    assert not goes(draft | {"last_update": value, "created": value})


@pytest.mark.parametrize("value", [*JUNK, "a/b", "-a", "__$not", "a b", "a" * 129, "a\n", "ä"])
def test_a_row_without_an_id_is_none(value: Any) -> None:
    if value == "junk":
        value = "junk!"
    assert parse_task(row(id=value)) is None
    assert parse_model({"id": value}) is None
    assert parse_inputs({"id": value}) is None
    assert not is_id(value)
    assert parse_task(row(id=...)) is None


@pytest.mark.parametrize("name", ["name", "tags", "created", "execution", "models"])
@pytest.mark.parametrize("value", [..., *JUNK])
def test_no_odd_value_ends_the_reading(name: str, value: Any) -> None:
    task = parse_task(row(**{name: value}))
    assert task is not None
    assert task.id == ID
    assert task.archived


@pytest.mark.parametrize("size", [None, -1, "5", 1.5, True, [], {}])
def test_a_size_that_is_none_is_not_known(size: Any) -> None:
    task = parse_task(row(execution={"artifacts": [{"key": "k", "uri": "u", "content_size": size}]}))
    assert task is not None
    assert task.artifacts == (Artifact("k", "u", None),)


def test_artifacts_keep_what_they_have_as_an_address() -> None:
    uris: list[Any] = ["u", None, "", 7, ["u"]]
    task = parse_task(row(execution={"artifacts": [*({"key": "k", "uri": uri} for uri in uris), {}, None, "x"]}))
    assert task is not None
    assert [artifact.uri for artifact in task.artifacts] == [*uris, None]


@pytest.mark.parametrize(("given", "listed"), [(..., False), *((value, False) for value in JUNK if value != [])])
def test_artifacts_that_are_no_list_are_not_taken_for_none(given: Any, listed: bool) -> None:
    if isinstance(given, list):
        given = dict.fromkeys(map(str, given))
    task = parse_task(row(execution={} if given is ... else {"artifacts": given}))
    assert task is not None
    assert task.artifacts_listed is listed


def test_an_empty_list_of_artifacts_is_one() -> None:
    task = parse_task(row(execution={"artifacts": []}))
    assert task is not None
    assert task.artifacts_listed
    assert task.artifacts == ()


def test_models_without_an_id_are_left_out() -> None:
    entries = [{"model": "m"}, {"model": None}, {"model": 5}, {"model": "__DELETED__m"}, {}, None, "m"]
    task = parse_task(row(models={"output": entries, "input": "junk"}))
    assert task is not None
    assert (task.output_models, task.input_models) == (("m",), ())
    assert parse_inputs({"id": ID, "models": {"input": entries}}) == (ID, {"m"})


@pytest.mark.parametrize("ready", [..., None, "", 0, "false", [], True])
def test_a_model_that_is_not_clearly_a_draft_counts_as_published(ready: Any) -> None:
    fields = {"id": "m", "uri": "u", "task": {"id": "t"}} | ({} if ready is ... else {"ready": ready})
    assert parse_model(fields) == Model("m", "u", "t", published=True)
    assert parse_model({"id": "m", "uri": "u", "task": "t", "ready": False}) == Model("m", "u", "t", published=False)
