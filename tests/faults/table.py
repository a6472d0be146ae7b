"""The numbers of a run: per class of attack the cases tried and those that broke a law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.case import Finding

# The most attacks of each class; 0 is all. An attack of "worlds" is 25 worlds; of the soak it is the number of cycles.
SAMPLES: dict[str, dict[str, int]] = {
    "full": {
        "found": 0,
        "faults": 0,
        "kills": 0,
        "cuts": 0,
        "changes": 0,
        "worlds": 0,
        "hostile": 0,
        "clocks": 0,
        "soak": 500,
    },
    "ci": {
        "found": 0,
        "faults": 150,
        "kills": 40,
        "cuts": 40,
        "changes": 50,
        "worlds": 6,
        "hostile": 120,
        "clocks": 80,
        "soak": 60,
    },
    "small": {
        "found": 0,
        "faults": 26,
        "kills": 8,
        "cuts": 10,
        "changes": 10,
        "worlds": 1,
        "hostile": 30,
        "clocks": 20,
        "soak": 25,
    },
}
TITLES = {
    "found": "what once broke a law",
    "faults": "faults at every endpoint, then a clean cycle",
    "kills": "kill -9 at every request, then a clean cycle",
    "cuts": "network cut at every request, then a clean cycle",
    "changes": "a task taken out of reach at every request",
    "worlds": "random worlds, changes and faults meanwhile",
    "hostile": "hostile data from other users",
    "clocks": "clocks, times and thresholds",
    "soak": "soak: faults at 5% of all requests",
    "secrets": "secrets in the output of all of the above",
}


@dataclass(frozen=True)
class Row:
    """One class of attack."""

    kind: str
    cases: int
    broken: int


def rows(findings: Sequence[Finding]) -> list[Row]:
    """Count by class; the search for secrets is one more, over the output of every case."""
    found = []
    for kind in TITLES:
        mine = [finding for finding in findings if finding.kind == kind]
        if mine:
            found.append(Row(kind, sum(one.cases for one in mine), sum(bool(one.broken) for one in mine)))
    if findings:
        cases = sum(one.cases for one in findings)
        found.append(Row("secrets", cases, sum(bool(one.leaked) for one in findings)))
    return found


def table(found: Sequence[Row]) -> str:
    """Return the numbers as a Markdown table."""
    lines = ["| class | cases | broke a law |", "|---|---:|---:|"]
    lines += [f"| {TITLES[row.kind]} | {row.cases:,} | {row.broken} |" for row in found]
    attacks = [row for row in found if row.kind != "secrets"]
    lines.append(f"| **all** | {sum(row.cases for row in attacks):,} | {sum(row.broken for row in found)} |")
    return "\n".join(lines)
