"""A service that lives for years: what it holds stays bounded, and every cycle says a few lines."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cleanup.sandbox import Sandbox
from tests.agent.process import Process, environment_of
from tests.agent.repository import PROJECT

CYCLES = 1_000
SAMPLES = 10
MEGABYTE = 1_000_000


@pytest.mark.slow
def test_a_thousand_cycles_leave_memory_threads_sockets_and_log_bounded(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        new = 0

        def refill(endpoint: str, _: dict[str, Any]) -> None:
            nonlocal new
            if endpoint == "events.add_batch":
                new += 1
                task = sandbox.add_task(f"old {new}", archived=True, age_days=60)
                sandbox.add_artifact(task, "data")

        sandbox.on_request = refill
        figures = tmp_path / "figures.json"
        command = [sys.executable, "-m", "tests.service.soak", str(CYCLES), str(SAMPLES), str(figures)]
        process = Process(command, tmp_path / "log", environment_of(sandbox), PROJECT)
        try:
            assert process.exit_code(900) == 0, process.output
        finally:
            process.end()
        said = len(process.output.splitlines())
        left = [task for task in sandbox.tasks.values() if task["name"].startswith("old")]
    # The first tenth is for what is made once: pools, caches, the SDK's threads.
    first, *later = json.loads(figures.read_text())
    assert later[-1]["cycle"] == CYCLES
    for now in later:
        assert now["memory"] < first["memory"] + 30 * MEGABYTE, (first, later)
        assert now["threads"] <= first["threads"] + 3, (first, later)
        assert now["sockets"] <= first["sockets"] + 10, (first, later)
        assert now["files"] <= first["files"] + 12, (first, later)
        assert now["children"] == 0
    assert said < 6 * CYCLES
    assert new > 100
    assert len(left) < 50
