"""The plan that the settings name: found, read and checked before anything is deleted.

It is a filter on what a cycle would do, never a licence: what it holds passes all checks again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path

from cleanup.base.chunks import chunks
from cleanup.base.errors import CredentialsError, ServerError, ServerUnreachable, SettingsError
from cleanup.cycle.plan_file import BadPlan, Plan
from cleanup.cycle.result import Kept
from cleanup.selection import ALREADY_GONE
from cleanup.server import Server

ARTIFACT = "plan"
"""The artifact of a dry run's task that is its plan."""

NOT_IN_PLAN = "not in the plan"

_TASK_ID = re.compile(r"[0-9a-f]{32}")


def open_plan(server: Server, named: str) -> Plan | None:
    """Return the plan that the setting ``plan`` names, None if it names none.

    A ClearML id is unique in the world, so a plan is of this server if the dry run's task that made it is there.

    Raises:
        SettingsError: it cannot be found or read, is damaged, or was made on another server.
        ServerUnreachable, CredentialsError: the server could not be asked.
    """
    if not named:
        return None
    try:
        plan = Plan(find_plan(server, named))
        maker = plan.header.get("made_by")
        if not isinstance(maker, str) or not server.tasks.existing([maker]):
            plan.close()
            raise BadPlan(f"the dry run that made it, task {maker or '(none)'}, is not on this server")
    except (ServerUnreachable, CredentialsError):
        raise
    except (BadPlan, ServerError) as why:
        allowed = "allowed is the ID of a dry run's task, or the path of the file with its plan"
        raise SettingsError([f"plan = {named!r}: {why}; {allowed}"]) from None
    return plan


def find_plan(server: Server, named: str) -> Path:
    """Return the path of the plan ``named`` by a task's id, which is downloaded, or by its path.

    Raises:
        BadPlan, ServerError: it cannot be had.
    """
    if not _TASK_ID.fullmatch(named):
        return Path(named).expanduser()
    artifacts = server.tasks.artifacts(named)
    if artifacts is None:
        raise BadPlan("there is no such task on this server")
    address = next((artifact.uri for artifact in artifacts if artifact.key == ARTIFACT), None)
    if not address:
        raise BadPlan("this task has no artifact called plan: it is no dry run, or one that did not end")
    return server.download(str(address))


def told_otherwise(
    plan: Plan, kind: str, seen: Container[str], look: Callable[[list[str]], Mapping[str, str]]
) -> Iterator[Kept]:
    """Yield the tasks (or models) of the plan that are not among ``seen``, those that match, each with the reason.

    ``look`` returns of ids those that there are, each with why it does not match.
    """
    missing = (owner.entry for owner in plan.owners() if owner.kind == kind and owner.entry.id not in seen)
    for some in chunks(missing, 200):
        why = look([entry.id for entry in some])
        for entry in some:
            reason = why.get(entry.id)
            changed = f"in the plan, but {reason or 'not listed in time'}"
            yield Kept(entry, ALREADY_GONE if reason is None else changed)
