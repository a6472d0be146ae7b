"""Every way out of the script: the exit code, the status of its task and the message, soon after what ended it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cleanup.sandbox import Fault, Sandbox
from tests.agent.process import Process, as_agent, service
from tests.agent.repository import PROJECT
from tests.agent.world import WebUI, services

SCRIPT = PROJECT / "cleanup_service.py"
DRIVER = PROJECT / "tests" / "service" / "driver.py"
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


def test_a_signal_while_it_works_ends_it_after_the_request_that_is_open(sandbox: Sandbox, tmp_path: Path) -> None:
    tasks = archive(sandbox, 150)
    process: list[Process] = []
    sandbox.on_request = lambda at, _: process[0].signal(signal.SIGTERM) if at == "tasks.delete_many" else None
    with service(sandbox, SCRIPT, *ONCE, log=tmp_path / "log") as running:
        process.append(running)
        assert running.exit_code(SOON) == 0, running.output
    sandbox.on_request = None
    assert len(tasks & set(sandbox.tasks)) == 50
    stopped = own(sandbox)
    assert (stopped["status"], stopped["status_message"]) == ("stopped", "Stopped as asked, between two requests")
    with service(sandbox, SCRIPT, *ONCE, log=tmp_path / "log") as following:
        assert following.exit_code(SOON) == 0, following.output
    assert not tasks & set(sandbox.tasks)


def draft(sandbox: Sandbox, **general: str) -> str:
    """A task as an agent gets it: a clone with these parameters."""
    return WebUI(sandbox).clone(sandbox.add_task("Cleanup Service", type="service"), **general)


def test_a_signal_while_it_sleeps_ends_it_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    task = draft(sandbox, run_as_service="True")
    with service(sandbox, SCRIPT, log=tmp_path / "log", **as_agent(task)) as running:
        running.says("Next cleanup in")
        running.signal(signal.SIGTERM)
        assert running.exit_code(SOON) == 254, running.output
    assert sandbox.tasks[task]["status"] == "stopped"
    assert sandbox.tasks[task]["status_message"] == "Stopped as asked, between two requests"


def test_two_signals_end_it_with_the_agents_code_for_an_abort_though_the_server_hangs(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    task = draft(sandbox, run_as_service="False")
    with service(sandbox, DRIVER, "60", log=tmp_path / "log", **as_agent(task)) as run:

        def hang(at: str, _: object) -> None:
            if at == "tasks.get_all":
                sandbox.on_request = None
                sandbox.inject(Fault("*", "stall", times=None))
                run.signal(signal.SIGTERM)
                run.signal(signal.SIGINT)

        sandbox.on_request = hang
        assert run.exit_code(SOON) == 254, run.output
    assert "Stopped at once" in run.output


def test_tasks_that_fail_make_the_run_fail_and_its_message_says_why(sandbox: Sandbox, tmp_path: Path) -> None:
    tasks = archive(sandbox, 3)
    unlucky = min(tasks)
    sandbox.task_failures[unlucky] = (400, 123, "it has published children")
    with service(sandbox, SCRIPT, *ONCE, log=tmp_path / "log") as running:
        assert running.exit_code(SOON) == 1
    assert tasks & set(sandbox.tasks) == {unlucky}
    assert own(sandbox)["status"] == "failed"
    assert own(sandbox)["status_message"].startswith("Not all could be done: 1 task failed; the first: task old ")
    assert "published children" in own(sandbox)["status_message"]


def test_wrong_settings_fail_the_task_that_an_agent_runs(sandbox: Sandbox, tmp_path: Path) -> None:
    tasks = archive(sandbox, 3)
    task = draft(sandbox, projects="no/such", run_as_service="False")
    with service(sandbox, SCRIPT, log=tmp_path / "log", **as_agent(task)) as running:
        # 0, as the agent would put its own message in the place of this one.
        assert running.exit_code() == 0
    assert sandbox.tasks[task]["status"] == "failed"
    assert "no/such" in sandbox.tasks[task]["status_message"]
    assert "The task is marked failed" in running.output
    assert tasks <= set(sandbox.tasks)


def test_a_dry_run_is_completed_and_a_clone_of_it_starts_afresh(sandbox: Sandbox, tmp_path: Path) -> None:
    tasks = archive(sandbox, 3)
    unreachable = sandbox.add_task("elsewhere", archived=True, age_days=60)
    sandbox.add_artifact(unreachable, "data", uri=f"http://files.example.org/x.{unreachable}/data")
    with service(sandbox, SCRIPT, *ONCE, "--dry-run", log=tmp_path / "log") as running:
        assert running.exit_code() == 1, running.output
    done = own(sandbox)
    assert (done["status"], done["tags"]) == ("completed", ["dry-run"])
    assert "last_would_delete" in done["hyperparams"]["properties"]
    assert tasks <= set(sandbox.tasks)

    clone = WebUI(sandbox).clone(done["id"], dry_run="False")
    with service(sandbox, SCRIPT, log=tmp_path / "log", **as_agent(clone)) as running:
        assert running.exit_code() == 0, running.output
    assert not tasks & set(sandbox.tasks)
    assert sandbox.tasks[clone]["tags"] == []
    left = sandbox.tasks[clone]["hyperparams"]["properties"]
    assert "last_would_delete" not in left and left["last_deleted"]["value"] == "3"


def test_a_run_that_did_all_is_completed_and_leaves_the_task_of_the_process_that_started_it(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    tasks = archive(sandbox, 3)
    mine = sandbox.add_task("a training", status="in_progress")
    # What the SDK sets in a process with a task, here one that an agent runs.
    inherited = {"CLEARML_PROC_MASTER_ID": f"1:{mine}", **as_agent(mine)}
    with service(sandbox, SCRIPT, *ONCE, log=tmp_path / "log", **inherited) as running:
        assert running.exit_code(SOON) == 0, running.output
    assert own(sandbox)["status"] == "completed"
    assert not tasks & set(sandbox.tasks)
    assert sandbox.tasks[mine]["status"] == "in_progress"


@pytest.mark.slow
def test_aborting_a_local_run_in_the_web_ui_ends_it_between_two_requests(sandbox: Sandbox, tmp_path: Path) -> None:
    tasks = archive(sandbox, 250)
    sandbox.latency = 0.7
    with service(sandbox, SCRIPT, *ONCE, log=tmp_path / "log") as running:
        running.until(lambda: sandbox.requests["tasks.delete_many"])
        WebUI(sandbox).abort(own(sandbox)["id"])
        assert running.exit_code(SOON) == 0, running.output
    assert own(sandbox)["status"] == "stopped"
    assert own(sandbox)["status_message"] == "Stopped as asked, between two requests"
    assert tasks & set(sandbox.tasks)
