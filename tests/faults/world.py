"""A world at one moment, and what the laws say of it: which tasks and models may go, and what holds a file.

Written from the laws alone: nothing of the package is used here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote

Row = Mapping[str, Any]
Name = tuple[str, str]
"""What a file is called wherever it lies: the id of a task, and the path behind the folder that ends in it."""

_FOLDER = re.compile(r"\.([0-9a-f]{32})(?=/|$)")
_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_AT_WORK = ("in_progress", "queued", "publishing")


def decoded(text: str) -> str:
    """Return ``text`` without any escapes, however often it was quoted."""
    while (plain := unquote(text)) != text:
        text = plain
    return text


def names_in(path: str) -> list[Name]:
    """Return the names of the file or folder at ``path``, those of the innermost task last."""
    plain = decoded(path.replace("\\", "/")).lower()
    rests = [(found[1], plain[found.end() :].strip("/")) for found in _FOLDER.finditer(plain)]
    # Nobody can tell what a path with ".." in it names.
    return [(task, "" if ".." in rest.split("/") else rest) for task, rest in rests]


def names_of(address: object) -> set[Name]:
    """Return every name that an address may stand for, whatever its host, with and without its query."""
    text = str(address or "")
    return {name for reading in (text, re.split("[?#]", text)[0]) for name in names_in(reading)}


def owner_of(file: str) -> str:
    """Return the id of the task in whose folder a file lies, the innermost one; empty if there is none."""
    names = names_in(file)
    return names[-1][0] if names else ""


class Names:
    """A set of names; one of a folder holds all that is in it."""

    def __init__(self, addresses: Iterable[object] = ()) -> None:
        self._held: dict[str, set[str]] = {}
        for address in addresses:
            for task, rest in names_of(address):
                self._held.setdefault(task, set()).add(rest)

    def into(self, task: str) -> bool:
        """Tell whether anything in the task's folder is among the names."""
        return task in self._held

    def names(self, file: str) -> bool:
        """Tell whether the file itself is among the names."""
        return any(path in self._held.get(task, ()) for task, path in names_in(file))

    def holds(self, file: str) -> bool:
        """Tell whether the file, or a folder that it lies in, is among the names."""
        return any(
            not rest or path == rest or path.startswith(f"{rest}/")
            for task, path in names_in(file)
            for rest in self._held.get(task, ())
        )


@dataclass(frozen=True)
class Change:
    """What somebody else did when the given request arrived: fields of rows, whole new rows, None for a deleted one."""

    request: int
    what: str
    tasks: Mapping[str, Row | None] = field(default_factory=dict)
    models: Mapping[str, Row | None] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    """Tasks and models by id, the addresses in the events of each task, and every file of every storage."""

    tasks: Mapping[str, Row]
    models: Mapping[str, Row]
    samples: Mapping[str, frozenset[str]]
    files: frozenset[str]

    def after(self, changes: Iterable[Change]) -> World:
        """Return this world with ``changes`` made to it."""
        tasks, models = dict(self.tasks), dict(self.models)
        for change in changes:
            for rows, made in ((tasks, change.tasks), (models, change.models)):
                for key, fields in made.items():
                    if fields is None:
                        rows.pop(key, None)
                    else:
                        rows[key] = {**rows.get(key, {}), **fields}
        return World(tasks, models, self.samples, self.files)

    def needing(self) -> dict[str, set[str]]:
        """Return for each model the tasks that have it as input, or list as output what another made."""
        found: dict[str, set[str]] = {key: set() for key in self.models}
        for task, row in self.tasks.items():
            others = [one for one in row["models"]["output"] if self._maker(one.get("model")) != task]
            for entry in [*row["models"]["input"], *others]:
                found.setdefault(str(entry.get("model")), set()).add(task)
        return found

    def users(self) -> dict[str, set[str]]:
        """Return for each model those, and the task that made it, while it exists."""
        return {key: tasks | ({self._maker(key)} & self.tasks.keys()) for key, tasks in self.needing().items()}

    def _maker(self, model: object) -> str:
        return str(self.models.get(str(model), {}).get("task"))

    def named_by(self, task: str) -> Names:
        """Return the names that ``task`` knows: its artifacts, its models and its events."""
        own = [model.get("uri") for model in self.models.values() if model.get("task") == task]
        return Names([*artifacts(self.tasks[task]), *own, *self.samples.get(task, ())])

    def held(self) -> Names:
        """Return what any model entry or artifact of this world refers to."""
        entries = [model.get("uri") for model in self.models.values()]
        return Names([*entries, *(uri for row in self.tasks.values() for uri in artifacts(row))])


def artifacts(row: Row) -> Iterator[object]:
    """Yield the addresses of a task's artifacts."""
    for item in row.get("execution", {}).get("artifacts") or ():
        yield item.get("uri")


