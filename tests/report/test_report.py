"""The voice of the service: its lines, its bar, its JSON, and that nobody listening is no reason to stop."""

from __future__ import annotations

import io
import json
import os
import pty
import sys

import pytest

from cleanup.base.errors import ServerUnreachable
from cleanup.report import Report
from cleanup.report import report as report_module
from cleanup.report.figures import as_json
from tests.report.results import CASES, dry_run, real


class Closed(io.StringIO):
    """The other end of a pipe has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_pipe_that_nobody_reads_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Closed())
    report = Report(json_to=Closed())
    for result in (real(), dry_run()):
        report.starting()
        report.planned(result, 8)
        report.batch_done(result, 4, 8)
        report.finished(result)
    report.failed(ServerUnreachable("away"), "where", retry_in=30)
    report.waiting(5)
    with pytest.raises(BrokenPipeError):
        print("the pipe is one that breaks")


@pytest.mark.parametrize(("total", "lines"), [(3, 0), (300, 1), (30_000, 19)])
def test_where_there_is_no_terminal_a_few_lines_tell_how_far_it_is(
    total: int, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report()
    report.planned(real(), total)
    for done in range(200, total + 200, 200):
        report.batch_done(real(), min(done, total), total)
    out, err = capsys.readouterr()
    first, *looked = out.splitlines()
    assert (first, err, len(looked)) == (f"Deleting {total} tasks", "", lines)
    assert all(line.endswith(f" of {total} tasks looked at: 2 deleted, 4 kept, 3 failed") for line in looked)


def terminal(monkeypatch: pytest.MonkeyPatch) -> int:
    """Make stderr a terminal; return the end from which one sees it."""
    seen, stderr = pty.openpty()
    monkeypatch.setattr(sys, "stderr", os.fdopen(stderr, "w"))
    return seen


def test_a_bar_instead_of_the_lines_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = terminal(monkeypatch)
    report = Report()
    report.planned(real(), 600)
    for done in (200, 400, 600):
        report.batch_done(real(), done, 600)
    report.planned(dry_run(), 5)
    report.finished(real())
    out = capsys.readouterr().out
    assert out.startswith("Deleting 600 tasks\nLooking at 5 tasks\nCleanup finished")
    shown = os.read(seen, 100_000).decode()
    assert "600" in shown
    assert "task" in shown
    assert "\n" not in shown


def test_no_bar_for_an_agent(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = terminal(monkeypatch)
    monkeypatch.setattr(report_module.Task, "running_locally", staticmethod(lambda: False))
    report = Report()
    report.planned(real(), 600)
    report.batch_done(real(), 200, 600)
    assert "200 of 600 tasks looked at" in capsys.readouterr().out
    os.write(sys.stderr.fileno(), b"end")
    assert os.read(seen, 100_000) == b"end"


def test_each_cycle_is_one_json_document_with_everything() -> None:
    document = io.StringIO()
    Report(json_to=document).finished(real())
    assert json.loads(document.getvalue()) == as_json(real())


def test_a_cycle_that_could_not_be_done_is_a_json_document_too(capsys: pytest.CaptureFixture[str]) -> None:
    document = io.StringIO()
    Report(json_to=document).failed(ServerUnreachable("the server is away"))
    assert json.loads(document.getvalue()) == {"ok": False, "error": "the server is away"}
    Report().failed(KeyError(), retry_in=15)
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "The cycle failed: the server is away",
        "The cycle failed: KeyError; trying again in 15 seconds",
    ]


@pytest.mark.parametrize("name", CASES)
def test_no_line_is_blank_and_a_dry_run_ends_with_how_to_do_it_for_real(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The web UI's console leaves blank lines out."""
    Report().finished(CASES[name])
    lines = capsys.readouterr().out.splitlines()
    assert all(line.strip() for line in lines)
    for_real = "Nothing was deleted. To delete for real: run it again without --dry-run"
    assert lines[-1].startswith(for_real) is CASES[name].dry_run


@pytest.mark.parametrize(
    ("seconds", "text"), [(119, "119 seconds"), (900, "15.0 minutes"), (86_400, "24.0 hours"), (604_800, "7.0 days")]
)
def test_when_the_next_cycle_comes_is_said_in_fitting_units(
    seconds: float, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Report().waiting(seconds)
    Report().failed(ServerUnreachable("away"), retry_in=seconds)
    assert capsys.readouterr().out == f"Next cleanup in {text}\nThe cycle failed: away; trying again in {text}\n"
