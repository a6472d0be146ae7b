"""Kills: the process ended with SIGKILL, or its network cut, at every request of a cycle; signals to the real script."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator

from cleanup.sandbox import Fault
from cleanup.sandbox.answer import Dropped
from tests.faults.build import Builder
from tests.faults.faults import OLD_SERVER
from tests.faults.judge import Case, broken_laws
from tests.faults.rig import Rig, utc_now
from tests.faults.runner import Attack, finished
from tests.faults.street import STREET
from tests.faults.world import Rules

SCRIPT = ("--run-as-service", "False", "--force-delete", "True", "--keep-tags", "keep")


def series() -> Iterator[Iterator[Attack]]:
    """Yield the attacks, each series by number of request."""
    for old, acts in itertools.product((False, True), (False, True)):
        when = f"{'after' if acts else 'before'} the server acts{', an old server' if old else ''}"
        yield (Attack(f"kill -9 at {n}, {when}", _ended(n, acts, old, signal.SIGKILL)) for n in itertools.count(1))
        yield (Attack(f"network cut at {n}, {when}", _cut(n, acts, old)) for n in itertools.count(1))
    for what in (signal.SIGKILL, signal.SIGTERM):
        yield (
            Attack(f"{what.name} to the script at {n}", _ended(n, True, False, what, *SCRIPT))
            for n in itertools.count(1, 3)
        )


def _ended(number: int, acts: bool, old: bool, what: signal.Signals, *script: str) -> Callable[[Rig], list[str] | None]:
    def run(rig: Rig) -> list[str] | None:
        Builder(rig, STREET)
        before, rules = rig.snapshot(), Rules(utc_now())
        _make_old(rig, old)
        child = rig.forker.fork(*script)
        rig.sandbox.reset_requests()
        came: list[int] = []

        def end() -> None:
            came.append(child)
            os.kill(child, what)
            if not acts:
                raise Dropped

        rig.sandbox.at_request(number, end)
        code = rig.forker.go()
        rig.quiet()
        rig.sandbox.reset_requests()
        if not came:
            return None
        rig.calm()
        wrong = f"law 6: ended with {what.name}, its exit code is {code}"
        broken = [] if code in ((0, 3) if what == signal.SIGTERM else (-what,)) else [wrong]
        return broken + broken_laws(Case(before, rig.snapshot(), rules, [None])) + finished(rig, rules)

    return run


def _cut(number: int, acts: bool, old: bool) -> Callable[[Rig], list[str] | None]:
    def run(rig: Rig) -> list[str] | None:
        Builder(rig, STREET)
        before, rules = rig.snapshot(), Rules(utc_now())
        # The first fault that meets a request decides: the cut comes before what the old server does not know.
        first = rig.sandbox.inject(Fault("*", "drop", times=1, after=number - 1, acted=acts))
        rig.sandbox.inject(Fault("*", "drop", times=None, after=number - 1))
        _make_old(rig, old)
        result = rig.cycle()
        if not first.hits:
            return None
        rig.calm()
        return broken_laws(Case(before, rig.snapshot(), rules, [result])) + finished(rig, rules)

    return run


def _make_old(rig: Rig, old: bool) -> None:
    for need in OLD_SERVER if old else ():
        rig.sandbox.inject(Fault(times=None, **need))
