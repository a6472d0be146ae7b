"""No law is broken, whatever happens: a sample of every class of attack. The whole: `python -m tests.faults`."""

from __future__ import annotations

import os

import pytest

from tests.faults.__main__ import KINDS, SAMPLES
from tests.faults.runner import run


def _attack(kind: str, sample: str) -> None:
    findings = list(run(kind, SAMPLES[sample][kind], processes=1 if kind == "soak" else os.cpu_count() or 2))
    broken = [f"{one.name}: {line}" for one in findings for line in [*one.broken, *one.leaked]]
    assert not broken, "\n".join(broken[:20])
    assert findings


@pytest.mark.parametrize("kind", SAMPLES["quick"])
def test_no_law_is_broken_in_a_few(kind: str) -> None:
    _attack(kind, "quick")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_law_is_broken_in_many(kind: str) -> None:
    _attack(kind, "ci")
