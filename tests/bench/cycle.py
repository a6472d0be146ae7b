"""One cycle against the plain way: the same work in turn, seconds, requests, memory and what is left.

    TMPDIR=/dev/shm python -m tests.bench.cycle --tasks 300 --latency-ms 20 --artifacts 1 --models 1 --samples 3

Seconds are those of the work: starting Python, importing the SDK and logging in are left out on both sides. TMPDIR is
where the sandbox keeps the files: in memory, a busy disk does not blur the figures. ``--others``: so many more tasks
on the server, which the service reads for links and the plain way does not. The ratios are medians of ``--rounds``.
"""

from __future__ import annotations

import json
import statistics

from tests.bench.world import SIZES, THRESHOLD_DAYS, World, measure, parser

RATIOS = {
    "times_faster": "seconds",
    "times_fewer_api_requests": "api_requests_per_task",
    "times_fewer_file_requests": "file_requests_per_task",
    "times_less_memory": "peak_memory_mb",
}


def main() -> None:
    options = {"tasks": 300, **SIZES, "samples": 3, "latency_ms": 20.0, "parallel": 8, "rounds": 1}
    given = parser("cycle", __doc__, options).parse_args()
    world, settings = World.of(given), {"parallel_requests": given.parallel}
    ratios: dict[str, list[float]] = {name: [] for name in RATIOS}
    for _ in range(given.rounds):
        service = measure(world, given.latency_ms, "service", {"settings": settings})
        plain = measure(world, given.latency_ms, "plain", {"older_than_days": THRESHOLD_DAYS})
        for name, figure in RATIOS.items():
            ratios[name].append(round(plain[figure] / max(service[figure], 1e-9), 2))
    answer = {
        "work": {**vars(world), "latency_ms": given.latency_ms, "settings": settings},
        "service": service,
        "plain": plain,
        "rounds": ratios,
        "ratios": {name: statistics.median(values) for name, values in ratios.items()},
    }
    print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main()
