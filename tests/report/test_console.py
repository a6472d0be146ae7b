"""The console: lines, bar and JSON, word for word and within bounds; that nobody listens is no reason to stop.

`python -m tests.report.test_console` writes the golden files anew.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.base.errors import ServerUnreachable
from cleanup.base.text import columns, cut
from cleanup.cycle.result import CycleResult, KeptFile
from cleanup.report import Report, render
from cleanup.report import report as report_module
from cleanup.report.figures import numbers
from cleanup.report.render import LINES, ROWS, as_text, dry_run_lines, summary
from cleanup.report.tables import Row, Table, in_bytes
from tests.report.recorder import Recorder
from tests.report.results import CASES, NAMES, NOW, WEB, dry_run, large, real

FOLDER = Path(__file__).with_name("golden")


def console(name: str, **parts: Any) -> str:
    """What a report prints that tells of a whole cycle."""
    result = CASES[name]
    planned = len(result.deleted) + len(result.failed)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        report = Report(**parts or {"web": WEB})
        report.starting()
        report.planned(result, planned)
        for done in range(0, planned, 200):
            report.batch_done(result, min(done + 200, planned), planned)
        report.finished(result)
    return said.getvalue()


def as_json(name: str) -> str:
    document = io.StringIO()
    console(name, json_to=document)
    return document.getvalue()


def page(name: str) -> str:
    recorder = Recorder()
    console(name, page=recorder.page())
    return recorder.text()


SHOWN = {f"{name}.txt": (console, name) for name in CASES}
SHOWN |= {f"{name}_page.txt": (page, name) for name in ("dry_run", "real", "large")}
SHOWN |= {f"{name}_json.txt": (as_json, name) for name in ("dry_run", "real")}


def test_what_is_shown_is_what_was_agreed() -> None:
    for file, (show, name) in SHOWN.items():
        assert show(name) == (FOLDER / file).read_bytes().decode(), file
        # The web UI's console leaves blank lines out.
        assert show is not console or all(line.strip() for line in show(name).splitlines())
    assert {path.name for path in FOLDER.iterdir()} == set(SHOWN)


@pytest.mark.parametrize("name", CASES)
def test_the_json_is_one_document_of_ascii_whose_numbers_add_up(name: str) -> None:
    assert as_json(name).isascii()
    document = json.loads(as_json(name))
    count, projects = document["numbers"], document["projects"].values()
    fates = ("deleted", "kept", "failed")
    assert count["matched"] == CASES[name].matched == sum(count[fate] for fate in fates)
    assert [len(document[f"tasks_{fate}"]) for fate in fates] == [count[fate] for fate in fates]
    assert sum(document["kept_by_reason"].values()) == count["kept"]
    assert sum(document["files_kept_by_reason"].values()) == count["files_kept"] >= len(document["files_kept"])
    for total, part in (("deleted", "tasks"), ("bytes_freed", "known_bytes"), ("files_of_unknown_size",) * 2):
        assert sum(row[part] for row in projects) == count[total]


class Closed(io.StringIO):
    """The other end of a pipe has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def work(report: Report, total: int) -> None:
    report.planned(real(), total)
    for done in range(200, total + 200, 200):
        report.batch_done(real(), min(done, total), total)


def test_a_pipe_that_nobody_reads_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Closed())
    report = Report(json_to=Closed())
    report.starting()
    work(report, 600)
    report.finished(dry_run())
    report.failed(ServerUnreachable("away"), "where", retry_in=30)
    report.waiting(5)
    with pytest.raises(BrokenPipeError):
        print("the pipe is one that breaks")


def test_where_there_is_no_terminal_a_few_lines_tell_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    for total, lines in ((3, 0), (300, 1), (30_000, 9)):
        work(Report(), total)
        out, err = capsys.readouterr()
        first, *looked = out.splitlines()
        assert (first, err, len(looked)) == (f"Deleting {total} tasks", "", lines)
        assert all(line.endswith(f" of {total} tasks looked at: 2 deleted + 4 kept + 3 failed") for line in looked)


@pytest.mark.parametrize("run_by", ["a person", "an agent"])
def test_a_bar_instead_of_the_lines_on_a_terminal_that_a_person_looks_at(
    run_by: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, stderr = pty.openpty()
    monkeypatch.setattr(sys, "stderr", os.fdopen(stderr, "w"))
    monkeypatch.setattr(report_module.Task, "running_locally", staticmethod(lambda: run_by == "a person"))
    report = Report()
    work(report, 600)
    report.planned(dry_run(), 5)
    report.finished(real())
    os.write(sys.stderr.fileno(), b"end")
    shown, out = "", capsys.readouterr().out
    while not shown.endswith("end"):
        shown += os.read(seen, 100_000).decode()
    assert ("600" in shown, "\n" in shown) == (run_by == "a person", False)
    assert ("200 of 600 tasks looked at" in out) is (run_by == "an agent")
    assert "\nLooking at 5 tasks\nCleanup finished" in out


def test_a_cycle_that_could_not_be_done_and_the_next_one_are_lines_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    document = io.StringIO()
    Report(json_to=document).failed(ServerUnreachable("the server is away"))
    assert json.loads(document.getvalue()) == {"ok": False, "error": "the server is away"}
    Report().failed(KeyError(), retry_in=15)
    Report().waiting(86_399.6)
    assert capsys.readouterr().out.splitlines() == [
        "The cycle failed: the server is away",
        "The cycle failed: KeyError; trying again in 0:00:15",
        "Next cleanup in 1 day, 0:00:00",
    ]


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


if __name__ == "__main__":
    for file, (show, name) in SHOWN.items():
        (FOLDER / file).write_bytes(show(name).encode())
