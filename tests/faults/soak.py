"""The soak: hundreds of cycles with faults at one request in twenty; what they use must not grow."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

import psutil

from cleanup.sandbox import Fault
from tests.faults.case import Attack
from tests.faults.judge import Case, Rules, broken_laws
from tests.faults.matrix import RULES_TAGS
from tests.faults.rig import Rig
from tests.faults.world import World

WARM = 20
"""Cycles before the first measurement: what is loaded and cached once is no leak."""

_SHAPES = (
    {"status": 500}, {"status": 503}, {"status": 500, "acted": True}, {"kind": "drop"}, {"kind": "drop", "acted": True},
    {"kind": "truncated", "acted": True}, {"kind": "malformed", "acted": True}, {"status": 429},
)  # fmt: skip


@dataclass(frozen=True)
class Use:
    """What this process holds: memory in MB, threads, open connections."""

    memory: float
    threads: int
    connections: int


def attacks(cycles: int = 500) -> Iterator[Attack]:
    """Yield the one soak."""
    yield Attack(f"{cycles} cycles with faults at 5% of all requests", _soak(cycles))


def used() -> Use:
    """Measure this process."""
    gc.collect()
    process = psutil.Process()
    connections = len(process.net_connections("tcp"))
    return Use(process.memory_info().rss / 1e6, threading.active_count(), connections)


def _soak(cycles: int) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        broken: list[str] = []
        start = used()
        rig.tried = 0
        for number in range(cycles):
            if number == WARM:
                start = used()
            broken += [f"cycle {number}: {line}" for line in _one(rig)]
            rig.tried += 1
        rig.reset()
        rig.quiet()
        end = used()
        print(f"soak: {cycles} cycles, at the start {start}, at the end {end}")
        rig.measured = f"{cycles} cycles: {start.memory:.0f} -> {end.memory:.0f} MB, {start.threads} -> {end.threads}"
        rig.measured += f" threads, {start.connections} -> {end.connections} connections"
        if end.memory > start.memory + 30 + cycles / 20:
            broken.append(f"leak: {end.memory - start.memory:.0f} MB more memory after {cycles} cycles")
        if end.threads > start.threads + 5:
            broken.append(f"leak: {start.threads} threads at the start, {end.threads} at the end")
        if end.connections > start.connections + 5:
            broken.append(f"leak: {start.connections} connections at the start, {end.connections} at the end")
        return broken

    return run


def _one(rig: Rig) -> list[str]:
    leaked = rig.leaked()
    rig.reset()
    World(rig)
    before = rig.snapshot()
    for shape in _SHAPES:
        rig.sandbox.inject(Fault("*", times=None, probability=0.05 / len(_SHAPES), **shape))  # type: ignore[arg-type]
    rules = Rules(datetime.now(timezone.utc), keep_tags=RULES_TAGS)
    result = rig.cycle()
    return leaked + broken_laws(Case(before, rig.snapshot(), rules, result))
