"""Makes the plan of a cycle: every task that may go, oldest first, and why each other match stays."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator

from cleanup.base.records import Task
from cleanup.base.text import one_line
from cleanup.cycle.result import CycleResult, Kept, Planned
from cleanup.selection import DRAFT, EPOCH, Rules, mismatch, reason_to_keep, since
from cleanup.server import Server

OTHER_STATUSES = (
    "queued", "in_progress", "stopped", "publishing", "published", "closed", "failed", "completed", "unknown",
)  # fmt: skip
"""Every status of the API but that of a draft."""


def planned(task: Task) -> Planned:
    """Return what the plan keeps of ``task``; the texts that many tasks share are kept once."""
    return Planned(
        task.id, one_line(task.name, 200), sys.intern(task.project), sys.intern(task.status), since(task) or EPOCH
    )


def make_plan(server: Server, rules: Rules, seen: set[str], result: CycleResult) -> list[Planned]:
    """List every task that may go and is not in ``seen``, oldest first; count the others that match as kept.

    The whole list is read before anything is deleted: a page that a deletion shifts would hide as many tasks.
    """
    plan = []
    for task in _candidates(server, rules):
        if task.id in seen or mismatch(task, rules):
            continue
        seen.add(task.id)
        result.matched += 1
        reason = reason_to_keep(task, rules)
        if reason:
            result.kept.append(Kept(planned(task), reason))
        else:
            plan.append(planned(task))
    return sorted(plan, key=lambda entry: (entry.since, entry.id))


def count_force_would_add(server: Server, rules: Rules) -> int:
    """Return how many tasks that are no drafts ``force_delete`` would delete besides."""
    forced = rules.with_force()
    older = server.tasks.archived(statuses=OTHER_STATUSES, changed_before=rules.cutoff, projects=rules.projects)
    others = (task for task in older if task.status != DRAFT)
    return len({task.id for task in others if not mismatch(task, forced) and not reason_to_keep(task, forced)})


def _candidates(server: Server, rules: Rules) -> Iterator[Task]:
    statuses = () if rules.force_delete else (DRAFT,)
    listing = server.tasks.archived
    return itertools.chain(
        listing(statuses=statuses, changed_before=rules.cutoff, projects=rules.projects),
        # A draft that never ran has no status_changed, which no condition matches.
        listing(statuses=(DRAFT,), changed_before=None, projects=rules.projects),
    )
