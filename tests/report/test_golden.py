"""What is shown of hand-made cycles, word for word. `python -m tests.report.test_golden` writes the files anew."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from cleanup.report.report import Report
from tests.report.recorder import Recorder
from tests.report.results import CASES, WEB

FOLDER = Path(__file__).with_name("golden")


def tell(name: str, **parts: Any) -> str:
    """Let a report tell of a whole cycle; return what it prints."""
    result = CASES[name]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        report = Report(**parts)
        report.starting()
        planned = result.matched - len(result.kept)
        if planned:
            report.planned(result, planned)
            report.batch_done(result, planned, planned)
        report.finished(result)
    return said.getvalue()


def console(name: str) -> str:
    return tell(name, web=WEB)


def as_json(name: str) -> str:
    document = io.StringIO()
    tell(name, json_to=document)
    return document.getvalue()


def page(name: str) -> str:
    recorder = Recorder()
    tell(name, page=recorder.page(WEB))
    return recorder.text()


GOLDEN = {f"{name}.txt": (console, name) for name in CASES}
GOLDEN |= {f"{name}_json.txt": (as_json, name) for name in ("dry_run", "real", "interrupted", "nothing")}
GOLDEN |= {f"{name}_page.txt": (page, name) for name in ("dry_run", "real", "interrupted", "nothing")}


@pytest.mark.parametrize("file", GOLDEN)
def test_what_is_shown_is_what_was_agreed(file: str) -> None:
    show, name = GOLDEN[file]
    assert show(name) == (FOLDER / file).read_bytes().decode()


def test_every_golden_file_is_compared() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(GOLDEN)


@pytest.mark.parametrize("name", CASES)
def test_the_json_is_one_document_of_ascii(name: str) -> None:
    text = as_json(name)
    assert text.isascii()
    assert json.loads(text)["numbers"]["matched"] == CASES[name].matched


if __name__ == "__main__":
    for file, (show, name) in GOLDEN.items():
        (FOLDER / file).write_bytes(show(name).encode())
