"""Each kind of fault does what it says, and to whom."""

from __future__ import annotations

import json
import threading
import time

import pytest
import requests

from cleanup.sandbox import Fault, Sandbox
from tests.sandbox.conftest import Client


@pytest.fixture
def task(sandbox: Sandbox) -> str:
    return sandbox.add_task("victim", status="completed", archived=True)


@pytest.mark.parametrize("acted", [False, True])
def test_a_status_is_answered_in_the_envelope(sandbox: Sandbox, client: Client, task: str, acted: bool) -> None:
    sandbox.inject(Fault("tasks.delete", kind="status", status=502, subcode=7, acted=acted))
    answer = client.ask("tasks.delete", task=task)
    assert answer.status_code == 502
    assert (answer.json()["meta"]["result_code"], answer.json()["meta"]["result_subcode"]) == (502, 7)
    assert (task in sandbox.tasks) is not acted


@pytest.mark.parametrize("kind", ["drop", "truncated"])
@pytest.mark.parametrize("acted", [False, True])
def test_a_connection_breaks_before_or_after_the_work(
    sandbox: Sandbox, client: Client, task: str, kind: str, acted: bool
) -> None:
    sandbox.inject(Fault("tasks.delete", kind=kind, acted=acted))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.ask("tasks.delete", task=task)
    assert (task in sandbox.tasks) is not acted
    assert client.codes("tasks.get_all") == (200, 0)


def test_a_stall_holds_the_request_and_then_breaks_it(sandbox: Sandbox, client: Client) -> None:
    sandbox.inject(Fault(kind="stall", seconds=0.2))
    begun = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        client.ask("tasks.get_all")
    assert time.monotonic() - begun >= 0.2


def test_a_stall_ends_at_once_with_the_sandbox() -> None:
    ended = threading.Event()

    def ask(client: Client) -> None:
        with pytest.raises(requests.ConnectionError):
            client.ask("tasks.get_all")
        ended.set()

    with Sandbox() as sandbox:
        arrived = threading.Event()
        sandbox.on_request = lambda endpoint, _: arrived.set() if endpoint == "tasks.get_all" else None
        sandbox.inject(Fault("tasks.get_all", kind="stall", seconds=600))
        asking = threading.Thread(target=ask, args=(Client(sandbox),))
        asking.start()
        assert arrived.wait(10)
    assert ended.wait(5)
    asking.join()


def test_a_malformed_answer_is_no_json(sandbox: Sandbox, client: Client) -> None:
    sandbox.inject(Fault(kind="malformed"))
    answer = client.ask("tasks.get_all")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)


def test_missing_parts(sandbox: Sandbox, client: Client, task: str) -> None:
    sandbox.inject(Fault(kind="missing"))
    assert client.call("tasks.get_all") == {}
    sandbox.inject(Fault(kind="missing_meta"))
    assert "meta" not in client.ask("tasks.get_all").json()
    sandbox.inject(Fault(kind="missing", drop_fields=("tasks.status", "tasks.execution.artifacts")))
    (row,) = client.call("tasks.get_all")["tasks"]
    assert row["id"] == task
    assert "status" not in row
    assert row["execution"] == {}


def test_times_after_and_match(sandbox: Sandbox, client: Client, task: str) -> None:
    fault = sandbox.inject(
        Fault("tasks.*", status=500, times=2, after=1, match=lambda body: task in body.get("ids", ()))
    )
    asked = [client.ask("tasks.archive_many", ids=ids).status_code for ids in ([task], ["x"], [task], [task], [task])]
    assert asked == [200, 200, 500, 500, 200]
    assert fault.hits == 2


def test_a_fault_without_times_stays_until_it_is_cleared(sandbox: Sandbox, client: Client) -> None:
    sandbox.inject(Fault("tasks.get_all", times=None))
    assert [client.ask("tasks.get_all").status_code for _ in range(3)] == [500] * 3
    sandbox.clear_faults()
    assert client.ask("tasks.get_all").status_code == 200


def test_chance_repeats_with_the_seed() -> None:
    def course(seed: int) -> list[int]:
        with Sandbox(seed=seed) as sandbox:
            client = Client(sandbox)
            sandbox.inject(Fault("debug.ping", times=None, probability=0.5))
            return [client.ask("debug.ping").status_code for _ in range(30)]

    first = course(1)
    assert first == course(1) != course(2)
    assert set(first) == {200, 500}


def test_the_file_server_has_faults_too(sandbox: Sandbox, client: Client) -> None:
    sandbox.put_file("a")
    sandbox.inject(Fault("files.DELETE", status=503))
    assert client.file("DELETE", "a").status_code == 503
    assert client.file("DELETE", "a").status_code == 200
    assert sandbox.files() == set()


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="stall"):
        Fault(kind="explode")
