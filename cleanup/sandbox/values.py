"""Plain values: times as text that sorts, ids, dotted paths, projections."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from dateutil.parser import parse as parse_date  # type: ignore[import-untyped]

Entity = dict[str, Any]
DELETED = "__DELETED__"
"""Before the id of what is gone, where something that stays named it."""

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")


def new_id() -> str:
    return uuid.uuid4().hex


def stamp(moment: datetime) -> str:
    """Every time is kept in this one form, so that comparing texts compares times."""
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")


def days_ago(days: float) -> str:
    return stamp(datetime.now(timezone.utc) - timedelta(days=days))


def read_time(value: Any) -> str | None:
    """The time that a value names, None if it names none; without an offset it is UTC."""
    if isinstance(value, str) and STAMP.fullmatch(value):
        return value
    if isinstance(value, datetime):
        return stamp(value if value.tzinfo else value.replace(tzinfo=timezone.utc))
    try:
        moment: datetime = parse_date(value)
        return stamp(moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc))
    except (ValueError, OverflowError, TypeError):
        return None


def copied(value: Any) -> Any:
    return json.loads(json.dumps(value))


def values_at(entity: Any, parts: tuple[str, ...]) -> list[Any]:
    """All values under a path, through the lists on the way."""
    if len(parts) == 1 and isinstance(entity, dict):
        held = entity.get(parts[0])
        return held if isinstance(held, list) else [] if held is None else [held]
    found = [entity]
    for part in parts:
        held = [item.get(part) for item in found if isinstance(item, dict)]
        found = [value for each in held if each is not None for value in (each if isinstance(each, list) else (each,))]
    return found


def set_path(entity: Entity, path: str, value: Any) -> None:
    """Sets a dotted path; None removes it, as the server stores no nulls."""
    *parents, last = path.split(".")
    for part in parents:
        entity = entity.setdefault(part, {})
    if value is None:
        entity.pop(last, None)
    else:
        entity[last] = value


FieldTree = dict[str, "FieldTree"]


NOTHING: FieldTree = {"": {}}
"""For parts of artifacts: the server tells these whole or not at all."""


def field_tree(paths: Iterable[str]) -> FieldTree:
    tree: FieldTree = {}
    for path in paths:
        if path.startswith("execution.artifacts."):
            tree.setdefault("execution", {})["artifacts"] = NOTHING
            continue
        node = tree
        for part in path.split("."):
            node = node.setdefault(part, {})
    return tree


def projected(value: Any, tree: FieldTree) -> Any:
    """The parts of a value that the tree names; an empty tree names everything."""
    if not tree:
        return value
    if tree is NOTHING:
        return []
    if isinstance(value, list):
        return [projected(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: projected(value[name], below) for name, below in tree.items() if name in value}
