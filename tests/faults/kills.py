"""Kills: the process ended with SIGKILL, or its network cut, at every request of a cycle; then one clean cycle."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

from cleanup.sandbox import Fault
from cleanup.sandbox.answer import Dropped
from tests.faults.case import Attack
from tests.faults.judge import Case, Rules, broken_laws
from tests.faults.matrix import RULES_TAGS, finished, judged
from tests.faults.rig import Rig
from tests.faults.world import World

# Servers on which the same work takes other requests, and how many of them.
_SERVERS: dict[str, tuple[int, tuple[dict[str, Any], ...]]] = {
    "a new server": (56, ()),
    "a server without delete_many": (
        95,
        ({"endpoint": "tasks.delete_many", "status": 404}, {"endpoint": "files.delete_many", "status": 404}),
    ),
}


def kills() -> Iterator[Attack]:
    """Yield a kill -9 at each request, before and after the server acts on it."""
    for server, (requests, needs) in _SERVERS.items():
        for number in range(1, requests + 1):
            for acts in (False, True):
                when = "after" if acts else "before"
                yield Attack(f"{server}: killed {when} request {number}", _killed(number, acts, needs))


def cuts() -> Iterator[Attack]:
    """Yield a network that is cut at each request and stays so, before and after the server acts on that one."""
    for server, (requests, needs) in _SERVERS.items():
        for number in range(1, requests + 1):
            for acts in (False, True):
                when = "after" if acts else "before"
                yield Attack(f"{server}: cut {when} request {number}", _cut(number, acts, needs))


def _killed(number: int, acts: bool, needs: tuple[dict[str, Any], ...]) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        World(rig)
        before = rig.snapshot()
        rules = Rules(datetime.now(timezone.utc), keep_tags=RULES_TAGS)
        for need in needs:
            rig.sandbox.inject(Fault(times=None, **need))
        child = rig.forker.fork()
        rig.sandbox.reset_requests()
        rig.sandbox.at_request(number, lambda: _kill(child, acts))
        rig.forker.go()
        rig.quiet()
        rig.sandbox.reset_requests()
        rig.sandbox.clear_faults()
        broken = broken_laws(Case(before, rig.snapshot(), rules, None))
        return broken + finished(rig, before, rules)

    return run


def _kill(child: int, acts: bool) -> None:
    os.kill(child, signal.SIGKILL)
    if not acts:
        raise Dropped


def _cut(number: int, acts: bool, needs: tuple[dict[str, Any], ...]) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        def attack(world: World) -> None:
            # The first fault that meets a request decides: the cut comes before what the old server does not know.
            rig.sandbox.reset_requests()
            rig.sandbox.inject(Fault("*", "drop", times=1, after=number - 1, acted=acts))
            rig.sandbox.inject(Fault("*", "drop", times=None, after=number - 1))
            for need in needs:
                rig.sandbox.inject(Fault(times=None, **need))

        return judged(rig, attack)

    return run
