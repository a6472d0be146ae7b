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
from tests.report.results import dry_run, real


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
