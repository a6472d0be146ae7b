"""Attacks the service, judges it by the six laws, and prints for each class how many cases broke one.

`python -m tests.faults` takes all, in under half an hour on two cores; `--sample small` a minute or two.
`--kind`, `--only` and `--every` choose: `--kind moments --only "un-archive at request 36, batches of 5"`.

The service runs for real against the sandbox, an S3 server and a disk, over HTTP. Each case builds a world,
attacks it while a cycle runs, and then runs a cycle without faults; both are judged.

- **cases**: worlds made by hand, one for each promise on tasks, models and files: exactly what it names is left.
- **worlds**: random graphs of tasks, models and files: chains, rings and diamonds of users over batches of one, two,
  three and many; addresses in every spelling; links, nested folders, datasets, pipelines, unnamed files, models in the
  archive, tasks that were reset and models that outlived their makers. Some with changes meanwhile, faults, bad tasks,
  or a second service. A world that breaks a law is printed as small as it could be made.
- **moments**: somebody un-archives, tags, resets, re-enqueues or deletes a task, publishes a model, adds an entry, a
  user, a link, at every request of a cycle, one run for each.
- **faults**: every way to fail, at every request once, at every endpoint in bursts and for ever; bad tasks; files that
  a storage refuses.
- **kills**: kill -9 and a cut network at every request, before and after the server acts; signals to the real script.
- **hostile**: what other users can store: addresses, names, types, redirects, bombs.
- **clocks**: times in odd forms, wrong clocks, extreme thresholds.
- **soak**: hundreds of cycles with faults at one request in twenty; what the service uses must not grow.
- **ways**: ways into the real script (configurations, addresses, arguments, by hand and by an agent) against ways the
  server can be, and signals at every request of it: each with exit code, seconds, and the line that was said.

The judge (`judge`, `world`) knows the laws alone and nothing of the package's inside. It sees the world before and
after, each request, and what others changed at which. It forgives nothing but a change that came after the last look
before the request that deleted (`watch`).

Where a new test goes: a promise into `cases`; a kind of task or file into `build` (a verb) and `street`; a change into
`moments`; a way to fail into `faults`; a sentence of a law into `judge`, with a line in `test_judge`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

from tests.faults.runner import Finding, run

KINDS = {
    "cases": "worlds made by hand",
    "worlds": "random worlds",
    "moments": "a change by somebody else at every request",
    "faults": "every way to fail at every request and endpoint, bad tasks",
    "kills": "kill -9, a cut network, signals at every request",
    "hostile": "hostile data from other users",
    "clocks": "clocks, times and thresholds",
    "soak": "soak: cycles with faults at 5% of all requests",
    "ways": "ways in and out: servers, configurations, signals",
}
SAMPLES = {
    "full": dict.fromkeys(KINDS, 1),
    "small": {
        "cases": 1, "worlds": 40, "moments": 24, "faults": 90, "kills": 80, "hostile": 60, "clocks": 20, "soak": 16,
        "ways": 16,
    },
    "quick": {"cases": 1, "worlds": 200, "moments": 320, "faults": 480, "hostile": 90, "clocks": 40},
}  # fmt: skip
"""Every so-manieth case of a kind."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sample", choices=SAMPLES, default="full", help="how many cases")
    parser.add_argument("--every", type=int, default=0, help="only every so-manieth case")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this class; may be repeated")
    parser.add_argument("--only", default="", help="only cases with this text in their name")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    options = parser.parse_args(arguments)
    findings: list[Finding] = []
    for kind in options.kind or SAMPLES[options.sample]:
        begun, every = time.monotonic(), options.every or SAMPLES[options.sample].get(kind, 1)
        findings += run(kind, every, processes=1 if kind == "soak" else options.processes, only=options.only)
        slowest = max((one for one in findings if one.kind == kind), key=lambda one: one.seconds, default=None)
        longest = f", the longest {slowest.seconds:.0f} s: {slowest.name}" if slowest else ""
        print(f"{kind}: {time.monotonic() - begun:.0f} s{longest}", file=sys.stderr, flush=True)
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
    return "\n".join([*lines, f"| secrets in the output | {sum(one.cases for one in findings):,} | {leaked} |"])


if __name__ == "__main__":
    sys.exit(main())
