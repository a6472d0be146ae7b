"""Addresses in what a task has reported: debug samples and plot images, all of them or an error."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from clearml.backend_api.session.client import APIClient

from cleanup.base.errors import ServerError
from cleanup.base.seen import Seen

DEBUG_SAMPLE = "training_debug_image"
PLOT = "plot"

_BATCH = {DEBUG_SAMPLE: 2_000, PLOT: 200}
"""Events a page: several pages are read at once, and each is held as bytes and as what they mean. One plot can have
megabytes."""

_PLOT_BYTES = 64 * 1024 * 1024
"""No plot is unpacked to more than this: a small event can be made to unpack to gigabytes."""

# What the server itself counts as files of a plot when it is asked to delete them; an address may hold the other quote.
_SOURCE = re.compile(r"""(['"])source\1\s*:\s*(['"])([a-z][a-z0-9+.\-]*://(?:(?!\2)[^\\])+)\2""", re.IGNORECASE)


def tasks_with(client: APIClient, tasks: Sequence[str], event_type: str) -> set[str]:
    """Return those of ``tasks`` (all of them on the server, of one company) that have such events.

    One call for all. The server refuses the whole call if one of ``tasks`` is gone.
    """
    rows = client.events.get_task_metrics(tasks=list(tasks), event_type=event_type).data["metrics"]
    return {row["task"] for row in rows if row["metrics"]} & set(tasks)


def addresses(client: APIClient, task: str, event_type: str) -> Iterator[tuple[set[str], bool]]:
    """Yield every file address in the events of one type that ``task`` reported: a page, and whether it is the last.

    Raises:
        ServerError: not all events can be read, so the task's files cannot all be known.
    """
    seen = Seen()
    total: int | None = None
    # A page that ends at iteration 0 makes the server start again: what lies behind it comes from the other end.
    for order in ("asc", "desc"):
        asked = {"task": task, "event_type": event_type, "order": order, "batch_size": _BATCH[event_type]}
        scroll: Any = None
        while True:
            before = len(seen)
            page = _page(client, asked, scroll, seen)
            total = total if page.total is None else page.total
            last = len(seen) >= total if total is not None else page.empty
            yield page.addresses, last
            if last:
                return
            scroll = page.scroll
            if len(seen) == before or not scroll:
                break
    raise ServerError(
        f"the server gives out {len(seen)} of the {total} {event_type} events of task {task}; "
        "without the others its files are not known"
    )


class _Page(NamedTuple):
    """What is kept of a page of events, which itself can have megabytes. ``scroll``: where the next one begins."""

    addresses: set[str]
    total: int | None
    scroll: Any
    empty: bool


def _page(client: APIClient, asked: Mapping[str, Any], scroll: Any, seen: Seen) -> _Page:
    """Ask for a page of events, and add them to those that were ``seen``."""
    # The scroll id remembers the question, but not the task and the size of a page: both come each time.
    answer = client.events.get_task_events(**asked, **({"scroll_id": scroll} if scroll else {})).data
    events, total = answer["events"], answer.get("total")
    for event in events:
        seen.add(_identity(event))
    found = {address for event in events for address in _event_addresses(event, asked["event_type"])}
    counted = isinstance(total, int) and not isinstance(total, bool)
    return _Page(found, total if counted else None, answer.get("scroll_id"), not events)


def _identity(event: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what makes an event one of its own on the server."""
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
        stream = zlib.decompressobj()
        unpacked = stream.decompress(base64.b64decode(packed), _PLOT_BYTES)
    except (ValueError, zlib.error):
        return ""
    if stream.unconsumed_tail:
        raise ServerError(f"a plot unpacks to more than {_PLOT_BYTES} bytes; the files that it names are not known")
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
