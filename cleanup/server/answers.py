"""What an answer of the API must hold before anything is concluded from what it does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Without its list an answer would read as "no more tasks" or "no files", and a row without its id as one task, one
# user of a model or one file fewer. The server sends these fields in every row.
_LISTS: dict[str, tuple[str, dict[str, type]]] = {
    "tasks.get_all": ("tasks", {"id": str}),
    "models.get_all": ("models", {"id": str, "ready": bool}),
    "projects.get_all": ("projects", {"id": str}),
    "events.get_task_events": ("events", {}),
    "events.get_task_metrics": ("metrics", {"task": str, "metrics": list}),
}


def missing(call: str, data: object) -> str:
    """Return what the ``data`` of an answer to ``call`` lacks, or an empty text: then it can be believed."""
    if not isinstance(data, Mapping):
        return "data"
    if call == "auth.login":
        return "" if data.get("token") and isinstance(data["token"], str) else "token"
    name, fields = _LISTS.get(call, ("", {}))
    if not name:
        return ""
    rows = data.get(name)
    if not isinstance(rows, list):
        return name
    return next((lack for row in rows for lack in [_lack(row, name, fields)] if lack), "")


def _lack(row: Any, name: str, fields: Mapping[str, type]) -> str:
    if not isinstance(row, Mapping):
        return f"{name} in rows"
    return next((f"{name}.{field}" for field, kind in fields.items() if not isinstance(row.get(field), kind)), "")
