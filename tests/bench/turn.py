"""One side's turn in a process of its own: started, made ready, let go, and what it then reports.

As a program it is that process: ``python -m tests.bench.turn SIDE OPTIONS``.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def take_turn(
    side: str, options: Mapping[str, Any], environment: Mapping[str, str], at_start: Callable[[], None]
) -> dict[str, Any]:
    """Run ``side`` of tests.bench.sides and return its report; what goes wrong is on stderr.

    ``environment`` points the SDK at the server to be used; nothing else of this process's ClearML configuration
    reaches the side. ``at_start`` is called when all is imported and logged in, right before the work begins.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CLEARML_", "AWS_"))}
    command = [sys.executable, "-m", "tests.bench.turn", side, json.dumps(options)]
    around = {**inherited, **environment}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=around, text=True, stdin=pipe, stdout=pipe) as process:
        assert process.stdin and process.stdout
        try:
            if process.stdout.readline() == "ready\n":
                at_start()
                print("go", file=process.stdin, flush=True)
            report = process.stdout.readline()
        finally:
            process.kill()
    if not report:
        raise SystemExit(f"{side} ended without a report")
    answer: dict[str, Any] = json.loads(report)
    return answer


def memory_mb() -> float:
    """Return the peak memory of this process in MB (a million bytes).

    Linux counts it by program in VmHWM; its ru_maxrss also remembers the parent's memory at the moment of the fork.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on a Mac


def main() -> None:
    from tests.bench.sides import SIDES

    side, options = sys.argv[1], json.loads(sys.argv[2])
    # What the SDK prints goes with the errors; the answer has the output to itself.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    work = SIDES[side](options)
    # As the script does: what was imported is no part of the work.
    gc.collect()
    gc.freeze()
    before = memory_mb()
    print("ready", file=answers, flush=True)
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
    try:
        main()
    except BaseException:
        traceback.print_exc()
    # The SDK's threads would hold the process up, and with it whoever waits for the report.
    os._exit(0)
