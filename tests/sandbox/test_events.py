"""Events are paged as the real server pages them, with its traps."""

from __future__ import annotations

import base64
import json
import zlib

from cleanup.sandbox import Sandbox
from tests.sandbox.conftest import Client

SAMPLES = "training_debug_image"


def pages(client: Client, task: str, size: int, limit: int = 20) -> list[list[str]]:
    found: list[list[str]] = []
    body = {"task": task, "event_type": SAMPLES, "batch_size": size}
    while len(found) < limit and (answer := client.call("events.get_task_events", **body))["events"]:
        body["scroll_id"] = answer["scroll_id"]
        found.append([event["url"] for event in answer["events"]])
    return found


def test_a_page_holds_whole_iterations(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t")
    for number in range(7):
        sandbox.add_debug_samples(task, 1, variant=f"v{number}", first_iteration=5)
    sandbox.add_debug_samples(task, 3, first_iteration=6)
    assert [len(page) for page in pages(client, task, 2)] == [7, 2, 1]


def test_paging_begins_again_after_a_page_that_ends_at_iteration_0(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t")
    uris = sandbox.add_debug_samples(task, 1)
    assert pages(client, task, 100, limit=3) == [uris, uris, uris]


def test_a_long_plot_is_kept_compressed_beside_its_addresses(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t")
    plot = json.dumps({"layout": {"images": [{"source": "s3://b/plot.png"}]}, "data": ["x" * 100_000]})
    sandbox.add_event(task, {"type": "plot", "metric": "p", "variant": "v", "iter": 0, "plot_str": plot})
    (event,) = client.call("events.get_task_events", task=task, event_type="plot")["events"]
    assert "plot_str" not in event
    assert zlib.decompress(base64.b64decode(event["plot_data"])).decode() == plot
    assert event["source_urls"] == ["s3://b/plot.png"]


def test_reports_are_a_sign_of_life_and_published_tasks_take_none(sandbox: Sandbox, client: Client) -> None:
    running, published = (sandbox.add_task("t", status=status, age_days=10) for status in ("in_progress", "published"))
    before = sandbox.task(running)
    answer = client.call("events.add", task=running, type="log", msg="alive")
    assert (answer["added"], answer["errors"]) == (1, 0)
    after = sandbox.task(running)
    assert {name for name in after if after[name] != before[name]} == {"last_update", "last_change"}
    assert client.codes("events.add", task=published, type="log", msg="alive") == (400, 131)
