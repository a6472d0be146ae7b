"""Requests are counted, recorded, delayed and announced."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from cleanup.sandbox import Sandbox
from tests.sandbox.conftest import Client


def test_counts_are_by_endpoint_and_start_anew(sandbox: Sandbox, client: Client) -> None:
    sandbox.put_file("a")
    sandbox.reset_requests()
    client.call("tasks.get_all")
    client.call("tasks.get_all")
    client.file("GET", "a")
    client.file("POST", "delete_many", json={"files": ["a"]})
    client.file("POST", "", files={"b": b"b"})
    client.file("DELETE", "b")
    files = {"files.GET": 1, "files.delete_many": 1, "files.POST": 1, "files.DELETE": 1}
    assert sandbox.requests == {"tasks.get_all": 2, **files}
    assert (sandbox.api_requests, sandbox.file_requests) == (2, 4)
    sandbox.reset_requests()
    assert sum(sandbox.requests.values()) == 0


def test_one_connection_serves_many_requests(sandbox: Sandbox, client: Client) -> None:
    begun = time.monotonic()
    for _ in range(50):
        client.call("debug.ping")
    assert time.monotonic() - begun < 2.0
    (pool,) = client.session.get_adapter(sandbox.api_url).poolmanager.pools._container.values()
    assert pool.num_connections == 1


def test_requests_are_recorded_when_asked_for(sandbox: Sandbox, client: Client) -> None:
    client.call("tasks.get_all")
    sandbox.record = True
    client.call("tasks.get_all", id=["a"])
    (request,) = sandbox.log
    assert (request.endpoint, request.body, request.scheme) == ("tasks.get_all", {"id": ["a"]}, "Bearer")


def test_latency_is_added_to_each_request(sandbox: Sandbox, client: Client) -> None:
    sandbox.latency = 0.05
    begun = time.monotonic()
    client.call("debug.ping")
    assert time.monotonic() - begun >= 0.05


def test_the_peak_of_open_requests_is_kept(sandbox: Sandbox, client: Client) -> None:
    together = threading.Barrier(4, timeout=10)
    sandbox.reset_requests()
    sandbox.on_request = lambda *_: together.wait()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.call("debug.ping"), range(4)))
    assert sandbox.peak_concurrency == 4


def test_the_world_can_change_as_a_request_arrives(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t")
    sandbox.reset_requests()
    sandbox.at_request(2, lambda: sandbox.remove_task(task))
    assert [len(client.ids()) for _ in range(3)] == [1, 0, 0]
