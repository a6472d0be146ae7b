"""A server that goes away is waited for, quietly and patiently, and found again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cleanup.sandbox import Fault
from cleanup.server.own_task import OwnTask
from cleanup.service import DAY, FIRST_WAIT, LONGEST_WAIT
from tests.service.conftest import Rig


@pytest.mark.parametrize(
    "fault",
    [{"kind": "drop"}, {"status": 503}, {"kind": "malformed"}, {"status": 401}],
    ids=str,
)
def test_a_day_without_the_server_costs_one_line_an_attempt_and_then_work_goes_on(
    rig: Rig, capsys: pytest.CaptureFixture[str], fault: dict[str, Any]
) -> None:
    tasks = rig.archive()
    rig.sandbox.inject(Fault("*", times=None, **fault))
    attempts = 100
    rig.time.at(attempts, rig.sandbox.clear_faults)
    rig.time.end_at(attempts + 1)
    assert rig.run(cleanup_period_in_days=1).code == 0

    doubling = [FIRST_WAIT * 2**n for n in range(attempts)]
    assert rig.time.waits[:attempts] == [min(wait, LONGEST_WAIT) for wait in doubling]
    assert sum(rig.time.waits[:attempts]) > DAY * 0.9
    said = capsys.readouterr().out.splitlines()
    failures = [line for line in said if line.startswith("The cycle failed")]
    assert len(failures) == attempts
    assert all("trying again in" in line for line in failures)
    assert said[1 : attempts + 1] == failures
    assert not tasks & set(rig.sandbox.tasks)
    assert rig.time.waits[attempts] == pytest.approx(DAY, abs=5)


def test_the_backoff_starts_small_again_after_the_server_was_back(rig: Rig) -> None:
    outage = Fault("*", "drop", times=None)
    rig.sandbox.inject(outage)
    rig.time.at(3, rig.sandbox.clear_faults)
    rig.time.at(4, lambda: rig.sandbox.inject(outage))
    rig.time.end_at(6)
    rig.run(cleanup_period_in_days=0.5)
    period = pytest.approx(DAY / 2, abs=5)
    assert rig.time.waits == [15, 30, 60, period, 15, 30]


@pytest.mark.parametrize("requests", [1, 3, 5, 7, 9, 11, 13])
def test_a_server_lost_in_mid_cycle_is_tried_again_soon_and_the_next_cycle_finishes(rig: Rig, requests: int) -> None:
    tasks = rig.archive()
    rig.sandbox.inject(Fault("*", "drop", times=None, after=requests))
    left: list[set[str]] = []

    def back() -> None:
        left.append(tasks & set(rig.sandbox.tasks))
        rig.sandbox.clear_faults()

    rig.time.at(1, back)
    rig.time.end_at(2)
    rig.run(cleanup_period_in_days=1)
    assert rig.time.waits[0] == FIRST_WAIT or not left[0]
    assert not tasks & set(rig.sandbox.tasks)
    assert not [path for path in rig.sandbox.files_root.rglob("*") if path.is_file()]


def test_a_token_that_expires_between_and_within_cycles_is_renewed(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(token_seconds=1)
    rig.sandbox.latency = 0.02
    seen: list[set[str]] = []
    for cycle in range(1, 4):
        seen.append(rig.archive())
        rig.time.at(cycle, lambda: seen.append(rig.archive()))
    rig.time.end_at(4)
    rig.run(cleanup_period_in_days=0, parallel_requests=1)
    assert not set().union(*seen) & set(rig.sandbox.tasks)
    assert rig.sandbox.requests["auth.login"] > 2


def test_a_mistake_of_the_program_costs_one_cycle_and_not_the_service(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = rig.archive()
    listing = rig.server.tasks
    monkeypatch.setattr(rig.server, "tasks", None)
    rig.time.at(1, lambda: monkeypatch.setattr(rig.server, "tasks", listing))
    rig.time.end_at(2)
    assert rig.run(cleanup_period_in_days=1).code == 0
    assert "AttributeError" in capsys.readouterr().out
    assert not tasks & set(rig.sandbox.tasks)


def test_a_service_whose_cycles_fail_says_since_when_on_its_task_until_they_do_not(rig: Rig) -> None:
    own = rig.sandbox.add_task("service", status="in_progress")
    unlucky = min(rig.archive())
    rig.sandbox.task_failures[unlucky] = (400, 123, "as the test wants")
    said: list[str] = []

    def look() -> None:
        said.append(rig.sandbox.tasks[own]["status_message"])

    def mend() -> None:
        look()
        rig.sandbox.task_failures.clear()

    for wait, action in enumerate((look, mend, look), 1):
        rig.time.at(wait, action)
    rig.time.end_at(4)
    rig.run(own)
    assert said[0].startswith("Cycles fail since ") and "as the test wants" in said[0]
    assert said[1:] == [said[0], ""]
    assert rig.sandbox.tasks[own]["status"] == "in_progress"


def test_an_abort_is_asked_for_by_a_message_that_is_not_overwritten(rig: Rig) -> None:
    own = rig.sandbox.add_task("service", status="in_progress", status_message="stopping")
    OwnTask(rig.server.client, own).set_message("Cycles fail")
    assert rig.sandbox.tasks[own]["status_message"] == "stopping"


def test_a_cycle_that_takes_longer_than_the_period_is_followed_by_a_short_rest(rig: Rig) -> None:
    rig.time.end_at(3)
    rig.run(cleanup_period_in_days=0)
    assert rig.time.waits == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        (Fault("*", "drop", times=None), 3, "does not answer"),
        (Fault("*", "drop", times=None, after=4), 3, "does not answer"),
        (Fault("*", status=429, times=None), 3, "too busy"),
        (Fault("tasks.get_all", status=500, times=None), 1, "injected fault"),
    ],
    ids=["gone", "gone in the middle", "busy", "broken"],
)
def test_a_single_run_ends_with_the_code_and_message_of_what_failed(
    rig: Rig, fault: Fault, code: int, says: str
) -> None:
    tasks = rig.archive()
    rig.sandbox.inject(fault)
    ending = rig.run(run_as_service=False)
    assert ending.code == code
    assert says in ending.message
    assert tasks <= set(rig.sandbox.tasks)
