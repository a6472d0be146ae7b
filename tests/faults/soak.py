"""The soak: hundreds of cycles of one service with faults at one request in twenty; what it uses must not grow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone

from cleanup.sandbox import Fault
from tests.faults.case import Attack
from tests.faults.judge import Case, Rules, broken_laws
from tests.faults.matrix import RULES_TAGS
from tests.faults.resident import Resident, Told, Use
from tests.faults.rig import Rig
from tests.faults.world import World

WARM = 20
"""Cycles before the first measurement: what is loaded and cached once is no leak."""

_SHAPES = (
    {"status": 500}, {"status": 503}, {"status": 500, "acted": True}, {"kind": "drop"}, {"kind": "drop", "acted": True},
    {"kind": "truncated", "acted": True}, {"kind": "malformed", "acted": True}, {"status": 429},
)  # fmt: skip


def attacks(cycles: int = 500) -> Iterator[Attack]:
    """Yield the one soak."""
    yield Attack(f"{cycles} cycles with faults at 5% of all requests", _soak(cycles))


def _soak(cycles: int) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        broken: list[str] = []
        service = Resident()
        uses: list[Use] = []
        rig.tried = 0
        for number in range(cycles):
            told, lines = _one(rig, service)
            broken += [f"cycle {number}: {line}" for line in lines]
            uses.append(told.use)
            rig.tried += 1
        service.close()
        start, end = uses[min(WARM, cycles - 1)], uses[-1]
        rig.measured = f"Soak of {cycles} cycles, after {WARM} of them and at the end: " + ", ".join(
            f"{getattr(start, name):.0f} -> {getattr(end, name):.0f} {unit}"
            for name, unit in (
                ("memory", "MB"),
                ("threads", "threads"),
                ("connections", "connections"),
                ("files", "files"),
            )
        )
        return broken + list(_grown(start, end))

    return run


def _grown(start: Use, end: Use) -> Iterator[str]:
    if end.memory > start.memory * 1.1 + 5:
        yield f"leak: memory from {start.memory:.0f} to {end.memory:.0f} MB"
    for name in ("threads", "connections", "files"):
        if getattr(end, name) > getattr(start, name) + 5:
            yield f"leak: {name} from {getattr(start, name)} to {getattr(end, name)}"


def _one(rig: Rig, service: Resident) -> tuple[Told, list[str]]:
    leaked = rig.leaked()
    rig.reset()
    World(rig)
    before = rig.snapshot()
    for shape in _SHAPES:
        rig.sandbox.inject(Fault("*", times=None, probability=0.05 / len(_SHAPES), **shape))  # type: ignore[arg-type]
    rules = Rules(datetime.now(timezone.utc), keep_tags=RULES_TAGS)
    told = service.cycle()
    rig.said.append(told.said)
    if told.result:
        rig.hear(told.result)
    return told, leaked + broken_laws(Case(before, rig.snapshot(), rules, told.result))
