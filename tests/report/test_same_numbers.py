"""The real script on the sandbox: console, task page, JSON, artifact and exit code tell of the same numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from cleanup.launch.lifecycle import COMMENT
from cleanup.report.figures import numbers
from cleanup.sandbox import Sandbox
from cleanup.settings import defaults, descriptions
from tests.report.results import real
from tests.report.runs import Run, fill, run

REACH = ("--no-run-as-service", "--force-delete", "--keep-tags", "keep")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def ids(sandbox: Sandbox) -> dict[str, str]:
    return fill(sandbox)


@pytest.fixture(scope="module")
def dry(sandbox: Sandbox, ids: dict[str, str]) -> Run:
    """First a dry run."""
    return run(sandbox, *REACH, "--dry-run")


@pytest.fixture(scope="module")
def dry_json(sandbox: Sandbox, dry: Run) -> Run:
    """Then the same as JSON, on a terminal."""
    return run(sandbox, *REACH, "--dry-run", "--output", "json", on_terminal=True)


@pytest.fixture(scope="module")
def done(sandbox: Sandbox, dry_json: Run) -> Run:
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


@pytest.fixture(params=["dry", "dry_json", "done", "ignoring", "empty"])
def each(request: pytest.FixtureRequest) -> Run:
    found: Run = request.getfixturevalue(request.param)
    return found


def on_console(text: str) -> dict[str, float]:
    """The numbers in the summary on a console."""
    (first,) = re.findall(
        r"finished in ([\d.]+) seconds: (\d+) tasks? matched "
        r"= (\d+) (?:would be )?deleted \+ (\d+) kept \+ (\d+) failed",
        text,
    )
    (files,) = re.findall(
        r"Files: (\d+) (?:would be )?deleted, (\d+) already gone, (\d+) kept, (\d+) failed; ([\d.]+ \w+) of known",
        text,
    )
    size, unit = files[4].split()
    return {
        **dict(zip(("seconds", "matched", "deleted", "kept", "failed"), map(float, first), strict=True)),
        **dict(zip(FILES, map(float, files[:4]), strict=True)),
        "bytes_freed": float(size) * {"bytes": 1, "KB": 1000}[unit],
    }


FILES = ("files_deleted", "files_already_gone", "files_kept", "files_failed")


def told(found: Run) -> dict[str, float]:
    """The numbers of a run as its task's properties say them, under their plain names."""
    plain = {"would_delete": "deleted", "files_would_delete": "files_deleted", "bytes_would_free": "bytes_freed"}
    names = {name.removeprefix("last_"): value for name, value in found.properties.items()}
    return {plain.get(name, name): float(value) for name, value in names.items() if plain.get(name, name) in NUMBERS}


NUMBERS = set(numbers(real()))


def test_what_is_told_of_this_world_is_what_is_in_it(dry: Run, done: Run, ignoring: Run, empty: Run) -> None:
    """Six experiments, three drafts, an odd one and one on a lost file server; one alive, two with the tag."""
    samples = 0 + 1 + 2 + 3 + 4 + 5
    every = {"matched": 14, "deleted": 11, "kept": 3, "failed": 0, "files_deleted": 6 + 6 + samples + 1}
    every |= {"files_already_gone": 0, "files_kept": 1, "files_failed": 0}
    assert {name: told(dry)[name] for name in every} == every
    every |= {"deleted": 10, "failed": 1, "files_deleted": 6 + 6 + samples, "files_failed": 1}
    assert {name: told(done)[name] for name in every} == every
    every |= {"matched": 4, "deleted": 1, "kept": 3, "failed": 0, "files_deleted": 0, "files_kept": 0}
    assert {name: told(ignoring)[name] for name in every} == every
    assert told(empty)["matched"] == 0


def test_console_and_task_tell_the_same(each: Run) -> None:
    shown = on_console(each.out + each.err + each.screen)
    expected = told(each)
    assert set(shown) == set(expected) == NUMBERS
    assert shown.pop("seconds") == round(expected.pop("seconds"), 1)
    assert shown.pop("bytes_freed") == pytest.approx(expected.pop("bytes_freed"), rel=0.01)
    assert shown == expected
    assert expected["matched"] == expected["deleted"] + expected["kept"] + expected["failed"]


def test_the_log_of_the_task_is_what_the_console_showed(each: Run) -> None:
    assert on_console("\n".join(each.log)) == on_console(each.out + each.err + each.screen)


def test_every_graph_has_one_point_a_cycle_with_the_number_of_the_task(each: Run) -> None:
    assert {len(points) for points in each.scalars.values()} == {1}
    values = sorted(points[0][1] for points in each.scalars.values())
    assert values == pytest.approx(sorted(told(each).values()))
    assert {points[0][0] for points in each.scalars.values()} == {1}
    titles = {title for title, _ in each.scalars}
    assert titles == {"tasks", "files", "bytes", "seconds"}


def test_a_dry_run_claims_no_deletion_on_the_page(dry: Run, done: Run) -> None:
    assert ("tasks", "would delete") in dry.scalars
    assert ("tasks", "deleted") not in dry.scalars
    assert "last_deleted" not in dry.properties
    assert "deleted" not in dry.tables
    assert ("tasks", "deleted") in done.scalars
    assert "last_would_delete" not in done.properties


def test_the_tables_hold_as_many_rows_as_the_numbers_say(each: Run) -> None:
    went = each.tables["would be deleted" if "last_would_delete" in each.properties else "deleted"]
    for table, name in ((went, "deleted"), (each.tables["kept"], "kept")):
        rows = [entry for entry in table["id"] if entry]
        assert len(rows) == told(each)[name]
    failed = [entry for entry in each.tables["failures"]["id"] if entry]
    assert len(failed) == told(each)["failed"] + (told(each)["failed"] == 0) * told(each)["files_failed"]
    projects = each.tables["projects"]
    assert sum(int(tasks) for tasks in projects["tasks"] if tasks) == told(each)["deleted"]
    files = [int(many) for many in each.tables["storages"]["files"] if many]
    assert sum(files) == told(each)["files_deleted"]


