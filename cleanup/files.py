"""Which files go with a task, and which stay because something needs them: pure functions over plain data (law 4).

A file is known by the id of the task whose folder it lies in and by the rest of its path behind that folder, whatever
the host, the scheme, the quoting and the capitals of an address: a task's id is unique in the world.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from urllib.parse import unquote

from cleanup.base.records import Model, Task

LINKED = "linked, not written by this task"

_FOLDER = re.compile(r"\.([0-9a-f]{32})(?=[/?#;&]|$)")
_END = re.compile(r"[?#;]|\Z")
_DECODINGS = 16


class Kind(str, Enum):
    """What a file is to its task."""

    ARTIFACT = "artifact"
    MODEL = "model"
    DEBUG_SAMPLE = "debug sample"
    PLOT_IMAGE = "plot image"
    REPORT_IMAGE = "image of a report"
    UNNAMED = "named by nothing any more"


@dataclass(frozen=True, slots=True)
class Place:
    """A file or a folder under the folder of ``task``; the whole folder where ``rest`` is empty."""

    task: str
    rest: str


def places(address: object) -> frozenset[Place]:
    """Return every place in tasks' folders that ``address`` may name, in whatever spelling.

    Where a query or a fragment may begin, the address counts with it and without it. What holds a task's id but cannot
    be read as a path (``..`` in it, bytes that are no text) names the whole folder.
    """
    text = _folded(str(address))
    found: set[Place] = set()
    for folder in _FOLDER.finditer(text):
        rest = text[folder.end() :]
        found.update(Place(folder[1], _path(rest[: end.start()])) for end in _END.finditer(rest))
    return frozenset(found)


def tasks_of(address: object) -> set[str]:
    """Return the tasks in whose folders ``address`` may lie, those of all its places."""
    return {folder[1] for folder in _FOLDER.finditer(_folded(str(address)))}


def place_of(path: str, task: str) -> Place | None:
    """Return the place of the file at ``path`` in a storage, None if that is not in the folder of ``task``."""
    text = _folded(path)
    folder = text.find(f".{task}/")
    return Place(task, _path(text[folder + len(task) + 2 :])) if folder >= 0 else None


def is_this_servers(address: object) -> bool:
    """True if a task that is not on this server, and in whose folder ``address`` lies, must have been here once.

    A bucket or a disk may be shared with another server, whose tasks this one does not know; a file server is not.
    """
    return str(address).lower().startswith(("http://", "https://"))


def inner_tasks(place: Place) -> set[str]:
    """Return the ids in the names of folders inside the task's folder on the way to ``place``."""
    return {found[1] for found in _FOLDER.finditer(place.rest) if found.end() < len(place.rest)}


# An address is looked at several times in a row while it is decided about.
@lru_cache(maxsize=256)
def _folded(text: str) -> str:
    for _ in range(_DECODINGS):
        before, text = text, unquote(text)
        if text == before:
            break
    text = unicodedata.normalize("NFC", text).casefold().replace("\\", "/").replace("+", " ")
    while "//" in text:
        text = text.replace("//", "/")
    return text.strip()


def _path(rest: str) -> str:
    """Return ``rest`` as a path, empty (the whole folder) where it cannot be read as one."""
    rest = rest.strip("/ ")
    readable = rest.isprintable() and "\ufffd" not in rest and not {".", ".."} & set(rest.split("/"))
    return rest if readable and not re.search(r"%[0-9a-f]{2}", rest) else ""


@dataclass(frozen=True, slots=True)
class Holder:
    """Why a file stays: ``why`` for people, ``id`` of the task or model that needs it."""

    why: str
    id: str


class Holders:
    """Who needs which places."""

    def __init__(self) -> None:
        self._held: dict[str, dict[str, Holder]] = {}
        self._above: dict[str, dict[str, Holder]] = {}

    def add(self, address: object, holder: Holder, *, but: str = "") -> None:
        """Let ``holder`` hold all that ``address`` may name, except in the folder of the task ``but``."""
        for place in places(address):
            if place.task == but:
                continue
            self._held.setdefault(place.task, {}).setdefault(place.rest, holder)
            for folder in _folders(place.rest):
                self._above.setdefault(place.task, {}).setdefault(folder, holder)

    def of(self, place: Place) -> Holder | None:
        """Return who needs ``place``: it itself, a folder that it lies in, or, if it is a folder, something in it."""
        held = self._held.get(place.task)
        if not held:
            return None
        for name in (place.rest, *_folders(place.rest)):
            if name in held:
                return held[name]
        return self._above[place.task].get(place.rest)


def _folders(rest: str) -> Iterable[str]:
    """Return the folders that ``rest`` lies in, the task's own, ``""``, last."""
    while rest:
        rest = rest.rpartition("/")[0]
        yield rest


