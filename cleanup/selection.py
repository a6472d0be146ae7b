"""Which tasks may go, and why each other one stays: pure functions over plain data, the clock passed in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from cleanup.base.records import Model, Task
from cleanup.settings import Settings

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

OWN_TASK = "the service's own task"
PUBLIC = "public task of the server, not of this company"
PUBLIC_MODEL = "public model of the server, not of this company"
PUBLISHED = "published, and force_delete is False"
REPORTING = "running or queued, and has reported since the threshold or within the last hour"
AT_WORK_FOR = timedelta(hours=1)
"""A running or queued task that has reported within this time stays whatever the threshold."""

GRACE = "changed within archive_grace_days"
OVER_LIMIT = "over max_tasks_per_cycle, left for the next cycle"
ALREADY_GONE = "already gone when its turn came"
CHANGED = "changed since it was listed: "
NOT_REACHED = "not reached: "


@dataclass(frozen=True)
class Rules:
    """The settings that select tasks, with their days turned into points in time."""

    cutoff: datetime
    at_work_since: datetime
    """A running or queued task that has reported since then stays."""
    grace_cutoff: datetime | None
    force_delete: bool
    keep_tags: frozenset[str]
    projects: frozenset[str] | None
    own_task: str | None

    def with_force(self) -> Rules:
        """Return the same rules with ``force_delete``."""
        return replace(self, force_delete=True)


def rules_of(settings: Settings, now: datetime, projects: frozenset[str] | None, own_task: str | None) -> Rules:
    """Return the rules that ``settings`` mean at ``now`` (aware). ``projects``: ids, None for all."""
    grace = settings.archive_grace_days
    cutoff = _before(now, settings.delete_threshold_days)
    return Rules(
        cutoff=cutoff,
        at_work_since=min(cutoff, now - AT_WORK_FOR),
        grace_cutoff=_before(now, grace) if grace > 0 else None,
        force_delete=settings.force_delete,
        keep_tags=settings.tags_to_keep,
        projects=projects,
        own_task=own_task,
    )


def since(task: Task) -> datetime | None:
    """Return the time from which a task's age counts: its last status change.

    A draft that never ran has none (tasks.get_all leaves the field out): it counts from its last update, else its
    creation.
    """
    if task.status_changed is None and task.draft:
        return task.last_update or task.created
    return task.status_changed


def mismatch(task: Task, rules: Rules) -> str:
    """Return why ``task`` is none of those that the settings reach at all, or an empty text.

    The server checks the same in its filter, but drops conditions that it cannot read and filters that it does not
    know without a word, so nothing that it returns is taken on trust.
    """
    age_from = since(task)
    if not task.archived:
        return "not archived"
    if age_from is None or age_from >= rules.cutoff:
        return "not past the threshold"
    if not task.draft and not rules.force_delete:
        return "not a draft"
    if rules.projects is not None and task.project not in rules.projects:
        return "not in the projects of the settings"
    return ""


def reason_to_keep(task: Task, rules: Rules) -> str:
    """Return why a task that matches stays all the same, or an empty text if it may go."""
    if task.id == rules.own_task:
        return OWN_TASK
    if task.public:
        return PUBLIC
    if task.at_work and not _silent(task, rules):
        return REPORTING
    tags = sorted(rules.keep_tags.intersection(task.tags + task.system_tags))
    if tags:
        return f"has the tag {tags[0]}"
    if rules.grace_cutoff is not None and (task.last_change is None or task.last_change >= rules.grace_cutoff):
        return GRACE
    return ""


def model_mismatch(model: Model, rules: Rules) -> str:
    """Return why a model entry is none of those of the archive that the settings reach, or an empty text."""
    if not model.archived:
        return "not archived"
    if model.changed is None or model.changed >= rules.cutoff:
        return "not past the threshold"
    if rules.projects is not None and model.project not in rules.projects:
        return "not in the projects of the settings"
    return ""


def reason_to_keep_model(model: Model, rules: Rules) -> str:
    """Return why an entry that matches stays all the same, whoever uses it, or an empty text if it may go."""
    if model.public:
        return PUBLIC_MODEL
    if model.published and not rules.force_delete:
        return PUBLISHED
    tags = sorted(rules.keep_tags.intersection(model.tags))
    if tags:
        return f"has the tag {tags[0]}"
    if rules.grace_cutoff is not None and (model.changed is None or model.changed >= rules.grace_cutoff):
        return GRACE
    return ""


def _silent(task: Task, rules: Rules) -> bool:
    seen = [time for time in (task.last_update, task.status_changed) if time is not None]
    return task.last_update is not None and max(seen) < rules.at_work_since


def _before(now: datetime, days: float) -> datetime:
    """Return the time ``days`` before ``now``, at the earliest the epoch: no task is older."""
    try:
        return max(now.astimezone(timezone.utc) - timedelta(days=days), EPOCH)
    except OverflowError:
        return EPOCH
