"""Fills the store and the file server directly, with chosen ages, statuses and files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cleanup.sandbox.calls.tasks import by_key
from cleanup.sandbox.kinds import MODEL, QUEUE, TASK
from cleanup.sandbox.store import Store
from cleanup.sandbox.values import Entity, copied, days_ago, new_id

KEPT_IN_PATHS = "'[]{}()$^,.; -_+-=/"
MOMENTS_OF_AGE = ("created", "started", "completed", "status_changed", "last_update", "last_change")


class Seeding:
    store: Store
    files_root: Path
    files_url: str

    def add_task(
        self,
        name: str = "task",
        project: str = "sandbox",
        status: str = "created",
        *,
        archived: bool = False,
        age_days: float = 0.0,
        tags: Sequence[str] = (),
        system_tags: Sequence[str] = (),
        type: str = "training",
        parent: str | None = None,
        task_id: str | None = None,
        public: bool = False,
        **fields: Any,
    ) -> str:
        """A draft gets no `status_changed`, like the real thing. `fields` override any field of the task."""
        moment = days_ago(age_days)
        times = dict.fromkeys(("created", "last_update", "last_change"), moment)
        if status != "created":
            times["status_changed"] = moment
        if status not in ("created", "queued"):
            times["started"] = moment
        if status in ("completed", "stopped", "failed", "published", "closed"):
            times["completed"] = moment
        if status == "published":
            times["published"] = moment
        with self.store.lock:
            task = self.store.add(
                TASK,
                id=task_id or new_id(),
                name=name,
                project=self.store.ensure_project(project),
                status=status,
                type=type,
                parent=parent,
                tags=list(tags),
                system_tags=[*system_tags, *(["archived"] if archived else [])],
                **({"company": ""} if public else {}),
                **{**times, **fields},
            )
        return str(task["id"])

    def folder(self, task: str) -> str:
        """The folder on the file server that the SDK uploads a task's files to: quoted once, its address twice."""
        held = self._task(task)
        project = self.store.projects.get(held.get("project")) or {"name": "unknown"}
        return quote(f"{project['name']}/{held['name']}.{task}", safe=KEPT_IN_PATHS)

    def put_file(self, path: str, content: bytes = b"", *, raw: bool = False) -> str:
        """Its address: quoted once more than the path, or with `raw` not, as the SDK registers some files."""
        target = self.files_root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return f"{self.files_url}/{path if raw else quote(path)}"

    def add_artifact(
        self, task: str, key: str, content: bytes = b"content", uri: str | None = None, mode: str = "output"
    ) -> str:
        """With an address it is only linked, without one the file is made in the task's own folder."""
        uri = uri or self.put_file(f"{self.folder(task)}/artifacts/{key}/{key}.bin", content)
        item = {
            "key": key,
            "type": "custom",
            "mode": mode,
            "uri": uri,
            "display_data": [],
            "content_size": len(content),
        }
        with self.store.lock:
            held = self._task(task)
            artifacts = [*held["execution"]["artifacts"], item]
            self.store.edit(TASK, held, {"execution.artifacts": by_key(artifacts)}, touch=False)
        return uri

    def add_model(
        self,
        task: str | None,
        name: str = "model",
        content: bytes = b"weights",
        uri: str | None = None,
        published: bool = False,
        **fields: Any,
    ) -> str:
        """An output model of a task, or with None a model that no task made; its id."""
        if uri is None:
            uri = self.put_file(f"{self.folder(task) if task else 'models'}/models/{name}.bin", content)
        with self.store.lock:
            held = self._task(task) if task else {}
            made = {"task": task, "project": held.get("project"), "name": name, "uri": uri, "ready": published}
            model = self.store.add(MODEL, **{**made, **fields})
            if task:
                self._list_model(task, "output", name, model["id"])
        return str(model["id"])

    def use_model(self, task: str, model: str) -> None:
        with self.store.lock:
            self._list_model(task, "input", self.store.get(MODEL, model)["name"], model)

    def list_model(self, task: str, model: str) -> None:
        """Lets a task list a model that another made among its outputs, as pipelines do."""
        with self.store.lock:
            self._list_model(task, "output", self.store.get(MODEL, model)["name"], model)

    def _list_model(self, task: str, side: str, name: str, model: str) -> None:
        held = self._task(task)
        entries = [*held["models"][side], {"name": name, "model": model}]
        self.store.edit(TASK, held, {f"models.{side}": entries}, touch=False)

    def add_debug_samples(
        self,
        task: str,
        count: int,
        uris: Sequence[str] | None = None,
        *,
        metric: str = "img",
        variant: str = "v",
        first_iteration: int = 0,
    ) -> list[str]:
        """Files and events, one an iteration; with addresses, events alone."""
        if uris is None:
            base = f"{self.folder(task)}/metrics/{metric}/{variant}"
            paths = [f"{base}/{metric}_{variant}_{first_iteration + number:08d}.png" for number in range(count)]
            uris = [self.put_file(path, b"png") for path in paths]
        for number, uri in enumerate(uris):
            named = {"metric": metric, "variant": variant, "iter": first_iteration + number}
            self.add_event(task, {"type": "training_debug_image", **named, "key": uri, "url": uri})
        return list(uris)

    def add_plot_image(
        self, task: str, uri: str | None = None, iteration: int = 0, metric: str = "plots", variant: str = "plot"
    ) -> str:
        path = f"{self.folder(task)}/metrics/{metric}/{variant}/{metric}_{variant}_{iteration:08d}.png"
        uri = uri or self.put_file(path, b"png")
        plot = {"data": [], "layout": {"images": [{"source": uri}]}}
        named = {"metric": metric, "variant": variant, "iter": iteration}
        self.add_event(task, {"type": "plot", **named, "plot_str": json.dumps(plot)})
        return uri

    def add_pipeline(self, steps: Mapping[str, str], name: str = "pipeline", **fields: Any) -> str:
        """The controller of a run whose configuration names its steps; those without a parent were made by it."""
        controller = self.add_task(name, **{"type": "controller", "system_tags": ["pipeline"], **fields})
        nodes = {step: {"base_task_id": None, "executed": task, "job_id": task} for step, task in steps.items()}
        self.configure(controller, "Pipeline", nodes)
        for task in steps.values():
            if not self.task(task).get("parent"):
                self.edit_task(task, parent=controller)
        return controller

    def add_dataset(self, name: str, parents: Sequence[str] = (), **fields: Any) -> str:
        """A version with a file of its own; its configuration names all that it is built on, near and far."""
        task = self.add_task(name, **{"type": "data_processing", "system_tags": ["dataset", "hidden"], **fields})
        structs = [json.loads(self.task(parent)["configuration"]["Dataset Struct"]["value"]) for parent in parents]
        lineage = dict.fromkeys([*parents, *(node["job_id"] for struct in structs for node in struct.values())])
        near = [str(number) for number, above in enumerate(lineage, 1) if above in parents]
        nodes = {"0": {"job_id": task, "parents": near}}
        nodes |= {str(number): {"job_id": above, "parents": []} for number, above in enumerate(lineage, 1)}
        self.configure(task, "Dataset Struct", nodes)
        self.add_artifact(task, "data", b"data of this version")
        return task

    def add_report(self, name: str, **fields: Any) -> str:
        """A report with one image in its own folder."""
        task = self.add_task(name, **{"type": "report", "system_tags": ["hidden", "reports"], **fields})
        image = self.put_file(f"{self.folder(task)}/report/image.png", b"png")
        self.edit_task(task, report=f"![an image]({image})", report_assets=[image])
        return task

    def configure(self, task: str, name: str, value: Any) -> None:
        """Adds a configuration object."""
        item = {"name": name, "type": "dictionary", "value": json.dumps(value)}
        with self.store.lock:
            held = self._task(task)
            self.store.edit(TASK, held, {"configuration": {**held["configuration"], name: item}}, touch=False)

    def add_event(self, task: str, event: Entity) -> None:
        with self.store.lock:
            self.store.events.add({"task": task, "worker": "sandbox", **event})

    def add_queue(self, name: str) -> str:
        with self.store.lock:
            found = self.store.queues.find("name", name)
            return str(found[0]["id"] if found else self.store.add(QUEUE, name=name)["id"])

    def age(self, task: str, days: float) -> None:
        """Sets every time that a task has to so many days ago."""
        with self.store.lock:
            held = self._task(task)
            moment = days_ago(days)
            self.store.edit(TASK, held, {name: moment for name in MOMENTS_OF_AGE if name in held}, touch=False)

    def edit_task(self, task: str, **fields: Any) -> None:
        """Sets fields of a task, dotted ones with `**{"a.b": value}`; None removes a field."""
        with self.store.lock:
            self.store.edit(TASK, self._task(task), fields, touch=False)

    def remove_task(self, task: str) -> None:
        with self.store.lock:
            self.store.tasks.remove(task)
            self.store.events.remove(task)

    def edit_model(self, model: str, **fields: Any) -> None:
        with self.store.lock:
            self.store.edit(MODEL, self.store.get(MODEL, model), fields, touch=False)

    def _task(self, task: str) -> Entity:
        return self.store.get(TASK, task)

    def task(self, task: str) -> Entity:
        with self.store.lock:
            held: Entity = copied(self._task(task))
        return held

    def model(self, model: str) -> Entity:
        with self.store.lock:
            held: Entity = copied(self.store.get(MODEL, model))
        return held

    @property
    def tasks(self) -> dict[str, Entity]:
        return self._copy(self.store.tasks.all())

    @property
    def models(self) -> dict[str, Entity]:
        return self._copy(self.store.models.all())

    @property
    def queues(self) -> dict[str, Entity]:
        return self._copy(self.store.queues.all())

    @property
    def projects(self) -> dict[str, Entity]:
        return self._copy(self.store.projects.all())

    def _copy(self, entities: Any) -> dict[str, Entity]:
        with self.store.lock:
            return {entity["id"]: copied(entity) for entity in entities}

    def events(self, task: str) -> list[Entity]:
        with self.store.lock:
            found: list[Entity] = copied(self.store.events.all(task))
        return found

    def files(self) -> set[str]:
        return {path.relative_to(self.files_root).as_posix() for path in self.files_root.rglob("*") if path.is_file()}

    def folders(self) -> set[str]:
        return {path.relative_to(self.files_root).as_posix() for path in self.files_root.rglob("*") if path.is_dir()}
