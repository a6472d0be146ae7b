"""The process that takes one side's turn: makes ready, waits for the word, works, reports time and memory."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

from tests.bench.sides import SIDES
from tests.bench.turn import READY


def memory_mb() -> float:
    """Return the peak memory of this process in MB (a million bytes).

    Linux counts it by program in VmHWM; its ru_maxrss also remembers the parent's memory at the moment of the fork.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def main() -> None:
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
    # The SDK's threads would hold the process up.
    os._exit(0)


if __name__ == "__main__":
    main()
