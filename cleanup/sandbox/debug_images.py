"""`events.debug_images`, with the gaps of the real one: it is made for showing samples, not for finding all."""

from __future__ import annotations

from typing import Any

from cleanup.sandbox.events import EventLog, iteration, of_metrics, packed, unpacked
from cleanup.sandbox.values import Entity

KIND = "training_debug_image"


def debug_images(log: EventLog, body: dict[str, Any]) -> dict[str, Any]:
    """The last iterations of many tasks at once, then the ones before them, until none is left."""
    state = unpacked(body["scroll_id"]) if body.get("scroll_id") and not body.get("refresh") else {}
    lowest: dict[str, int] = state.get("lowest", {})
    asked: dict[str, list[Entity]] = {}
    for item in body["metrics"]:
        asked.setdefault(item["task"], []).append(item)
    answer = []
    for task, items in asked.items():
        metrics = None if any(not item.get("metric") for item in items) else items
        events = [event for event in of_metrics(log.sorted(task, KIND)[1], metrics) if event.get("url")]
        found = last_iterations(events, int(body.get("iters") or 1), lowest.get(task))
        if found:
            lowest[task] = found[-1]["iter"]
        answer.append({"task": task, "iterations": found})
    return {"metrics": answer, "scroll_id": packed({"lowest": lowest})}


def last_iterations(events: list[Entity], number: int, below: int | None) -> list[dict[str, Any]]:
    valid = first_valid(events)
    chosen = sorted({iteration(event) for event in events if below is None or iteration(event) < below})[-number:]
    found = []
    for wanted in reversed(chosen):
        by_variant: dict[tuple[Any, Any], Entity] = {}
        for event in events:
            variant = (event.get("metric"), event.get("variant"))
            if iteration(event) != wanted or wanted <= valid.get(variant, wanted - 1):
                continue
            # Of several images of one variant in one iteration the server answers with one.
            if variant not in by_variant or event["url"] > by_variant[variant]["url"]:
                by_variant[variant] = event
        if by_variant:
            found.append({"iter": wanted, "events": list(by_variant.values())})
    return found


def first_valid(events: list[Entity]) -> dict[tuple[Any, Any], int]:
    """By variant the last iteration that the server takes as overwritten.

    It is the latest earlier one with the address of the newest sample: recycled addresses look like this.
    """
    newest: dict[tuple[Any, Any], Entity] = {}
    for event in events:
        variant = (event.get("metric"), event.get("variant"))
        held = newest.get(variant)
        if held is None or (iteration(event), event["url"]) > (iteration(held), held["url"]):
            newest[variant] = event
    overwritten: dict[tuple[Any, Any], int] = {}
    for event in events:
        variant = (event.get("metric"), event.get("variant"))
        last = newest[variant]
        if event["url"] == last["url"] and iteration(event) < iteration(last):
            overwritten[variant] = max(iteration(event), overwritten.get(variant, iteration(event)))
    return overwritten
