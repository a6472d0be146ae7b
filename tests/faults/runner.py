"""Runs attacks in processes of their own, side by side: each has its sandbox and its SDK."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue

from tests.faults.rig import Rig, captured

ROOT = Path(__file__).parents[2]

LONGEST = 60.0
"""Seconds: an attack that takes longer, and as much again for every 25 cases in it, counts as one that hangs."""

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
    broken: list[str]
    leaked: list[str]
    seconds: float
    cases: int = 1
    measured: str = ""


def try_one(rig: Rig, kind: str, attack: Attack) -> Finding | None:
    """Run one attack on an empty rig."""
    rig.reset()
    rig.tried, rig.measured = 1, ""
    begun = time.monotonic()
    with captured(rig.said):
        try:
            broken = attack.run(rig)
        except Exception:
            # The service raises its own errors alone; whatever else comes out of it is a breach.
            broken = [f"raised: {traceback.format_exc()[-1500:]}"]
    if broken is None:
        return None
    seconds = time.monotonic() - begun
    if seconds > LONGEST * (1 + rig.tried / 25):
        broken.append(f"law 5: it took {seconds:.0f} s")
    return Finding(kind, attack.name, broken, rig.leaked(), seconds, rig.tried, rig.measured)


def chosen(kind: str, every: int, part: int, parts: int, only: str = "") -> Iterator[Iterable[Attack]]:
    """Yield the series of a kind, of each every ``every``-th attack, and of those the ones of this part."""
    for number, attacks in enumerate(import_module(f"tests.faults.{kind}").series(every)):
        first = (number + part * every) % (parts * every)
        some = itertools.islice(attacks, first, MOST, parts * every)
        yield (attack for attack in some if only in attack.name)


def work(kind: str, every: int, part: int, parts: int, only: str) -> None:
    """Run one part of the attacks, and print each finding as a line of JSON."""
    out, rig = sys.stdout, Rig()
    for attacks in chosen(kind, every, part, parts, only):
        for attack in attacks:
            finding = try_one(rig, kind, attack)
            if finding is None:
                break
            print(json.dumps(vars(finding)), file=out, flush=True)
    rig.close()


def run(kind: str, every: int = 1, *, processes: int = 2, only: str = "") -> Iterator[Finding]:
    """Run attacks in ``processes`` at once; yield the findings as they come."""
    findings: SimpleQueue[Finding | None] = SimpleQueue()

    def one(part: int) -> None:
        said = [kind, str(every), str(part), str(processes), only]
        with (
            tempfile.TemporaryFile("w+") as errors,
            subprocess.Popen(
                [sys.executable, "-m", "tests.faults.runner", *said],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True,
            ) as process,
        ):  # fmt: skip
            for line in process.stdout or ():
                findings.put(Finding(**json.loads(line)))
            if process.wait():
                errors.seek(0)
                findings.put(Finding(kind, f"process {part}", [f"it died: {errors.read()[-2000:]}"], [], 0.0))
        findings.put(None)

    with ThreadPoolExecutor(processes) as pool:
        for part in range(processes):
            pool.submit(one, part)
        for _ in range(processes):
            while finding := findings.get():
                yield finding


if __name__ == "__main__":
    from tests.faults.runner import work as work_here  # the class that attacks are made of, and not another one

    work_here(sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5])
