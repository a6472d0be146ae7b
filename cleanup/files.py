"""Which files a task leaves behind, and which of them go with it: pure functions over plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from posixpath import normpath
from urllib.parse import unquote

from cleanup.base.records import Model, Task
from cleanup.base.text import one_line, without_secrets
from cleanup.storage.address import BadAddress, Location, task_depth

Locate = Callable[[object], Location]

LINKED = "linked, not written by this task"


class Kind(str, Enum):
    """What a file is to its task."""

    ARTIFACT = "artifact"
    MODEL = "model"
    DEBUG_SAMPLE = "debug sample"
    PLOT_IMAGE = "plot image"


@dataclass(frozen=True, slots=True)
class File:
    """One file that a task refers to, and the decision: it goes, or stays with the reason ``keep``.

    ``address`` is for people: on one line, bounded, without credentials. ``size`` is in bytes, None where not known.
    """

    task: str
    kind: Kind
    address: str
    location: Location | None
    size: int | None = None
    keep: str = ""
    error: str = ""
    """Why it cannot be deleted although it is the task's own: its address lies in the task's folder, but is none."""


@dataclass
class Evidence:
    """What the server knows about a batch of tasks, as far as it decides about files."""

    tasks: Mapping[str, Task] = field(default_factory=dict)
    own_models: dict[str, list[Model]] = field(default_factory=dict)
    other_models: list[Model] = field(default_factory=list)
    users: dict[str, set[str]] = field(default_factory=dict)
    samples: dict[str, set[str]] = field(default_factory=dict)
    plots: dict[str, set[str]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    """Tasks whose files cannot all be known, with the error."""
    claims: dict[str, dict[str, str]] = field(default_factory=dict)
    """Tasks that must stay while another task exists: the other's id, and the reason."""
    folders_clear: bool = False
    """True if ``other_models`` holds every entry with an address in one of the batch's task folders."""
    together: frozenset[str] = frozenset()
    """Tasks of the batch that wait for each other, and so go at once: none of them holds a file of another."""

    def freed_with(self, task: str) -> frozenset[str]:
        """Return the tasks that go when ``task`` goes, itself included."""
        return self.together if task in self.together else frozenset({task})

    def claims_on(self, task: str) -> dict[str, str]:
        """Return the tasks that ``task`` must outlast, and why, as long as they do not go with it."""
        return {other: why for other, why in self.claims.get(task, {}).items() if other not in self.freed_with(task)}


@dataclass
class TaskFiles:
    """The files of one task, each decided, and what else its deletion needs."""

    task: str
    files: list[File] = field(default_factory=list)
    waits_for: set[str] = field(default_factory=set)
    """Tasks that hold some of the files: once they are gone, the files can go too."""
    used_by_itself: list[str] = field(default_factory=list)
    """Models that go, but that the server would leave behind: the task, or one that goes with it, has them as input."""
    folders: set[Location] = field(default_factory=set)
    """Its folders out of which every file goes."""

    @property
    def going(self) -> list[File]:
        """The files that go with the task."""
        return [file for file in self.files if not file.keep and not file.error]

    @property
    def refused(self) -> list[File]:
        """The files that should go, and that no storage can be asked for."""
        return [file for file in self.files if file.error]


def decide(evidence: Evidence, locate: Locate, *, delete_linked: bool) -> dict[str, TaskFiles]:
    """Return for each task of the batch its files and their fate (law 4).

    A file goes only if its address lies under a folder that ends in ``.<task id>``, where the SDK uploads to, or if
    ``delete_linked`` and no other task wrote it; and if no model entry that stays has the same address, and no other
    task has its model as input.
    """
    holders: dict[Location, list[Model]] = {}
    for model in [*evidence.other_models, *(model for models in evidence.own_models.values() for model in models)]:
        location = _located(model.uri, locate)
        if isinstance(location, Location) and model not in holders.setdefault(location, []):
            holders[location].append(model)
    return {task: _decide_one(task, evidence, locate, holders, delete_linked) for task in evidence.tasks}


def _models_going(task: str, evidence: Evidence) -> set[str]:
    models = evidence.own_models.get(task, [])
    return {model.id for model in models if not _reason_model_stays(model, task, evidence)}


