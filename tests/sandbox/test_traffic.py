"""Requests are counted, recorded, delayed and announced; each kind of fault does what it says, and to whom."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from cleanup.sandbox import Fault, Sandbox
from tests.sandbox.conftest import Client

CUT = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


@pytest.mark.parametrize("acted", [False, True])
def test_a_call_fails_before_or_after_the_work(sandbox: Sandbox, client: Client, acted: bool) -> None:
    for kind in ("status", "drop", "truncated"):
        task = sandbox.add_task("victim")
        sandbox.inject(Fault("tasks.delete", kind=kind, status=502, subcode=7, acted=acted))
        if kind == "status":
            assert client.codes("tasks.delete", task=task) == (502, 7)
        else:
            with pytest.raises(CUT):
                client.ask("tasks.delete", task=task)
        assert (task in sandbox.tasks) is not acted
    assert client.codes("tasks.get_all") == (200, 0)


def test_a_stall_holds_the_request_then_breaks_it_and_ends_at_once_with_the_sandbox() -> None:
    with Sandbox() as sandbox, ThreadPoolExecutor(1) as pool:
        client, arrived = Client(sandbox), threading.Event()
        sandbox.inject(Fault(kind="stall", seconds=0.2))
        begun = time.monotonic()
        with pytest.raises(requests.ConnectionError):
            client.ask("debug.ping")
        assert time.monotonic() - begun >= 0.2
        sandbox.on_request = lambda *_: arrived.set()
        sandbox.inject(Fault(kind="stall", seconds=600))
        asking = pool.submit(client.ask, "debug.ping")
        assert arrived.wait(10)
        sandbox.stop()
        assert isinstance(asking.exception(5), requests.ConnectionError)


def test_answers_that_take_their_time(sandbox: Sandbox, client: Client) -> None:
    for part in ("header", "body"):
        sandbox.inject(Fault(kind="drip", drip=part, seconds=0.0005, acted=True))
        begun = time.monotonic()
        assert client.call("debug.ping") == {"msg": "Hello World"}
        assert time.monotonic() - begun >= 0.1
    sandbox.inject(Fault(kind="endless"))
    with client.session.post(f"{sandbox.api_url}/debug.ping", json={}, stream=True, timeout=10) as answer:
        assert len(answer.raw.read(3_000_000)) == 3_000_000


def test_answers_that_are_none_or_lack_a_part(sandbox: Sandbox, client: Client) -> None:
    for fault, status, name, value in (
        (Fault(kind="busy"), 429, "Retry-After", "1"),
        (Fault(kind="busy", status=503, headers={"Retry-After": "soon"}), 503, "Retry-After", "soon"),
        (Fault(kind="redirect"), 302, "Location", "/login"),
        (Fault(kind="html"), 200, "Content-Type", "text/html"),
        (Fault(kind="malformed"), 200, "Content-Type", "application/json"),
    ):
        sandbox.inject(fault)
        answer = client.ask("debug.ping")
        assert (answer.status_code, answer.headers[name], answer.text[:1] == "<") == (status, value, status == 200)

    task = sandbox.add_task("victim", status="completed")
    sandbox.inject(Fault(kind="missing"))
    assert client.call("tasks.get_all") == {}
    sandbox.inject(Fault(kind="missing_meta"))
    assert "meta" not in client.ask("tasks.get_all").json()
    sandbox.inject(Fault(kind="missing", drop_fields=("tasks.status", "tasks.execution.artifacts")))
    (row,) = client.call("tasks.get_all")["tasks"]
    assert (row["id"], "status" in row, row["execution"]) == (task, False, {})


def test_which_requests_a_fault_hits(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("victim")
    fault = sandbox.inject(Fault("tasks.*", times=2, after=1, match=lambda body: task in body.get("ids", ())))
    asked = [client.ask("tasks.archive_many", ids=ids).status_code for ids in ([task], ["x"], [task], [task], [task])]
    assert (asked, fault.hits) == ([200, 200, 500, 500, 200], 2)
    sandbox.inject(Fault("files.DELETE", times=None))
    assert [client.file("DELETE", "a").status_code for _ in range(3)] == [500] * 3
    sandbox.clear_faults()
    assert client.file("DELETE", "a").status_code == 404


def test_requests_are_counted_recorded_announced_and_delayed(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t")
    sandbox.reset_requests()
    sandbox.at_request(2, lambda: sandbox.remove_task(task))
    assert [client.ids() for _ in range(2)] == [[task], []]
    sandbox.record = True
    client.file("POST", "delete_many", json={"files": ["a"]})
    assert sandbox.requests == {"tasks.get_all": 2, "files.delete_many": 1}
    assert (sandbox.api_requests, sandbox.file_requests) == (2, 1)
    (request,) = sandbox.log
    assert (request.endpoint, request.body, request.scheme) == ("files.delete_many", {"files": ["a"]}, "Bearer")

    together = threading.Barrier(4, timeout=10)
    sandbox.on_request = lambda *_: together.wait()
    sandbox.latency = 0.05
    begun = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.call("debug.ping"), range(4)))
    assert time.monotonic() - begun >= 0.05
    assert sandbox.peak_concurrency == 4
