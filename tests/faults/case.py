"""One case of the harness: a name, an attack, and the laws that it found broken."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.faults.rig import Rig, captured

LONGEST = 60.0
"""Seconds: an attack that takes longer, and as much again for every 25 cases in it, counts as one that hangs."""


@dataclass(frozen=True)
class Attack:
    """``run`` returns one line for each breach of a law."""

    name: str
    run: Callable[[Rig], list[str]]


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

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


def try_one(rig: Rig, kind: str, attack: Attack) -> Finding:
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
    seconds = time.monotonic() - begun
    if seconds > LONGEST * (1 + rig.tried / 25):
        broken.append(f"law 5: it took {seconds:.0f} s")
    return Finding(kind, attack.name, broken, rig.leaked(), seconds, rig.tried, rig.measured)


def first(lines: Sequence[str], most: int = 5) -> str:
    """Return the first of ``lines``, for a message of bounded length."""
    return "\n".join(lines[:most]) + (f"\n... and {len(lines) - most} more" if len(lines) > most else "")
