"""Addresses in events: all of them however the server pages, or an error that keeps the task."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest

from cleanup.base.errors import ServerError
from cleanup.sandbox.events import EventLog, task_events
from cleanup.server import Server, events
from cleanup.server.events import DEBUG_SAMPLE, PLOT
from tests.unit.api import Api, Refusal

TASK = "0123456789abcdef0123456789abcdef"
EVENTS = "events.get_task_events"


def url(number: int) -> str:
    return f"https://files.test/p/t.{TASK}/metrics/m/v/{number}.png"


def urls(*numbers: int) -> set[str]:
    return set(map(url, numbers))


def sample(number: int, iteration: int | None = None, **changed: Any) -> dict[str, Any]:
    fields = {"iter": number if iteration is None else iteration, "metric": "m", "variant": "v", "key": f"{number}"}
    return {"type": DEBUG_SAMPLE, "task": TASK, "url": url(number), **fields, **changed}


def serve(api: Api, *held: dict[str, Any], **changed: Any) -> None:
    """Answer as the real server does, with its traps: see the sandbox, which the recorded contract holds to them."""
    log = EventLog()
    for event in held:
        log.add(event)
    api.on(EVENTS, lambda body: {**task_events(log, body["task"], body), **changed})


def read(server: Server, kind: str = DEBUG_SAMPLE) -> set[str]:
    *others, last = server.event_addresses(TASK, kind)
    assert [*(ends for _, ends in others), last[1]] == [*[False] * len(others), True]
    return last[0].union(*(found for found, _ in others))


def test_addresses_come_page_by_page_each_asked_for_with_task_and_size(api: Api, server: Server) -> None:
    first, second = ({"events": [sample(number)], "total": 2, "scroll_id": f"s{number}"} for number in (1, 2))
    api.on(EVENTS, first, second)
    pages = server.event_addresses(TASK, DEBUG_SAMPLE)
    assert (next(pages), api.count(EVENTS)) == ((urls(1), False), 1)
    assert list(pages) == [(urls(2), True)]
    body, again = api.bodies(EVENTS)
    assert body.items() >= {"task": TASK, "event_type": DEBUG_SAMPLE, "order": "asc", "batch_size": 2_000}.items()
    assert "scroll_id" not in body
    assert again == {**body, "scroll_id": "s1"}


@pytest.mark.parametrize("total", ["as counted", None, True, "3"])
@pytest.mark.parametrize("batch", [1, 7, 2_000])
def test_every_address_is_read_whatever_the_pages_end_at(
    api: Api, server: Server, monkeypatch: pytest.MonkeyPatch, batch: int, total: Any
) -> None:
    monkeypatch.setitem(events._BATCH, DEBUG_SAMPLE, batch)
    far_apart = [0, 10**9, -(2**31) + 1]
    # The real server starts over at a page that ends at iteration 0; without its count nothing tells.
    around_zero = [[0] * 9, [0, 0, 0, 1, 2, 2], [-3, -2, -1, 0, 1, 2], [-3, -2, -1, 0, 0], far_apart]
    for iterations in [[], [5] * 30, [1, 2, 3, 4, 5], *(around_zero if total == "as counted" else [])]:
        serve(api, *map(sample, range(30), iterations), **({} if total == "as counted" else {"total": total}))
        api.requests.clear()
        assert read(server) == urls(*range(len(iterations)))
        assert api.count(EVENTS) <= 2 * len(iterations) + 3


def test_an_event_without_an_address_or_a_field_hides_no_other_and_one_address_in_many_is_one(
    api: Api, server: Server
) -> None:
    odd = [sample(10 + number, url=value) for number, value in enumerate((None, "", 5, {"a": 1}))]
    serve(api, sample(1), *odd, sample(2), *(sample(20 + number, url=url(2)) for number in range(50)))
    assert read(server) == urls(1, 2)
    for missing in ("iter", "metric", "variant", "key"):
        held = [{name: value for name, value in sample(number).items() if name != missing} for number in range(3)]
        api.on(EVENTS, {"events": held, "total": 3, "scroll_id": "s"})
        assert read(server) == urls(0, 1, 2)


def test_a_list_that_cannot_be_read_to_its_end_is_an_error_and_no_shorter_list(api: Api, server: Server) -> None:
    for kind, comes in ((DEBUG_SAMPLE, 0), (DEBUG_SAMPLE, 5), (PLOT, 5)):
        serve(api, *(sample(number, type=kind) for number in range(comes)), total=6)
        api.requests.clear()
        with pytest.raises(ServerError, match=rf"gives out {comes} of the 6 {kind} events of task {TASK}"):
            read(server, kind)
        assert api.count(EVENTS) <= 6
    # It starts over for ever, or gives no way on.
    for answer in ({"scroll_id": "s"}, {"total": 5}, {"total": 5, "scroll_id": "s"}):
        api.on(EVENTS, {"events": [sample(0)], **answer})
        api.requests.clear()
        with pytest.raises(ServerError, match="gives out"):
            read(server)
        assert api.count(EVENTS) <= 4
    for broken in (Refusal(500), Refusal(400, 101), dict[str, Any]()):
        api.on(EVENTS, {"events": [sample(1)], "total": 2, "scroll_id": "s"}, broken)
        with pytest.raises(ServerError):
            read(server)


def plot(text: str | None, **changed: Any) -> dict[str, Any]:
    return {"type": PLOT, "metric": "m", "variant": "v", "iter": 1, **({"plot_str": text} if text else {}), **changed}


def images(*sources: Any) -> str:
    return json.dumps({"data": [], "layout": {"images": [{"source": source} for source in sources]}})


def packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode())).decode()


def plot_addresses(api: Api, server: Server, *plots: dict[str, Any]) -> set[str]:
    held = [one | {"key": str(number)} for number, one in enumerate(plots)]
    api.on(EVENTS, {"events": held, "total": len(held), "scroll_id": "s"})
    return read(server, PLOT)


def test_plots_give_the_addresses_of_their_images(api: Api, server: Server) -> None:
    for made, expected in (
        (plot(images(url(1), url(2))), urls(1, 2)),
        (plot(images("/mnt/plots/a b.png", "https://h/ü é.png")), {"/mnt/plots/a b.png", "https://h/ü é.png"}),
        (plot(images("https://h/it's/x.png", 'https://h/"q".png')), {"https://h/it's/x.png", 'https://h/"q".png'}),
        (plot(images("https://h/it's/x.png"), source_urls=["https://h/it"]), {"https://h/it's/x.png"}),
        (plot("{'source': 'http://h/a\"b.png'}"), {'http://h/a"b.png'}),
        (plot('{"data": [{"source" : "gs://b/deep.png"}]}'), {"gs://b/deep.png"}),
        (plot(images("data:image/png;base64,iVBORw0KGgo=", None, "", 5, [], url(1))), urls(1)),
        (plot(images(url(1)).replace("/", r"\/")), urls(1)),
        (plot(None, plot_data=packed("x" * 200_000 + images(url(1)))), urls(1)),
        (plot(images(url(1)), source_urls=[url(2), None, 7]), urls(1, 2)),
        (plot(None, source_urls=[url(1)]), urls(1)),
    ):
        assert plot_addresses(api, server, made) == expected


def test_an_odd_plot_hides_no_other_and_one_that_unpacks_to_gigabytes_is_an_error(
    api: Api, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["{", "not JSON", "[1, 2]", '{"layout": {"images": {"source": 5}}}', '{"layout": [{"images": []}]}', None]
    no_zlib = base64.b64encode(b"no zlib").decode()
    odd = [plot(text) for text in (*texts, "[" * 100_000 + '"images"')]
    odd += [plot(None, plot_data=data, source_urls="x") for data in ("no base64", no_zlib, 5)]
    assert plot_addresses(api, server, *odd, plot(images(url(1)))) == urls(1)
    monkeypatch.setattr(events, "_PLOT_BYTES", 1000)
    with pytest.raises(ServerError, match="unpacks to more than 1000 bytes"):
        plot_addresses(api, server, plot(None, plot_data=packed(images(url(1)) + " " * 1000)))


def test_which_tasks_have_events_is_one_call(api: Api, server: Server) -> None:
    rows = [{"task": "a", "metrics": ["m"]}, {"task": "b", "metrics": []}, {"task": "other", "metrics": ["m"]}]
    api.on("events.get_task_metrics", {"metrics": rows})
    assert server.tasks_with_events(["a", "b", "c"], DEBUG_SAMPLE) == {"a"}
    (body,) = api.bodies("events.get_task_metrics")
    assert (body["tasks"], body["event_type"]) == (["a", "b", "c"], DEBUG_SAMPLE)
    for broken in ({}, {"metrics": {}}, {"metrics": [{"task": "a"}]}, {"metrics": [{"metrics": []}]}):
        api.on("events.get_task_metrics", broken)
        with pytest.raises(ServerError, match="metrics"):
            server.tasks_with_events(["a"], PLOT)
