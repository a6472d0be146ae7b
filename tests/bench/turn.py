"""One side's turn, in a process of its own: started, made ready, let go, and what it then reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

READY = "ready"
ROOT = Path(__file__).parents[2]


class TurnFailed(Exception):
    """The process of a side ended without a report; the message holds the end of what it wrote."""


def take_turn(
    side: str, options: Mapping[str, Any], environment: Mapping[str, str], at_start: Callable[[], None]
) -> dict[str, Any]:
    """Run ``side`` of tests.bench.worker and return its report.

    ``environment`` points the SDK at the server to be used; nothing else of this process's ClearML configuration
    reaches the side. ``at_start`` is called when all is imported and logged in, right before the work begins.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CLEARML_", "AWS_"))}
    command = [sys.executable, "-m", "tests.bench.worker", side]
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            command, cwd=ROOT, env=inherited | dict(environment), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
        ) as process,
    ):  # fmt: skip
        assert process.stdin and process.stdout
        try:
            process.stdin.write(json.dumps(options) + "\n")
            process.stdin.flush()
            if process.stdout.readline().strip() == READY:
                at_start()
                process.stdin.write("go\n")
                process.stdin.flush()
                report = process.stdout.readline()
                if report:
                    answer: dict[str, Any] = json.loads(report)
                    return answer
        except BaseException:
            process.kill()
            raise
        process.wait()
        said.seek(0)
        raise TurnFailed(f"{side} ended with {process.returncode} and no report:\n{said.read()[-4000:]}")
