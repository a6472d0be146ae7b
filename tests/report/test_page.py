"""The task's page: what one cycle leaves there, what the next one replaces, and that it never holds up the work."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.base.errors import CredentialsError, ServerError, ServerUnreachable
from cleanup.base.text import columns
from cleanup.cycle.result import CycleResult, Failed, Gone, Kept, KeptFile
from cleanup.report import Report, property_names
from cleanup.report import page as page_module
from tests.report.recorder import Recorder
from tests.report.results import CASES, NAMES, NOW, real, task


def shown(cell: str) -> tuple[list[Any], str]:
    """What a browser makes of a cell: tags with their attributes, and the text."""
    tags, text, parser = list[Any](), list[str](), HTMLParser()
    parser.handle_starttag = lambda *tag: tags.append(tag)  # type: ignore[method-assign]
    parser.handle_data = text.append  # type: ignore[method-assign]
    parser.feed(cell)
    parser.close()
    return tags, "".join(text)


@given(st.text(min_size=1, max_size=60) | st.sampled_from(NAMES))
def test_a_name_is_text_on_the_page_whatever_it_is(name: str) -> None:
    result = CycleResult(
        started=NOW,
        dry_run=True,
        deleted=[Gone(task(1, name), 0, 0)],
        kept=[Kept(task(2, name), name)],
        failed=[Failed(task(3, name), name)],
        kept_files=[KeptFile(f"{1:032x}", name, name)],
        projects={"a" * 32: name},
    )
    tables = Recorder(result).tables.values()
    found = [tag for _, *rows in tables for row in rows for cell in row for tag in shown(cell)[0]]
    assert found == [("a", [("href", f"projects/*/experiments/{number:032x}")]) for number in (1, 3, 2, 1)]


@pytest.mark.parametrize("name", CASES)
def test_a_table_fits_its_card_and_every_property_is_one_that_the_next_run_clears(name: str) -> None:
    """In the widest of the usual fonts a digit has 7.63 pixels, and few signs have less than 4."""
    result = CASES[name]
    recorder = Recorder(result)
    for table, (header, *rows) in recorder.tables.items():
        widths = recorder.widths[table]
        assert (len(header) <= 5, sum(widths) <= 521, len(rows) <= 501) == (True, True, True)
        for column, width in zip(zip(header, *rows[:-1], strict=True), widths, strict=True):
            for word in [word for cell in column for word in shown(cell)[1].split()]:
                least = 7.63 if re.fullmatch("[0-9a-f]+", word) else 4.0
                assert columns(word) * least <= width - 16, (table, word)

    assert set(recorder.properties) <= set(property_names())
    assert recorder.properties["last_ok"] is result.ok is not bool(recorder.properties["last_error"])
    assert recorder.artifacts == ({"plan": result.plan} if result.plan else {})


def test_a_long_path_is_broken_where_its_column_ends_and_reads_as_it_was_written() -> None:
    for path, broken in (
        ("models/" + "M" * 20, "models/MMMM MMMMMMMM MMMMMMMM"),
        ("m/" + "%25E8%25A8%2593" * 2 + "/last.pt", "m/訓訓/last.pt"),
        ("訓" * 12, "訓訓訓訓訓訓訓訓 訓訓訓訓"),
    ):
        kept = KeptFile(f"{1:032x}", f"s3://b/t.{1:032x}/{path}", f"{2:032x}")
        recorder = Recorder(CycleResult(started=NOW, kept_files=[kept]))
        assert recorder.tables["4 kept files, by reason"][1][1:] == [broken, f"{2:032x}"]


def test_the_next_cycle_replaces_the_tables_and_adds_one_point_to_each_line() -> None:
    recorder = Recorder()
    report = Report(recorder.page())
    for result in (real(), CASES["nothing"], CASES["nothing"]):
        report.starting()
        report.finished(result)
    assert [row[0] for _, row in recorder.tables.values()] == ["none"] * 6
    assert {tuple(iteration for iteration, _ in points) for points in recorder.scalars.values()} == {(1, 2, 3)}
    assert (recorder.properties["last_ok"], recorder.properties["last_error"]) == (True, "")


def test_progress_begins_at_0_is_sent_in_steps_and_ends_where_the_cycle_does() -> None:
    recorder = Recorder()
    report = Report(recorder.page())
    for result, share in ((real(), 1.0), (CASES["interrupted"], 0.33)):
        report.starting()
        report.planned(result, 100_000)
        for done in range(0, int(100_000 * share) + 1, 200):
            report.batch_done(result, done, 100_000)
        report.finished(result)
    assert recorder.progress == [*range(0, 101, 10), *range(0, 31, 10)]
    assert recorder.properties["last_error"] == CASES["interrupted"].interrupted


def test_cycles_that_fail_are_shown_with_since_when_until_one_succeeds() -> None:
    recorder = Recorder()
    report = Report(recorder.page())
    since = "2026-03-01 04:30:00 UTC"
    for result in (real(), replace(real(), started=NOW + timedelta(days=1))):
        report.finished(result)
        assert recorder.properties["failing_since"] == since
    report.failed(ServerError("a 500"))
    last = [recorder.properties[name] for name in ("last_ok", "last_error", "failing_since")]
    assert last == [False, "a 500", since]
    report.finished(CASES["nothing"])
    assert (recorder.properties["last_ok"], recorder.properties["failing_since"]) == (True, "")

    recorder.properties.clear()
    for away in (ServerUnreachable("away"), CredentialsError("refused")):
        report.failed(away)
    assert recorder.properties == {}, "a server that is away is not asked to show that"


def test_a_page_that_fails_or_hangs_is_left_alone_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = Recorder()
    recorder.report_table = None  # type: ignore[method-assign, assignment]
    Report(recorder.page()).finished(real())
    assert "The task's page could not be updated: TypeError(" in capsys.readouterr().out

    monkeypatch.setattr(page_module, "PATIENCE", 0.01)
    recorder, free, asked = Recorder(), threading.Event(), list[int]()
    recorder.set_progress = lambda percent: (asked.append(percent), free.wait(30))[0]
    report = Report(recorder.page())
    report.planned(real(), 8)
    report.batch_done(real(), 8, 8)
    report.finished(real())
    assert (asked, recorder.tables) == ([0], {})
    assert capsys.readouterr().out.splitlines()[-1].endswith("and was not updated")
    free.set()
