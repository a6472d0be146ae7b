"""One cycle against the plain way: the same work in turn, seconds, requests, memory and what is left.

    TMPDIR=/dev/shm python -m tests.bench.cycle --tasks 300 --latency-ms 20 --artifacts 1 --models 1 --samples 3

Seconds are those of the work: starting Python, importing the SDK and logging in are left out on both sides. TMPDIR is
where the sandbox keeps the files: in memory, a busy disk does not blur the figures. ``--others``: so many more tasks
on the server, which the service reads for links and the plain way does not. The ratios are medians of ``--rounds``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

from cleanup.sandbox import Sandbox
from tests.bench.turn import take_turn
from tests.bench.world import THRESHOLD_DAYS, World, requests_of

RATIOS = {
    "times_faster": "seconds",
    "times_fewer_api_requests": "api_requests_per_task",
    "times_fewer_file_requests": "file_requests_per_task",
    "times_less_memory": "peak_memory_mb",
}


def measure(world: World, latency: float, side: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return what one side shows in a fresh sandbox filled with ``world``; ``latency``: seconds a request."""
    with Sandbox() as sandbox:
        others = world.fill(sandbox)
        sandbox.latency = latency
        started = [0.0]

        def at_start() -> None:
            sandbox.reset_requests()
            started[0] = time.process_time()

        report = take_turn(side, options, sandbox.environment(), at_start)
        busy = {"sandbox_cpu_seconds": round(time.process_time() - started[0], 3)}
        return {**report, **busy, **requests_of(sandbox, world.tasks), **others.outcome(sandbox)}


def compare(world: World, latency: float, settings: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Return the figures of both sides in the last round, and the medians of their ratios, plain to service."""
    ratios: dict[str, list[float]] = {name: [] for name in RATIOS}
    for _ in range(rounds):
        service = measure(world, latency, "service", {"settings": settings})
        plain = measure(world, latency, "plain", {"older_than_days": THRESHOLD_DAYS})
        for name, figure in RATIOS.items():
            ratios[name].append(round(plain[figure] / max(service[figure], 1e-9), 2))
    return {
        "work": {**vars(world), "latency_ms": latency * 1000, "settings": settings},
        "service": service,
        "plain": plain,
        "rounds": ratios,
        "ratios": {name: statistics.median(values) for name, values in ratios.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cycle", description=__doc__)
    for name, default in (("tasks", 300), ("artifacts", 1), ("models", 1), ("samples", 3), ("others", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--latency-ms", type=float, default=20.0, help="added to each request")
    parser.add_argument("--parallel", type=int, default=8, help="parallel_requests")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    world = World(given.tasks, given.artifacts, given.models, given.samples, given.others)
    settings = {"parallel_requests": given.parallel}
    print(json.dumps(compare(world, given.latency_ms / 1000, settings, given.rounds), indent=2))


if __name__ == "__main__":
    main()