@dataclass(frozen=True)
class Rules:
    """What the settings of a cycle mean, by their names; ``keep_tags`` is one tag."""

    now: datetime
    delete_threshold_days: float = 30.0
    force_delete: bool = True
    keep_tags: str = "keep"
    archive_grace_days: float = 0.0
    check_links: bool = True
    ignore_file_errors: bool = False
    archived_models: bool = True

    def reach(self, task: Row) -> bool:
        """Tell whether the settings let ``task`` go, whatever else needs it."""
        since = task.get("status_changed")
        if task["status"] == "created":
            since = since or task.get("last_update") or task.get("created")
        lately = min(self._before(self.delete_threshold_days), self.now - timedelta(hours=1))
        return (
            self._may_go(task, since)
            and (self.force_delete or task["status"] == "created")
            and not (task["status"] in _AT_WORK and moment(task.get("last_update")) >= lately)
        )

    def reach_model(self, model: Row) -> bool:
        """Tell whether the settings let an entry of the archive go, whatever uses it."""
        since = model.get("last_change") or model.get("last_update") or model.get("created")
        return self.archived_models and self._may_go(model, since) and (self.force_delete or not model.get("ready"))

    def _may_go(self, row: Row, since: object) -> bool:
        return bool(
            "archived" in row["system_tags"]
            and row.get("company")
            and moment(since) < self._before(self.delete_threshold_days)
            and self.keep_tags not in [*row["tags"], *row["system_tags"]]
            and (not self.archive_grace_days or moment(row.get("last_change")) < self._before(self.archive_grace_days))
        )

    def _before(self, days: float) -> datetime:
        return self.now - timedelta(days=days)


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


def moment(value: object) -> datetime:
    """Return a time of the API; without one, the end of time."""
    found = datetime.fromisoformat(str(value)) if value else datetime.max.replace(tzinfo=timezone.utc)
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


class Verdict:
    """What the laws say of one world."""

    def __init__(self, world: World, rules: Rules, stuck: frozenset[str] = frozenset()) -> None:
        """``stuck``: tasks that cannot be deleted, by a fault of the server or of a storage."""
        self.world, self._users = world, world.users()
        reached = {task for task, row in world.tasks.items() if rules.reach(row)}
        claims = list(_claims(world))
        self.stays = _grown(set(world.tasks) - reached, claims)
        """The tasks that must not go."""
        self.may_stay = _grown(self.stays | stuck, [*claims, *self._listed()])
        """Those, and the tasks that may stay: the server would delete a model of a staying task with them."""
        needing = world.needing()
        self.shelved = {
            key for key, row in world.models.items() if rules.reach_model(row) and not needing[key] & self.stays
        }
        """The entries in the archive that may go by themselves."""
        self._taken = Names(world.models[key].get("uri") for key in self.shelved)
        self._holding = {key: key not in self.shelved and self._holds(key) for key in world.models}
        entries = [model.get("uri") for key, model in world.models.items() if self._holding[key]]
        links = (uri for task in self.stays if rules.check_links for uri in artifacts(world.tasks[task]))
        self._names = Names([*entries, *links])

    def holds_task(self, task: str) -> bool:
        """Tell whether ``task`` must not be deleted."""
        return task in self.stays or task not in self.world.tasks

    def holds_model(self, model: str) -> bool:
        """Tell whether the entry must stay."""
        return self._holding.get(model, True)

    def holds_file(self, file: str) -> str:
        """Return why the file must stay, empty if it may go."""
        owner = owner_of(file)
        if owner in self.stays and not self._taken.holds(file):
            return "its task stays"
        if owner in self.stays and Names(self.world.samples.get(owner, ())).holds(file):
            return "its task, which stays, shows it"
        if not owner:
            return "it lies in no task's folder"
        return "something that stays refers to it" if self._names.holds(file) else ""

    def _holds(self, key: str) -> bool:
        # What nobody made and nobody uses is nobody's to delete.
        users, model = self._users.get(key, set()), self.world.models[key]
        return bool(model.get("ready") or not model.get("company") or users & self.stays or not users)

    def _listed(self) -> Iterator[tuple[str, str]]:
        """Yield (task, other): the other's output lists a draft that the task made, or the other way round."""
        for task, row in self.world.tasks.items():
            for entry in row["models"]["output"]:
                model = self.world.models.get(str(entry.get("model")), {})
                if model and not model.get("ready") and model.get("task") not in {task, None}:
                    yield model["task"], task
                    yield task, model["task"]


def _grown(stay: set[str], claims: Iterable[tuple[str, str]]) -> set[str]:
    """Return the tasks that stay because those in ``stay`` do. ``claims``: (task, who needs it)."""
    claims, grown = list(claims), set(stay)
    while more := {task for task, other in claims if other in grown} - grown:
        grown |= more
    return grown


def _claims(world: World) -> Iterator[tuple[str, str]]:
    """Yield (task, who needs it): what a version of a dataset is built on, and the steps of a pipeline's run."""
    for task, row in world.tasks.items():
        told = row["configuration"] if "dataset" in row["system_tags"] else row["configuration"].get("Pipeline", "")
        for needed in world.tasks.keys() & set(_ID.findall(json.dumps(told))) - {task}:
            yield needed, task