def _decide_one(
    task: str, evidence: Evidence, locate: Locate, holders: Mapping[Location, list[Model]], delete_linked: bool
) -> TaskFiles:
    result = TaskFiles(task)
    models = evidence.own_models.get(task, [])
    freed = evidence.freed_with(task)
    inputs = {model for other in freed for model in evidence.tasks[other].input_models}
    result.used_by_itself = sorted(_models_going(task, evidence) & inputs)
    going = {model for other in freed for model in _models_going(other, evidence)}
    result.waits_for.update(evidence.claims_on(task))
    seen: set[Location | str] = set()
    for kind, uri, size in _references(task, evidence):
        if uri is None or uri == "":
            continue
        location = _located(uri, locate)
        key = location if isinstance(location, Location) else str(uri)
        if key in seen:
            continue
        seen.add(key)
        shown = without_secrets(uri, 500)
        if not isinstance(location, Location):
            held = next((_reason_model_stays(m, task, evidence) for m in models if m.uri == uri), "")
            if held or not _looks_own(uri, task):
                result.files.append(File(task, kind, shown, None, size, keep=held or location))
            else:
                result.files.append(File(task, kind, shown, None, size, error=location))
            continue
        keep = _reason_not_own(location, task, delete_linked)
        if not keep:
            keep = _reason_held(location, task, going, evidence, holders, result.waits_for)
        result.files.append(File(task, kind, shown, location, size, keep))
    result.folders = _emptied_folders(result, going, holders)
    return result


def _references(task: str, evidence: Evidence) -> Iterable[tuple[Kind, object, int | None]]:
    for artifact in evidence.tasks[task].artifacts:
        yield Kind.ARTIFACT, artifact.uri, artifact.size
    for model in evidence.own_models.get(task, []):
        yield Kind.MODEL, model.uri, None
    for address in sorted(evidence.samples.get(task, ())):
        yield Kind.DEBUG_SAMPLE, address, None
    for address in sorted(evidence.plots.get(task, ())):
        yield Kind.PLOT_IMAGE, address, None


def _located(uri: object, locate: Locate) -> Location | str:
    """Return where ``uri`` points to, or why it points to no file that could be deleted."""
    try:
        return locate(uri)
    except BadAddress as error:
        return f"no address of a file that was uploaded: {one_line(error, 120)}"


def _looks_own(uri: object, task: str) -> bool:
    """True if ``uri``, normalized, lies in the task's folder however often it is decoded."""
    text = str(uri)
    if text.lower().startswith("http"):
        text = text.partition("?")[0].partition("#")[0]
    for _ in range(5):
        if f".{task}/" not in normpath(text.replace("\\", "/")):
            return False
        text = unquote(text)
    return True


def _reason_not_own(location: Location, task: str, delete_linked: bool) -> str:
    parts = location.path.split("/")
    depth = task_depth(location.path)
    writer = parts[depth - 1].rpartition(".")[2] if depth else ""
    if writer == task or (not writer and location.folder_of(task)):
        return ""
    if writer:
        return f"{LINKED}, but by task {writer}"
    return "" if delete_linked else LINKED


def _reason_model_stays(model: Model, task: str, evidence: Evidence) -> str:
    users = evidence.users.get(model.id, set()) - evidence.freed_with(task)
    if model.published:
        return f"published model {model.id}"
    if users:
        return f"model {model.id} is in use by task {min(users)}"
    return ""


def _reason_held(
    location: Location,
    task: str,
    going: set[str],
    evidence: Evidence,
    holders: Mapping[Location, list[Model]],
    waits_for: set[str],
) -> str:
    """Return which entry that stays needs the file; add to ``waits_for`` the tasks whose going would free it."""
    reasons = []
    for model in holders.get(location, ()):
        if model.id in going:
            continue
        users = evidence.users.get(model.id, set()) - evidence.freed_with(task)
        if model.task == task:
            reasons.append(_reason_model_stays(model, task, evidence))
        else:
            reasons.append(f"also registered as model {model.id}")
            users = users | {model.task}
        if not model.published:
            waits_for.update(users - {""})
    return reasons[0] if reasons else ""


def _emptied_folders(result: TaskFiles, going: set[str], holders: Mapping[Location, list[Model]]) -> set[Location]:
    """Return the task's own folders, without those in which a file or a model entry stays."""
    if result.refused:
        return set()
    folders = {
        folder
        for file in result.going
        if file.location and task_depth(file.location.path)
        for folder in [file.location.folder_of(result.task)]
        if folder
    }
    staying = [file.location for file in result.files if file.keep and file.location]
    staying += [at for at, models in holders.items() if any(model.id not in going for model in models)]
    return {folder for folder in folders if not any(_inside(location, folder) for location in staying)}


def _inside(location: Location, folder: Location) -> bool:
    return location.root == folder.root and location.path.startswith(folder.path + "/")
