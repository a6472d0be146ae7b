"""Each benchmark at a tiny size: its fields, that nothing is left or lost, its ratios of requests, never its times."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LEFT = ("tasks_left", "models_left", "files_left", "others_lost")
SIDE = {
    "seconds", "cpu_seconds", "peak_memory_mb", "memory_before_work_mb",
    "api_requests_per_task", "file_requests_per_task", "requests", *LEFT,
}  # fmt: skip


def run(module: str, *arguments: str) -> dict[str, Any]:
    """Run a benchmark as people do; what it prints is one JSON object."""
    command = [sys.executable, "-m", f"tests.bench.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def all_gone(figures: dict[str, Any], tasks: int) -> None:
    assert figures.keys() >= SIDE
    assert {name: figures[name] for name in LEFT} == dict.fromkeys(LEFT, 0)
    assert figures["matched"] == figures["deleted"] == tasks


def test_cycle_with_debug_samples() -> None:
    answer = run("cycle", "--tasks", "40", "--latency-ms", "0")
    service, plain = answer["service"], answer["plain"]
    all_gone(service, 40)
    all_gone(plain, 40)
    assert service["ok"]
    # One call a task for its samples; the rest is shared by the 40.
    assert service["requests"]["events.get_task_events"] == 40
    assert service["api_requests_per_task"] < 2
    assert service["file_requests_per_task"] <= 0.1
    assert service["most_requests_at_once"] <= 8
    assert plain["api_requests_per_task"] > 5
    assert plain["file_requests_per_task"] == 5
    assert answer["ratios"]["times_fewer_api_requests"] > 3
    assert answer["ratios"]["times_fewer_file_requests"] > 50
    assert 0 < service["memory_before_work_mb"] <= service["peak_memory_mb"] < 250


@pytest.mark.slow
def test_cycle_without_debug_samples_costs_a_fifth_of_a_request() -> None:
    answer = run("cycle", "--tasks", "300", "--latency-ms", "0", "--samples", "0")
    all_gone(answer["service"], 300)
    assert "events.get_task_events" not in answer["service"]["requests"]
    assert answer["service"]["api_requests_per_task"] <= 0.18
    assert answer["service"]["file_requests_per_task"] <= 0.1


def test_s3() -> None:
    answer = run("s3", "--files", "90", "--tasks", "20")
    for side in ("service", "one_by_one"):
        assert answer[side]["deleted"] == 90
        assert answer[side]["files_left"] == answer[side]["others_lost"] == 0
    assert answer["service"]["requests"] == 1
    assert answer["ratios"]["times_fewer_requests"] >= 30
    for side, files_left in (("listed", 0), ("not_listed", 20)):
        figures = answer[side]
        assert figures["s3_requests_by_method"] == {"GET": 20, "POST": 1}
        assert (figures["deleted"], figures["tasks_left"], figures["files_left"]) == (20, 0, files_left)


@pytest.mark.slow
def test_scale() -> None:
    answer = run("scale", "--small", "30", "--large", "230", "--listed", "260")
    growth, listed = answer["growth"], answer["long_list"]
    assert growth["times_the_seconds_per_task"] > 0
    assert growth["times_the_processor_time_per_task"] > 0
    for figures in (*growth["small"], growth["large"]):
        all_gone(figures, figures["tasks"])
    assert listed["matched"] == listed["deleted"] == listed["tasks_left"] == 260
    assert listed["others_lost"] == 0
    assert not [call for call in listed["requests"] if "delete" in call]
    assert listed["peak_memory_mb"] < 250
