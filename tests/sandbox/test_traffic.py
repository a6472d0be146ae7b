"""Requests are counted, recorded, delayed and announced."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from cleanup.sandbox import Sandbox
from tests.sandbox.conftest import Client


def test_requests_are_counted_by_endpoint_and_recorded_when_asked_for(sandbox: Sandbox, client: Client) -> None:
    sandbox.put_file("a")
    sandbox.reset_requests()
    client.call("tasks.get_all")
    sandbox.record = True
    client.call("tasks.get_all", id=["a"])
    client.file("POST", "delete_many", json={"files": ["a"]})
    client.file("DELETE", "b")
    assert sandbox.requests == {"tasks.get_all": 2, "files.delete_many": 1, "files.DELETE": 1}
    assert (sandbox.api_requests, sandbox.file_requests, len(sandbox.log)) == (2, 2, 3)
    first = sandbox.log[0]
    assert (first.endpoint, first.body, first.scheme) == ("tasks.get_all", {"id": ["a"]}, "Bearer")
    pools = client.session.get_adapter(sandbox.api_url).poolmanager.pools._container.values()
    assert {pool.num_connections for pool in pools} == {1}, "one connection serves many requests"


def test_requests_are_delayed_and_the_peak_of_open_ones_is_kept(sandbox: Sandbox, client: Client) -> None:
    together = threading.Barrier(4, timeout=10)
    sandbox.reset_requests()
    sandbox.on_request = lambda *_: together.wait()
    sandbox.latency = 0.05
    begun = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.call("debug.ping"), range(4)))
    assert time.monotonic() - begun >= 0.05
    assert sandbox.peak_concurrency == 4


def test_the_world_can_change_as_a_request_arrives(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t")
    sandbox.reset_requests()
    sandbox.at_request(2, lambda: sandbox.remove_task(task))
    assert [len(client.ids()) for _ in range(3)] == [1, 0, 0]
