"""Events are paged as the real server pages them, with its traps."""

from __future__ import annotations

import base64
import json
import zlib

from cleanup.sandbox import Sandbox
from tests.sandbox.conftest import Client

SAMPLES = "training_debug_image"


def pages(client: Client, task: str, limit: int = 20, **more: object) -> list[list[str]]:
    found: list[list[str]] = []
    scroll = None
    while len(found) < limit:
        answer = client.call("events.get_task_events", task=task, event_type=SAMPLES, scroll_id=scroll, **more)
        if not answer["events"]:
            break
        scroll = answer["scroll_id"]
        found.append([event["url"] for event in answer["events"]])
    return found


def test_pages_end_with_an_empty_one(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t")
    uris = sandbox.add_debug_samples(task, 250, first_iteration=1)
    found = pages(client, task, batch_size=100)
    assert [len(page) for page in found] == [100, 100, 50]
    assert [uri for page in found for uri in page] == uris


def test_a_page_holds_whole_iterations(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t")
    for number in range(7):
        sandbox.add_debug_samples(task, 1, variant=f"v{number}", first_iteration=5)
    sandbox.add_debug_samples(task, 1, first_iteration=6)
    assert [len(page) for page in pages(client, task, batch_size=2)] == [7, 1]


def test_paging_begins_again_after_a_page_that_ends_at_iteration_0(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t")
    uris = sandbox.add_debug_samples(task, 1)
    assert pages(client, task, limit=3, batch_size=100) == [uris, uris, uris]


def test_events_of_one_key_replace_each_other(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t")
    same = {"type": SAMPLES, "metric": "m", "variant": "v", "iter": 3, "key": "k"}
    sandbox.add_event(task, {**same, "url": "first"})
    sandbox.add_event(task, {**same, "url": "second"})
    assert pages(client, task) == [["second"]]


def test_metrics_tell_which_tasks_have_samples(sandbox: Sandbox, client: Client) -> None:
    task, bare, public = sandbox.add_task("t"), sandbox.add_task("bare"), sandbox.add_task("public", public=True)
    sandbox.add_debug_samples(task, 1, metric="img")
    sandbox.add_debug_samples(public, 1, metric="img")

    def metrics(*tasks: str) -> list[list[str]]:
        answer = client.call("events.get_task_metrics", tasks=list(tasks), event_type=SAMPLES)
        return [item["metrics"] for item in answer["metrics"]]

    assert metrics(task, bare) == [["img"], []]
    assert metrics(public) == [["img"]]
    assert metrics(task, public) == [["img"], []], "only the events of the first task's company are searched"


def test_a_long_plot_is_kept_compressed_and_its_addresses_apart(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t")
    plot = json.dumps({"layout": {"images": [{"source": "s3://b/plot.png"}]}, "data": ["x" * 100_000]})
    sandbox.add_event(task, {"type": "plot", "metric": "p", "variant": "v", "iter": 0, "plot_str": plot})
    (event,) = client.call("events.get_task_events", task=task, event_type="plot")["events"]
    assert "plot_str" not in event
    assert zlib.decompress(base64.b64decode(event["plot_data"])).decode() == plot
    assert event["source_urls"] == ["s3://b/plot.png"]


def test_debug_images_go_back_from_the_last_iteration(sandbox: Sandbox, client: Client) -> None:
    one, two = sandbox.add_task("one"), sandbox.add_task("two")
    sandbox.add_debug_samples(one, 3)
    sandbox.add_debug_samples(two, 1)
    asked = {"metrics": [{"task": one}, {"task": two}], "iters": 2}
    first = client.call("events.debug_images", **asked)
    second = client.call("events.debug_images", **asked, scroll_id=first["scroll_id"])
    third = client.call("events.debug_images", **asked, scroll_id=second["scroll_id"])

    def iterations(answer: dict[str, list[dict[str, list[dict[str, int]]]]]) -> list[list[int]]:
        return [[found["iter"] for found in item["iterations"]] for item in answer["metrics"]]

    assert [iterations(answer) for answer in (first, second, third)] == [[[2, 1], [0]], [[0], []], [[], []]]


def test_debug_images_leave_out_what_the_real_one_leaves_out(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t")
    sandbox.add_debug_samples(task, 3, uris=["u0", "u1", "u2"])
    sandbox.add_debug_samples(task, 1, uris=["u1"], first_iteration=3)
    answer = client.call("events.debug_images", metrics=[{"task": task}], iters=100)
    (item,) = answer["metrics"]
    urls = [event["url"] for found in item["iterations"] for event in found["events"]]
    assert urls == ["u1", "u2"], "u0 still exists, but lies before an address that was used again"


def test_reporting_moves_the_last_update_and_not_the_status(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t", status="in_progress", age_days=10)
    before = sandbox.tasks[task]
    line = json.dumps({"type": "log", "task": task, "msg": "alive"})
    url = f"{sandbox.api_url}/v2.23/events.add_batch"
    headers = {"Content-Type": "application/json-lines"}
    assert client.session.post(url, data=line, headers=headers, timeout=10).json()["data"]["added"] == 1
    after = sandbox.tasks[task]
    assert after["last_update"] > before["last_update"]
    assert after["status_changed"] == before["status_changed"]