def test_the_exit_code_is_what_the_numbers_mean(dry: Run, done: Run, ignoring: Run, empty: Run) -> None:
    assert [entry.code for entry in (dry, done, ignoring, empty)] == [1, 1, 1, 0]
    assert [entry.properties["last_ok"] for entry in (dry, done, ignoring, empty)] == ["False"] * 3 + ["True"]
    assert [entry.task["status"] for entry in (dry, done, ignoring, empty)] == ["failed"] * 3 + ["completed"]


def test_the_status_says_why(done: Run, empty: Run) -> None:
    assert "not a ClearML file server that this service knows" in done.task["status_message"]
    (error,) = done.tables["failures"]["error and what to do"]
    assert error.startswith(done.properties["last_error"].removesuffix("…"))
    assert empty.properties["last_error"] == ""


def test_a_failed_task_is_shown_with_name_id_link_reason_and_way_out(done: Run, ids: dict[str, str]) -> None:
    (line,) = [line for line in done.out.splitlines() if line.startswith("Failed:")]
    link = done.out.splitlines()[done.out.splitlines().index(line) + 1]
    for text in ("on a lost file server", ids["foreign"], "sdk.storage.http.legacy_fileservers"):
        assert text in line
    assert re.fullmatch(rf"    http://127.0.0.1:\d+/projects/\w+/experiments/{ids['foreign']}/output/log", link)
    (cell,) = done.tables["failures"]["task"]
    assert cell == f'<a href="{link.strip()}">on a lost file server</a>'


def test_names_are_shown_on_one_line_and_as_text(dry: Run, ids: dict[str, str]) -> None:
    (line,) = [line for line in dry.out.splitlines() if ids["odd"] in line]
    assert line.startswith("<img src=x onerror=alert(1)> Ü 訓練 [31m ")
    table = dry.tables["would be deleted"]
    row = table["id"].index(ids["odd"])
    assert table["task"][row].endswith(">&lt;img src=x onerror=alert(1)&gt; Ü 訓練 [31m</a>")
    assert table["project"][row] == "&lt;b&gt;odd&lt;/b&gt; &amp; names/訓練"


def plan_of(document: dict[str, Any]) -> dict[str, Any]:
    """A plan without what differs from one run to the next."""
    numbers = {**document["numbers"], "seconds": None}
    return {**document, "started": None, "numbers": numbers}


def test_the_artifact_of_a_dry_run_is_its_json(dry: Run, dry_json: Run) -> None:
    document = json.loads(dry_json.out)
    assert dry_json.artifacts == {"plan": document}
    assert plan_of(dry.artifacts["plan"]) == plan_of(document)


def test_the_json_tells_of_the_same_numbers(dry_json: Run, ignoring: Run, empty: Run) -> None:
    for found in (dry_json, ignoring, empty):
        document = json.loads(found.out)
        assert document["numbers"] == told(found)
        for name in ("deleted", "kept", "failed"):
            assert len(document[f"tasks_{name}"]) == document["numbers"][name]
        assert sum(document["kept_by_reason"].values()) == document["numbers"]["kept"]
        assert sum(document["files_kept_by_reason"].values()) == document["numbers"]["files_kept"]
        assert document["ok"] is (found.code == 0)


def test_what_the_plan_names_is_what_goes(dry_json: Run, done: Run, sandbox: Sandbox, ids: dict[str, str]) -> None:
    planned = {task["id"] for task in json.loads(dry_json.out)["tasks_deleted"]}
    went = {entry for entry in done.tables["deleted"]["id"] if entry}
    assert planned - went == {ids["foreign"]}
    assert not went & set(sandbox.tasks)


def test_the_last_line_of_a_dry_run_says_how_to_do_it_for_real(dry: Run) -> None:
    lines = dry.out.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("Nothing was deleted.")]
    assert "run it again without --dry-run" in lines[at]
    assert not [line for line in lines[at + 1 :] if "deleted" in line]


def test_a_bar_on_the_terminal_and_none_in_the_log(dry_json: Run) -> None:
    assert re.search(r"\d+%\|", dry_json.screen)
    log = "\n".join(dry_json.log)
    assert "%|" not in log
    assert "task/s" not in log
    assert "\r" not in log


def test_where_there_is_no_terminal_there_is_no_bar(dry: Run, done: Run) -> None:
    for found in (dry, done):
        assert "%|" not in found.out + found.err
        assert re.search(r"^\d+ of \d+ tasks? looked at", found.out, re.MULTILINE)


def test_progress_ends_at_the_end(each: Run) -> None:
    assert each.task["runtime"]["progress"] == "100"


def test_the_page_says_what_it_is_and_what_each_parameter_does(each: Run) -> None:
    assert each.task["comment"] == COMMENT
    assert COMMENT.count(". ") == 1, "two sentences"
    general = each.task["hyperparams"]["General"]
    assert {name: item["description"] for name, item in general.items()} == descriptions()
    assert {name: item["type"] for name, item in general.items()} == {
        name: type(value).__name__ for name, value in defaults().items()
    }
    assert (each.task["name"], each.task["type"]) == ("Cleanup Service", "service")


def test_a_cycle_does_not_flood_the_console_page(each: Run) -> None:
    assert len(each.log) < 60
    assert max(len(line) for line in each.log) < 1000
