"""What another client's calls take while the service works, against an idle server: median, and 99 in 100.

    TMPDIR=/dev/shm python -m tests.bench.neighbour --tasks 3000 --samples 1 --latency-ms 20

The sandbox answers one call at a time, as a server with a single core: the figures are an upper bound.
"""

from __future__ import annotations

import json
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cleanup.sandbox import Sandbox
from tests.bench.turn import take_turn
from tests.bench.world import SIZES, World, parser

FIGURES = ("calls", "median_ms", "ms_of_99_in_100")


def measure(world: World, latency_ms: float, parallel: int) -> dict[str, Any]:
    """Return what the calls take beside a cycle with so many parallel requests; beside nothing with 0."""
    begun, idle = threading.Event(), threading.Event()
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        world.fill(sandbox)
        sandbox.latency = latency_ms / 1000
        around, until = sandbox.environment(), Path(folder) / "done"
        calls = pool.submit(take_turn, "neighbour", {"until": str(until)}, around, begun.set)
        try:
            begun.wait(120)
            if parallel:
                settings = {"parallel_requests": parallel}
                report = take_turn("service", {"settings": settings}, around, sandbox.reset_requests)
            else:
                report = {"idle": not idle.wait(5)}
        finally:
            until.touch()
        return {**{name: calls.result()[name] for name in FIGURES}, **report}


def main() -> None:
    given = parser("neighbour", __doc__, {"tasks": 3000, **SIZES, "samples": 1, "latency_ms": 20.0}).parse_args()
    answer = {str(parallel): measure(World.of(given), given.latency_ms, parallel) for parallel in (0, 8, 32)}
    print(json.dumps({"parallel_requests": answer}, indent=2))


if __name__ == "__main__":
    main()
