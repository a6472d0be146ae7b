"""The soak: hundreds of cycles of one service with faults at one request in twenty; what it uses must not grow."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache, partial
from multiprocessing import get_context
from typing import Any

import psutil

from cleanup.base.errors import CleanupError
from cleanup.cycle.result import CycleResult
from cleanup.sandbox import Fault
from tests.faults import service
from tests.faults.rig import Rig
from tests.faults.runner import Attack
from tests.faults.street import Trial
from tests.faults.worlds import FAULTS

CYCLES, WARM = 200, 20
"""Cycles in all, and before the first measurement: what is loaded and cached once is no leak."""

HELD = ExitStack()
"""What the service that stays has open."""

MAY_GROW = {"MB of memory": 10.0, "threads": 5.0, "connections": 5.0, "open files": 5.0}


def series(every: int) -> Iterator[Iterator[Attack]]:
    """Yield the one soak."""
    cycles = max(WARM + 5, CYCLES // every)
    yield iter([Attack(f"{cycles} cycles with faults at 5% of all requests", partial(_soak, cycles))])


def _soak(cycles: int, rig: Rig) -> list[str]:
    broken, uses = [], []
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        for number in range(cycles):
            leaked = rig.leaked()
            rig.reset()
            trial = Trial(rig)
            for fault in FAULTS:
                rig.sandbox.inject(Fault("*", times=None, probability=0.05 / len(FAULTS), **fault))
            result, said, use = process.submit(cycle).result()
            rig.said += [said, repr(result)]
            uses.append(use)
            broken += [f"cycle {number}: {line}" for line in leaked + trial.broken(result)]
    rig.tried = cycles
    growth = list(zip(MAY_GROW.items(), uses[WARM], uses[-1], strict=True))
    grown = ", ".join(f"{start:.0f} -> {end:.0f} {unit}" for (unit, _), start, end in growth)
    rig.measured = f"Soak of {cycles} cycles, after {WARM} of them and at the end: {grown}"
    return broken + ([f"leak: {rig.measured}"] if any(end > start + more for (_, more), start, end in growth) else [])


@cache
def _service() -> tuple[Any, Any]:
    """Return the server and the storages of the service that stays."""
    service.prepare()
    return HELD.enter_context(service.opened())


def cycle() -> tuple[CycleResult | None, str, list[float]]:
    """Run a cycle with the session of the one before; return what came of it, and what the process holds now."""
    result, said = None, ""
    try:
        result = service.run_on(*_service(), {})
    except CleanupError as error:
        said = f"{error!r} {error}"
    gc.collect()
    mine = psutil.Process()
    held = [mine.memory_info().rss / 1e6, threading.active_count(), len(mine.net_connections()), mine.num_fds()]
    return result, said, held
