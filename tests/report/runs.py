"""Runs the real script, in a process of its own, against a sandbox, and reads what the server received."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cleanup.sandbox import Sandbox

SCRIPT = Path(__file__).parents[2] / "cleanup_service.py"
FOREIGN = "http://127.0.0.1:9"
"""Says that it is a file server, and is none that the service knows."""
ODD = "<b>odd</b> & names/訓練"
NAME = "<img src=x onerror=alert(1)>\nÜ 訓練 \x1b[31m"


def fill(sandbox: Sandbox) -> dict[str, str]:
    """Make tasks of every fate; return the ids of some by what they are."""
    old: dict[str, Any] = {"archived": True, "age_days": 60}
    for number in range(6):
        task = sandbox.add_task(f"experiment {number}", f"good/{number % 2}", "completed", **old)
        sandbox.add_artifact(task, "data", b"x" * 1000)
        sandbox.add_debug_samples(task, number)
        sandbox.add_model(task, "weights")
    for number in range(3):
        sandbox.add_task(f"draft {number}", "good/drafts", **old)
    odd = sandbox.add_task(NAME, ODD, "failed", **old)
    sandbox.add_artifact(odd, "dataset", uri="s3://elsewhere/data.tar")
    foreign = sandbox.add_task("on a lost file server", "bad", "completed", **old)
    sandbox.add_artifact(foreign, "data", uri=f"{FOREIGN}/{sandbox.folder(foreign)}/artifacts/data/data.bin")
    alive = sandbox.add_task("alive", "good/0", "in_progress", **old)
    sandbox.edit_task(alive, last_update=sandbox.store.now())
    for number in range(2):
        sandbox.add_task(f"tagged {number}", "good/1", "completed", tags=["keep"], **old)
    sandbox.add_task("not archived", "good/1", "completed", age_days=60)
    return {"odd": odd, "foreign": foreign, "alive": alive}


@dataclass
class Run:
    """What one run of the script left: for the caller, and on the server under its own task."""

    code: int
    out: str
    err: str
    screen: str = ""
    """What a terminal showed."""
    task: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    artifacts: dict[str, Any] = field(default_factory=dict)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of one type."""
        return [event for event in self.events if event["type"] == kind]

    @property
    def log(self) -> list[str]:
        """The lines on the task's console page."""
        return [line for event in self.of("log") for line in event["msg"].splitlines()]

    @property
    def scalars(self) -> dict[tuple[str, str], list[tuple[int, float]]]:
        points: dict[tuple[str, str], list[tuple[int, float]]] = {}
        for event in self.of("training_stats_scalar"):
            points.setdefault((event["metric"], event["variant"]), []).append((event["iter"], event["value"]))
        return points

    @property
    def tables(self) -> dict[str, dict[str, list[str]]]:
        """For each table on the page its columns by header."""
        found = {}
        for event in self.of("plot"):
            (data,) = json.loads(event["plot_str"])["data"]
            assert (event["metric"], event["iter"], data["type"]) == ("last cycle", 0, "table")
            found[event["variant"]] = dict(zip(data["header"]["values"], data["cells"]["values"], strict=True))
        return found

    @property
    def properties(self) -> dict[str, str]:
        return {name: item["value"] for name, item in self.task["hyperparams"]["properties"].items()}


def run(sandbox: Sandbox, *arguments: str, on_terminal: bool = False, script: Path = SCRIPT, **environment: str) -> Run:
    """Run the script to its end; ``on_terminal``: with stderr on one."""
    before = set(sandbox.tasks)
    command = [sys.executable, str(script), *arguments]
    settings = {**os.environ, **sandbox.environment(), **environment}
    if on_terminal:
        done = _on_terminal(command, settings)
    else:
        finished = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=300, check=False)
        done = Run(finished.returncode, finished.stdout, finished.stderr)
    own = [task for task in sandbox.tasks.values() if task["id"] not in before]
    assert len(own) <= 1
    for task in own:
        done.task, done.events = task, sandbox.events(task["id"])
        for artifact in task["execution"].get("artifacts", ()):
            (path,) = [path for path in sandbox.files() if path.endswith(f".{task['id']}/artifacts/plan/plan.json")]
            done.artifacts[artifact["key"]] = json.loads((sandbox.files_root / path).read_text())
    return done


def _on_terminal(command: list[str], environment: dict[str, str]) -> Run:
    seen, terminal = pty.openpty()
    shown = bytearray()

    def watch() -> None:
        try:
            while part := os.read(seen, 65_536):
                shown.extend(part)
        except OSError:
            """The last process on the terminal has ended."""

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=terminal, text=True, timeout=300, check=False
        )
    finally:
        os.close(terminal)
        watcher.join(30)
        os.close(seen)
    return Run(done.returncode, done.stdout, "", shown.decode())
