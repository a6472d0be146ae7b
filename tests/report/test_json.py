"""`--output json`: stdout holds one JSON document and nothing else, however the run ends."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cleanup.sandbox import Sandbox
from tests.agent.repository import published
from tests.report.runs import SCRIPT, run

JSON = ("--no-run-as-service", "--output", "json")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        made.add_task("draft", "p", archived=True, age_days=60)
        yield made


def test_a_pipe_to_a_json_tool_works(sandbox: Sandbox) -> None:
    script = shlex.join([sys.executable, str(SCRIPT), *JSON, "--dry-run"])
    tool = shlex.join([sys.executable, "-m", "json.tool", "--compact"])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{script} | {tool}"],
        env={**os.environ, **sandbox.environment()},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["numbers"]["deleted"] == 1


def test_wrong_settings_are_a_document_a_message_and_code_2(sandbox: Sandbox) -> None:
    done = run(sandbox, *JSON, "--delete-threshold-days", "9O")
    assert done.code == 2
    document = json.loads(done.out)
    assert document["ok"] is False
    assert "delete_threshold_days = '9O'" in document["error"]
    assert document["error"] in done.err
    assert done.task["status"] == "failed"


def test_a_project_that_does_not_exist_is_a_document_a_message_and_code_2(sandbox: Sandbox) -> None:
    done = run(sandbox, *JSON, "--projects", "nowhere")
    assert done.code == 2
    assert "nowhere" in json.loads(done.out)["error"]
    assert "nowhere" in done.err


@pytest.mark.parametrize(
    ("environment", "words"),
    [({"CLEARML_API_HOST": "http://127.0.0.1:9"}, "127.0.0.1:9"), ({"CLEARML_API_SECRET_KEY": "wrong"}, "credentials")],
)
def test_no_server_is_a_document_a_message_and_code_3(
    sandbox: Sandbox, environment: dict[str, str], words: str
) -> None:
    done = run(sandbox, *JSON, **environment)
    assert done.code == 3
    assert done.task == {}
    document = json.loads(done.out)
    assert document["ok"] is False
    assert words in document["error"]
    assert document["error"] in done.err


def test_an_unknown_flag_leaves_stdout_empty_and_is_code_2(sandbox: Sandbox) -> None:
    done = run(sandbox, *JSON, "--no-such-flag")
    assert (done.code, done.out, done.task) == (2, "", {})
    assert "unrecognized arguments: --no-such-flag" in done.err


def test_what_is_enqueued_has_no_result_here_and_leaves_stdout_empty(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.add_queue("services")
    script = published(tmp_path).script
    done = run(sandbox, "--output", "json", script=script)
    assert (done.code, done.out) == (0, "")
    assert done.task["status"] == "queued"
    assert "Enqueuing" in done.err


def test_without_it_a_run_that_cannot_start_says_why_on_stderr(sandbox: Sandbox) -> None:
    done = run(sandbox, "--no-run-as-service", CLEARML_API_HOST="http://127.0.0.1:9")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("No cleanup: ")


def test_a_console_that_cannot_write_names_ends_nothing(sandbox: Sandbox) -> None:
    task = sandbox.add_task("訓練", "p", archived=True, age_days=60)
    done = run(sandbox, "--no-run-as-service", "--dry-run", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.code == 0, done.err
    (line,) = [line for line in done.out.splitlines() if task in line and "  p  " in line]
    assert line.startswith("??  ")
    sandbox.remove_task(task)
