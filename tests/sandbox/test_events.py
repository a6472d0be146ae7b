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


def test_metrics_are_searched_in_the_events_of_the_first_tasks_company(sandbox: Sandbox, client: Client) -> None:
    task, public = sandbox.add_task("t"), sandbox.add_task("public", public=True)
    for owner in (task, public):
        sandbox.add_debug_samples(owner, 1, metric="img")

    def metrics(*tasks: str) -> list[list[str]]:
        answer = client.call("events.get_task_metrics", tasks=list(tasks), event_type=SAMPLES)
        return [item["metrics"] for item in answer["metrics"]]

    assert metrics(public) == [["img"]]
    assert metrics(task, public) == [["img"], []]


def test_a_long_plot_is_kept_compressed_beside_its_addresses(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t")
    plot = json.dumps({"layout": {"images": [{"source": "s3://b/plot.png"}]}, "data": ["x" * 100_000]})
    sandbox.add_event(task, {"type": "plot", "metric": "p", "variant": "v", "iter": 0, "plot_str": plot})
    (event,) = client.call("events.get_task_events", task=task, event_type="plot")["events"]
    assert "plot_str" not in event
    assert zlib.decompress(base64.b64decode(event["plot_data"])).decode() == plot
    assert event["source_urls"] == ["s3://b/plot.png"]


def test_debug_images_go_back_and_leave_out_what_lies_before_an_address_used_again(
    sandbox: Sandbox, client: Client
) -> None:
    task = sandbox.add_task("t")
    sandbox.add_debug_samples(task, 4, uris=["u0", "u1", "u2", "u1"])
    asked, seen = {"metrics": [{"task": task}], "iters": 2}, []
    for _ in range(3):
        answer = client.call("events.debug_images", **asked)
        asked["scroll_id"] = answer["scroll_id"]
        seen.append([event["url"] for found in answer["metrics"][0]["iterations"] for event in found["events"]])
    assert seen == [["u1", "u2"], [], []], "u0 still exists"


def test_reports_are_a_sign_of_life_and_published_tasks_take_none(sandbox: Sandbox, client: Client) -> None:
    running, published = (sandbox.add_task("t", status=status, age_days=10) for status in ("in_progress", "published"))
    before = sandbox.task(running)
    answer = client.call("events.add", task=running, type="log", msg="alive")
    assert (answer["added"], answer["errors"]) == (1, 0)
    after = sandbox.task(running)
    assert {name for name in after if after[name] != before[name]} == {"last_update", "last_change"}
    assert client.codes("events.add", task=published, type="log", msg="alive") == (400, 131)
