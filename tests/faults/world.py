"""A small world with every kind of task and file, for attacks that try the same world in many ways."""

from __future__ import annotations

from typing import Any

from tests.faults.rig import Rig

OLD = 60.0
ODD_NAME = "odd +%41 ü;'(x)"


class World:
    """About twenty tasks: what goes in them, what stays, and every way in which files are shared."""

    def __init__(self, rig: Rig, *, storages: bool = True) -> None:
        self.rig, self.sandbox = rig, rig.sandbox
        self.tasks: dict[str, str] = {}
        self._neighbours()
        self._plain()
        self._models()
        if storages:
            self._elsewhere()

    def add(
        self, name: str, status: str = "completed", *, archived: bool = True, days: float = OLD, **more: Any
    ) -> str:
        task = self.sandbox.add_task(name, "team/vision", status, archived=archived, age_days=days, **more)
        self.tasks[name] = task
        return task

    def _neighbours(self) -> None:
        """What must not be touched."""
        add, sandbox = self.add, self.sandbox
        for name, more in {
            "living": {"archived": False},
            "young": {"days": 1.0},
            "kept by its tag": {"tags": ["keep"]},
            "public": {"public": True},
        }.items():
            task = add(name, **more)
            sandbox.add_artifact(task, "data")
            sandbox.add_model(task, "weights")
            sandbox.add_debug_samples(task, 2)
        running = add("running", "in_progress", days=0.0)
        sandbox.add_artifact(running, "data")

    def _plain(self) -> None:
        add, sandbox = self.add, self.sandbox
        draft = add("draft", "created")
        sandbox.add_artifact(draft, "data")
        full = add(ODD_NAME)
        sandbox.add_artifact(full, "data one")
        sandbox.add_debug_samples(full, 5, metric="a b", variant="c+d")
        sandbox.add_plot_image(full)
        sandbox.add_model(full, "weights")
        add("empty", "failed")
        dead = add("dead run", "in_progress")
        sandbox.add_debug_samples(dead, 3)
        linking = add("linking", "stopped")
        neighbour = sandbox.add_artifact(self.tasks["living"], "shared")
        sandbox.add_artifact(linking, "link", uri=neighbour)
        sandbox.add_debug_samples(linking, 1, [neighbour])
        sandbox.add_artifact(linking, "elsewhere", uri="https://example.com/data.bin")
        sandbox.add_artifact(linking, "own")
        lost = add("file gone already")
        sandbox.add_artifact(lost, "data")
        (sandbox.files_root / self._path(lost) / "artifacts/data/data.bin").unlink()
        sandbox.add_artifact(lost, "other")
        hidden = add("hidden", system_tags=["hidden"])
        sandbox.add_artifact(hidden, "data")

    def _models(self) -> None:
        add, sandbox = self.add, self.sandbox
        published = add("published", "published")
        sandbox.add_model(published, "weights", published=True)
        sandbox.add_artifact(published, "data")
        living = self.tasks["living"]
        sandbox.use_model(living, sandbox.add_model(add("maker for the living"), "weights"))
        first, second, third = add("chain 1"), add("chain 2"), add("chain 3")
        sandbox.use_model(second, sandbox.add_model(first, "weights"))
        sandbox.use_model(third, sandbox.add_model(second, "weights"))
        sandbox.add_model(third, "weights")
        itself = add("user of itself")
        sandbox.use_model(itself, sandbox.add_model(itself, "weights"))
        one, two = add("registered twice"), add("its other registrant")
        sandbox.add_model(two, "same", uri=self._address(sandbox.add_model(one, "weights")))
        shared = add("shared with the living")
        sandbox.add_model(living, "same", uri=self._address(sandbox.add_model(shared, "weights")))

    def _elsewhere(self) -> None:
        add, sandbox, rig = self.add, self.sandbox, self.rig
        for name in ("on s3", "on s3 too"):
            task = add(name)
            folder = f"team/{name}.{task}"
            sandbox.add_artifact(task, "data", uri=rig.s3.put(f"{folder}/artifacts/data/data.bin"))
            sandbox.add_model(task, "weights", uri=rig.s3.put(f"{folder}/models/weights.pt"))
            sandbox.add_debug_samples(task, 2, [rig.s3.put(f"{folder}/metrics/m/v/{n}.png") for n in range(2)])
        local = add("on disk")
        sandbox.add_artifact(local, "data", uri=rig.put_local(f"team/local.{local}/artifacts/data/data.bin"))
        neighbour = self.tasks["living"]
        sandbox.add_artifact(neighbour, "s3", uri=rig.s3.put(f"team/living.{neighbour}/artifacts/data/data.bin"))
        sandbox.add_artifact(neighbour, "disk", uri=rig.put_local(f"team/living.{neighbour}/artifacts/d/d.bin"))

    def _address(self, model: str) -> str:
        return str(self.sandbox.models[model]["uri"])

    def _path(self, task: str) -> str:
        from urllib.parse import unquote

        return unquote(self.sandbox.folder(task))
