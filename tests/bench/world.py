"""What a benchmark works on: archived old tasks with real files, beside others that nobody may touch."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from cleanup.sandbox import Sandbox

OLD_DAYS = 60.0
THRESHOLD_DAYS = 30.0
OTHERS_EVERY = 20
PROJECTS = 4


@dataclass(frozen=True)
class World:
    """How much of everything: tasks, and of each task its artifacts, models and debug samples."""

    tasks: int
    artifacts: int = 1
    models: int = 1
    samples: int = 0
    others: int = 0
    """Tasks that are not archived, beside one for each twenty that are."""
    entries: int = 0
    """Model entries of no task."""
    real_files: bool = True
    """False: addresses alone; their files count as already gone."""

    def fill(self, sandbox: Sandbox) -> Others:
        """Make all of it; return what is not archived."""
        others = [self._add(sandbox, number, archived=False) for number in range(0, self.tasks, OTHERS_EVERY)]
        others += [replace(self, real_files=False)._add(sandbox, n, archived=False) for n in range(self.others)]
        for number in range(self.tasks):
            self._add(sandbox, number, archived=True)
        for number in range(self.entries):
            sandbox.add_model(None, uri=f"s3://models/team/run {number}.{uuid.uuid4().hex}/models/weights.bin")
        staying = frozenset(others)
        files = (path for path in sandbox.files() if staying.intersection(re.findall(r"[0-9a-f]{32}", path)))
        makers = {*staying, None}
        models = (model for model, held in sandbox.models.items() if held.get("task") in makers)
        return Others(staying, frozenset(files), frozenset(models))

    @property
    def file_count(self) -> int:
        """Files of one task."""
        return self.artifacts + self.models + self.samples

    def _add(self, sandbox: Sandbox, number: int, *, archived: bool) -> str:
        task = sandbox.add_task(
            name=f"run {number} of {self.tasks}",
            project=f"bench/team {number % PROJECTS}/vision",
            status="completed" if number % 10 else "failed",
            archived=archived,
            # A millisecond apart, so that they have an order.
            age_days=OLD_DAYS - number / 86_400_000,
        )
        base = "" if self.real_files else f"{sandbox.files_url}/{sandbox.folder(task)}"

        def uri(path: str) -> str | None:
            return f"{base}/{path}" if base else None

        for item in range(self.artifacts):
            sandbox.add_artifact(task, f"artifact {item}", uri=uri(f"artifacts/artifact%20{item}/artifact.bin"))
        for item in range(self.models):
            sandbox.add_model(task, f"model {item}", uri=uri(f"models/model%20{item}.bin"))
        if self.samples:
            uris = [f"{base}/metrics/img/v/img_v_{item:08d}.png" for item in range(self.samples)]
            sandbox.add_debug_samples(task, self.samples, uris if base else None)
        return task


@dataclass(frozen=True)
class Others:
    """What must still be there afterwards."""

    tasks: frozenset[str]
    files: frozenset[str]
    models: frozenset[str]

    def outcome(self, sandbox: Sandbox) -> dict[str, int]:
        """Return how much of the archived is left, and how much of all else is lost."""
        tasks, models, files = frozenset(sandbox.tasks), frozenset(sandbox.models), sandbox.files()
        lost = len(self.tasks - tasks) + len(self.models - models) + len(self.files - files)
        return {
            "tasks_left": len(tasks - self.tasks),
            "models_left": len(models - self.models),
            "files_left": len(files - self.files),
            "others_lost": lost,
        }


def requests_of(sandbox: Sandbox, tasks: int) -> dict[str, Any]:
    """Return the requests since the last reset: a task, and by endpoint."""
    counted: Counter[str] = sandbox.requests
    return {
        "api_requests_per_task": round(sandbox.api_requests / tasks, 4),
        "file_requests_per_task": round(sandbox.file_requests / tasks, 4),
        "most_requests_at_once": sandbox.peak_concurrency,
        "requests": dict(counted.most_common()),
    }
