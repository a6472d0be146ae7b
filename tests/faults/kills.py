"""Kills: the process ended with SIGKILL, or its network cut, at every request; signals to the real script."""

from __future__ import annotations

import itertools
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from cleanup.sandbox import Fault
from cleanup.sandbox.answer import Dropped
from tests.faults import service
from tests.faults.faults import make_old
from tests.faults.rig import Rig
from tests.faults.runner import Attack
from tests.faults.street import Trial

SCRIPT = Path(__file__).parents[2] / "cleanup_service.py"
FLAGS = ("--run-as-service", "False", "--force-delete", "True", "--keep-tags", "keep", "--archived-models", "True")


def series(every: int) -> Iterator[Iterator[Attack]]:
    """Yield the attacks, each series by number of request."""
    for old, acts in itertools.product((False, True), (False, True)):
        when = f"{'after' if acts else 'before'} the server acts{', an old server' if old else ''}"
        kill = partial(_ended, signal.SIGKILL, acts, old, False)
        yield (Attack(f"kill -9 at {n}, {when}", partial(kill, n)) for n in itertools.count(1))
        yield (Attack(f"network cut at {n}, {when}", partial(_cut, n, acts, old)) for n in itertools.count(1))
    for what in (signal.SIGKILL, signal.SIGTERM):
        end = partial(_ended, what, True, False, True)
        yield (Attack(f"{what.name} to the script at {n}", partial(end, n)) for n in itertools.count(1, 3))


def work(script: bool) -> None:
    """What the process does that is ended: one cycle, or a run of the script."""
    service.prepare()
    sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - to the process's end
    if script:
        sys.argv = [str(SCRIPT), *FLAGS]
        runpy.run_path(str(SCRIPT), run_name="__main__")
        return
    with service.opened() as (server, storages):
        service.run_on(server, storages, {})


def _ended(what: signal.Signals, acts: bool, old: bool, script: bool, number: int, rig: Rig) -> list[str] | None:
    trial = Trial(rig)
    if old:
        make_old(rig, file_server=False)
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

    rig.sandbox.reset_requests()
    rig.sandbox.at_request(number, end)
    before = rig.connections()
    process.start()
    process.join()
    # Until nobody acts on the world any more.
    wait_for(lambda: rig.connections() <= before)
    rig.sandbox.reset_requests()
    if not came:
        return None
    broken = trial.judged(None)
    if process.exitcode not in ((0, 3) if what == signal.SIGTERM else (-what,)):
        broken.append(f"law 6: ended with {what.name}, its exit code is {process.exitcode}")
    return broken


def _cut(number: int, acts: bool, old: bool, rig: Rig) -> list[str] | None:
    trial = Trial(rig)
    first = rig.sandbox.inject(Fault("*", "drop", times=1, after=number - 1, acted=acts))
    rig.sandbox.inject(Fault("*", "drop", times=None, after=number - 1))
    if old:
        make_old(rig, file_server=False)
    result = trial.cycle()
    return trial.judged(result) if first.hits else None


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until ``condition`` holds."""
    until = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("it did not come true in time")
        pause.wait(0.002)
