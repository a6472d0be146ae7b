"""Signals at every request of a run: heard there and then, and the task left with status and message.

`python -m tests.faults --kind ways` prints them in the table: one signal, and two, started by a person and by an agent.
"""

from __future__ import annotations

import signal
import tempfile
import time
from pathlib import Path

from cleanup.sandbox import Sandbox
from tests.agent.process import Process, as_agent, service
from tests.agent.repository import PROJECT
from tests.service.ways import Cell

SOON = 15.0
ENDED = {
    1: ("stopped: Stopped as asked, between two requests",),
    # Task.init may just have made a task and not told which.
    2: ("stopped: Stopped at once", "stopped: Stopped as asked", "created: "),
}
DELETING = ("tasks.delete_many", "tasks.delete", "files.delete_many", "files.DELETE")


def tried(number: int, signals: int = 1, *, agent: bool = False) -> Cell | None:
    """Run the script once on three old tasks with a file each. None: it ended before the request."""
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        for _ in range(3):
            sandbox.add_artifact(sandbox.add_task("old", archived=True, age_days=60), "data")
        general = {"section": "General", "name": "run_as_service", "value": "False"}
        own = sandbox.add_task("mine", type="service", hyperparams={"General": {"run_as_service": general}})
        seen: list[str] = []
        process: list[Process] = []
        sent = 0.0

        def interrupt(endpoint: str, _: object) -> None:
            nonlocal sent
            seen.append(endpoint)
            if len(seen) == number:
                # Two of one kind could arrive as one.
                for kind in (signal.SIGTERM, signal.SIGINT)[:signals]:
                    process[0].signal(kind)
                sent = time.monotonic()

        sandbox.on_request = interrupt
        script, log = PROJECT / "cleanup_service.py", Path(folder) / "log"
        arguments, environment = ("--no-run-as-service", "--parallel-requests", "1"), as_agent(own) if agent else {}
        with service(sandbox, script, *arguments, log=log, **environment) as running:
            process.append(running)
            code = running.exit_code()
        if len(seen) < number:
            return None
        seconds = time.monotonic() - sent
        tasks = [task for task in sandbox.tasks.values() if task["name"] in ("Cleanup Service", "mine")]
        left = [f"{task['status']}: {task['status_message']}" for task in tasks if agent or task["id"] != own]
        late = [endpoint for endpoint in seen[number:] if endpoint in DELETING]
        wrong = {
            f"exit code {code}": code != (254 if agent else 0),
            f"took {seconds:.0f} s": seconds > SOON,
            f"left {left}": any(not line.startswith(ENDED[signals]) for line in left),
            # One request may have been on its way when the signal came with one of the SDK's own.
            f"deleted after it: {late}": len(late) > 1,
            "a traceback": "Traceback" in running.output,
        }
        return Cell(code, seconds, f"{seen[number - 1]}: {'; '.join(left)}", [what for what in wrong if wrong[what]])
