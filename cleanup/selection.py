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


def since(entity: Task | Model) -> datetime | None:
    """Return the time from which its age counts: a task's last status change, a model's last change of any kind.

    A draft that never ran has none (tasks.get_all leaves the field out): it counts from its last update, else its
    creation.
    """
    if isinstance(entity, Model):
        return entity.last_change
    if entity.status_changed is None and entity.draft:
        return entity.last_update or entity.created
    return entity.status_changed


def mismatch(entity: Task | Model, rules: Rules) -> str:
    """Return why a task or model is none of those that the settings reach at all, or an empty text.

    The server checks the same in its filter, but drops conditions that it cannot read and filters that it does not
    know without a word, so nothing that it returns is taken on trust.
    """
    age_from = since(entity)
    if not entity.archived:
        return "not archived"
    if age_from is None or age_from >= rules.cutoff:
        return "not past the threshold"
    if isinstance(entity, Task) and not entity.draft and not rules.force_delete:
        return "not a draft"
    if rules.projects is not None and entity.project not in rules.projects:
        return "not in the projects of the settings"
    return ""


def reason_to_keep(entity: Task | Model, rules: Rules) -> str:
    """Return why a task or model that matches stays, whoever needs it, or an empty text if it may go."""
    if entity.id == rules.own_task:
        return OWN_TASK
    if entity.public:
        return PUBLIC if isinstance(entity, Task) else PUBLIC_MODEL
    if isinstance(entity, Task):
        reason = REPORTING if entity.at_work and not _silent(entity, rules) else ""
    else:
        reason = PUBLISHED if entity.published and not rules.force_delete else ""
    if reason:
        return reason
    tags = sorted(rules.keep_tags.intersection(entity.tags))
    if tags:
        return f"has the tag {tags[0]}"
    if rules.grace_cutoff is not None and (entity.last_change is None or entity.last_change >= rules.grace_cutoff):
        return GRACE
    return ""


def changed_since(entity: Task | Model, rules: Rules) -> str:
    """Return why what was listed as going stays after all, or an empty text if it still may go."""
    changed = mismatch(entity, rules)
    return f"{CHANGED}{changed}" if changed else reason_to_keep(entity, rules)


def _silent(task: Task, rules: Rules) -> bool:
    seen = [time for time in (task.last_update, task.status_changed) if time is not None]
    return task.last_update is not None and max(seen) < rules.at_work_since


def _before(now: datetime, days: float) -> datetime:
    """Return the time ``days`` before ``now``, at the earliest the epoch: no task is older."""
    try:
        return max(now.astimezone(timezone.utc) - timedelta(days=days), EPOCH)
    except OverflowError:
        return EPOCH
