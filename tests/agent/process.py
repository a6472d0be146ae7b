"""Processes of these tests: their output goes to a file, and they are waited for by what they do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from cleanup.sandbox import Sandbox

LONG = 240.0
"""Seconds that an agent may take for one step, pip included."""

BETWEEN_LOOKS = 0.05


class Process:
    """A process whose output is at hand while it runs. It is killed at the end of a `with` block."""

    def __init__(self, command: Sequence[str], log: Path, environment: dict[str, str], cwd: Path) -> None:
        self.log = log
        with log.open("w") as output:
            self._process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=output, stderr=output)
        self.pid, self.signal = self._process.pid, self._process.send_signal

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        self._process.kill()
        self._process.wait(30)

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def exit_code(self, within: float = LONG) -> int:
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {within} seconds\n{self.output}") from None

    def until(self, condition: Callable[[], object], within: float = LONG) -> None:
        """Wait for the condition; the process must live until then."""
        look = threading.Event()
        for _ in range(int(within / BETWEEN_LOOKS)):
            if condition():
                return
            assert self._process.poll() is None, self.output
            look.wait(BETWEEN_LOOKS)
        raise AssertionError(f"nothing of the kind within {within} seconds\n{self.output}")

    def says(self, text: str, within: float = LONG) -> None:
        self.until(lambda: text in self.output, within)


def environment_of(sandbox: Sandbox, **more: str) -> dict[str, str]:
    """The environment of this machine without its Python paths, pointed at the sandbox."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return {**kept, **sandbox.environment(), **more}


def as_agent(task: str) -> dict[str, str]:
    """What an agent sets for the process that it starts."""
    return {"CLEARML_TASK_ID": task, "CLEARML_LOG_TASK_TO_BACKEND": "0"}


def service(sandbox: Sandbox, script: Path, *arguments: str, log: Path, **more: str) -> Process:
    """`python cleanup_service.py ...`, as a person starts it."""
    return Process([sys.executable, str(script), *arguments], log, environment_of(sandbox, **more), script.parent)


def agent(sandbox: Sandbox, home: Path, *arguments: str, log: Path) -> Process:
    """`clearml-agent ...` with its own home, where it makes its virtual environments."""
    command = [sys.executable, "-m", "clearml_agent", *arguments]
    return Process(command, log, environment_of(sandbox, HOME=str(home)), home)
