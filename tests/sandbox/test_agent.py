"""A real agent works with the sandbox: it takes a task from a queue, runs it and reports."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cleanup.sandbox import Sandbox
from cleanup.sandbox.calls import HANDLERS

SCRIPT = """
from clearml import Task
task = Task.init()
settings = task.connect({"x": 1.0})
task.get_logger().report_single_value("x", settings["x"])
"""


@pytest.mark.slow
def test_an_agent_takes_a_task_from_the_queue_and_runs_it(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        queue = sandbox.add_queue("services")
        setting = {"section": "General", "name": "x", "value": "7", "type": "float"}
        task = sandbox.add_task(
            "by an agent",
            "agent",
            script={"binary": "python", "entry_point": "run.py", "working_dir": ".", "repository": "", "diff": SCRIPT},
            hyperparams={"General": {"x": setting}},
        )
        sandbox.edit_task(task, status="queued")
        sandbox.queue_task(task, queue)
        done = threading.Event()
        sandbox.on_request = lambda endpoint, _: done.set() if endpoint == "tasks.completed" else None
        environment = {
            **os.environ,
            **sandbox.environment(),
            "HOME": str(tmp_path),
            "CLEARML_AGENT_SKIP_PIP_VENV_INSTALL": sys.executable,
            "CLEARML_AGENT_SKIP_PYTHON_ENV_INSTALL": "1",
        }
        command = [sys.executable, "-m", "clearml_agent", "daemon", "--queue", "services", "--foreground"]
        log = tmp_path / "agent.log"
        with log.open("w") as output:
            agent = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, stderr=output)
            try:
                assert done.wait(120), log.read_text()
            finally:
                agent.terminate()
                agent.wait(30)
        held = sandbox.tasks[task]
        assert held["status"] == "completed", log.read_text()
        values = [event["value"] for event in sandbox.events(task) if event["type"] == "training_stats_scalar"]
        assert values == [7.0]
        assert sandbox.queues[queue]["entries"] == []
        asked = {name for name in sandbox.requests if not name.startswith("files.")}
        assert asked - set(HANDLERS) == {"auth.login"}
