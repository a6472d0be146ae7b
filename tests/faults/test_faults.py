"""Nothing is lost, whatever fails: a sample of every class of attack. The whole: `python -m tests.faults`."""

from __future__ import annotations

import os

import pytest

from tests.faults.case import first
from tests.faults.runner import run
from tests.faults.table import SAMPLES

PROMISES = {
    "found": "no case that once broke a law breaks it again",
    "faults": "a fault at any endpoint loses nothing, and the next cycle finishes",
    "kills": "a process killed at any request loses nothing, and the next cycle finishes",
    "cuts": "a network cut at any request loses nothing, and the next cycle finishes",
    "changes": "a task that is taken out of reach stays from the next look at it on",
    "worlds": "no world breaks a law, whatever changes and fails in it meanwhile",
    "hostile": "no stored data makes the service harm, leak, crash or flood",
    "clocks": "no clock and no threshold makes a task look older than it is",
    "soak": "memory, threads and connections stay as they are over many cycles",
}


def _attack(kind: str, sample: str) -> None:
    findings = list(run(kind, SAMPLES[sample][kind], processes=1 if kind == "soak" else os.cpu_count() or 2))
    broken = [f"{one.name}: {line}" for one in findings for line in [*one.broken, *one.leaked]]
    assert not broken, f"{PROMISES[kind]}:\n{first(broken, 20)}"
    assert sum(one.cases for one in findings) >= SAMPLES[sample][kind]


QUICK = [kind for kind in SAMPLES["small"] if kind not in {"kills", "cuts", "soak"}]


@pytest.mark.parametrize("kind", QUICK)
def test_nothing_is_lost_in_a_few_cases_of(kind: str) -> None:
    _attack(kind, "small")


@pytest.mark.slow
@pytest.mark.parametrize("kind", SAMPLES["ci"])
def test_nothing_is_lost_in_many_cases_of(kind: str) -> None:
    _attack(kind, "ci")
