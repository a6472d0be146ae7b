"""Whatever goes wrong on the way, no more than the orphans goes, and the next run finishes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from cleanup.base.errors import CleanupError
from cleanup.cycle.result import CycleResult
from cleanup.sandbox import Fault
from cleanup.sandbox.demo import environment
from tests.orphans.world import OrphanWorld

FAULTS = [
    {"kind": "status", "status": 500, "times": None},
    {"kind": "missing", "times": None},
    {"kind": "truncated", "times": None},
    {"kind": "drop", "times": 1},
]


def requests_of(orphans: OrphanWorld) -> int:
    """Return how many requests a scan takes; a deletion takes as many, and then some that only files matter to."""
    orphans.sandbox.reset_requests()
    orphans.find()
    return orphans.sandbox.api_requests


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["kind"])
def test_a_fault_at_any_request_deletes_no_more_than_the_orphans(orphans: OrphanWorld, fault) -> None:
    before = orphans.store.held()
    complete = orphans.find()
    for after in range(requests_of(orphans) + 1):
        orphans.store.put(before - orphans.store.held())
        orphans.manifest.unlink()
        result = attacked(orphans, orphans.find, after, fault)
        assert orphans.store.held() == before
        assert orphans.manifest.exists() == (result is not None)
        assert result is None or len(result.deleted) == len(complete.deleted)
        orphans.find()
        attacked(orphans, orphans.delete, after, fault)
        assert before - orphans.store.held() <= orphans.going
    orphans.delete()
    assert before - orphans.store.held() == orphans.going


def attacked(orphans: OrphanWorld, step: Callable[[], CycleResult], after: int, fault) -> CycleResult | None:
    """Return what ``step`` brought, None if that was an error."""
    orphans.sandbox.inject(Fault(after=after, **fault))
    try:
        return step()
    except CleanupError:
        return None
    finally:
        orphans.sandbox.clear_faults()


@pytest.mark.slow
def test_killed_at_any_step_it_deletes_no_more_than_the_orphans_and_the_next_run_finishes(orphans: OrphanWorld) -> None:
    """At every request, unlink and rename."""
    orphans.find()
    command = [sys.executable, "-m", "tests.orphans.killed", str(orphans.sandbox.files_root), str(orphans.manifest)]
    done = subprocess.run(command, env=environment(orphans.sandbox), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["killed"]) > len(orphans.going)
    assert all(set(gone) <= orphans.going for gone in told["killed"])
    assert all(set(gone) == orphans.going for gone in told["finished"])
    assert [] in told["killed"]
    assert sorted(orphans.going) in told["killed"]
