"""The real SDK goes its whole way against the sandbox, each part in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cleanup.sandbox import Sandbox
from cleanup.sandbox.calls import HANDLERS

SCRIPT = Path(__file__).with_name("full_course.py")
Course = Callable[..., Any]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        made.add_queue("services")
        yield made


@pytest.fixture(scope="module")
def course(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Course:
    folder = tmp_path_factory.mktemp("course")
    configuration = folder / "clearml.conf"
    # By default the SDK forks to report while a thread of its own starts git, and now and then waits for ever.
    configuration.write_text("sdk { development { report_use_subprocess: false } }")

    def run(*arguments: str) -> Any:
        environment = {**os.environ, **sandbox.environment(), "CLEARML_CONFIG_FILE": str(configuration)}
        command = [sys.executable, str(SCRIPT), *arguments]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        return json.loads(lines[0].removeprefix("RESULT ")) if lines else None

    return run


@pytest.fixture(scope="module")
def trained(course: Course) -> str:
    return str(course("train"))


def test_what_a_task_reported_and_uploaded_comes_back(course: Course, trained: str) -> None:
    assert course("look_back", trained) == {
        "id": trained,
        "status": "completed",
        "parameters": {"General/a": "1", "General/b": "2.5", "General/c": "True", "General/d": "text"},
        "numbers": [0, 1, 2, 3, 4],
        "scalars": [1.0, 0.5, 1 / 3],
        "single": {"single": 3.0},
        "console": True,
        "configuration": True,
        "model": "w" * 100,
    }


def test_seeded_addresses_have_the_form_of_uploaded_ones(sandbox: Sandbox, trained: str) -> None:
    def folder(uri: str) -> str:
        return uri.partition(f".{trained}/")[0]

    uploaded = {item["key"]: item["uri"] for item in sandbox.tasks[trained]["execution"]["artifacts"]}["numbers"]
    assert folder(sandbox.put_file(f"{sandbox.folder(trained)}/artifacts/x/x.bin")) == folder(uploaded)
    sampled = {event["url"] for event in sandbox.events(trained) if event["type"] == "training_debug_image"}
    assert len(sampled) == 3
    assert {folder(uri) for uri in sampled} == {folder(uploaded)}


def test_clone_edit_enqueue_and_archive(course: Course, sandbox: Sandbox, trained: str) -> None:
    seen = course("manage", trained)
    clone = seen["clone"]
    assert (clone["status"], clone["a"]) == ("queued", "7")
    assert sandbox.tasks[clone["id"]]["parent"] == trained
    (queue,) = sandbox.queues.values()
    assert [entry["task"] for entry in queue["entries"]] == [clone["id"]]
    assert seen["archived"] == [trained]
    assert "archived" in sandbox.tasks[trained]["system_tags"]
    (model,) = [model for model in sandbox.models.values() if model["task"] == trained]
    assert [entry["model"] for entry in sandbox.tasks[seen["user"]]["models"]["input"]] == [model["id"]]
    course("delete", trained)
    assert trained not in sandbox.tasks
    left = {path for path in sandbox.files() if f".{trained}/" in path}
    assert {path.rpartition("/")[2] for path in left} == {"weights.bin", "x.bin"}, "in use, and never registered"


def test_execute_remotely_leaves_the_task_in_the_queue(course: Course, sandbox: Sandbox) -> None:
    course("send_away")
    (task,) = [task for task in sandbox.tasks.values() if task["name"] == "remote"]
    assert task["status"] == "queued"
    assert task["id"] in {entry["task"] for queue in sandbox.queues.values() for entry in queue["entries"]}


def test_the_sdk_asked_for_nothing_unknown(sandbox: Sandbox) -> None:
    asked = {name for name in sandbox.requests if not name.startswith("files.")}
    assert asked - set(HANDLERS) == {"auth.login"}
