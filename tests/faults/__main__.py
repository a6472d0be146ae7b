"""`python -m tests.faults`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

from tests.faults.runner import Finding, run

KINDS = {
    "worlds": "random worlds, with changes, faults, bad tasks or a second service",
    "moments": "a change by somebody else at every request",
    "faults": "every way to fail, at every request and every endpoint; bad tasks",
    "kills": "kill -9, a cut network, signals, at every request",
    "hostile": "hostile data from other users",
    "clocks": "clocks, times and thresholds",
    "soak": "soak: cycles with faults at 5% of all requests",
}
SAMPLES = {"full": dict.fromkeys(KINDS, 1), "small": dict.fromkeys(KINDS, 40)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="attacks the service")
    parser.add_argument("--sample", choices=SAMPLES, default="full", help="how many cases")
    parser.add_argument("--every", type=int, default=0, help="only every so-manieth case")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this class; may be repeated")
    parser.add_argument("--only", default="", help="only cases with this text in their name")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    options = parser.parse_args(arguments)
    findings: list[Finding] = []
    for kind, every in SAMPLES[options.sample].items():
        if options.kind and kind not in options.kind:
            continue
        begun = time.monotonic()
        for finding in run(kind, options.every or every, processes=1 if kind == "soak" else options.processes, only=options.only):
            findings.append(finding)
            for line in [*finding.broken, *finding.leaked]:
                print(f"BROKEN {kind}: {finding.name}: {line}", file=sys.stderr, flush=True)
        print(f"{kind}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    print(table(findings))
    print(*(finding.measured for finding in findings if finding.measured), sep="\n")
    return 1 if any(finding.broken or finding.leaked for finding in findings) else 0


def table(findings: Sequence[Finding]) -> str:
    """Return the numbers as a Markdown table."""
    lines = ["| what | cases | broken |", "|---|---:|---:|"]
    for kind, title in KINDS.items():
        mine = [one for one in findings if one.kind == kind]
        if mine:
            lines.append(f"| {title} | {sum(one.cases for one in mine):,} | {sum(bool(one.broken) for one in mine)} |")
    leaked = sum(bool(one.leaked) for one in findings)
    lines.append(f"| secrets in the output of all of them | {sum(one.cases for one in findings):,} | {leaked} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
