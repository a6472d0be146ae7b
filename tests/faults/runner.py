"""Runs attacks in processes of their own, side by side: each has its sandbox and its SDK."""

from __future__ import annotations

import contextlib
import io
import itertools
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from multiprocessing import get_context

from tests.faults.rig import Rig

MOST_REQUESTS = 4_000
"""An attack that costs more, and as many again for every 25 cases in it, counts as one that goes round in circles."""

MOST = 2000
"""Attacks in one series, where its end depends on what the service does."""


@dataclass(frozen=True)
class Attack:
    """``run`` returns one line for each breach of a law; None: what the attack waits for never came."""

    name: str
    run: Callable[[Rig], list[str] | None]


@dataclass(frozen=True)
class Finding:
    """What one attack found: the broken laws, and the secrets that were in the output."""

    kind: str
    name: str
    broken: Sequence[str]
    leaked: Sequence[str]
    seconds: float
    cases: int
    measured: str


def run(kind: str, every: int, *, processes: int, only: str = "") -> list[Finding]:
    """Run every ``every``-th attack of a kind in ``processes`` at once."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        found = pool.map(partial(_work, kind, every, processes, only), range(processes))
        return list(itertools.chain.from_iterable(found))


def _work(kind: str, every: int, parts: int, only: str, part: int) -> list[Finding]:
    """Run one part of the attacks: of each series every ``every``-th, and of those each ``parts``-th; tell breaches."""
    findings, rig, errors = [], Rig(), sys.stderr
    for number, series in enumerate(import_module(f"tests.faults.{kind}").series(every)):
        some = itertools.islice(series, (number + part * every) % (parts * every), MOST, parts * every)
        for attack in (attack for attack in some if only in attack.name):
            finding = _try(rig, kind, attack)
            if finding is None:
                break
            findings.append(finding)
            for line in [*finding.broken, *finding.leaked]:
                print(f"BROKEN {kind}: {finding.name}: {line}", file=errors, flush=True)
    rig.close()
    return findings


def _try(rig: Rig, kind: str, attack: Attack) -> Finding | None:
    """Run one attack on an empty rig."""
    rig.reset()
    rig.tried, rig.measured = 1, ""
    begun, out = time.monotonic(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            broken = attack.run(rig)
        except Exception:
            # The service raises its own errors alone; whatever else comes out of it is a breach.
            broken = [f"raised: {traceback.format_exc()[-1500:]}"]
    rig.said.append(out.getvalue())
    if broken is None:
        return None
    seconds, requests = time.monotonic() - begun, rig.sandbox.requests.total()
    if not broken and requests > MOST_REQUESTS * (1 + rig.tried / 25):
        broken.append(f"law 5: it took {requests} requests")
    return Finding(kind, attack.name, broken, rig.leaked(), seconds, rig.tried, rig.measured)
