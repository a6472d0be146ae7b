"""The service while the server is away, and when it comes back: no stop, no flood, the right pace, all found again."""

from __future__ import annotations

from typing import Any

import pytest

from cleanup.sandbox import Fault
from cleanup.server.own_task import OwnTask
from cleanup.service import DAY, FIRST_WAIT, LONGEST_WAIT
from tests.service.conftest import Rig

GONE = Fault("*", "drop", times=None)


@pytest.mark.parametrize("fault", [{"kind": "drop"}, {"status": 503}, {"kind": "malformed"}, {"status": 401}], ids=str)
def test_a_day_without_the_server_costs_one_line_an_attempt_and_then_work_goes_on(
    rig: Rig, capsys: pytest.CaptureFixture[str], fault: dict[str, Any]
) -> None:
    tasks = rig.archive()
    rig.sandbox.inject(Fault("*", times=None, **fault))
    attempts = 100
    rig.at(attempts, rig.sandbox.clear_faults)
    assert rig.run(end_at=attempts + 1, cleanup_period_in_days=1).code == 0

    assert rig.waits[:attempts] == [min(FIRST_WAIT * 2**n, LONGEST_WAIT) for n in range(attempts)]
    assert sum(rig.waits[:attempts]) > DAY * 0.9
    said = capsys.readouterr().out.splitlines()
    failures = [line for line in said if line.startswith("The cycle failed") and "trying again in" in line]
    assert said[1 : attempts + 1] == failures
    assert not tasks & set(rig.sandbox.tasks)
    assert rig.waits[attempts] == pytest.approx(DAY, abs=5)


def test_the_backoff_starts_small_again_after_the_server_was_back(rig: Rig) -> None:
    rig.sandbox.inject(GONE)
    rig.at(3, rig.sandbox.clear_faults)
    rig.at(4, lambda: rig.sandbox.inject(GONE))
    rig.run(end_at=6, cleanup_period_in_days=0.5)
    assert rig.waits == [15, 30, 60, pytest.approx(DAY / 2, abs=5), 15, 30]


@pytest.mark.parametrize("requests", range(1, 14, 2))
def test_a_server_lost_in_mid_cycle_is_tried_again_soon_and_the_next_cycle_finishes(rig: Rig, requests: int) -> None:
    tasks = rig.archive()
    rig.sandbox.inject(Fault("*", "drop", times=None, after=requests))
    left: list[set[str]] = []
    rig.at(1, lambda: (left.append(tasks & set(rig.sandbox.tasks)), rig.sandbox.clear_faults()))
    rig.run(end_at=2, cleanup_period_in_days=1, parallel_requests=1)
    assert rig.waits[0] == FIRST_WAIT or left == [set()]
    assert not tasks & set(rig.sandbox.tasks)
    assert rig.sandbox.files() == set()


def test_a_mistake_of_the_program_costs_one_cycle_and_not_the_service(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks, listing = rig.archive(), rig.server.tasks
    monkeypatch.setattr(rig.server, "tasks", None)
    rig.at(1, lambda: monkeypatch.setattr(rig.server, "tasks", listing))
    assert rig.run(end_at=2, cleanup_period_in_days=1).code == 0
    assert "AttributeError" in capsys.readouterr().out
    assert not tasks & set(rig.sandbox.tasks)


def test_a_service_whose_cycles_fail_says_since_when_on_its_task_until_they_do_not(rig: Rig) -> None:
    own = rig.sandbox.add_task("service", status="in_progress")
    unlucky = min(rig.archive())
    rig.sandbox.task_failures[unlucky] = (400, 123, "as the test wants")
    said: list[str] = []

    def look() -> None:
        said.append(rig.sandbox.tasks[own]["status_message"])

    rig.at(1, look)
    rig.at(2, lambda: (look(), rig.sandbox.task_failures.clear()))
    rig.at(3, look)
    rig.run(own, end_at=4)
    assert said[0].startswith("Cycles fail since ") and "as the test wants" in said[0]
    assert said[1:] == [said[0], ""]
    assert rig.sandbox.tasks[own]["status"] == "in_progress"

    # So an abort is asked for, and that is not overwritten.
    rig.sandbox.edit_task(own, status_message="stopping")
    OwnTask(rig.server.client, own).set_message("Cycles fail")
    assert rig.sandbox.tasks[own]["status_message"] == "stopping"


def test_a_cycle_that_takes_longer_than_the_period_is_followed_by_a_short_rest(rig: Rig) -> None:
    rig.run(end_at=3, cleanup_period_in_days=0)
    assert rig.waits == [1.0, 1.0, 1.0]


def test_a_single_run_ends_with_the_code_and_message_of_what_failed(rig: Rig) -> None:
    tasks = rig.archive()
    for fault, code, says in (
        (GONE, 3, "does not answer"),
        (Fault("*", "drop", times=None, after=4), 3, "does not answer"),
        (Fault("*", status=429, times=None), 3, "too busy"),
        (Fault("tasks.get_all", status=500, times=None), 1, "injected fault"),
    ):
        rig.sandbox.clear_faults()
        rig.sandbox.inject(fault)
        ending = rig.run(run_as_service=False)
        assert (ending.code, says in ending.message) == (code, True)
        assert tasks <= set(rig.sandbox.tasks)
