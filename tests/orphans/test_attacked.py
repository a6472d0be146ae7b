"""Whatever goes wrong on the way, no more than the orphans goes, and the next run finishes."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import requests

from cleanup.base.errors import CleanupError
from cleanup.cycle.result import CycleResult
from cleanup.orphans.__main__ import main
from cleanup.sandbox import Fault
from tests.orphans.world import OrphanWorld

FAULTS = [
    {"kind": "status", "status": 500, "times": None},
    {"kind": "missing", "times": None},
    {"kind": "truncated", "times": None},
    {"kind": "drop", "times": 1},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["kind"])
def test_a_fault_at_any_request_deletes_no_more_than_the_orphans(orphans: OrphanWorld, fault) -> None:
    before = orphans.store.held()
    orphans.sandbox.reset_requests()
    complete = orphans.find()
    # A deletion takes as many requests, and then some that only files matter to.
    for after in range(orphans.sandbox.api_requests + 1):
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
    before, killed = orphans.store.held(), []
    for step in itertools.count(1):
        exit_code = in_a_process(orphans, step)
        killed.append(before - orphans.store.held())
        in_a_process(orphans, 0)
        assert before - orphans.store.held() == orphans.going
        orphans.store.put(orphans.going)
        if exit_code == 0:
            break
        assert exit_code == -signal.SIGKILL
    assert len(killed) > len(orphans.going)
    assert all(gone <= orphans.going for gone in killed)
    assert set() in killed and orphans.going in killed


def in_a_process(orphans: OrphanWorld, step: int) -> int | None:
    """Take both steps in a process that is killed at a step of its work; return its exit code."""
    # Forked from a process that has imported everything: a new one for each would take seconds.
    context = get_context("forkserver")
    context.set_forkserver_preload(["cleanup.orphans.run"])
    where = str(orphans.sandbox.files_root), str(orphans.manifest)
    process = context.Process(target=work, args=(orphans.sandbox.environment(), *where, step))
    process.start()
    process.join()
    return process.exitcode


def work(environment: dict[str, str], folder: str, manifest: str, dies_at: int) -> None:
    os.environ.update(environment)
    count = itertools.count(1)

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*args: Any, **more: Any) -> Any:
            if next(count) == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)

        return instead

    os.unlink, Path.replace = counted(os.unlink), counted(Path.replace)
    requests.Session.send = counted(requests.Session.send)
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - to the process's end
    sys.exit(main([folder, "--older-than-days", "0", "--output", manifest]) or main(["--delete", manifest]))
