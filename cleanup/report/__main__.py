"""``python -m cleanup.report OLD NEW``: what two plans of dry runs differ in, so that a review reads only what is new.

Each is the path of a plan, or the ID of a dry run's task.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from cleanup.base.errors import CleanupError
from cleanup.base.text import one_line, plural
from cleanup.cycle.approved import find_plan
from cleanup.cycle.plan_file import Owner, Plan
from cleanup.report.tables import in_bytes
from cleanup.server import Server


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the differences; return 0, or 2 if one of the plans cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m cleanup.report", description="Tell what two plans differ in.")
    parser.add_argument("old", help="path of a plan, or ID of a dry run's task")
    parser.add_argument("new", help="the same of the later one")
    asked = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        try:
            old, new = (stack.enter_context(contextlib.closing(_plan(named))) for named in (asked.old, asked.new))
        except CleanupError as error:
            print(error, file=sys.stderr)
            return 2
        for line in differences(old, new):
            print(line)
    return 0


def _plan(named: str) -> Plan:
    try:
        if Path(named).exists():
            return Plan(Path(named))
        with contextlib.closing(Server()) as server:
            return Plan(find_plan(server, named))
    except CleanupError as error:
        raise CleanupError(f"{named}: {error}") from None


def differences(old: Plan, new: Plan) -> Iterator[str]:
    """Yield lines that tell what is new in ``new``, gone from ``old`` and changed, and the totals of both."""
    for name, value in sorted(new.header["settings"].items()):
        before = old.header["settings"].get(name)
        if before != value:
            yield f"setting {name}: {before!r} before, {value!r} now"
    yield from (f"- {_told(owner)}" for owner in old.owners() if owner.entry.id not in new)
    alike = 0  # Tasks and models with the same files in both.
    for owner in new.owners():
        changes = list(_changes(old, new, owner.entry.id)) if owner.entry.id in old else []
        if changes or owner.entry.id not in old:
            yield f"{'~' if changes else '+'} {_told(owner)}"
            yield from changes
        else:
            alike += 1
    yield f"the same in both: {alike}"
    yield f"old: {_totals(old)}"
    yield f"new: {_totals(new)}"


def _changes(old: Plan, new: Plan, owner: str) -> Iterator[str]:
    before, now = old.files(owner), new.files(owner)
    for at in sorted(before.keys() | now.keys()):
        if before.get(at) == now.get(at):
            continue
        found = [files[at] for files in (before, now) if at in files]
        sizes = " before, ".join(in_bytes(size or 0, size is None) for _, size in found)
        sign = "~" if len(found) == 2 else "+" if at in now else "-"
        told = f"{sizes} now" if sign == "~" else sizes
        yield f"    {sign} {one_line(' '.join(at), 1000)} ({found[-1][0]}, {told})"


def _told(owner: Owner) -> str:
    entry = owner.entry
    name = f"{one_line(entry.name, 80)} ({entry.id}) in {one_line(entry.project, 80) or '(no project)'}"
    return f"{owner.kind} {name}: {plural(owner.files, 'file')}, {in_bytes(owner.size)}"


def _totals(plan: Plan) -> str:
    totals: dict[str, Counter[str]] = {"task": Counter(), "model": Counter()}
    for owner in plan.owners():
        totals[owner.kind].update(many=1, files=owner.files, size=owner.size)
    return "; ".join(
        f"{plural(of['many'], kind)} with {plural(of['files'], 'file')}, {in_bytes(of['size'])}"
        for kind, of in totals.items()
    )


if __name__ == "__main__":
    sys.exit(main())
