"""Every way out of the script: the exit code, the status of its task and the message, soon after what ended it."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cleanup.sandbox import Fault, Sandbox
from tests.agent.process import Process, service
from tests.agent.repository import PROJECT
from tests.agent.world import WebUI, services

SCRIPT = PROJECT / "cleanup_service.py"
SOON = 60.0
ONCE = ("--no-run-as-service", "--parallel-requests", "1")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def archive(sandbox: Sandbox, count: int) -> set[str]:
    return {sandbox.add_task(f"old {number}", archived=True, age_days=60) for number in range(count)}


def own(sandbox: Sandbox) -> dict[str, Any]:
    [task] = services(sandbox)
    return task


def when(sandbox: Sandbox, endpoint: str) -> threading.Event:
    """Set once the first request to `endpoint` is in the hands of the server."""
    come = threading.Event()
    sandbox.on_request = lambda at, _: come.set() if at == endpoint else None
    return come


def test_a_signal_while_it_works_ends_it_after_the_request_that_is_open(sandbox: Sandbox, tmp_path: Path) -> None:
    tasks = archive(sandbox, 150)
    deleting = threading.Event()
    process: list[Process] = []

    def interrupt(at: str, _: object) -> None:
        if at == "tasks.delete_many" and not deleting.is_set():
            deleting.set()
            process[0].signal(signal.SIGTERM)

    sandbox.on_request = interrupt
    with service(sandbox, SCRIPT, *ONCE, log=tmp_path / "log") as running:
        process.append(running)
        assert running.exit_code(SOON) == 0, running.output
    assert deleting.is_set()
    assert len(tasks & set(sandbox.tasks)) == 50
    assert (own(sandbox)["status"], own(sandbox)["status_message"]) == (
        "stopped",
        "Stopped as asked, between two requests",
    )
    with service(sandbox, SCRIPT, *ONCE, log=tmp_path / "log") as following:
        assert following.exit_code(SOON) == 0, following.output
    assert not tasks & set(sandbox.tasks)


def test_a_signal_while_it_sleeps_ends_it_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.add_queue("services")
    with service(sandbox, SCRIPT, "--no-run-as-service", log=tmp_path / "first") as first:
        assert first.exit_code(SOON) == 0
    ui = WebUI(sandbox)
    clone = ui.clone(own(sandbox)["id"], run_as_service="True")
    # What an agent sets for the process that it starts.
    as_agent = {"CLEARML_TASK_ID": clone, "CLEARML_LOG_TASK_TO_BACKEND": "0"}
    with service(sandbox, SCRIPT, log=tmp_path / "log", **as_agent) as running:
        running.says("Cleanup finished")
        running.signal(signal.SIGTERM)
        assert running.exit_code(10) == 254, running.output
    assert sandbox.tasks[clone]["status"] == "stopped"
    assert sandbox.tasks[clone]["status_message"] == "Stopped as asked, between two requests"


def test_tasks_that_fail_make_the_run_fail_and_its_message_says_why(sandbox: Sandbox, tmp_path: Path) -> None:
    tasks = archive(sandbox, 3)
    unlucky = min(tasks)
    sandbox.task_failures[unlucky] = (400, 123, "it has published children")
    with service(sandbox, SCRIPT, *ONCE, log=tmp_path / "log") as running:
        assert running.exit_code(SOON) == 1
    assert tasks & set(sandbox.tasks) == {unlucky}
    assert own(sandbox)["status"] == "failed"
    assert own(sandbox)["status_message"].startswith("Not all could be done: 1 task failed; the first says: ")
    assert "published children" in own(sandbox)["status_message"]


def test_wrong_settings_fail_the_task_and_are_json_too_where_json_was_asked_for(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    tasks = archive(sandbox, 3)
    arguments = (*ONCE, "--delete-threshold-days", "9O", "--output", "json")
    with service(sandbox, SCRIPT, *arguments, log=tmp_path / "log") as running:
        assert running.exit_code(SOON) == 2
    assert own(sandbox)["status"] == "failed"
    assert own(sandbox)["status_message"].startswith(
        "Wrong settings, nothing was deleted: delete_threshold_days = '9O'"
    )
    [line] = [line for line in running.output.splitlines() if line.startswith("{")]
    assert json.loads(line) == {"ok": False, "error": own(sandbox)["status_message"]}
    assert tasks <= set(sandbox.tasks)


def test_a_run_that_did_all_is_completed(sandbox: Sandbox, tmp_path: Path) -> None:
    tasks = archive(sandbox, 3)
    with service(sandbox, SCRIPT, *ONCE, log=tmp_path / "log") as running:
        assert running.exit_code(SOON) == 0
    assert own(sandbox)["status"] == "completed"
    assert not tasks & set(sandbox.tasks)


@pytest.mark.slow
def test_a_server_that_dies_for_good_in_mid_run_ends_the_run_with_code_3(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        archive(sandbox, 3)
        come = when(sandbox, "models.get_all")
        sandbox.latency = 0.3
        with service(sandbox, SCRIPT, *ONCE, log=tmp_path / "log") as running:
            assert come.wait(SOON), running.output
            # Connections that are open would be served for a moment more.
            sandbox.inject(Fault("*", "drop", times=None))
            sandbox.stop()
            assert running.exit_code(2 * SOON) == 3, running.output
        assert running.output.count("Interrupted: ") == 1, running.output
        assert "Traceback" not in running.output


@pytest.mark.slow
def test_a_server_that_dies_while_the_task_is_set_up_ends_the_run_with_code_3(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        come = when(sandbox, "tasks.create")
        sandbox.latency = 0.3
        with service(sandbox, SCRIPT, *ONCE, log=tmp_path / "log") as running:
            assert come.wait(SOON), running.output
            sandbox.stop()
            assert running.exit_code(2 * SOON) == 3, running.output
        assert "stopped answering while the task was set up" in running.output


@pytest.mark.slow
def test_aborting_a_local_run_in_the_web_ui_ends_it_between_two_requests(sandbox: Sandbox, tmp_path: Path) -> None:
    tasks = archive(sandbox, 250)
    come = when(sandbox, "tasks.delete_many")
    sandbox.latency = 0.7
    with service(sandbox, SCRIPT, *ONCE, log=tmp_path / "log") as running:
        assert come.wait(2 * SOON), running.output
        WebUI(sandbox).abort(own(sandbox)["id"])
        assert running.exit_code(SOON) == 0, running.output
    assert own(sandbox)["status"] == "stopped"
    assert own(sandbox)["status_message"] == "Stopped as asked, between two requests"
    assert tasks & set(sandbox.tasks)
