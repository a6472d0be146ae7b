"""Ways into the script and out of it, against what the server can be; signals at every request; services at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial

from tests.faults.rig import Rig
from tests.faults.runner import Attack
from tests.service import stops, together, ways
from tests.service.ways import Cell


def series(every: int) -> Iterator[Iterator[Attack]]:
    """Yield the attacks: each is a run of the real script, which brings a sandbox of its own."""
    yield (_attack(way.name, lambda rig, way=way: ways.tried(way)) for way in ways.table())
    for agent, signals in itertools.product((False, True), (1, 2)):
        who = f"{'one signal' if signals == 1 else 'two signals'} at request %d{', run by an agent' * agent}"
        stop = partial(stops.tried, signals=signals, agent=agent)
        yield (_attack(who % n, lambda rig, n=n, stop=stop: stop(n)) for n in itertools.count(1))
    for services in (2, 3):
        yield (
            _attack(f"{services} services at once, {n}", lambda rig, n=n, m=services: together.tried(m, n, rig.sandbox))
            for n in range(50)
        )


def _attack(name: str, tried: Callable[[Rig], Cell | None]) -> Attack:
    def run(rig: Rig) -> list[str] | None:
        cell = tried(rig)
        if cell is None:
            return None
        rig.measured = f"{cell.code:4} {cell.seconds:5.1f} s  {name}: {cell.line[:200]}"
        return list(cell.wrong)

    return Attack(name, run)
