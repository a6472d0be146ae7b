"""Addresses in what a task has reported: debug samples and plot images, all of them or an error."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clearml.backend_api.session.client import APIClient

from cleanup.base.errors import ServerError

DEBUG_SAMPLE = "training_debug_image"
PLOT = "plot"

_BATCH = {DEBUG_SAMPLE: 10_000, PLOT: 200}
"""Events a page. Elasticsearch gives at most 10,000; one plot can have megabytes."""

_PLOT_BYTES = 64 * 1024 * 1024
"""No plot is unpacked to more than this: a small event can be made to unpack to gigabytes."""

# What the server itself counts as files of a plot when it is asked to delete them; an address may hold the other quote.
_SOURCE = re.compile(r"""(['"])source\1\s*:\s*(['"])([a-z][a-z0-9+.\-]*://(?:(?!\2)[^\\])+)\2""", re.IGNORECASE)


class Incomplete(ServerError):
    """The server says that there are more events than it gives out: some addresses would stay unknown."""


def tasks_with(client: APIClient, tasks: Sequence[str], event_type: str) -> set[str]:
    """Return those of ``tasks`` (all of them on the server, of one company) that have such events.

    One call for all. The server refuses the whole call if one of ``tasks`` is gone.
    """
    answer = client.events.get_task_metrics(tasks=list(tasks), event_type=event_type).data
    rows = [row for row in answer["metrics"] if isinstance(row, dict)]
    return {row["task"] for row in rows if row.get("metrics") and isinstance(row.get("task"), str)} & set(tasks)


def addresses(client: APIClient, task: str, event_type: str) -> set[str]:
    """Return every file address in the events of one type that ``task`` reported.

    Raises:
        Incomplete: not all events can be read, so the task's files cannot all be known.
    """
    reading = _Reading(client, task, event_type)
    # A page that ends at iteration 0 makes the server start again: what lies behind it comes from the other end.
    for order in ("asc", "desc"):
        if reading.read(order):
            return reading.addresses
    raise Incomplete(
        f"the server gives out {len(reading.seen)} of the {reading.total} {event_type} events of task {task}; "
        "without the others its files are not known"
    )


class _Reading:
    """The events of one type of one task, as they come page by page."""

    def __init__(self, client: APIClient, task: str, event_type: str) -> None:
        self._client, self._task, self._type = client, task, event_type
        self.seen: set[tuple[Any, ...]] = set()
        self.total: int | None = None
        self.addresses: set[str] = set()

    def read(self, order: str) -> bool:
        """Read pages in ``order`` while they bring something; True if all events are read."""
        scroll: dict[str, Any] = {}
        while True:
            # The scroll id remembers the question, but not the task and the size of a page: both come each time.
            answer = self._client.events.get_task_events(
                task=self._task, event_type=self._type, order=order, batch_size=_BATCH[self._type], **scroll
            ).data
            events = [event for event in answer["events"] if isinstance(event, dict)]
            total = answer.get("total")
            self.total = total if isinstance(total, int) and not isinstance(total, bool) else self.total
            before = len(self.seen)
            for event in events:
                self.seen.add(_identity(event))
                self.addresses.update(_event_addresses(event, self._type))
            if self.total is not None and len(self.seen) >= self.total:
                return True
            if not events:
                return self.total is None
            if len(self.seen) == before or not answer.get("scroll_id"):
                return False
            scroll = {"scroll_id": answer["scroll_id"]}


def _identity(event: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what makes an event one of its own on the server: a task's iteration, metric, variant and key."""
    return tuple(str(event.get(name)) for name in ("iter", "metric", "variant", "key", "url", "timestamp"))


def _event_addresses(event: Mapping[str, Any], event_type: str) -> Iterator[str]:
    if event_type == DEBUG_SAMPLE:
        if isinstance(event.get("url"), str) and event["url"]:
            yield event["url"]
        return
    text = _plot_text(event)
    found = {source[3] for source in _SOURCE.finditer(text)}.union(_image_sources(text))
    yield from found
    listed = event.get("source_urls")
    for source in listed if isinstance(listed, list) else ():
        # The server lists an address up to the first quote in it.
        if isinstance(source, str) and not any(whole.startswith((f"{source}'", f'{source}"')) for whole in found):
            yield source


def _plot_text(event: Mapping[str, Any]) -> str:
    """Return the JSON text of a plot; the server keeps a long one packed and gives it out so."""
    if isinstance(event.get("plot_str"), str):
        return str(event["plot_str"])
    packed = event.get("plot_data")
    if not isinstance(packed, str):
        return ""
    try:
        unpacked = zlib.decompressobj().decompress(base64.b64decode(packed), _PLOT_BYTES)
    except (ValueError, zlib.error):
        return ""
    return unpacked.decode(errors="replace")


def _image_sources(text: str) -> Iterator[str]:
    if '"images"' not in text:
        return
    try:
        plot = json.loads(text)
    except (ValueError, RecursionError):
        return
    layout = plot.get("layout") if isinstance(plot, dict) else None
    images = layout.get("images") if isinstance(layout, dict) else None
    for image in images if isinstance(images, list) else ():
        source = image.get("source") if isinstance(image, dict) else None
        # Small images stand in the plot itself, as data: addresses.
        if isinstance(source, str) and source and not source.startswith("data:"):
            yield source
