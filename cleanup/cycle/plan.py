"""Makes the plan of a cycle: every task that may go, and why each other match stays."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from functools import partial

from cleanup.base.records import Task
from cleanup.base.text import one_line
from cleanup.cycle.approved import NOT_IN_PLAN, told_otherwise
from cleanup.cycle.plan_file import Plan
from cleanup.cycle.result import CycleResult, Kept, Planned
from cleanup.selection import EPOCH, Rules, mismatch, reason_to_keep, since
from cleanup.server import LISTED, Server


def planned(task: Task) -> Planned:
    """Return what the plan keeps of ``task``; the texts that many tasks share are kept once."""
    return Planned(
        task.id, one_line(task.name, 200), sys.intern(task.project), sys.intern(task.status), since(task) or EPOCH
    )


def make_plan(
    server: Server, rules: Rules, result: CycleResult, plan: list[Planned], approved: Plan | None = None
) -> None:
    """List every task that may go into ``plan``, oldest first; count the others that match as kept.

    With an ``approved`` plan none that is not in it, and those of it that match no more count as kept, too.

    Nothing may be deleted meanwhile. Cut off anywhere, ``plan`` holds what was found until then.
    """
    seen: set[str] = set()
    for task in _candidates(server, rules):
        if task.id in seen or mismatch(task, rules):
            continue
        seen.add(task.id)
        reason = reason_to_keep(task, rules)
        if approved and not reason and task.id not in approved:
            reason = NOT_IN_PLAN
        if reason:
            result.kept.append(Kept(planned(task), reason))
        else:
            plan.append(planned(task))
    if approved:
        result.kept += told_otherwise(approved, "task", seen, partial(_why_not, server, rules))
    plan.sort(key=lambda entry: (entry.since, entry.id))


def _why_not(server: Server, rules: Rules, ids: list[str]) -> dict[str, str]:
    """Return of tasks of an approved plan those that there are, each with the reason why it is no candidate."""
    rows = server.tasks.read(ids, LISTED)
    found = {name: mismatch(row, rules) or reason_to_keep(row, rules) for name, row in rows.items()}
    return dict.fromkeys(server.tasks.existing(set(ids) - found.keys()), "not archived") | found


def count_force_would_add(server: Server, rules: Rules) -> int:
    """Return how many tasks that are no drafts ``force_delete`` would delete besides."""
    forced = rules.with_force()
    older = server.tasks.archived(drafts=False, changed_before=rules.cutoff, projects=rules.projects)
    others = (task for task in older if not task.draft)
    return len({task.id for task in others if not mismatch(task, forced) and not reason_to_keep(task, forced)})


def _candidates(server: Server, rules: Rules) -> Iterator[Task]:
    drafts = None if rules.force_delete else True
    listing = server.tasks.archived
    return itertools.chain(
        listing(drafts=drafts, changed_before=rules.cutoff, projects=rules.projects),
        # A draft that never ran has no status_changed, which no condition matches.
        listing(drafts=True, changed_before=None, projects=rules.projects),
    )
