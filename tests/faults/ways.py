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
    yield (Attack(way.name, _cell(way.name, partial(ways.tried, way))) for way in ways.table())
    for agent, signals in itertools.product((False, True), (1, 2)):
        who = f"{'one signal' if signals == 1 else 'two signals'} at request %d{', run by an agent' * agent}"
        yield (_stop(who % number, number, signals, agent) for number in itertools.count(1))
    for services in (2, 3):
        yield (_together(services, seed) for seed in range(50))


def _stop(name: str, number: int, signals: int, agent: bool) -> Attack:
    return Attack(name, _cell(name, partial(stops.tried, number, signals, agent=agent)))


def _together(services: int, seed: int) -> Attack:
    name = f"{services} services at once, {seed}"
    return Attack(name, lambda rig: _told(rig, name, together.tried(services, seed, rig.sandbox)))


def _cell(name: str, tried: Callable[[], Cell | None]) -> Callable[[Rig], list[str] | None]:
    return lambda rig: _told(rig, name, tried())


def _told(rig: Rig, name: str, cell: Cell | None) -> list[str] | None:
    if cell is None:
        return None
    rig.measured = f"{cell.code:4} {cell.seconds:5.1f} s  {name}: {cell.line[:200]}"
    return list(cell.wrong)
