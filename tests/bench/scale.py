"""Scale: seconds a task in a large cycle against a small one, and memory of a dry run over a long list.

    TMPDIR=/dev/shm python -m tests.bench.scale --small 1000 --large 20000 --listed 100000

The cycles delete tasks with real files, by default without delay per request. The small one is short: it is measured
twice before and twice after the large one, and the median counts. TMPDIR is where the sandbox keeps the files: best in
memory, since a disk slows down by itself when many files have just been written. The tasks of the long list have
addresses of files, but no files: a dry run deletes none. Seconds are those of the work: importing the SDK and logging
in are left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
from typing import Any

from tests.bench.cycle import measure
from tests.bench.world import World

REPEATS = 2


def growth(small: World, large: World, latency: float) -> dict[str, Any]:
    """Return both cycles' figures and the ratios of what a task costs: seconds, and processor time of both ends."""
    runs = [cycle(small, latency) for _ in range(REPEATS)]
    long_run = cycle(large, latency)
    runs += [cycle(small, latency) for _ in range(REPEATS)]

    def ratio(name: str) -> float:
        return round(float(long_run[name]) / statistics.median(float(run[name]) for run in runs), 3)

    return {
        "latency_ms": latency * 1000,
        "small": runs,
        "large": long_run,
        "times_the_seconds_per_task": ratio("ms_per_task"),
        "times_the_processor_time_per_task": ratio("cpu_ms_per_task"),
    }


def cycle(world: World, latency: float) -> dict[str, Any]:
    """Return the figures of one cycle."""
    figures = measure(world, latency, "service", {"settings": {}})
    busy = figures["cpu_seconds"] + figures["sandbox_cpu_seconds"]
    return {
        "tasks": world.tasks,
        "ms_per_task": round(1000 * figures["seconds"] / world.tasks, 4),
        "cpu_ms_per_task": round(1000 * busy / world.tasks, 4),
        **figures,
    }


def long_list(world: World) -> dict[str, Any]:
    """Return the figures of a dry run: nothing may be deleted."""
    figures = measure(world, 0.0, "service", {"settings": {"dry_run": True}})
    return {"tasks": world.tasks, **figures}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    for name, default in (("small", 1000), ("large", 20_000), ("listed", 100_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name, default in (("artifacts", 1), ("models", 1), ("samples", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    given = parser.parse_args()
    each = {"artifacts": given.artifacts, "models": given.models, "samples": given.samples}
    answer: dict[str, Any] = {"each_task": each}
    if given.small and given.large:
        answer["growth"] = growth(World(given.small, **each), World(given.large, **each), given.latency_ms / 1000)
    if given.listed:
        answer["long_list"] = long_list(World(given.listed, **each, real_files=False))
    print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main()
