"""One side's turn in a process of its own: started, made ready, let go, and what it then reports.

As a program it is that process: ``python -m tests.bench.turn SIDE``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
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
    """Run ``side`` of tests.bench.sides and return its report.

    ``environment`` points the SDK at the server to be used; nothing else of this process's ClearML configuration
    reaches the side. ``at_start`` is called when all is imported and logged in, right before the work begins.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CLEARML_", "AWS_"))}
    command = [sys.executable, "-m", "tests.bench.turn", side]
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


def memory_mb() -> float:
    """Return the peak memory of this process in MB (a million bytes).

    Linux counts it by program in VmHWM; its ru_maxrss also remembers the parent's memory at the moment of the fork.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def main() -> None:
    from tests.bench.sides import SIDES

    side, options = sys.argv[1], json.loads(sys.stdin.readline())
    # What the SDK prints goes with the errors; the answer has the output to itself.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    work = SIDES[side](options)
    before = memory_mb()
    print(READY, file=answers, flush=True)
    sys.stdin.readline()
    started, busy = time.perf_counter(), time.process_time()
    said = work()
    report = {
        "seconds": round(time.perf_counter() - started, 3),
        "cpu_seconds": round(time.process_time() - busy, 3),
        "peak_memory_mb": round(memory_mb(), 1),
        "memory_before_work_mb": round(before, 1),
        **said,
    }
    print(json.dumps(report), file=answers, flush=True)


if __name__ == "__main__":
    status = 1
    try:
        main()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        # The SDK's threads would hold the process up, and with it whoever waits for the report.
        os._exit(status)
