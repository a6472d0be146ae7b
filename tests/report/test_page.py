"""The task's page: what one cycle leaves there, what the next one replaces, and that it never holds up the work."""

from __future__ import annotations

import threading
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.base.errors import CredentialsError, ServerError, ServerUnreachable
from cleanup.base.text import columns, one_line
from cleanup.cycle.result import CycleResult, Failed, Gone, Kept, KeptFile
from cleanup.report import Report
from cleanup.report import page as page_module
from cleanup.report.figures import as_json, numbers
from tests.report.recorder import Recorder
from tests.report.results import CASES, NAMES, NOW, large, real, task


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
        dry_run=True,
        deleted=[Gone(task(1, name), 0, 0)],
        kept=[Kept(task(2, name), name)],
        failed=[Failed(task(3, name), name)],
        kept_files=[KeptFile(f"{1:032x}", name, name)],
        projects={"a" * 32: name},
    )
    recorder.page().cycle(1, result)
    links = []
    for header, *rows in recorder.tables.values():
        assert len(header) <= 5
        for row in rows:
            cells = [Cell(cell) for cell in row]
            assert [cell.tags for cell in cells] in ([["a"], *[[]] * (len(row) - 1)], [[]] * len(row))
            links += cells[0].links
    assert links == [f"projects/*/experiments/{number:032x}" for number in (1, 3, 2, 1)]
    shown = Cell(recorder.tables["3 kept tasks, by reason"][1][0]).text
    assert columns(shown) <= 40
    assert shown == (one_line(name, 80) or "(no name)") or "…" in shown


@pytest.mark.parametrize("name", CASES)
def test_a_table_fits_its_card_and_no_word_is_wider_than_its_column(name: str) -> None:
    recorder = Recorder()
    recorder.page().cycle(1, CASES[name])
    for table, (header, *rows) in recorder.tables.items():
        widths, height = recorder.layout[table]
        assert sum(widths) <= 80
        assert 0 < height <= 450
        assert len(rows) <= 501
        for at, width in enumerate(widths):
            words = [word for row in [header, *rows[:-1]] for word in Cell(row[at]).text.split()]
            assert max(map(columns, words), default=0) < width, (table, header[at])


def test_what_matters_most_stands_first() -> None:
    for name, first in (("dry_run", "1 would be deleted, oldest first"), ("real", "1 failed")):
        recorder = Recorder()
        recorder.page().cycle(1, CASES[name])
        assert sorted(recorder.tables) == list(recorder.tables)
        assert next(iter(recorder.tables)) == first


@pytest.mark.parametrize("name", CASES)
def test_the_page_shows_the_numbers_of_the_result_and_keeps_the_plan_of_a_dry_run(name: str) -> None:
    result, recorder = CASES[name], Recorder()
    recorder.page().cycle(3, result)
    assert list(recorder.scalars.values()) == [[(3, value)] for value in numbers(result).values()]
    shown = [value for key, value in recorder.properties.items() if key[5:] not in ("cycle", "ok", "error")]
    assert shown == list(numbers(result).values())
    assert recorder.properties["last_ok"] is result.ok
    assert bool(recorder.properties["last_error"]) is not result.ok
    assert recorder.artifacts == ({"plan": as_json(result)} if result.dry_run else {})


def test_the_next_cycle_replaces_the_tables_and_adds_one_point_to_each_line() -> None:
    recorder = Recorder()
    report = Report(recorder.page())
    for result in (real(), CASES["nothing"], CASES["nothing"]):
        report.starting()
        report.finished(result)
    assert len(recorder.tables) == 6
    assert all(row[0] == "none" for _, row in recorder.tables.values())
    assert {tuple(iteration for iteration, _ in points) for points in recorder.scalars.values()} == {(1, 2, 3)}
    assert recorder.properties["last_error"] == ""
    assert recorder.properties["last_ok"] is True


def test_progress_begins_at_0_is_sent_in_steps_and_ends_at_the_end() -> None:
    recorder = Recorder()
    report = Report(recorder.page())
    for _ in range(2):
        report.starting()
        report.planned(real(), 100_000)
        for done in range(0, 100_001, 200):
            report.batch_done(real(), done, 100_000)
        report.finished(real())
    assert recorder.progress == 2 * list(range(0, 101, 5))


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
    Report(recorder.page()).finished(large())
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
