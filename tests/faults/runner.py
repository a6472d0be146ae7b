"""Runs attacks in processes of their own, side by side: each has its sandbox and its SDK."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.faults.case import Attack, Finding, try_one

ROOT = Path(__file__).parents[2]


KINDS = ("found", "faults", "kills", "cuts", "changes", "worlds", "hostile", "clocks", "soak")


def attacks_of(kind: str, cycles: int = 500) -> Iterator[Attack]:
    """Yield the attacks of a kind; ``cycles``: of a soak."""
    from tests.faults import changes, clocks, found, hostile, kills, matrix, soak, worlds

    kinds: dict[str, Callable[[], Iterator[Attack]]] = {
        "found": found.attacks,
        "faults": matrix.attacks,
        "kills": kills.kills,
        "cuts": kills.cuts,
        "changes": changes.attacks,
        "worlds": worlds.attacks,
        "hostile": hostile.attacks,
        "clocks": clocks.attacks,
        "soak": lambda: soak.attacks(cycles),
    }
    return kinds[kind]()


def chosen(kind: str, most: int, only: str = "") -> list[Attack]:
    """Return at most ``most`` attacks of a kind (0: all), spread evenly over it."""
    if kind == "soak":
        return list(attacks_of(kind, most or 500))
    found = [attack for attack in attacks_of(kind) if only in attack.name]
    if not most or len(found) <= most:
        return found
    return [found[number * len(found) // most] for number in range(most)]


def work(kind: str, most: int, part: int, parts: int, only: str = "") -> None:
    """Run every ``parts``-th attack from ``part`` on, and print each finding as a line of JSON."""
    from tests.faults.rig import Rig

    out = sys.stdout
    rig = Rig()
    for attack in chosen(kind, most, only)[part::parts]:
        print(json.dumps(try_one(rig, kind, attack).as_json()), file=out, flush=True)
    rig.close()


def run(kind: str, most: int = 0, *, processes: int = 2, only: str = "") -> Iterator[Finding]:
    """Run attacks in ``processes`` at once; yield the findings as they come."""
    findings: SimpleQueue[Finding | None] = SimpleQueue()

    def one(part: int) -> None:
        command = [sys.executable, "-m", "tests.faults.worker", kind, str(most), str(part), str(processes), only]
        with (
            tempfile.TemporaryFile("w+") as errors,
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
        ):
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
