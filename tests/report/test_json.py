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
    command = ["bash", "-o", "pipefail", "-c", f"{script} | {tool}"]
    environment = {**os.environ, **sandbox.environment()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["numbers"]["deleted"] == 1


@pytest.mark.parametrize(
    ("flags", "environment", "code", "words"),
    [
        (["--projects", "nowhere"], {}, 2, "nowhere"),
        (["--no-such-flag"], {}, 2, "unrecognized arguments: --no-such-flag"),
        ([], {"CLEARML_API_HOST": "http://127.0.0.1:9"}, 3, "127.0.0.1:9"),
        ([], {"CLEARML_API_SECRET_KEY": "wrong"}, 3, "credentials"),
    ],
)
def test_what_cannot_start_is_a_document_a_message_a_code_and_no_task(
    flags: list[str], environment: dict[str, str], code: int, words: str, sandbox: Sandbox
) -> None:
    done = run(sandbox, *JSON, *flags, **environment)
    document = json.loads(done.out)
    assert (done.code, document["ok"], done.task) == (code, False, {})
    assert words in document["error"]
    assert document["error"] in done.err


def test_what_is_enqueued_has_no_result_here_and_leaves_stdout_empty(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.add_queue("services")
    done = run(sandbox, "--output", "json", script=published(tmp_path).script)
    assert (done.code, done.out, done.task["status"]) == (0, "", "queued")
    assert "Enqueuing" in done.err


def test_without_it_a_run_that_cannot_start_says_why(sandbox: Sandbox) -> None:
    done = run(sandbox, "--no-run-as-service", "--projects", "nowhere")
    assert (done.code, (done.out + done.err).startswith("No cleanup: ")) == (2, True)


def test_a_console_that_cannot_write_names_ends_nothing(sandbox: Sandbox) -> None:
    task = sandbox.add_task("訓練", "p", archived=True, age_days=60)
    done = run(sandbox, "--no-run-as-service", "--dry-run", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.code == 0, done.err
    (line,) = [line for line in done.out.splitlines() if line.endswith(task)]
    assert line.startswith("??  ")
