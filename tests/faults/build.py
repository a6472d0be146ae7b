"""Builds worlds of steps, each a verb and what it says: ``("artifact", "a", "data")``.

A step that speaks of something that is not there does nothing, so any steps can be left out of a world.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from cleanup.sandbox import Fault
from cleanup.sandbox.calls.deletion import delete_task
from cleanup.sandbox.calls.reset import reset
from cleanup.sandbox.values import days_ago
from tests.faults.rig import Rig
from tests.faults.world import Names, names_in, owner_of

Step = tuple[Any, ...]

ODD = "odd +%41 ü;'(x):"
TITLES = (
    "a b+c", "100% ü", "q?x#y", "lr:0.1 run", "-dash", "x" * 90, ODD, "p.0123456789abcdef0123456789abcdef", "a.b.c",
)  # fmt: skip
"""What tasks are called."""

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda address: address,
    "localhost": lambda address: address.replace("127.0.0.1", "localhost"),
    "a former host": lambda address: _moved(address, "https://files.former.example"),
    "a proxy's folder": lambda address: _moved(address, "https://proxy.example/clearml/files"),
    "a query": lambda address: f"{address}?download=1" if address.startswith("http") else address,
    "its folder": lambda address: address.rpartition("/")[0],
    "the task's folder": lambda address: (
        address[: address.index(owner_of(address)) + 32] if owner_of(address) else address
    ),
    "its folder with a slash": lambda address: address.rpartition("/")[0] + "/",
    "capitals": lambda address: _moved(address, address[: _start(address)]).replace("/models/", "/MODELS/"),
    "quoted less": unquote,
    "quoted not at all": lambda address: unquote(unquote(unquote(address))),
    "quoted more": lambda address: address[: _start(address)] + quote(address[_start(address) :]),
    "a mount": lambda address: _moved(address, "file:///mnt/clearml"),
    "with ..": lambda address: address.replace("/models/", "/artifacts/../models/"),
    "a bucket": lambda address: _moved(address, "s3://another-bucket/prefix"),
}


def _start(address: str) -> int:
    """Return where the path of an address begins."""
    return address.index("/", address.index("://") + 3)


def _moved(address: str, root: str) -> str:
    path = PurePosixPath(address[_start(address) :])
    # From the project's folder on; a bucket or a disk have a path of their own above it.
    parts = path.parts[path.parts.index("team") :] if "team" in path.parts else path.parts[1:]
    return f"{root}/{'/'.join(parts)}"


class Builder:
    """What was built, by the names that the steps give it."""

    def __init__(self, rig: Rig, steps: Iterable[Step]) -> None:
        self.rig, self.sandbox = rig, rig.sandbox
        self.tasks: dict[str, str] = {}
        self.models: dict[str, str] = {}
        self.addresses: dict[str, str] = {}
        self.stuck: set[str] = set()
        self._storage: dict[str, str] = {}
        self.traps: list[Callable[[], object]] = []
        self.take(steps)

    def take(self, steps: Iterable[Step]) -> None:
        for verb, *told in steps:
            with contextlib.suppress(KeyError):
                getattr(self, verb)(*told)

    def spring(self) -> None:
        """Let what cannot be deleted or read begin to fail."""
        for trap in self.traps:
            trap()

    def _named(self, text: str) -> str:
        """Return an address or a path with the ids of tasks for their names in braces."""
        return text.format(files=self.sandbox.files_url, **self.tasks)

    def task(self, name: str, fields: dict[str, Any] | None = None, storage: str = "files", title: str = "") -> None:
        """Add a task, completed, archived and 60 days old if ``fields`` say nothing else."""
        fields = {"status": "completed", "archived": True, "age_days": 60.0, **(fields or {})}
        project = fields.pop("project", "team/vision")
        fields["output"] = {"destination": self.rig.destination(storage)}
        self.tasks[name] = self.sandbox.add_task(title or name, project, **fields)
        self._storage[name] = storage

    def _put(self, task: str, path: str) -> str:
        return self.rig.put(self._storage[task], f"{self.sandbox.folder(self.tasks[task])}/{path}")

    def artifact(self, task: str, key: str) -> None:
        self.addresses[f"{task}.{key}"] = uri = self._put(task, f"artifacts/{key}/{key}.bin")
        self.sandbox.add_artifact(self.tasks[task], key, uri=uri)

    def samples(self, task: str, count: int) -> None:
        uris = [self._put(task, f"metrics/a b/c+d/{n}.png") for n in range(count)]
        self.addresses |= {f"{task}.{n}": uri for n, uri in enumerate(uris)}
        self.sandbox.add_debug_samples(self.tasks[task], count, uris)

    def shows(self, task: str, what: str) -> None:
        """Let the task report an image at the address of something else."""
        self.sandbox.add_debug_samples(self.tasks[task], 2, 2 * [self._spelled(self.tasks[task], what)])
        self.sandbox.add_plot_image(self.tasks[task], self._spelled(self.tasks[task], what))

    def aged(self, task: str, days: float) -> None:
        self.sandbox.age(self.tasks[task], days)

    def plot(self, task: str) -> None:
        self.sandbox.add_plot_image(self.tasks[task], self._put(task, "metrics/plots/plot/plot_00.png"))

    def unnamed(self, task: str, path: str) -> None:
        """Add a file to the task's folder that nothing names any more."""
        self.addresses[f"{task}.{path}"] = self._put(task, self._named(path))

    def theirs(self, name: str) -> None:
        """Add a file on the disk that a task of another server wrote."""
        self.addresses[name] = self.rig.put("disk", f"other server/run.{'b' * 32}/models/{name}")

    def edits(self, name: str, fields: dict[str, Any]) -> None:
        """Set fields of a task or an entry."""
        if name in self.tasks:
            self.sandbox.edit_task(self.tasks[name], **fields)
        else:
            self.sandbox.edit_model(self.models[name], **fields)

    def model(self, name: str, task: str, published: bool = False, spelling: str = "as it is") -> None:
        uri = self._put(task, f"models/{name}.pt")
        self.addresses[name] = uri
        # Only on file servers does the SDK quote what it stores once more, or not.
        uri = SPELLINGS[spelling](uri) if uri.startswith("http") else uri
        self.models[name] = self.sandbox.add_model(self.tasks[task], name, uri=uri, published=published)

    def registers(self, name: str, task: str, what: str, spelling: str = "as it is", published: bool = False) -> None:
        """Add an entry with the address of something else; ``task``: its maker, "" for none."""
        maker = self.tasks[task] if task else None
        uri = self._spelled(maker, what, spelling)
        self.models[name] = self.sandbox.add_model(maker, name, uri=uri, published=published)

    def links(self, task: str, what: str, spelling: str = "as it is") -> None:
        uri = self._spelled(self.tasks[task], what, spelling)
        self.sandbox.add_artifact(self.tasks[task], f"link to {what}", uri=uri)

    def _spelled(self, task: str | None, what: str, spelling: str = "as it is") -> str:
        """Return the address of ``what``. A task's own file is where it says, or nobody could delete it."""
        address = self._named(what) if "://" in what or "{" in what else self.addresses[what]
        return address if owner_of(address) == task else SPELLINGS[spelling](address)

    def uses(self, task: str, model: str) -> None:
        self.sandbox.use_model(self.tasks[task], self.models[model])

    def lists(self, task: str, model: str) -> None:
        row = self.sandbox.tasks[self.tasks[task]]
        output = [*row["models"]["output"], {"name": "theirs", "model": self.models[model]}]
        self.sandbox.edit_task(self.tasks[task], **{"models.output": output})

    def nested(self, inner: str, outer: str) -> None:
        """Put the folder of one task, with an artifact in it, into the folder of another."""
        uri = self._put(outer, f"sub/inner.{self.tasks[inner]}/artifacts/in {outer}/x.bin")
        self.addresses[f"{inner} in {outer}"] = uri
        self.sandbox.add_artifact(self.tasks[inner], "nested", uri=uri)

    def dataset(self, task: str, *parents: str) -> None:
        """Make the task a version of a dataset that is built on others."""
        tags = [*self.sandbox.tasks[self.tasks[task]]["system_tags"], "dataset", "hidden"]
        value = json.dumps({self.tasks[task]: [self.tasks[parent] for parent in parents if parent in self.tasks]})
        graph = {"Dataset Struct": {"name": "Dataset Struct", "value": value, "type": "json"}}
        self.sandbox.edit_task(self.tasks[task], system_tags=tags, configuration=graph)

    def pipeline(self, task: str, *steps: str) -> None:
        """Make the task a run of a pipeline with these steps."""
        tags = [*self.sandbox.tasks[self.tasks[task]]["system_tags"], "pipeline"]
        nodes = {step: {"name": step, "executed": self.tasks[step]} for step in steps if step in self.tasks}
        graph = {"Pipeline": {"name": "Pipeline", "value": json.dumps(nodes), "type": "dictionary"}}
        self.sandbox.edit_task(self.tasks[task], type="controller", system_tags=tags, configuration=graph)

    def shelved(self, model: str, fields: dict[str, Any] | None = None, spelling: str = "as it is") -> None:
        """Put the entry into the archive, 60 days ago if ``fields`` say nothing else, its file where it says."""
        key = self.models[model]
        if (entry := self.sandbox.store.models.get(key)) is None:
            return
        plain = [uri for uri in self.addresses.values() if Names([entry["uri"]]).holds(uri)]
        if plain and plain[0].startswith("file:"):
            spelling = "as it is"  # no folder of a disk is deleted as a file
        fields = {"age_days": 60.0, "uri": SPELLINGS[spelling](plain[0]) if plain else entry["uri"], **(fields or {})}
        days = fields.pop("age_days")
        if entry.get("task"):
            fields.pop("company", "")  # the server deletes a draft with its task, whosever it is
        self.sandbox.edit_model(key, **{"system_tags": ["archived"], "last_change": days_ago(days), **fields})

    def was_reset(self, task: str) -> None:
        """Reset the task long ago: it names nothing of what it wrote."""
        days = 50.0
        with self.sandbox.store.lock:
            reset(self.sandbox.store, {"task": self.tasks[task], "force": True})
        self.sandbox.age(self.tasks[task], days)
        for file in self.rig.snapshot().files:
            if owner_of(file) == self.tasks[task] and len(names_in(file)) > 1:
                self.remove_file(file)  # what it wrote into another's folder nobody could know

    def went(self, task: str) -> None:
        """Let an earlier cycle have deleted the task, with all that nothing else needed then."""
        with self.sandbox.store.lock:
            delete_task(self.sandbox.store, self.tasks[task], {"force": True})
        gone = self.tasks.pop(task)
        for model in self.models.values():
            # What is the last to name a file must say where it is.
            entry = self.sandbox.store.models.get(model) or {"uri": ""}
            plain = [
                uri for uri in self.addresses.values() if owner_of(uri) == gone and Names([entry["uri"]]).holds(uri)
            ]
            if plain:
                self.sandbox.edit_model(model, uri=plain[0])
        world = self.rig.snapshot()
        for file in world.files:
            if owner_of(file) == gone and not world.held().holds(file):
                self.remove_file(file)

    def left(self) -> tuple[set[str], set[str], set[str]]:
        """Return the tasks, entries and files that are there, as the steps call them."""
        world = self.rig.snapshot()
        there = {name for file in world.files for name in names_in(file)}
        files = {name for name, uri in self.addresses.items() if there.intersection(names_in(uri))}
        tasks = {name for name, key in self.tasks.items() if key in world.tasks}
        return tasks, {name for name, key in self.models.items() if key in world.models}, files

    def remove_file(self, file: str) -> None:
        storage, _, path = file.partition(":")
        if storage == "s3":
            self.rig.s3.keys.discard(path)
        else:
            (self.rig.disk if storage == "disk" else self.sandbox.files_root).joinpath(path).unlink()

    def lost(self, what: str) -> None:
        """Let somebody have deleted a file already."""
        for file in self.rig.snapshot().files:
            if {*names_in(file)} & {*names_in(self.addresses[what])}:
                self.remove_file(file)

    def bad(self, name: str, how: str) -> None:
        """Let the server fail at a task or an entry for ever, or a storage at its files, or let it be bad by itself."""
        one = self.tasks.get(name) or self.models[name]
        self.stuck.add(one)
        if how == "files":
            mine = [file for file in self.rig.snapshot().files if owner_of(file) == one]
            self.traps.append(lambda: self.rig.refuse(mine))
        elif how == "elsewhere":
            uri = f"https://nowhere.test/x.{one}/artifacts/x/x.bin"
            self.sandbox.add_artifact(one, "where nobody can ask", uri=uri)
        elif how == "delete":
            self.traps.append(lambda: self.sandbox.task_failures.update({one: (500, 100, "cannot be deleted")}))
        elif how != "itself":
            fault = Fault(f"{how}*", times=None, match=lambda body: one in json.dumps(body))
            self.traps.append(lambda: self.sandbox.inject(fault))
