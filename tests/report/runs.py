"""Runs the real script, in a process of its own, against a sandbox, and reads what the server received."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import pty
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cleanup.sandbox import Sandbox

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
