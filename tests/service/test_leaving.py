"""Ways out of the script: the exit code, the status of its task and the message, soon after what ended it.

Signals at each request: `stops`. What fails or could fail in a run: tests/report/test_same_numbers.py.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cleanup.sandbox import Fault, Sandbox
from tests.agent.process import as_agent, service
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


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def archive(sandbox: Sandbox, count: int = 3) -> set[str]:
    return {sandbox.add_task(f"old {number}", archived=True, age_days=60) for number in range(count)}


def draft(sandbox: Sandbox, **general: str) -> str:
    """A task as an agent gets it: a clone with these parameters."""
    return WebUI(sandbox).clone(sandbox.add_task("Cleanup Service", type="service"), **general)


def ended(sandbox: Sandbox, task: str) -> tuple[str, str]:
    return sandbox.tasks[task]["status"], sandbox.tasks[task]["status_message"]


def test_a_signal_while_it_sleeps_ends_it_at_once(sandbox: Sandbox, log: Path) -> None:
    task = draft(sandbox, run_as_service="True")
    with service(sandbox, SCRIPT, log=log, **as_agent(task)) as running:
        running.says("Next cleanup in")
        running.signal(signal.SIGTERM)
        assert running.exit_code(SOON) == 254, running.output
    assert ended(sandbox, task) == ("stopped", "Stopped as asked, between two requests")


def test_two_signals_end_it_with_the_agents_code_for_an_abort_though_the_server_hangs(
    sandbox: Sandbox, log: Path
) -> None:
    task = draft(sandbox, run_as_service="False")
    with service(sandbox, DRIVER, "60", log=log, **as_agent(task)) as run:

        def hang(at: str, _: object) -> None:
            if at == "tasks.get_all":
                sandbox.on_request = None
                sandbox.inject(Fault("*", "stall", times=None))
                run.signal(signal.SIGTERM)
                run.signal(signal.SIGINT)

        sandbox.on_request = hang
        assert run.exit_code(SOON) == 254, run.output
    assert "Stopped at once" in run.output


def test_wrong_settings_fail_the_task_that_an_agent_runs(sandbox: Sandbox, log: Path) -> None:
    tasks = archive(sandbox)
    task = draft(sandbox, projects="no/such", run_as_service="False")
    with service(sandbox, SCRIPT, log=log, **as_agent(task)) as running:
        # 0, as the agent would put its own message in the place of this one.
        assert running.exit_code() == 0
    status, message = ended(sandbox, task)
    assert (status, "no/such" in message) == ("failed", True)
    assert "The task is marked failed" in running.output
    assert tasks <= set(sandbox.tasks)


def test_a_clone_of_a_dry_run_starts_afresh_and_leaves_the_task_of_the_process_that_started_it(
    sandbox: Sandbox, log: Path
) -> None:
    tasks = archive(sandbox)
    training = sandbox.add_task("a training", status="in_progress")
    # What the SDK sets in a process with a task, here one that an agent runs.
    inherited = {"CLEARML_PROC_MASTER_ID": f"1:{training}", **as_agent(training)}
    with service(sandbox, SCRIPT, *ONCE, "--dry-run", log=log, **inherited) as running:
        assert running.exit_code() == 0, running.output
    [dry] = services(sandbox)
    assert (dry["status"], dry["tags"]) == ("completed", ["dry-run"])
    assert "last_would_delete" in dry["hyperparams"]["properties"]
    assert sandbox.tasks[training]["status"] == "in_progress"
    assert tasks <= set(sandbox.tasks)

    clone = WebUI(sandbox).clone(dry["id"], dry_run="False")
    with service(sandbox, SCRIPT, log=log, **as_agent(clone)) as running:
        assert running.exit_code() == 0, running.output
    assert not tasks & set(sandbox.tasks)
    assert sandbox.tasks[clone]["tags"] == []
    left = sandbox.tasks[clone]["hyperparams"]["properties"]
    assert "last_would_delete" not in left and left["last_deleted"]["value"] == "3"


@pytest.mark.slow
def test_aborting_a_local_run_in_the_web_ui_ends_it_between_two_requests(sandbox: Sandbox, log: Path) -> None:
    tasks = archive(sandbox, 700)
    sandbox.latency = 0.7
    with service(sandbox, SCRIPT, *ONCE, log=log) as running:
        running.until(lambda: sandbox.requests["tasks.delete_many"])
        [task] = services(sandbox)
        WebUI(sandbox).abort(task["id"])
        assert running.exit_code(SOON) == 0, running.output
    assert ended(sandbox, task["id"]) == ("stopped", "Stopped as asked, between two requests")
    assert tasks & set(sandbox.tasks)
