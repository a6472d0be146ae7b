"""What the benchmarks share: archived old tasks with files beside others that nobody may touch, options, figures."""

from __future__ import annotations

import argparse
import gc
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from cleanup.sandbox import Sandbox
from tests.bench.turn import take_turn

OLD_DAYS = 60.0
THRESHOLD_DAYS = 30.0
OTHERS_EVERY = 20
PROJECTS = 4
SIZES = {"artifacts": 1, "models": 1, "samples": 0, "others": 0, "entries": 0, "latency_ms": 0.0, "no_files": False}
"""The options that make a world, with their defaults, but for how many tasks."""


@dataclass(frozen=True)
class World:
    """How much of everything: tasks, and of each task its artifacts, models and debug samples.

    ``others``: tasks that are not archived, beside one for each twenty that are; ``entries``: model entries of no
    task; ``no_files``: addresses alone, whose files count as already gone.
    """

    tasks: int
    artifacts: int
    models: int
    samples: int
    others: int
    entries: int
    no_files: bool

    @classmethod
    def of(cls, given: argparse.Namespace) -> World:
        return cls(**{field.name: getattr(given, field.name) for field in fields(cls)})

    def fill(self, sandbox: Sandbox) -> Staying:
        """Make all of it; return what must still be there afterwards."""
        others = [self._add(sandbox, number, archived=False) for number in range(0, self.tasks, OTHERS_EVERY)]
        others += [replace(self, no_files=True)._add(sandbox, n, archived=False) for n in range(self.others)]
        for number in range(self.tasks):
            self._add(sandbox, number, archived=True)
        for number in range(self.entries):
            sandbox.add_model(None, uri=f"s3://models/team/run {number}.{uuid.uuid4().hex}/models/weights.bin")
        makers = {*others, None}
        files = {path for path in sandbox.files() if makers.intersection(re.findall(r"[0-9a-f]{32}", path))}
        return Staying({*others}, {id for id, model in sandbox.models.items() if model.get("task") in makers}, files)

    def _add(self, sandbox: Sandbox, number: int, *, archived: bool) -> str:
        task = sandbox.add_task(
            name=f"run {number} of {self.tasks}",
            project=f"bench/team {number % PROJECTS}/vision",
            status="completed" if number % 10 else "failed",
            archived=archived,
            # A millisecond apart, so that they have an order.
            age_days=OLD_DAYS - number / 86_400_000,
        )

        def uri(path: str) -> str | None:
            return f"{sandbox.files_url}/{sandbox.folder(task)}/{path}" if self.no_files else None

        for item in range(self.artifacts):
            sandbox.add_artifact(task, f"artifact {item}", uri=uri(f"artifacts/artifact%20{item}/artifact.bin"))
        for item in range(self.models):
            sandbox.add_model(task, f"model {item}", uri=uri(f"models/model%20{item}.bin"))
        if self.samples:
            uris = [uri(f"metrics/img/v/img_v_{item:08d}.png") for item in range(self.samples)]
            sandbox.add_debug_samples(task, self.samples, uris if self.no_files else None)
        return task


@dataclass(frozen=True)
class Staying:
    tasks: set[str]
    models: set[str]
    files: set[str]

    def outcome(self, sandbox: Sandbox) -> dict[str, int]:
        """Return how much of the archived is left, and how much of all else is lost."""
        now = {"tasks": set(sandbox.tasks), "models": set(sandbox.models), "files": sandbox.files()}
        left = {f"{kind}_left": len(there - getattr(self, kind)) for kind, there in now.items()}
        return {**left, "others_lost": sum(len(getattr(self, kind) - there) for kind, there in now.items())}


def parser(module: str, told: str | None, options: Mapping[str, Any]) -> argparse.ArgumentParser:
    """Return a command line with these options and their defaults; what is False by default is a flag."""
    form = argparse.RawDescriptionHelpFormatter
    made = argparse.ArgumentParser(prog=f"python -m tests.bench.{module}", description=told, formatter_class=form)
    for name, default in options.items():
        kind: Any = {"action": "store_true"} if default is False else {"type": type(default), "metavar": "N"}
        made.add_argument(f"--{name.replace('_', '-')}", default=default, help="default: %(default)s", **kind)
    return made


def measure(world: World, latency_ms: float, side: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return what one side shows in a fresh sandbox filled with ``world``, ``latency_ms`` added to each request."""
    with Sandbox() as sandbox:
        staying = world.fill(sandbox)
        # A server has its indexes when it is asked.
        sandbox.store.tasks.find("parent", "")
        sandbox.store.models.find("task", "")
        # Nor does a large one stop for a moment now and then to look through all that it holds.
        gc.collect()
        gc.freeze()
        sandbox.latency = latency_ms / 1000
        started = [0.0]

        def at_start() -> None:
            sandbox.reset_requests()
            started[0] = time.process_time()

        report = take_turn(side, options, sandbox.environment(), at_start)
        gc.unfreeze()
        return {
            **report,
            "sandbox_cpu_seconds": round(time.process_time() - started[0], 3),
            "api_requests_per_task": round(sandbox.api_requests / world.tasks, 4),
            "file_requests_per_task": round(sandbox.file_requests / world.tasks, 4),
            "most_requests_at_once": sandbox.peak_concurrency,
            "requests": dict(sandbox.requests.most_common()),
            **staying.outcome(sandbox),
        }
