"""Tables keep their columns, and the console its bounds, whatever is in the names."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.report.figures import numbers, per_project
from cleanup.report.render import dry_run_lines, summary
from cleanup.report.tables import (
    Table,
    as_text,
    columns,
    failures,
    going,
    in_bytes,
    projects,
    staying,
    storages,
    task_url,
)
from tests.report.results import CASES, NAMES, WEB, many, real, task

CELLS = st.text(st.characters(exclude_categories=()), max_size=120) | st.sampled_from(NAMES)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=5))
def test_columns_stand_under_their_header_whatever_the_cells(rows: list[tuple[str, str, str]]) -> None:
    table = Table("t", ("task", "files", "why"), [list(row) for row in rows])
    header, ruler, *lines = as_text(table)
    widths = [len(part) for part in ruler.split("  ")]
    assert header.startswith("task")
    assert len(lines) == len(rows)
    for line in lines:
        assert columns(line) <= sum(widths) + 4
        assert not [char for char in line if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
        assert not [char for char in line if char in "\n\r\x0b\x0c\x85"]


def test_the_second_column_begins_at_one_place_on_the_screen() -> None:
    rows = [[name, f"id{number}"] for number, name in enumerate(NAMES)]
    _, _, *lines = as_text(Table("t", ("task", "id"), rows))
    starts = {columns(line[: line.rindex(f"id{number}")]) for number, line in enumerate(lines)}
    assert starts == {42}


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("🚀", 2), ("\uff57", 2), ("", 0), ("Ü", 1)]
)
def test_width_is_that_on_the_screen(text: str, width: int) -> None:
    assert columns(text) == width


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 KB"), (1_500_000, "1.5 MB"), (2 * 10**9, "2.0 GB"),
     (10**15, "1000.0 TB")],
)  # fmt: skip
def test_sizes_read_as_people_write_them(size: int, text: str) -> None:
    assert in_bytes(size) == text


def test_numbers_stand_to_the_right() -> None:
    lines = as_text(Table("t", ("files", "why"), [["7", "a"], ["1234567", "b"]]))
    assert lines == ["  files  why", "-------  ---", "      7  a", "1234567  b"]


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_console_is_bounded_however_much_there_is(dry_run: bool) -> None:
    """A fifth of this many tasks or a hundred times as many: the same lines."""
    small, large = many(dry_run=dry_run), many(dry_run=dry_run)
    large.deleted *= 20
    large.failed *= 20
    large.kept *= 20
    large.errors *= 20
    large.failed_files *= 20

    def lines(result: object) -> int:
        return len(dry_run_lines(result)) + len(summary(result, WEB))  # type: ignore[arg-type]

    assert lines(large) == lines(small) < 320
    longest = max(len(line) for line in [*dry_run_lines(large), *summary(large, WEB)])
    assert longest < 3_000


def test_what_is_left_out_of_a_table_is_counted() -> None:
    result = many()
    for table, total in (
        (going(result, 7), len(result.deleted)),
        (staying(result, 7), len(result.kept)),
        (projects(result, 7), len(per_project(result))),
        (storages(result, 7), len(result.storages)),
        (failures(result, 7), len(result.failed) + 30 + 30 + 30),
    ):
        assert (len(table.rows), table.left_out) == (7, total - 7), table.name


def test_every_kind_of_failure_is_in_the_table_of_failures() -> None:
    result = real()
    result.unreachable = {"s3://x": "no credentials"}
    told = " ".join(cell for row in failures(result, 50).rows for cell in row)
    for text in (
        *(entry.task.id for entry in result.failed),
        *(entry.error for entry in result.failed),
        result.failed_files[0].address,
        "s3://x: no credentials",
        *result.errors,
    ):
        assert text in told


@pytest.mark.parametrize("name", CASES)
def test_totals_are_the_sums_of_their_rows(name: str) -> None:
    result = CASES[name]
    totals = per_project(result)
    assert sum(row["tasks"] for row in totals.values()) == numbers(result)["deleted"]
    assert sum(row["files"] for row in totals.values()) == sum(entry.files for entry in result.deleted)
    assert sum(row["known_bytes"] for row in totals.values()) == numbers(result)["bytes_freed"]


def test_a_link_leads_to_the_task_and_nowhere_else() -> None:
    plain = task(1)
    assert task_url(WEB, plain) == f"{WEB}/projects/{'a' * 32}/experiments/{plain.id}/output/log"
    assert task_url(WEB, replace(plain, project="")) == f"{WEB}/projects/*/experiments/{plain.id}/output/log"
    assert task_url("", plain) == ""
    odd = replace(plain, id="\"><script>'", project="../../x y")
    assert not set(task_url(WEB, odd).removeprefix(WEB)) & set("\"'<> ")
