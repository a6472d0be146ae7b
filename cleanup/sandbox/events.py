"""Debug samples, plots, scalars and logs, with the server's own ways of paging through them."""

from __future__ import annotations

import base64
import binascii
import bisect
import hashlib
import json
import re
import zlib
from typing import Any

from cleanup.sandbox.errors import ApiError
from cleanup.sandbox.values import Entity, new_id

IDENTITY = ("task", "iter", "metric", "variant", "key")
LAST_ITERATION = -(2**31)
WITHOUT_ITERATION = 2**63
BATCH = 500
LARGEST_BATCH = 10_000
"""Of one search in the server's index: a larger page fails, more of one iteration are left out."""
LONG_PLOT = 100_000
SOURCE = re.compile(r"""['"]source['"]:\s?['"]([a-z][a-z0-9+\-.]*://.*?)['"]""")


class EventLog:
    """Events by task; one with the same task, iteration, metric, variant and key replaces another."""

    def __init__(self) -> None:
        self._by_task: dict[str, dict[str, Entity]] = {}
        self._sorted: dict[tuple[str, str], tuple[list[int], list[Entity]]] = {}

    def add(self, event: Entity) -> None:
        task = event["task"]
        if event["type"] == "plot":
            event = stored_plot(event)
        if event["type"] == "log":
            identity = new_id()
        else:
            named = "-".join(str(event[name]) for name in IDENTITY if name in event)
            identity = hashlib.md5(named.encode(), usedforsecurity=False).hexdigest()
        self._by_task.setdefault(task, {})[f"{event['type']} {identity}"] = event
        self._sorted.pop((task, event["type"]), None)
        self._sorted.pop((task, "all"), None)

    def remove(self, task: str) -> None:
        for kind in {event["type"] for event in self._by_task.pop(task, {}).values()} | {"all"}:
            self._sorted.pop((task, kind), None)

    def all(self, task: str) -> list[Entity]:
        return list(self._by_task.get(task, {}).values())

    def sorted(self, task: str, kind: str) -> tuple[list[int], list[Entity]]:
        """The iterations and the events of a type, by iteration."""
        key = (task, kind)
        if key not in self._sorted:
            chosen = [event for event in self.all(task) if kind in ("all", event["type"])]
            chosen.sort(key=iteration)
            self._sorted[key] = ([iteration(event) for event in chosen], chosen)
        return self._sorted[key]


def iteration(event: Entity) -> int:
    """An event without one comes last."""
    return int(event["iter"]) if isinstance(event.get("iter"), int) else WITHOUT_ITERATION


def stored_plot(event: Entity) -> Entity:
    """With the addresses that the text names, and a long text compressed."""
    text = event.get("plot_str") or ""
    found = sorted(set(SOURCE.findall(text)))
    stored = {**event, **({"source_urls": found} if found else {})}
    if len(text) >= LONG_PLOT:
        del stored["plot_str"]
        stored["plot_data"] = base64.b64encode(zlib.compress(text.encode())).decode()
    return stored


def packed(state: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(state).encode()).decode()


def unpacked(scroll: str) -> dict[str, Any]:
    try:
        state = json.loads(base64.urlsafe_b64decode(scroll))
    except (binascii.Error, ValueError) as error:
        raise ApiError(400, 1104, "Invalid scroll id", scroll_id=scroll) from error
    if not isinstance(state, dict):
        raise ApiError(400, 1104, "Invalid scroll id", scroll_id=scroll)
    return state


def task_events(log: EventLog, task: str, body: dict[str, Any]) -> dict[str, Any]:
    """One page of a task's events, by iteration, and where the next one begins.

    A page holds whole iterations, so it can be longer than asked for. The position is the last iteration, and
    **iteration 0 counts as no position**: after a page that ends there the server begins again from the first.
    """
    size = int(body.get("batch_size") or BATCH)
    if size > LARGEST_BATCH:
        raise ApiError(500, 100, "General data error", "Result window is too large", batch_size=size)
    state: dict[str, Any] = {"request": body, "from": None, "total": None}
    if body.get("scroll_id"):
        state = unpacked(body["scroll_id"])
    request = state["request"]
    iterations, events = log.sorted(task, request.get("event_type") or "all")
    descending = request.get("order") == "desc"
    if state["total"] is None and body.get("count_total", True):
        state["total"] = len(events)
    if state.get("ended"):
        page: list[Entity] = []
    else:
        page = iterations_page(iterations, events, state["from"], size, descending)
    kept = {name: request[name] for name in ("event_type", "order") if request.get(name)}
    position = page[-1]["iter"] if page else None
    following = {"request": kept, "from": position, "total": state["total"], "ended": not page}
    return {"events": page, "returned": len(page), "total": state["total"], "scroll_id": packed(following)}


def iterations_page(
    iterations: list[int], events: list[Entity], last: int | None, size: int, descending: bool
) -> list[Entity]:
    if descending:
        end = bisect.bisect_left(iterations, last) if last else len(events)
        start = max(end - size, 0)
        start = bisect.bisect_left(iterations, iterations[start]) if end else 0
        return events[start:end][::-1]
    start = bisect.bisect_right(iterations, last) if last else 0
    end = min(start + size, len(events))
    if end > start:
        end = min(bisect.bisect_right(iterations, iterations[end - 1]), end + LARGEST_BATCH)
    return events[start:end]


def task_metrics(log: EventLog, tasks: list[str], kind: str) -> list[dict[str, Any]]:
    def names(task: str) -> list[str]:
        iterations, events = log.sorted(task, kind)
        begin = bisect.bisect_right(iterations, LAST_ITERATION)
        end = bisect.bisect_left(iterations, WITHOUT_ITERATION)
        return sorted({event["metric"] for event in events[begin:end] if event.get("metric")})

    return [{"task": task, "metrics": names(task)} for task in tasks]
