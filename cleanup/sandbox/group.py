"""A part of the demo's world: tasks of one kind, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cleanup.sandbox.sandbox import Sandbox

GOES, STAYS = "goes", "stays"
OLD, YOUNG = 60.0, 5.0


@dataclass
class Group:
    """Tasks of one kind; their model entries and files share their fate unless something else needs them."""

    sandbox: Sandbox
    what: str
    fate: str
    of_models: str = ""
    of_files: str = ""
    tasks: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    """Addresses on the file server."""

    def __post_init__(self) -> None:
        self.of_models = self.of_models or self.fate
        self.of_files = self.of_files or self.fate

    def add(self, name: str, project: str, status: str = "completed", **fields: Any) -> str:
        """Adds an old task, archived unless the fields say otherwise; its id."""
        self.tasks.append(self.sandbox.add_task(name, project, status, **{"archived": True, "age_days": OLD, **fields}))
        return self.tasks[-1]

    def add_artifact(self, task: str, key: str = "data", content: bytes = b"content") -> str:
        """With its file; the address."""
        self.files.append(self.sandbox.add_artifact(task, key, content))
        return self.files[-1]

    def add_model(self, task: str, name: str = "weights", **fields: Any) -> str:
        """With its file; the id."""
        self.models.append(self.sandbox.add_model(task, name, **fields))
        self.files.append(str(self.sandbox.model(self.models[-1])["uri"]))
        return self.models[-1]
