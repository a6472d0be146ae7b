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


def run(command: str) -> dict[str, Any]:
    """Run a benchmark as people do; what it prints is one JSON object."""
    module, *arguments = command.split()
    line = [sys.executable, "-m", f"tests.bench.{module}", *arguments]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def all_gone(figures: dict[str, Any], tasks: int) -> None:
    assert [figures[name] for name in LEFT] == [0] * 4
    assert 0 < figures["memory_before_work_mb"] <= figures["peak_memory_mb"]
    assert {"seconds", "cpu_seconds", "sandbox_cpu_seconds"} <= figures.keys()
    assert figures["matched"] == figures["deleted"] == tasks


@pytest.mark.slow
def test_cycle() -> None:
    answer = run("cycle --tasks 40 --others 30 --latency-ms 0 --rounds 3")
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
    assert answer["ratios"] == {name: sorted(rounds)[1] for name, rounds in answer["rounds"].items()}
    assert answer["ratios"]["times_fewer_api_requests"] > 3
    assert answer["ratios"]["times_fewer_file_requests"] > 50
    assert service["peak_memory_mb"] < 250


def test_s3() -> None:
    answer = run("s3 --tasks 20")
    for side, files_left in (("listed", 0), ("not_listed", 20)):
        figures = answer[side]
        assert figures["s3_requests_by_method"] == {"GET": 20, "POST": 1}
        assert (figures["deleted"], figures["tasks_left"], figures["files_left"]) == (20, 0, files_left)


@pytest.mark.slow
@pytest.mark.parametrize("more", ["tasks", "entries", "others"])
def test_scale(more: str) -> None:
    answer = run(f"scale --tasks 30 --{more} 300 --than {more}=30")
    for figures in (*answer["small"], answer["large"]):
        all_gone(figures, figures["tasks"])
        assert figures["peak_memory_mb"] < 250
    assert all(times > 0 for times in answer["times"].values())


def test_scale_with_many_files_of_one_task_without_real_ones() -> None:
    answer = run("scale --tasks 1 --samples 10300 --no-files")
    all_gone(answer, 1)
    # Six pages of events, and a look for each part of the files.
    assert answer["requests"]["events.get_task_events"] == 6
    assert answer["peak_memory_mb"] < 300


def test_scale_of_a_dry_run_which_deletes_nothing() -> None:
    answer = run("scale --tasks 30 --setting dry_run=true --no-files")
    assert answer["matched"] == answer["deleted"] == answer["tasks_left"] == 30
    assert not [call for call in answer["requests"] if "delete" in call]


@pytest.mark.slow
def test_neighbour() -> None:
    answer = run("neighbour --tasks 60 --latency-ms 0")["parallel_requests"]
    assert set(answer) == {"0", "8", "32"}
    for figures in answer.values():
        assert 0 < figures["median_ms"] <= figures["ms_of_99_in_100"]
    assert answer["8"]["deleted"] == answer["32"]["deleted"] == 60


@pytest.mark.slow
def test_orphans() -> None:
    answer = run("orphans --objects 3000 --files 500")
    assert answer["exactly"]
    assert (answer["find"]["exit_code"], answer["delete"]["exit_code"]) == (0, 0)
    assert answer["find"]["bucket_requests"] == 3