@dataclass
class View:
    """What the server says of a batch at one look, as far as it decides about files."""

    rows: dict[str, Task] = field(default_factory=dict)
    """The tasks of the batch, as they are now."""
    models: dict[str, Model] = field(default_factory=dict)
    """Entries that tasks of the batch made or list, or that have an address in one of their folders."""
    users: dict[str, set[str]] = field(default_factory=dict)
    """By model the tasks that have it as input."""
    listers: dict[str, set[str]] = field(default_factory=dict)
    """By model the tasks that list it among their outputs."""
    links: list[tuple[object, str]] = field(default_factory=list)
    """Addresses in other tasks' folders, each with the task that refers to it."""
    claims: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """By task the tasks that need it as a whole, each with the reason."""
    existing: set[str] = field(default_factory=set)
    """Of the other tasks that the above names, those that there are."""

    def needing(self, model: Model, condemned: Container[str]) -> set[str]:
        """Return the tasks that stay and made the entry, use it or list it."""
        needing = self.users.get(model.id, set()) | self.listers.get(model.id, set())
        if model.task in self.existing or model.task in self.rows:
            needing = needing | {model.task}
        return {task for task in needing if task not in condemned}

    def reason_to_stay(self, model: Model, condemned: Container[str]) -> Holder | None:
        """Return why a model entry stays, None if it goes with the last task that made or used it."""
        if model.published or model.public:
            return Holder(f"{'published' if model.published else 'public'} model {model.id}", model.id)
        needing = self.needing(model, condemned)
        if needing:
            how = "made" if model.task in needing else "in use"
            return Holder(f"model {model.id} is {how} by task {min(needing)}", min(needing))
        used = self.users.get(model.id) or self.listers.get(model.id)
        if used or model.task in condemned:
            return None
        return Holder(f"model {model.id}, which no task made or uses", model.id)


@dataclass(frozen=True)
class Without:
    """The condemned tasks but for some."""

    condemned: Container[str]
    spared: Container[str]

    def __contains__(self, task: object) -> bool:
        return task in self.condemned and task not in self.spared


def holders(view: View, condemned: Container[str]) -> Holders:
    """Return who needs files in the tasks' folders, of all that stays: condemned tasks hold nothing."""
    found = Holders()
    for model in view.models.values():
        holder = view.reason_to_stay(model, condemned)
        if holder:
            found.add(model.uri, holder)
    for address, task in view.links:
        if task not in condemned:
            found.add(address, Holder(f"task {task} links to it", task), but=task)
    return found


def lent(view: View, condemned: Container[str]) -> Holders:
    """Return which files condemned tasks refer to that are not their own: should one of them fail, they must stay."""
    found = Holders()
    for model in view.models.values():
        users = view.users.get(model.id, set()) | view.listers.get(model.id, set()) | {model.task}
        for task in filter(condemned.__contains__, users):
            found.add(model.uri, Holder(f"model {model.id} is in use by task {task}", task), but=task)
    for address, task in view.links:
        if task in condemned:
            found.add(address, Holder(f"task {task} links to it", task), but=task)
    return found


def reason_task_stays(task: str, view: View, condemned: Container[str]) -> str:
    """Return why a task of the batch must stay as a whole, or an empty text.

    A draft model that another task lists among its outputs, or that is public, would go with the task that made it: the
    server spares only those that are in use as inputs.
    """
    for claimer, why in view.claims.get(task, ()):
        if claimer not in condemned:
            return why
    for model in view.models.values():
        if model.task == task and not model.published:
            listing = {lister for lister in view.listers.get(model.id, ()) if lister not in condemned}
            if listing:
                return f"its model {model.id} is among the outputs of task {min(listing)}"
            if model.public:
                return f"its model {model.id} is public"
    return ""


def outlived_models(view: View, condemned: Container[str], behind: Container[str]) -> dict[str, list[Model]]:
    """Return for tasks of the batch the draft models that outlived their makers and go with them, the last users.

    Only those whose file lies in the folder of a task that is gone, or goes in this cycle; what was imported from a
    bucket or a disk may be another server's. ``behind``: tasks of the cycle that are deleted already (in a dry run:
    would be).
    """
    found: dict[str, list[Model]] = {}
    there = view.existing | view.rows.keys()
    for model in view.models.values():
        users = view.users.get(model.id, set()) | view.listers.get(model.id, set())
        left = {task for task in users if task not in behind}
        last = left and all(task in view.rows and task in condemned for task in left)
        if model.published or model.public or model.task in there or model.task in behind or not last:
            continue
        writers = tasks_of(model.uri)
        known = is_this_servers(model.uri) or not model.imported or all(task in condemned for task in writers)
        if writers and known and all(task in condemned for task in writers & there):
            found.setdefault(max(left), []).append(model)
    return found


def spared_models(task: str, view: View, condemned: Container[str], before: Container[str]) -> list[Model]:
    """Return the draft models that ``task`` made and that go, but that the server would leave behind without a task.

    It spares what is an input of a task that is still there. ``before``: tasks that are gone by then.
    """
    return [
        model
        for model in view.models.values()
        if model.task == task and not view.reason_to_stay(model, condemned)
        if any(user not in before for user in view.users.get(model.id, ()))
    ]


def must_unlist(task: Task, view: View) -> bool:
    """True if ``task`` lists models among its outputs that it did not make.

    The server would delete them with it, whoever made them, and point published ones to the deleted task.
    """
    listed = (view.models[model] for model in task.output_models if model in view.models)
    return any(model.task != task.id for model in listed)


def own_place(path: str, task: str, view: View) -> Place | None:
    """Return the place of a file that ``task`` wrote, None if it lies elsewhere or in another task's folder inside."""
    place = place_of(path, task)
    if place is None or any(inner in view.existing or inner in view.rows for inner in inner_tasks(place) - {task}):
        return None
    return place
