"""`python -m tests.faults`: attacks the service and prints, for each class, how many cases broke a law."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.case import Finding
from tests.faults.runner import run
from tests.faults.table import SAMPLES, Row, rows, table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--sample", choices=SAMPLES, default="full", help="how many cases; full takes half an hour")
    parser.add_argument("--kind", action="append", help="only this class; may be repeated")
    parser.add_argument("--only", default="", help="only cases with this text in their name")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--json", type=Path, help="also write the numbers and the broken cases here")
    options = parser.parse_args(arguments)
    findings: list[Finding] = []
    for kind, most in SAMPLES[options.sample].items():
        if options.kind and kind not in options.kind:
            continue
        begun = time.monotonic()
        for finding in run(kind, most, processes=1 if kind == "soak" else options.processes, only=options.only):
            findings.append(finding)
            for line in [*finding.broken, *finding.leaked]:
                print(f"BROKEN {kind}: {finding.name}: {line}", file=sys.stderr, flush=True)
        print(f"{kind}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    found = rows(findings)
    print(table(found))
    for finding in findings:
        if finding.measured:
            print(f"\n{finding.measured}")
    if options.json:
        options.json.write_text(json.dumps(_as_json(found, findings), indent=1))
    return 1 if any(row.broken for row in found) else 0


def _as_json(found: Sequence[Row], findings: Sequence[Finding]) -> dict[str, object]:
    broken = [finding.as_json() for finding in findings if finding.broken or finding.leaked]
    return {"table": [vars(row) for row in found], "broken": broken}


if __name__ == "__main__":
    sys.exit(main())
