"""The console keeps its columns and its bounds, whatever is in the names; sizes and ids say what they are."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.base.text import columns, cut
from cleanup.cycle.result import CycleResult, KeptFile
from cleanup.report import render, tables
from cleanup.report.figures import numbers
from cleanup.report.render import LINES, ROWS, as_text, dry_run_lines, summary
from cleanup.report.tables import Row, Table, in_bytes
from tests.report.results import CASES, NAMES, NOW, WEB, large, real

CELLS = st.text(st.characters(exclude_categories=()), max_size=120) | st.sampled_from(NAMES)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=5))
def test_columns_stand_under_their_header_whatever_the_cells(rows: list[tuple[str, str, str]]) -> None:
    table = Table("t", ("task", "files", "why"), [Row(row) for row in rows], len(rows))
    title, header, ruler, *lines = as_text(table)
    assert (title, header[:4], len(lines)) == ("= t =", "task", len(rows))
    for line in lines:
        assert columns(line) <= len(ruler)
        assert not [char for char in line if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


@given(CELLS, st.integers(3, 60))
def test_what_is_cut_is_as_wide_on_the_screen_as_it_may_be_and_says_so(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert columns(short) <= limit
    assert (short == text) is (columns(text) <= limit)
    assert cut("s3://bucket/a/b/c/last.pt", 15) == "s3://bu…last.pt"
    assert [columns(word) for word in ("abc", "日本", "e\u0301", "🚀", "\uff57", "", "Ü")] == [3, 4, 1, 2, 2, 0, 1]


def test_sizes_read_as_people_write_them_and_say_what_is_not_known() -> None:
    sizes = (0, 999, 1_000, 1_500_000, 2 * 10**9, 10**15)
    assert [in_bytes(size) for size in sizes] == ["0 bytes", "999 bytes", "1.0 KB", "1.5 MB", "2.0 GB", "1000.0 TB"]
    assert [in_bytes(size, unsized=3) for size in (0, 1_500_000)] == ["unknown", "≥1.5 MB"]


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_console_is_bounded_however_much_there_is(dry_run: bool) -> None:
    """Twenty times as many tasks: as many lines."""
    shown = []
    for times in (1, 20):
        result = large(dry_run=dry_run)
        for field in ("deleted", "failed", "kept", "errors", "failed_files"):
            setattr(result, field, getattr(result, field) * times)
        shown.append([*dry_run_lines(result), *summary(result, WEB)])
    small, huge = shown
    assert len(huge) == len(small) < (3 * (ROWS + 3) if dry_run else 0) + 7 * (LINES + 1)
    assert max(map(len, huge)) < 1_000


def test_the_lines_of_files_that_stayed_add_up_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """More reasons than are told apart, more files than are listed, some reasons told of files that are not listed."""
    monkeypatch.setattr(render, "LINES", 1_000)
    result = CycleResult(started=NOW)
    for number in range(3_000):
        reason = f"reason-{number % 150}" if number < 2_900 else f"late-{number}"
        result.keep_file(KeptFile(f"{number:032x}", f"s3://b/{number}", reason))
    lines = [line.split() for line in summary(result) if " kept" in line and not line.startswith(("Files", "Cleanup"))]
    assert sum(int(line[0]) for line in lines) == numbers(result)["files_kept"] == 3_000
    assert all(int(line[0]) for line in lines)


def test_only_tasks_that_are_still_there_have_an_id_to_look_them_up_by() -> None:
    for result in (real(), CASES["dry_run"]):
        gone = set() if result.dry_run else {entry.task.id for entry in result.deleted}
        gone |= {entry.task.id for entry in result.kept if entry.reason.startswith("already gone")}
        shown = tables.with_page(result)
        assert not shown & gone
        assert shown >= {entry.task.id for entry in (*result.kept, *result.failed)} - gone
