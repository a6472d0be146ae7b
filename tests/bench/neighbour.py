"""What another client's calls take while the service works, against an idle server: median, and 99 in 100.

    TMPDIR=/dev/shm python -m tests.bench.neighbour --tasks 3000 --samples 1 --latency-ms 20

The sandbox answers one call at a time, as a server with a single core: the figures are an upper bound.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cleanup.sandbox import Sandbox
from tests.bench.turn import take_turn
from tests.bench.world import World


def beside(sandbox: Sandbox, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what the other client's calls take while ``work`` is done, and what that reports."""
    begun = threading.Event()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        until = Path(folder) / "done"
        calls = pool.submit(take_turn, "neighbour", {"until": str(until)}, sandbox.environment(), begun.set)
        try:
            begun.wait(120)
            report = work()
        finally:
            until.touch()
        return {**{name: calls.result()[name] for name in ("calls", "median_ms", "ms_of_99_in_100")}, **report}


def measure(world: World, latency: float, parallel: int) -> dict[str, Any]:
    """Return what the calls take beside a cycle with so many parallel requests; beside nothing with 0."""
    with Sandbox() as sandbox:
        world.fill(sandbox)
        sandbox.latency = latency
        if not parallel:
            idle = threading.Event()
            return beside(sandbox, lambda: {"idle": not idle.wait(5)})
        settings = {"parallel_requests": parallel}

        def work() -> dict[str, Any]:
            return take_turn("service", {"settings": settings}, sandbox.environment(), sandbox.reset_requests)

        return beside(sandbox, work)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.neighbour", description=__doc__)
    for name, default in (("tasks", 3000), ("artifacts", 1), ("models", 1), ("samples", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--latency-ms", type=float, default=20.0)
    given = parser.parse_args()
    world = World(given.tasks, given.artifacts, given.models, given.samples)
    answer = {str(parallel): measure(world, given.latency_ms / 1000, parallel) for parallel in (0, 8, 32)}
    print(json.dumps({"parallel_requests": answer}, indent=2))


if __name__ == "__main__":
    main()
