"""Kills: the process ended with SIGKILL, or its network cut, at every request; signals to the real script."""

from __future__ import annotations

import itertools
import os
import runpy
import signal
import sys
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

from cleanup.sandbox import Fault
from cleanup.sandbox.answer import Dropped
from tests.faults import service
from tests.faults.build import Builder
from tests.faults.faults import make_old
from tests.faults.rig import Rig, wait_for
from tests.faults.runner import Attack
from tests.faults.street import trial

SCRIPT = Path(__file__).parents[2] / "cleanup_service.py"
FLAGS = ("--run-as-service", "False", "--force-delete", "True", "--keep-tags", "keep", "--archived-models", "True")
Run = Callable[[Rig], list[str] | None]


def series(every: int) -> Iterator[Iterator[Attack]]:
    """Yield the attacks, each series by number of request."""
    for old, acts in itertools.product((False, True), (False, True)):
        when = f"{'after' if acts else 'before'} the server acts{', an old server' if old else ''}"
        yield (Attack(f"kill -9 at {n}, {when}", _ended(n, acts, old, signal.SIGKILL)) for n in itertools.count(1))
        yield (Attack(f"network cut at {n}, {when}", _cut(n, acts, old)) for n in itertools.count(1))
    for what in (signal.SIGKILL, signal.SIGTERM):
        yield (
            Attack(f"{what.name} to the script at {n}", _ended(n, True, False, what, script=True))
            for n in itertools.count(1, 3)
        )


def work(script: bool) -> None:
    """What the process does that is ended: one cycle, or a run of the script."""
    service.prepare()
    sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - to the process's end
    if script:
        sys.argv = [str(SCRIPT), *FLAGS]
        runpy.run_path(str(SCRIPT), run_name="__main__")
    else:
        service.run_cycle({})


def _ended(number: int, acts: bool, old: bool, what: signal.Signals, script: bool = False) -> Run:
    def run(rig: Rig) -> list[str] | None:
        # Forked from a process that has imported everything: a new one for each would take seconds.
        context = get_context("forkserver")
        context.set_forkserver_preload(["tests.faults.kills", "cleanup.launch.lifecycle", "boto3"])
        process = context.Process(target=work, args=(script,))
        came: list[int] = []

        def end() -> None:
            wait_for(lambda: process.pid is not None)
            came.append(process.pid or 0)
            os.kill(came[0], what)
            if not acts:
                raise Dropped

        def attack(built: Builder) -> Callable[[], object]:
            if old:
                make_old(rig, file_server=False)
            rig.sandbox.reset_requests()
            rig.sandbox.at_request(number, end)
            return lambda: came

        def go() -> None:
            before = rig.connections()
            process.start()
            process.join()
            # Until nobody acts on the world any more.
            wait_for(lambda: rig.connections() <= before)
            rig.sandbox.reset_requests()

        broken = trial(rig, attack, run=go)
        if broken is not None and process.exitcode not in ((0, 3) if what == signal.SIGTERM else (-what,)):
            broken.append(f"law 6: ended with {what.name}, its exit code is {process.exitcode}")
        return broken

    return run


def _cut(number: int, acts: bool, old: bool) -> Run:
    def run(rig: Rig) -> list[str] | None:
        def attack(built: Builder) -> Callable[[], object]:
            first = rig.sandbox.inject(Fault("*", "drop", times=1, after=number - 1, acted=acts))
            rig.sandbox.inject(Fault("*", "drop", times=None, after=number - 1))
            if old:
                make_old(rig, file_server=False)
            return lambda: first.hits

        return trial(rig, attack)

    return run
