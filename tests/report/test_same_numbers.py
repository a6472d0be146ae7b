"""The real script on the sandbox: console, task page, JSON, artifact and exit code tell of the same numbers.

With `--output json` stdout holds one JSON document and nothing else. What cannot start: tests/service/ways.py.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cleanup.launch.lifecycle import COMMENT
from cleanup.report.figures import numbers, shown_numbers
from cleanup.sandbox import Sandbox
from cleanup.settings import defaults, descriptions
from tests.agent.repository import published
from tests.report.results import dry_run, real

SCRIPT = Path(__file__).parents[2] / "cleanup_service.py"
FOREIGN = "http://127.0.0.1:9"
"""Says that it is a file server, and is none that the service knows."""


def fill(sandbox: Sandbox) -> None:
    """Make tasks of every fate, one with a file on a lost file server."""
    old: dict[str, Any] = {"archived": True, "age_days": 60}
    for number in range(6):
        task = sandbox.add_task(f"experiment {number}", f"good/{number % 2}", "completed", **old)
        sandbox.add_artifact(task, "data", b"x" * 1000)
        sandbox.add_debug_samples(task, number)
        sandbox.add_model(task, "weights")
    for number in range(3):
        sandbox.add_task(f"draft {number}", "good/drafts", **old)
    odd = sandbox.add_task("<img src=x onerror=alert(1)>\nÜ 訓練 \x1b[31m", "<b>odd</b> & names/訓練", "failed", **old)
    sandbox.add_artifact(odd, "dataset", uri="s3://elsewhere/data.tar")
    lost = sandbox.add_task("on a lost file server", "bad", "completed", **old)
    sandbox.add_artifact(lost, "data", uri=f"{FOREIGN}/{sandbox.folder(lost)}/artifacts/data/data.bin")
    alive = sandbox.add_task("alive", "good/0", "in_progress", **old)
    sandbox.edit_task(alive, last_update=sandbox.store.now())
    for number in range(2):
        sandbox.add_task(f"tagged {number}", "good/1", "completed", tags=["keep"], **old)
    sandbox.add_task("not archived", "good/1", "completed", age_days=60)


@dataclass
class Run:
    """What one run of the script left: for the caller, and on the server under its own task."""

    code: int
    out: str
    err: str
    task: dict[str, Any] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    """The lines on the task's console page."""
    scalars: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)
    """The one point of each line."""
    plan: list[dict[str, Any]] = field(default_factory=list)

    @property
    def properties(self) -> dict[str, str]:
        return {name: item["value"] for name, item in self.task["hyperparams"]["properties"].items()}


def run(sandbox: Sandbox, *arguments: str, on_terminal: bool = False, script: Path = SCRIPT, **environment: str) -> Run:
    """Run the script to its end; ``on_terminal``: with stderr on one."""
    before = set(sandbox.tasks)
    environment = {**os.environ, **sandbox.environment(), **environment}
    done = _ended([sys.executable, str(script), *arguments], environment, on_terminal)
    (done.task,) = (task for task in sandbox.tasks.values() if task["id"] not in before)
    for event in sandbox.events(done.task["id"]):
        if event["type"] == "log":
            done.log += event["msg"].splitlines()
        elif event["type"] == "training_stats_scalar":
            line = event["metric"], event["variant"]
            assert line not in done.scalars
            done.scalars[line] = event["iter"], event["value"]
    if done.task["execution"].get("artifacts"):
        (path,) = sandbox.files_root.glob(f"**/*.{done.task['id']}/artifacts/plan/plan.jsonl.gz")
        with gzip.open(path, "rt") as lines:
            done.plan = [json.loads(line) for line in lines]
    return done


def _ended(command: list[str], environment: dict[str, str], on_terminal: bool) -> Run:
    seen, stderr = pty.openpty() if on_terminal else os.pipe()
    shown = b""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=stderr)
        os.close(stderr)
        # On a terminal it is an error to read on once the last process there has ended.
        with contextlib.suppress(OSError):
            while part := os.read(seen, 65_536):
                shown += part
        os.close(seen)
        code = process.wait(300)
        out.seek(0)
        return Run(code, out.read(), shown.decode())


REACH = ("--no-run-as-service", "--force-delete", "--keep-tags", "keep")
NUMBERS = list(numbers(real()))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        made.add_queue("services")
        yield made


@pytest.fixture(scope="module")
def runs(sandbox: Sandbox) -> dict[str, Run]:
    """What four runs in a row make of one archive."""
    fill(sandbox)
    return {
        # As JSON, on a terminal that cannot write all names.
        "dry": run(sandbox, *REACH, "--dry-run", "--output", "json", on_terminal=True, PYTHONIOENCODING="ascii"),
        "done": run(sandbox, *REACH),
        "ignoring": run(sandbox, *REACH, "--ignore-file-errors", "--output", "json"),
        # Nothing more to do, but for drafts alone.
        "empty": run(sandbox, "--no-run-as-service", "--output=json"),
    }


@pytest.fixture(params=["dry", "done", "ignoring", "empty"])
def each(request: pytest.FixtureRequest, runs: dict[str, Run]) -> Run:
    return runs[request.param]


