"""The real script on the sandbox: console, task page, JSON, artifact and exit code tell of the same numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from cleanup.launch.lifecycle import COMMENT
from cleanup.report.figures import IN_A_DRY_RUN, numbers
from cleanup.sandbox import Sandbox
from cleanup.settings import defaults, descriptions
from tests.report.results import real
from tests.report.runs import Run, fill, run

REACH = ("--no-run-as-service", "--force-delete", "--keep-tags", "keep")
NUMBERS = set(numbers(real()))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def lost(sandbox: Sandbox) -> str:
    return fill(sandbox)


@pytest.fixture(scope="module")
def dry(sandbox: Sandbox, lost: str) -> Run:
    """First a dry run, as JSON, on a terminal."""
    return run(sandbox, *REACH, "--dry-run", "--output", "json", on_terminal=True)


@pytest.fixture(scope="module")
def done(sandbox: Sandbox, dry: Run) -> Run:
    """Then for real."""
    return run(sandbox, *REACH)


@pytest.fixture(scope="module")
def ignoring(sandbox: Sandbox, done: Run) -> Run:
    """Then without regard to files that cannot be deleted, as JSON."""
    return run(sandbox, *REACH, "--ignore-file-errors", "--output", "json")


@pytest.fixture(scope="module")
def empty(sandbox: Sandbox, ignoring: Run) -> Run:
    """Then there is nothing more to do, but for drafts alone."""
    return run(sandbox, "--no-run-as-service", "--output=json")


@pytest.fixture(params=["dry", "done", "ignoring", "empty"])
def each(request: pytest.FixtureRequest) -> Run:
    found: Run = request.getfixturevalue(request.param)
    return found


def told(found: Run) -> dict[str, float]:
    """The numbers of a run as its task's properties say them, under their plain names."""
    plain = {f"last_{would}": name for name, would in IN_A_DRY_RUN.items()}
    said = {plain.get(name, name.removeprefix("last_")): value for name, value in found.properties.items()}
    return {name: float(value) for name, value in said.items() if name in NUMBERS}


def on_console(text: str) -> dict[str, float]:
    """The numbers in the summary on a console; those that are 0 may be left out."""
    (tasks,) = re.findall(r"finished in [\d.]+ seconds: (.*)", text)
    (files,) = re.findall(r"^Files: (.*)", text, re.MULTILINE) or [""]
    names = {
        "matched": "tasks? matched",
        "deleted": "(?:would be )?deleted",
        "kept": "kept",
        "failed": "(?:would )?fail",
    }
    found = {}
    for prefix, said in (("", tasks), ("files_", files)):
        for name, words in {**names, "already_gone": "already gone"}.items():
            found[prefix + name] = float((re.findall(rf"(\d+) {words}", said) or ["0"])[0])
    return {name: value for name, value in found.items() if name in NUMBERS}


def test_what_is_told_of_this_world_is_what_is_in_it(dry: Run, done: Run, ignoring: Run, empty: Run) -> None:
    """Six experiments, three drafts, an odd one and one on a lost file server; one alive, two with the tag."""
    files = 6 + 6 + (0 + 1 + 2 + 3 + 4 + 5)
    every = {"matched": 14, "deleted": 10, "kept": 3, "failed": 1, "files_deleted": files, "files_failed": 1}
    every |= {"files_already_gone": 0, "files_kept": 1, "files_unnamed": 0, "bytes_freed": 6 * 1000}
    for found in (dry, done):
        assert {name: told(found)[name] for name in every} == every
    every |= {"matched": 4, "deleted": 1, "failed": 0, "files_deleted": 0, "files_kept": 0, "bytes_freed": 0}
    assert {name: told(ignoring)[name] for name in every} == every
    assert told(empty)["matched"] == 0


