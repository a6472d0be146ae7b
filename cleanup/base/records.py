"""Plain data that the cleanup reads from the server: tasks, artifacts, models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

_ID = re.compile(r"[0-9a-zA-Z_-]{1,128}")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a task has registered. ``size`` is in bytes, None where the SDK recorded none."""

    key: str
    uri: object
    size: int | None


@dataclass(frozen=True, slots=True)
class Model:
    """An entry of the model registry. ``task`` is the task that made it, ``published`` means ready."""

    id: str
    uri: object
    task: str
    published: bool


@dataclass(frozen=True, slots=True)
class Task:
    """A task as far as the cleanup looks at it. Times are aware UTC; None where the server has none."""

    id: str
    name: str = ""
    project: str = ""
    status: str = ""
    archived: bool = False
    public: bool = True
    tags: tuple[str, ...] = ()
    system_tags: tuple[str, ...] = ()
    status_changed: datetime | None = None
    last_update: datetime | None = None
    last_change: datetime | None = None
    created: datetime | None = None
    artifacts: tuple[Artifact, ...] = ()
    output_models: tuple[str, ...] = ()
    input_models: tuple[str, ...] = ()
    artifacts_listed: bool = False
    """True if the row had a list of artifacts, be it empty: without one they are not known."""


def parse_time(value: object) -> datetime | None:
    """Return the aware UTC time that the server's ``value`` means, None where it means none.

    Times without an offset are UTC, as the server writes them.
    """
    if not isinstance(value, str):
        return None
    text = value.strip().replace("Z", "+00:00").replace("z", "+00:00")
    fraction = re.search(r"\.(\d+)", text)
    if fraction:
        # Python 3.10 reads three or six digits only; the server also writes fewer or more.
        text = text[: fraction.start(1)] + (fraction[1] + "000000")[:6] + text[fraction.end(1) :]
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def is_id(value: object) -> bool:
    """True if ``value`` can be a task's or model's id: such a text is no operator in a list filter."""
    return isinstance(value, str) and bool(_ID.fullmatch(value)) and not value.startswith(("-", "__"))


def parse_task(row: Mapping[str, Any]) -> Task | None:
    """Return the task of a ``tasks.get_all`` row, None where the row has no usable id.

    A field that is missing or of another type reads as the value that keeps the task: not archived, public,
    without a time.
    """
    if not is_id(row.get("id")):
        return None
    system_tags = _texts(row.get("system_tags"))
    return Task(
        id=row["id"],
        name=_text(row.get("name")),
        project=_reference(row.get("project")),
        status=_text(row.get("status")),
        archived="archived" in system_tags,
        public=not _reference(row.get("company")),
        tags=_texts(row.get("tags")),
        system_tags=system_tags,
        status_changed=parse_time(row.get("status_changed")),
        last_update=parse_time(row.get("last_update")),
        last_change=parse_time(row.get("last_change")),
        created=parse_time(row.get("created")),
        artifacts=tuple(_artifacts(row)),
        output_models=tuple(_models(row, "output")),
        input_models=tuple(_models(row, "input")),
        artifacts_listed=isinstance(_mapping(row.get("execution")).get("artifacts"), list),
    )


def parse_model(row: Mapping[str, Any]) -> Model | None:
    """Return the model of a ``models.get_all`` row, None where the row has no usable id."""
    if not is_id(row.get("id")):
        return None
    # A model whose state is missing reads as published: that is the state which keeps its file.
    return Model(row["id"], row.get("uri"), _reference(row.get("task")), row.get("ready") is not False)


def parse_inputs(row: Mapping[str, Any]) -> tuple[str, set[str]] | None:
    """Return the id of a task's row and its input models, None where the row has no usable id."""
    return (row["id"], set(_models(row, "input"))) if is_id(row.get("id")) else None


def _artifacts(row: Mapping[str, Any]) -> list[Artifact]:
    found = []
    for item in _rows(_mapping(row.get("execution")).get("artifacts")):
        size = item.get("content_size")
        usable = isinstance(size, int) and not isinstance(size, bool) and size >= 0
        found.append(Artifact(_text(item.get("key")), item.get("uri"), size if usable else None))
    return found


def _models(row: Mapping[str, Any], side: str) -> list[str]:
    items = _rows(_mapping(row.get("models")).get(side))
    return [item["model"] for item in items if is_id(item.get("model"))]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _reference(value: object) -> str:
    """Return the id of a referred entity, which the server writes as text or as ``{"id": ...}``."""
    return _text(value.get("id")) if isinstance(value, Mapping) else _text(value)
