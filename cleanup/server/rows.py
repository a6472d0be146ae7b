"""What the server answers, row by row, as plain records; and the words of the API that decide."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from cleanup.base.records import Artifact, Model, Task

ARCHIVED = "archived"
"""System tag of what is in the archive."""

DRAFT = "created"
NO_DRAFT = (
    "queued", "in_progress", "stopped", "publishing", "published", "closed", "failed", "completed", "unknown",
)  # fmt: skip
"""Every other status of the API."""

AT_WORK = ("in_progress", "queued", "publishing", "")
"""Statuses of tasks that may be at work; an answer that leaves the status out says nothing to the contrary."""

IMPORTED = "Imported by task id:"
"""How the SDK's ``InputModel.import_model`` begins the comment of an entry."""

_TO_COME = re.compile(r"(?!.*\.[0-9a-f]{32}/).*/uploading_file")
"""The address of an entry while the SDK uploads its file, and for ever if that failed: below a destination, no task."""

_ID = re.compile(r"[0-9a-zA-Z_-]{1,128}")


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


def time_text(time: datetime) -> str:
    """Return ``time`` (aware) as filters take it: the server drops a condition that it cannot read, without a word."""
    return f"{time.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%S.%f}+00:00"


def is_id(value: object) -> bool:
    """True if ``value`` can be a task's or model's id: such a text is no operator in a list filter."""
    return isinstance(value, str) and bool(_ID.fullmatch(value)) and not value.startswith(("-", "__"))


class Named(NamedTuple):
    """A project or a queue."""

    id: str
    name: str


def parse_named(row: Mapping[str, Any]) -> Named | None:
    """Return the project or queue of a row, None where the row has no usable id."""
    return Named(row["id"], _text(row.get("name"))) if is_id(row.get("id")) else None


def parse_task(row: Mapping[str, Any]) -> Task | None:
    """Return the task of a ``tasks.get_all`` row, None where the row has no usable id.

    A field that is missing or of another type reads as the value that keeps the task: not archived, public,
    without a time.
    """
    if not is_id(row.get("id")):
        return None
    status, system_tags = _text(row.get("status")), _texts(row.get("system_tags"))
    return Task(
        id=row["id"],
        name=_text(row.get("name")),
        project=_reference(row.get("project")),
        status=status,
        draft=status == DRAFT,
        at_work=status in AT_WORK,
        archived=ARCHIVED in system_tags,
        public=not _reference(row.get("company")),
        tags=_texts(row.get("tags")) + system_tags,
        status_changed=parse_time(row.get("status_changed")),
        last_update=parse_time(row.get("last_update")),
        last_change=parse_time(row.get("last_change")),
        created=parse_time(row.get("created")),
        artifacts=tuple(_artifacts(row)),
        report_assets=_texts(row.get("report_assets")),
        output_models=tuple(models_of(row, "output")),
        input_models=tuple(models_of(row, "input")),
        destination=destination_of(row),
        artifacts_listed=isinstance(_mapping(row.get("execution")).get("artifacts"), list),
    )


def parse_model(row: Mapping[str, Any]) -> Model | None:
    """Return the model of a ``models.get_all`` row, None where the row has no usable id."""
    if not is_id(row.get("id")):
        return None
    uri, system_tags = row.get("uri"), _texts(row.get("system_tags"))
    times = (parse_time(row.get(name)) for name in ("last_change", "last_update", "created"))
    return Model(
        id=row["id"],
        uri=None if _TO_COME.fullmatch(_text(uri)) else uri,
        task=_reference(row.get("task")),
        # A model whose state is missing reads as published: that is the state which keeps its file.
        published=row.get("ready") is not False,
        name=_text(row.get("name")),
        project=_reference(row.get("project")),
        archived=ARCHIVED in system_tags,
        public=not _reference(row.get("company")),
        tags=_texts(row.get("tags")) + system_tags,
        last_change=next(filter(None, times), None),
        imported=_text(row.get("comment")).startswith(IMPORTED),
    )


def models_of(row: Mapping[str, Any], side: str) -> list[str]:
    """Return the ids of the models on one ``side`` (``input`` or ``output``) of a task's row."""
    return [item["model"] for item in listed_of(row, side)]


def listed_of(row: Mapping[str, Any], side: str) -> list[dict[str, str]]:
    """Return the models on one ``side`` of a task's row as a call that changes them takes them."""
    items = _rows(_mapping(row.get("models")).get(side))
    return [{"name": _text(item.get("name")), "model": item["model"]} for item in items if is_id(item.get("model"))]


def addresses_of(row: Mapping[str, Any]) -> list[object]:
    """Return the addresses that a task's row refers to: its artifacts, and the images of a report."""
    uris = (item.get("uri") for item in _artifact_items(row))
    return [uri for uri in uris if uri] + [*_texts(row.get("report_assets"))]


def destination_of(row: Mapping[str, Any]) -> str:
    """Return where the task of a row uploads to, an empty text for the file server."""
    return _text(_mapping(row.get("output")).get("destination"))


def _artifacts(row: Mapping[str, Any]) -> list[Artifact]:
    found = []
    for item in _artifact_items(row):
        size = item.get("content_size")
        usable = isinstance(size, int) and not isinstance(size, bool) and size >= 0
        found.append(Artifact(_text(item.get("key")), item.get("uri"), size if usable else None))
    return found


def _artifact_items(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _rows(_mapping(row.get("execution")).get("artifacts"))


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