def told(found: Run) -> dict[str, float]:
    """The numbers of a run as its task's properties say them, under their plain names."""
    plain = dict(zip(shown_numbers(dry_run()), NUMBERS, strict=True))
    said = {name.removeprefix("last_"): value for name, value in found.properties.items()}
    return {plain.get(name, name): float(value) for name, value in said.items() if plain.get(name, name) in NUMBERS}


def test_what_is_told_of_this_world_is_what_is_in_it(runs: dict[str, Run]) -> None:
    """Six experiments, three drafts, an odd one and one on a lost file server; one alive, two with the tag."""
    every = {"matched": 14, "deleted": 10, "kept": 3, "failed": 1, "bytes_freed": 6 * 1000}
    every |= {"files_deleted": 6 + 6 + (0 + 1 + 2 + 3 + 4 + 5), "files_already_gone": 0, "files_unnamed": 0}
    every |= {"files_failed": 1, "files_kept": 1}
    assert told(runs["dry"]).items() >= every.items() <= told(runs["done"]).items()
    every |= {"matched": 4, "deleted": 1, "failed": 0, "files_deleted": 0, "files_kept": 0, "bytes_freed": 0}
    assert told(runs["ignoring"]).items() >= every.items()
    assert told(runs["empty"])["matched"] == 0


def test_console_log_page_graphs_and_json_tell_the_same(each: Run) -> None:
    expected = told(each)
    assert list(expected) == NUMBERS
    matched, deleted, kept, failed = (f"{expected[name]:.0f}" for name in ("matched", "deleted", "kept", "failed"))
    sums = f"{deleted} (would be )?deleted \\+ {kept} kept \\+ {failed} (would )?fail"
    tasks = f"finished in [\\d.]+ seconds: {matched} tasks? matched(, nothing to delete| = {sums})"
    files = f"Files: {expected['files_deleted']:.0f} (would be )?deleted"
    for text in (each.out + each.err, "\n".join(each.log)):
        assert re.search(tasks, text)
        assert (
            bool(re.search(files, text))
            is ("Files: " in text)
            is bool(expected["files_deleted"] or expected["files_failed"])
        )
    assert {cycle for cycle, _ in each.scalars.values()} == {1}
    assert sorted(value for _, value in each.scalars.values()) == pytest.approx(sorted(expected.values()))
    if each.out.startswith("{"):
        document = json.loads(each.out)
        assert (document["numbers"], document["ok"]) == (expected, each.code == 0)


def test_exit_code_status_and_page_mean_the_same(runs: dict[str, Run]) -> None:
    """A dry run that works is completed: what would fail is its finding."""
    assert [found.code for found in runs.values()] == [1, 1, 1, 0]
    assert [found.properties["last_ok"] for found in runs.values()] == ["False"] * 3 + ["True"]
    assert [found.task["status"] for found in runs.values()] == ["completed", "failed", "failed", "completed"]
    assert {found.task["runtime"]["progress"] for found in runs.values()} == {"100"}
    why = r"Not all could be done: 1 task, 1 file failed; the first: task on a lost file server \(.*not a ClearML file"
    assert re.match(why, runs["done"].task["status_message"])
    assert runs["empty"].properties["last_error"] == ""


def test_what_the_plan_names_is_what_goes(sandbox: Sandbox, runs: dict[str, Run]) -> None:
    dry, done = runs["dry"], runs["done"]
    planned = {task["id"] for task in json.loads(dry.out)["tasks_deleted"]}
    assert {line["task"] for line in dry.plan if "task" in line} == planned
    assert (dry.plan[0]["made_by"], done.plan) == (dry.task["id"], [])
    assert len(planned) == told(done)["deleted"]
    assert not planned & set(sandbox.tasks)


def test_a_bar_and_what_it_can_write_of_the_plan_on_the_terminal_and_no_bar_in_the_log(runs: dict[str, Run]) -> None:
    dry, done = runs["dry"], runs["done"]
    assert re.search(r"\d+%\|", dry.err)
    assert "<img src=x onerror=alert(1)> ? ?? [31m" in dry.err
    for text in ("\n".join(dry.log), done.out, done.err):
        assert not re.search(r"%\||task/s|\r", text)


def test_the_page_says_what_it_is_and_what_each_parameter_does(each: Run) -> None:
    assert (each.task["name"], each.task["type"], each.task["comment"]) == ("Cleanup Service", "service", COMMENT)
    general = each.task["hyperparams"]["General"]
    assert {name: item["description"] for name, item in general.items()} == descriptions()
    types = {name: type(value).__name__ for name, value in defaults().items()}
    assert {name: item["type"] for name, item in general.items()} == types
    assert len(each.log) < 60
    assert max(len(line) for line in each.log) < 1000


@pytest.mark.slow
def test_what_is_enqueued_has_no_result_here_and_leaves_stdout_empty(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run(sandbox, "--output", "json", script=published(tmp_path).script)
    assert (done.code, done.out, done.task["status"]) == (0, "", "queued")
    assert "Enqueuing" in done.err
