"""The task's page: what one cycle leaves there, what the next one replaces, and that it never holds up the work."""

from __future__ import annotations

import threading
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.base.errors import CredentialsError, ServerError, ServerUnreachable
from cleanup.base.text import one_line
from cleanup.cycle.result import CycleResult, Failed, Gone, Kept
from cleanup.report import page as page_module
from cleanup.report.figures import as_json, numbers
from cleanup.report.report import Report
from tests.report.recorder import Recorder
from tests.report.results import CASES, NAMES, NOW, WEB, dry_run, many, real, task


class Cell(HTMLParser):
    """What a browser makes of a cell."""

    def __init__(self, cell: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(cell)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        assert {name for name, _ in attrs} <= {"href"}

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(min_size=1, max_size=60) | st.sampled_from([name for name in NAMES if name]))
def test_a_name_is_text_on_the_page_whatever_it_is(name: str) -> None:
    recorder = Recorder()
    result = CycleResult(
        started=NOW,
        deleted=[Gone(task(1, name), 0, 0)],
        kept=[Kept(task(2, name), name)],
        failed=[Failed(task(3, name), name)],
        projects={"a" * 32: name},
    )
    recorder.page(WEB).cycle(1, result)
    for table in recorder.tables.values():
        for row in table[1:]:
            cells = [Cell(cell) for cell in row]
            assert [cell.tags for cell in cells] in ([["a"], *[[]] * (len(row) - 1)], [[]] * len(row))
            for link in cells[0].links:
                assert link.startswith(f"{WEB}/projects/{'a' * 32}/experiments/")
    shown = [Cell(row[0]).text for row in recorder.tables["last cycle", "kept", 0][1:]]
    assert shown == [one_line(name, 80) or "(no name)"]


@pytest.mark.parametrize("name", CASES)
def test_the_page_shows_the_numbers_of_the_result(name: str) -> None:
    result, recorder = CASES[name], Recorder()
    recorder.page().cycle(3, result)
    assert list(recorder.scalars.values()) == [[(3, value)] for value in numbers(result).values()]
    shown = [value for key, value in recorder.properties.items() if key[5:] not in ("cycle", "ok", "error")]
    assert shown == list(numbers(result).values())
    assert recorder.properties["last_ok"] is result.ok


@pytest.mark.parametrize("name", CASES)
def test_the_plan_is_kept_as_an_artifact_after_a_dry_run_alone(name: str) -> None:
    recorder = Recorder()
    recorder.page().cycle(1, CASES[name])
    assert recorder.artifacts == ({"plan": as_json(CASES[name])} if CASES[name].dry_run else {})


def test_the_next_cycle_replaces_the_tables_and_adds_one_point_to_each_line() -> None:
    recorder = Recorder()
    report = Report(recorder.page())
    for result in (real(), CASES["nothing"], CASES["nothing"]):
        report.starting()
        report.finished(result)
    assert {iteration for _, _, iteration in recorder.tables} == {0}
    assert recorder.tables["last cycle", "failures", 0][1:] == [["none", "", ""]]
    assert {tuple(iteration for iteration, _ in points) for points in recorder.scalars.values()} == {(1, 2, 3)}
    assert recorder.properties["last_error"] == ""
    assert recorder.properties["last_ok"] is True


def test_a_table_on_the_page_is_bounded_and_says_so() -> None:
    recorder = Recorder()
    recorder.page().cycle(1, many())
    assert {len(rows) for rows in recorder.tables.values()} <= {46 + 45, 61, 502}
    assert recorder.tables["last cycle", "deleted", 0][-1][0] == "… and 100 more"


def test_columns_on_the_page_are_as_wide_as_what_they_hold() -> None:
    recorder = Recorder()
    recorder.page(WEB).cycle(1, dry_run())
    for (_, series, _), rows in recorder.tables.items():
        assert len(recorder.widths[series]) == len(rows[0])
        assert all(6 <= width <= 80 for width in recorder.widths[series])
    assert recorder.widths["kept"][1] == 32


def test_progress_is_sent_in_steps_and_ends_at_the_end() -> None:
    recorder = Recorder()
    report = Report(recorder.page())
    report.planned(real(), 100_000)
    for done in range(0, 100_001, 200):
        report.batch_done(real(), done, 100_000)
    report.finished(real())
    assert recorder.progress == list(range(0, 101, 5))


def test_an_interrupted_cycle_is_not_shown_as_done() -> None:
    recorder = Recorder()
    report = Report(recorder.page())
    report.planned(CASES["interrupted"], 100)
    report.batch_done(CASES["interrupted"], 33, 100)
    report.finished(CASES["interrupted"])
    assert recorder.progress == [0, 30]
    assert recorder.properties["last_ok"] is False
    assert recorder.properties["last_error"] == CASES["interrupted"].interrupted


def test_a_cycle_that_could_not_be_done_is_shown() -> None:
    recorder = Recorder()
    recorder.page().cycle(1, CASES["nothing"])
    Report(recorder.page()).failed(ServerError("tasks.get_all: 500"))
    assert recorder.properties["last_ok"] is False
    assert recorder.properties["last_error"] == "tasks.get_all: 500"


@pytest.mark.parametrize("error", [ServerUnreachable("away"), CredentialsError("refused")])
def test_a_server_that_is_away_is_not_asked_to_show_that(error: Exception) -> None:
    recorder = Recorder()
    Report(recorder.page()).failed(error)
    assert recorder.properties == {}


def test_a_page_that_fails_is_said_and_does_no_harm(capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder()
    recorder.report_table = None  # type: ignore[method-assign, assignment]
    report = Report(recorder.page())
    report.finished(real())
    assert "The task's page could not be updated: 'NoneType' object is not callable" in capsys.readouterr().out


def test_a_page_that_hangs_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "PATIENCE", 0.01)
    recorder, free = Recorder(), threading.Event()
    asked: list[int] = []

    def hang(percent: int) -> None:
        asked.append(percent)
        free.wait(30)

    recorder.set_progress = hang  # type: ignore[method-assign]
    report = Report(recorder.page())
    report.planned(real(), 8)
    report.batch_done(real(), 8, 8)
    report.finished(real())
    assert asked == [0]
    assert recorder.tables == {}
    free.set()
