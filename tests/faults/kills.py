"""Kills: the process ended with SIGKILL, or its network cut, at every request; signals to the real script."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator

from cleanup.sandbox import Fault
from cleanup.sandbox.answer import Dropped
from tests.faults.build import Builder
from tests.faults.faults import make_old
from tests.faults.rig import Rig
from tests.faults.runner import Attack
from tests.faults.street import trial

SCRIPT = ("--run-as-service", "False", "--force-delete", "True", "--keep-tags", "keep")
Run = Callable[[Rig], list[str] | None]


def series(every: int) -> Iterator[Iterator[Attack]]:
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


def _ended(number: int, acts: bool, old: bool, what: signal.Signals, *script: str) -> Run:
    def run(rig: Rig) -> list[str] | None:
        came: list[int] = []
        codes: list[int] = []

        def attack(built: Builder) -> Callable[[], object]:
            if old:
                make_old(rig)
            child = rig.forker.fork(*script)
            rig.sandbox.reset_requests()

            def end() -> None:
                came.append(child)
                os.kill(child, what)
                if not acts:
                    raise Dropped

            rig.sandbox.at_request(number, end)
            return lambda: came

        def go() -> None:
            codes.append(rig.forker.go())
            rig.quiet()
            rig.sandbox.reset_requests()

        broken = trial(rig, attack, run=go)
        if broken is not None and codes[0] not in ((0, 3) if what == signal.SIGTERM else (-what,)):
            broken.append(f"law 6: ended with {what.name}, its exit code is {codes[0]}")
        return broken

    return run


def _cut(number: int, acts: bool, old: bool) -> Run:
    def run(rig: Rig) -> list[str] | None:
        def attack(built: Builder) -> Callable[[], object]:
            first = rig.sandbox.inject(Fault("*", "drop", times=1, after=number - 1, acted=acts))
            rig.sandbox.inject(Fault("*", "drop", times=None, after=number - 1))
            if old:
                make_old(rig)
            return lambda: first.hits

        return trial(rig, attack)

    return run
