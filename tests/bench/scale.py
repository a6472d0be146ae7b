"""A cycle at the size of a large server: seconds, requests and memory of the service, against a smaller one.

    TMPDIR=/dev/shm python -m tests.bench.scale --tasks 100000 --models 0 --than tasks=1000
    TMPDIR=/dev/shm python -m tests.bench.scale --tasks 1000 --entries 1000000 --than entries=1000
    TMPDIR=/dev/shm python -m tests.bench.scale --tasks 200 --samples 10000 --no-files
    TMPDIR=/dev/shm python -m tests.bench.scale --tasks 300 --others 100000 --than others=0

``--others``: tasks that are not archived; ``--entries``: model entries of no task. Memory and seconds are those of the
service's process, from when the SDK is imported and logged in. The smaller cycle (``--than``) is short: it is measured
before and after, and the median counts. TMPDIR is where the sandbox keeps the files: best in memory, since a disk slows
down by itself when many files have just been written. With ``--no-files`` there are addresses alone, which a cycle
finds already gone.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import replace
from typing import Any

from tests.bench.cycle import measure
from tests.bench.world import World

COMPARED = ("ms_per_task", "cpu_ms_per_task", "api_requests_per_task", "peak_memory_mb")


def cycle(world: World, latency: float, options: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one cycle. Processor time is that of the service alone."""
    figures = measure(world, latency, "service", options)
    per_task = {
        "ms_per_task": round(1000 * figures["seconds"] / world.tasks, 4),
        "cpu_ms_per_task": round(1000 * figures["cpu_seconds"] / world.tasks, 4),
    }
    return {**vars(world), **per_task, **figures}


def grown(world: World, smaller: World, latency: float, options: dict[str, Any]) -> dict[str, Any]:
    """Return both cycles' figures, and how many times as much the larger one costs."""
    small = [cycle(smaller, latency, options)]
    large = cycle(world, latency, options)
    small.append(cycle(smaller, latency, options))
    times = {name: round(large[name] / statistics.median(run[name] for run in small), 3) for name in COMPARED}
    return {"small": small, "large": large, "times": times}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.scale", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name, default in (("tasks", 1000), ("artifacts", 1), ("models", 1), ("samples", 0), ("others", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--entries", type=int, default=0)
    parser.add_argument("--no-files", action="store_true")
    parser.add_argument("--than", action="append", default=[], metavar="tasks=1000", help="what is less there")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--setting", action="append", default=[], metavar="dry_run=true")
    parser.add_argument("--profile", default="", help="write a pyinstrument profile of the larger cycle here")
    given = parser.parse_args()
    options = {"settings": dict(item.split("=", 1) for item in given.setting), "profile": given.profile}
    world = World(
        given.tasks, given.artifacts, given.models, given.samples, given.others, given.entries, not given.no_files
    )
    less: dict[str, Any] = {name: int(value) for name, value in (item.split("=", 1) for item in given.than)}
    latency = given.latency_ms / 1000
    answer = grown(world, replace(world, **less), latency, options) if less else cycle(world, latency, options)
    print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main()
