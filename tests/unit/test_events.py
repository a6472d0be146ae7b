"""Addresses in events: all of them however the server pages, or an error that keeps the task."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from cleanup.base.errors import ServerError
from cleanup.sandbox.events import EventLog, task_events
from cleanup.server import Server, events
from cleanup.server.events import DEBUG_SAMPLE, PLOT, Incomplete
from tests.unit.api import Api, Refusal

Connect = Callable[..., Server]

TASK = "0123456789abcdef0123456789abcdef"


def url(number: int) -> str:
    return f"https://files.test/p/t.{TASK}/metrics/m/v/{number}.png"


def sample(number: int, iteration: int | None = None, **changed: Any) -> dict[str, Any]:
    fields = {"iter": number if iteration is None else iteration, "metric": "m", "variant": "v", "key": f"{number}"}
    return {"type": DEBUG_SAMPLE, "task": TASK, "url": url(number), **fields, **changed}


def urls(*numbers: int) -> set[str]:
    return set(map(url, numbers))


def read(server: Server, kind: str = DEBUG_SAMPLE) -> set[str]:
    return set().union(*server.event_addresses(TASK, kind))


def serve(api: Api, *held: dict[str, Any], **changed: Any) -> None:
    """Answer as the real server does, with its traps: see the sandbox, which the recorded contract holds to them."""
    log = EventLog()
    for event in held:
        log.add(event)
    api.on("events.get_task_events", lambda body: {**task_events(log, body["task"], body), **changed})


def test_addresses_come_page_by_page_each_asked_for_with_task_and_size(api: Api, connect: Connect) -> None:
    api.on(
        "events.get_task_events",
        {"events": [sample(1)], "returned": 1, "total": 2, "scroll_id": "s1"},
        {"events": [sample(2)], "returned": 1, "total": 2, "scroll_id": "s2"},
    )
    pages = connect().event_addresses(TASK, DEBUG_SAMPLE)

    assert next(pages) == urls(1)
    assert api.count("events.get_task_events") == 1
    assert list(pages) == [urls(2)]
    first, second = api.bodies("events.get_task_events")
    assert first.items() >= {"task": TASK, "event_type": DEBUG_SAMPLE, "order": "asc", "batch_size": 10_000}.items()
    assert "scroll_id" not in first
    assert second == {**first, "scroll_id": "s1"}


@pytest.mark.parametrize("batch", [1, 2, 7, 10_000])
@pytest.mark.parametrize(
    "iterations",
    [
        pytest.param([], id="none"),
        pytest.param([0] * 9, id="all at 0"),
        pytest.param([0, 0, 0, 1, 2, 2], id="from 0"),
        pytest.param([-3, -2, -1, 0, 1, 2], id="across 0"),
        pytest.param([-3, -2, -1, 0, 0], id="up to 0"),
        pytest.param([0, 10**9, -(2**31) + 1], id="far apart"),
        pytest.param([5] * 30, id="many at one"),
    ],
)
def test_every_address_is_read_whatever_the_pages_end_at(
    api: Api, connect: Connect, monkeypatch: pytest.MonkeyPatch, batch: int, iterations: list[int]
) -> None:
    monkeypatch.setitem(events._BATCH, DEBUG_SAMPLE, batch)
    serve(api, *(sample(number, iteration) for number, iteration in enumerate(iterations)))

    assert read(connect()) == urls(*range(len(iterations)))
    assert api.count("events.get_task_events") <= 2 * len(iterations) + 3


def test_an_event_without_an_address_hides_no_other_and_one_address_in_many_is_one(api: Api, connect: Connect) -> None:
    odd = [sample(10 + number, url=value) for number, value in enumerate((None, "", 5, {"a": 1}))]
    serve(api, sample(1), *odd, sample(2), *(sample(20 + number, url=url(2)) for number in range(50)))

    assert read(connect()) == urls(1, 2)


@pytest.mark.parametrize("missing", ["iter", "metric", "variant", "key"])
def test_events_without_a_field_are_told_apart_by_the_others(api: Api, connect: Connect, missing: str) -> None:
    held = [{name: value for name, value in sample(number).items() if name != missing} for number in range(3)]
    api.on("events.get_task_events", {"events": held, "total": 3, "scroll_id": "s"})

    assert read(connect()) == urls(0, 1, 2)


@pytest.mark.parametrize("total", [None, "3", True])
def test_without_a_total_the_empty_page_is_the_end(
    api: Api, connect: Connect, monkeypatch: pytest.MonkeyPatch, total: Any
) -> None:
    monkeypatch.setitem(events._BATCH, DEBUG_SAMPLE, 2)
    serve(api, *(sample(number) for number in range(1, 6)), total=total)

    assert read(connect()) == urls(*range(1, 6))


@pytest.mark.parametrize("comes", [0, 1, 5])
@pytest.mark.parametrize("kind", [DEBUG_SAMPLE, PLOT])
def test_fewer_events_than_the_server_counts_are_an_error(api: Api, connect: Connect, comes: int, kind: str) -> None:
    serve(api, *(sample(number, type=kind) for number in range(comes)), total=6)

    with pytest.raises(Incomplete, match=rf"gives out {comes} of the 6 {kind} events of task {TASK}"):
        read(connect(), kind)
    assert api.count("events.get_task_events") <= 6


@pytest.mark.parametrize("answer", [{"scroll_id": "s"}, {"total": 5}, {"total": 5, "scroll_id": "s"}])
def test_a_server_that_starts_over_for_ever_or_gives_no_way_on_is_an_error(
    api: Api, connect: Connect, answer: dict[str, Any]
) -> None:
    api.on("events.get_task_events", {"events": [sample(0)], **answer})

    with pytest.raises(Incomplete):
        read(connect())
    assert api.count("events.get_task_events") <= 4


@pytest.mark.parametrize("broken", [Refusal(500), Refusal(400, 101, "Invalid task id"), {}, {"events": None}])
def test_a_page_that_fails_is_an_error_and_no_shorter_list(api: Api, connect: Connect, broken: Any) -> None:
    api.on("events.get_task_events", {"events": [sample(1)], "total": 2, "scroll_id": "s"}, broken)

    with pytest.raises(ServerError):
        read(connect())


def plot(text: str | None, **changed: Any) -> dict[str, Any]:
    return {"type": PLOT, "metric": "m", "variant": "v", "iter": 1, **({"plot_str": text} if text else {}), **changed}


def images(*sources: Any) -> str:
    return json.dumps({"data": [], "layout": {"images": [{"source": source} for source in sources]}})


def packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode())).decode()


def plot_addresses(api: Api, connect: Connect, *plots: dict[str, Any]) -> set[str]:
    held = [one | {"key": str(number)} for number, one in enumerate(plots)]
    api.on("events.get_task_events", {"events": held, "total": len(held), "scroll_id": "s"})
    return read(connect(), PLOT)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
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
    ],
)
def test_plots_give_the_addresses_of_their_images(
    api: Api, connect: Connect, made: dict[str, Any], expected: set[str]
) -> None:
    assert plot_addresses(api, connect, made) == expected


def test_an_odd_plot_hides_no_other(api: Api, connect: Connect) -> None:
    texts = ["{", "not JSON", "[1, 2]", '{"layout": {"images": {"source": 5}}}', '{"layout": [{"images": []}]}', None]
    no_zlib = base64.b64encode(b"no zlib").decode()
    odd = [plot(text) for text in (*texts, "[" * 100_000 + '"images"')]
    odd += [plot(None, plot_data=data, source_urls="x") for data in ("no base64", no_zlib, 5)]

    assert plot_addresses(api, connect, *odd, plot(images(url(1)))) == urls(1)


def test_a_small_plot_that_unpacks_to_gigabytes_is_bounded(
    api: Api, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_PLOT_BYTES", 1_000_000)
    kept = packed(images(url(1)) + " " * 50_000_000)
    lost = packed(" " * 50_000_000 + images(url(2)))

    assert plot_addresses(api, connect, plot(None, plot_data=kept), plot(None, plot_data=lost)) == urls(1)


def test_which_tasks_have_events_is_one_call(api: Api, connect: Connect) -> None:
    rows = [{"task": "a", "metrics": ["m"]}, {"task": "b", "metrics": []}, {"task": "other", "metrics": ["m"]}]
    api.on("events.get_task_metrics", {"metrics": rows})

    assert connect().tasks_with_events(["a", "b", "c"], DEBUG_SAMPLE) == {"a"}
    (body,) = api.bodies("events.get_task_metrics")
    assert (body["tasks"], body["event_type"]) == (["a", "b", "c"], DEBUG_SAMPLE)


@pytest.mark.parametrize("broken", [{}, {"metrics": {}}, {"metrics": [{"task": "a"}]}, {"metrics": [{"metrics": []}]}])
def test_an_answer_that_does_not_say_which_tasks_have_events_is_an_error(
    api: Api, connect: Connect, broken: Any
) -> None:
    api.on("events.get_task_metrics", broken)

    with pytest.raises(ServerError, match="metrics"):
        connect().tasks_with_events(["a"], PLOT)
