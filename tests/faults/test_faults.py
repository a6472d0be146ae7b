"""No law is broken, whatever happens: a sample of every class of attack. The whole: `python -m tests.faults`."""

from __future__ import annotations

import os

import pytest

from tests.faults.__main__ import KINDS, SAMPLES
from tests.faults.runner import run


@pytest.mark.parametrize("kind", KINDS)
def test_no_law_is_broken(kind: str, request: pytest.FixtureRequest) -> None:
    sample = SAMPLES["small" if request.config.getoption("--run-slow") else "quick"]
    if kind not in sample:
        pytest.skip("takes long: --run-slow")
    findings = run(kind, sample[kind], processes=1 if kind == "soak" else os.cpu_count() or 2)
    broken = [f"{one.name}: {line}" for one in findings for line in [*one.broken, *one.leaked]]
    assert not broken, "\n".join(broken[:20])
    assert findings
