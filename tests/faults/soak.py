"""The soak: hundreds of cycles of one service with faults at one request in twenty; what it uses must not grow."""

from __future__ import annotations

import base64
import gc
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator

from cleanup.sandbox import Fault
from tests.faults import service
from tests.faults.build import Builder
from tests.faults.judge import Case, broken_laws
from tests.faults.rig import Rig, utc_now
from tests.faults.runner import Attack
from tests.faults.street import STREET
from tests.faults.world import Rules
from tests.faults.worlds import FAULTS

CYCLES, WARM = 400, 20
"""Cycles in all, and before the first measurement: what is loaded and cached once is no leak."""

MAY_GROW = {"MB of memory": 10.0, "threads": 5.0, "connections": 5.0, "open files": 5.0}


def series(every: int) -> Iterator[Iterator[Attack]]:
    """Yield the one soak."""
    cycles = max(WARM + 5, CYCLES // every)
    yield iter([Attack(f"{cycles} cycles with faults at 5% of all requests", lambda rig: _soak(rig, cycles))])


def _soak(rig: Rig, cycles: int) -> list[str]:
    command = [sys.executable, "-c", "from tests.faults.soak import serve; serve()"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    broken, uses = [], []
    for number in range(cycles):
        use, lines = _one(rig, process)
        broken += [f"cycle {number}: {line}" for line in lines]
        uses.append(use)
    process.communicate()
    rig.tried = cycles
    grown = [
        f"{start:.0f} -> {end:.0f} {unit}" for unit, start, end in zip(MAY_GROW, uses[WARM], uses[-1], strict=True)
    ]
    rig.measured = f"Soak of {cycles} cycles, after {WARM} of them and at the end: {', '.join(grown)}"
    growth = zip(MAY_GROW.values(), uses[WARM], uses[-1], strict=True)
    return broken + ([f"leak: {rig.measured}"] if any(end > start + more for more, start, end in growth) else [])


def _one(rig: Rig, process: subprocess.Popen[str]) -> tuple[list[float], list[str]]:
    leaked = rig.leaked()
    rig.reset()
    Builder(rig, STREET)
    before, rules = rig.snapshot(), Rules(utc_now())
    for fault in FAULTS:
        rig.sandbox.inject(Fault("*", times=None, probability=0.05 / len(FAULTS), **fault))
    assert process.stdin is not None and process.stdout is not None
    print("go", file=process.stdin, flush=True)
    result, said, use = pickle.loads(base64.b64decode(process.stdout.readline()))
    rig.said += [said, repr(result)]
    return use, leaked + broken_laws(Case(before, rig.snapshot(), rules, [result]))


def serve() -> None:
    """The service that stays: run a cycle for each line that comes, with one session, and answer what came of it."""
    import psutil

    from cleanup.base.errors import CleanupError

    service.prepare()
    server, storages = service.open_all()
    while sys.stdin.readline():
        result, said = None, ""
        try:
            result = service.run_on(server, storages, {})
        except CleanupError as error:
            said = f"{error!r} {error}"
        gc.collect()
        mine = psutil.Process()
        held = [mine.memory_info().rss / 1e6, threading.active_count(), len(mine.net_connections()), mine.num_fds()]
        print(base64.b64encode(pickle.dumps((result, said, held))).decode(), flush=True)
