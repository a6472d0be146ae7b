"""Plain data that the cleanup reads from the server: tasks, artifacts, models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a task has registered. ``size`` is in bytes, None where the SDK recorded none."""

    key: str
    uri: object
    size: int | None


@dataclass(frozen=True, slots=True)
class Model:
    """An entry of the model registry. ``task`` is the task that made it, ``published`` means ready.

    What stands behind that is known of the entries in the archive alone.
    """

    id: str
    uri: object
    task: str
    published: bool
    name: str = ""
    project: str = ""
    archived: bool = False
    public: bool = False
    imported: bool = False
    """True if the SDK registered an address that a task was given, and uploaded nothing."""
    tags: tuple[str, ...] = ()
    """Its tags and system tags."""
    last_change: datetime | None = None
    """Of any kind: archiving is one."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task as far as the cleanup looks at it. Times are aware UTC; None where the server has none."""

    id: str
    name: str = ""
    project: str = ""
    status: str = ""
    draft: bool = False
    at_work: bool = True
    """Running, queued or being published, as far as its status tells."""
    archived: bool = False
    public: bool = True
    tags: tuple[str, ...] = ()
    """Its tags and system tags."""
    status_changed: datetime | None = None
    last_update: datetime | None = None
    last_change: datetime | None = None
    created: datetime | None = None
    artifacts: tuple[Artifact, ...] = ()
    report_assets: tuple[str, ...] = ()
    output_models: tuple[str, ...] = ()
    input_models: tuple[str, ...] = ()
    destination: str = ""
    """Where the SDK uploads its files to; empty for the file server."""
    artifacts_listed: bool = False
    """True if the row had a list of artifacts, be it empty: without one they are not known."""
