"""A world at one moment, and what can be read from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

_WRITER = re.compile(r"\.([0-9a-f]{32})/(?=artifacts/|models/|metrics/)")


@dataclass(frozen=True)
class Snapshot:
    """A world at one moment: tasks and models by id, and every file by its address without escapes."""

    tasks: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, Mapping[str, Any]]
    files: frozenset[str]


def users_of(world: Snapshot) -> dict[str, set[str]]:
    """Return for each model the tasks that have it as input."""
    users: dict[str, set[str]] = {}
    for task, fields in world.tasks.items():
        for entry in fields["models"]["input"]:
            users.setdefault(str(entry.get("model")), set()).add(task)
    return users


def held_by_others(world: Snapshot) -> set[str]:
    """Return the files whose writer is gone already and that a model entry keeps: no cycle deletes them (law 4)."""
    registered = {plain(model.get("uri")) for model in world.models.values()}
    return {file for file in world.files if file in registered and writer_of(file) not in world.tasks}


def writer_of(address: str) -> str | None:
    """Return the id of the task that wrote the file at ``address``."""
    found = _WRITER.search(address)
    return found[1] if found else None


def plain(uri: object) -> str:
    """Return a stored address as a snapshot names its file."""
    return unquote(uri) if isinstance(uri, str) and uri.startswith("http") else str(uri)
