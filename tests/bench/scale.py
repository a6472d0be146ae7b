"""A cycle at the size of a large server: seconds, requests and memory of the service, against a smaller one.

    TMPDIR=/dev/shm python -m tests.bench.scale --tasks 100000 --models 0 --than tasks=1000
    TMPDIR=/dev/shm python -m tests.bench.scale --tasks 1000 --entries 1000000 --than entries=1000
    TMPDIR=/dev/shm python -m tests.bench.scale --tasks 200 --samples 10000 --no-files
    TMPDIR=/dev/shm python -m tests.bench.scale --tasks 300 --others 100000 --than others=0

``--others``: tasks that are not archived; ``--entries``: model entries of no task; ``--no-files``: addresses alone,
which a cycle finds already gone; ``--profile``: where to write a pyinstrument profile of the larger cycle.

Memory and seconds are those of the service's process, from when the SDK is imported and logged in. The smaller cycle
(``--than``) is short: it is measured before and after, and the median counts. TMPDIR is where the sandbox keeps the
files: best in memory, since a disk slows down by itself when many files have just been written.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from typing import Any

from tests.bench.world import SIZES, World, measure, parser

COMPARED = ("ms_per_task", "cpu_ms_per_task", "api_requests_per_task", "peak_memory_mb")


def cycle(world: World, latency_ms: float, options: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one cycle. Processor time is that of the service alone."""
    figures = measure(world, latency_ms, "service", options)
    per_task = {
        "ms_per_task": round(1000 * figures["seconds"] / world.tasks, 4),
        "cpu_ms_per_task": round(1000 * figures["cpu_seconds"] / world.tasks, 4),
    }
    return {**vars(world), **per_task, **figures}


def main() -> None:
    options = parser("scale", __doc__, {"tasks": 1000, **SIZES, "profile": ""})
    options.add_argument("--than", action="append", default=[], metavar="tasks=1000", help="what is less there")
    options.add_argument("--setting", action="append", default=[], metavar="dry_run=true")
    given = options.parse_args()
    world = World.of(given)
    work = {"settings": dict(item.split("=", 1) for item in given.setting), "profile": given.profile}
    less = {name: int(value) for name, value in (item.split("=", 1) for item in given.than)}
    worlds = [replace(world, **less), world, replace(world, **less)] if less else [world]
    first, *more = (cycle(one, given.latency_ms, work) for one in worlds)
    answer = first
    if more:
        large, last = more
        medians = {name: statistics.median((first[name], last[name])) for name in COMPARED}
        times = {name: round(large[name] / medians[name], 3) for name in COMPARED}
        answer = {"small": [first, last], "large": large, "times": times}
    print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main()
