"""A service that lives for years: what it holds stays bounded, and every cycle says a few lines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from cleanup.sandbox import Sandbox
from tests.agent.process import Process, as_agent, environment_of
from tests.agent.repository import PROJECT
from tests.agent.world import WebUI

CYCLES = 1_000
SAMPLES = 10
LOOKS = 20
"""Moments of which the least counts: the threads of a cycle come and go, what leaks is there at each of them."""


@pytest.mark.slow
def test_a_thousand_cycles_leave_memory_threads_sockets_and_log_bounded(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        new = 0

        def refill(endpoint: str, _: dict[str, Any]) -> None:
            nonlocal new
            if endpoint == "events.add_batch":
                new += 1
                sandbox.add_artifact(sandbox.add_task(f"old {new}", archived=True, age_days=60), "data")

        sandbox.on_request = refill
        own = WebUI(sandbox).clone(sandbox.add_task("Cleanup Service", type="service"), cleanup_period_in_days="0")
        command, environment = [sys.executable, "-m", "tests.service.driver", "60"], as_agent(own)
        process = Process(command, tmp_path / "log", environment_of(sandbox, **environment), PROJECT)
        try:
            samples = [_measured(process, CYCLES * part // SAMPLES) for part in range(1, SAMPLES + 1)]
        finally:
            process.end()
        left = [task for task in sandbox.tasks.values() if task["name"].startswith("old")]
    # The first tenth is for what is made once: pools, caches, the SDK's threads.
    first, *later = samples
    more = {"memory": 30_000_000, "threads": 3, "sockets": 10, "files": 12}
    for now in later:
        assert all(now[what] <= first[what] + more[what] for what in more), samples
    assert len(process.output.splitlines()) < 6 * CYCLES
    assert new > 100
    assert len(left) < 50


def _measured(process: Process, cycles: int) -> dict[str, int]:
    """Return the least that the process holds while it goes through the cycles that follow ``cycles`` of them."""
    looks = [_held(process, cycles + more) for more in range(LOOKS)]
    return {what: min(look[what] for look in looks) for what in looks[0]}


def _held(process: Process, cycles: int) -> dict[str, int]:
    process.until(lambda: process.output.count("Next cleanup in") >= cycles, within=900)
    seen = psutil.Process(process.pid)
    assert not seen.children()
    return {
        "memory": seen.memory_info().rss,
        "threads": seen.num_threads(),
        "sockets": len(seen.net_connections()),
        "files": seen.num_fds(),
    }
