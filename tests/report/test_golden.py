"""What is shown of hand-made cycles, word for word. `python -m tests.report.test_golden` writes the files anew."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from cleanup.report import Report
from tests.report.recorder import Recorder
from tests.report.results import CASES, WEB

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


if __name__ == "__main__":
    for file, (show, name) in SHOWN.items():
        (FOLDER / file).write_bytes(show(name).encode())