def test_console_log_page_graphs_and_json_tell_the_same(each: Run) -> None:
    expected = told(each)
    assert set(expected) == NUMBERS
    assert expected["matched"] == expected["deleted"] + expected["kept"] + expected["failed"]
    shown = on_console(each.out + each.err)
    assert shown == {name: expected[name] for name in shown}
    assert on_console("\n".join(each.log)) == shown
    assert {cycle for cycle, _ in each.scalars.values()} == {1}
    assert sorted(value for _, value in each.scalars.values()) == pytest.approx(sorted(expected.values()))
    assert {title for title, _ in each.scalars} == {"tasks", "files", "models", "bytes", "seconds"}
    if each.out.startswith("{"):
        document = json.loads(each.out)
        assert document["numbers"] == expected
        assert document["ok"] is (each.code == 0)


def rows(found: Run, name: str) -> list[tuple[str, ...]]:
    """The rows of a table on the page, none if it says that there are none."""
    return [row for row in found.tables[name] if row[0] != "none"]


def test_the_tables_hold_as_many_rows_as_the_numbers_say(each: Run) -> None:
    expected = told(each)
    is_dry = "last_would_delete" in each.properties
    assert len(rows(each, f"{'would be ' if is_dry else ''}deleted, oldest first")) == expected["deleted"]
    assert len(rows(each, "kept tasks, by reason")) == expected["kept"]
    assert len(rows(each, "kept files, by reason")) == expected["files_kept"]
    left_behind = expected["files_failed"] if not expected["failed"] else 0
    assert len(rows(each, "would fail" if is_dry else "failed")) == expected["failed"] + left_behind
    assert sum(int(row[1]) for row in rows(each, "projects, most files first")) == expected["deleted"]
    assert sum(int(row[1]) for row in rows(each, "storages")) == expected["files_deleted"]


def test_exit_code_status_and_page_mean_the_same(dry: Run, done: Run, ignoring: Run, empty: Run) -> None:
    """A dry run that works is completed: what would fail is its finding."""
    runs = (dry, done, ignoring, empty)
    assert [found.code for found in runs] == [1, 1, 1, 0]
    assert [found.properties["last_ok"] for found in runs] == ["False"] * 3 + ["True"]
    assert [found.task["status"] for found in runs] == ["completed", "failed", "failed", "completed"]
    assert {found.task["runtime"]["progress"] for found in runs} == {"100"}
    assert "not a ClearML file server that this service knows" in done.task["status_message"]
    assert empty.properties["last_error"] == ""


def test_what_the_plan_names_is_what_goes(dry: Run, done: Run, sandbox: Sandbox, lost: str) -> None:
    document = json.loads(dry.out)
    planned = {task["id"] for task in document["tasks_deleted"]}
    listed = {line["task"]: line for line in dry.artifacts["plan"] if "task" in line}
    assert listed.keys() == planned
    assert dry.artifacts["plan"][0]["made_by"] == dry.task["id"]
    assert done.artifacts == {}
    assert len(planned) == told(done)["deleted"]
    assert not planned & set(sandbox.tasks)
    assert [task["id"] for task in document["tasks_failed"]] == [lost]
    ((name, *_),) = done.tables["failed"]
    assert name == f"<a href='projects/*/experiments/{lost}'>on a lost file server</a>"


def test_a_bar_on_the_terminal_and_none_in_the_log(dry: Run, done: Run) -> None:
    assert re.search(r"\d+%\|", dry.err)
    for text in ("\n".join(dry.log), done.out, done.err):
        assert not re.search(r"%\||task/s|\r", text)


def test_the_page_says_what_it_is_and_what_each_parameter_does(each: Run) -> None:
    assert each.task["comment"] == COMMENT
    general = each.task["hyperparams"]["General"]
    assert {name: item["description"] for name, item in general.items()} == descriptions()
    assert {name: item["type"] for name, item in general.items()} == {
        name: type(value).__name__ for name, value in defaults().items()
    }
    assert (each.task["name"], each.task["type"]) == ("Cleanup Service", "service")
    assert len(each.log) < 60
    assert max(len(line) for line in each.log) < 1000
