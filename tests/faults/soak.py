"""The soak: hundreds of cycles of one service with faults at one request in twenty; what it uses must not grow."""

from __future__ import annotations

import base64
import gc
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cleanup.cycle.result import CycleResult
from cleanup.sandbox import Fault
from tests.faults import service
from tests.faults.build import Builder
from tests.faults.judge import Case, broken_laws
from tests.faults.rig import Rig, utc_now
from tests.faults.runner import Attack
from tests.faults.street import STREET
from tests.faults.worlds import FAULTS
from tests.faults.world import Rules

WARM = 20
"""Cycles before the first measurement: what is loaded and cached once is no leak."""

CYCLES = (400,)

_SERVE = "from tests.faults.soak import serve; serve()"


@dataclass(frozen=True)
class Use:
    """What a process holds: memory in MB, threads, open connections, open files."""

    memory: float
    threads: int
    connections: int
    files: int


def series() -> Iterator[Iterator[Attack]]:
    """Yield the one soak."""
    yield (Attack(f"{cycles} cycles with faults at 5% of all requests", _soak(cycles)) for cycles in CYCLES)


def _soak(cycles: int) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        broken: list[str] = []
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        uses = []
        for number in range(cycles):
            use, lines = _one(rig, process)
            broken += [f"cycle {number}: {line}" for line in lines]
            uses.append(use)
        process.communicate()
        rig.tried = cycles
        start, end = uses[min(WARM, cycles - 1)], uses[-1]
        names = {"memory": "MB", "threads": "threads", "connections": "connections", "files": "open files"}
        grown = [f"{getattr(start, name):.0f} -> {getattr(end, name):.0f} {unit}" for name, unit in names.items()]
        rig.measured = f"Soak of {cycles} cycles, after {WARM} of them and at the end: {', '.join(grown)}"
        if end.memory > start.memory * 1.1 + 5:
            broken.append(f"leak: memory, {rig.measured}")
        if any(getattr(end, name) > getattr(start, name) + 5 for name in list(names)[1:]):
            broken.append(f"leak: {rig.measured}")
        return broken

    return run


def _one(rig: Rig, process: subprocess.Popen[str]) -> tuple[Use, list[str]]:
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
        result: CycleResult | None = None
        said = ""
        try:
            result = service.run_on(server, storages, {})
        except CleanupError as error:
            said = f"{error!r} {error}"
        gc.collect()
        mine = psutil.Process()
        memory, connections = mine.memory_info().rss / 1e6, len(mine.net_connections("tcp"))
        use = Use(memory, threading.active_count(), connections, mine.num_fds())
        print(base64.b64encode(pickle.dumps((result, said, use))).decode(), flush=True)
