"""Deleting tasks: what is asked of the server, and what became of each id, whatever it answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from cleanup.server import Deletion, Network, Server
from tests.unit.api import SECRET, Api, Raw, Refusal

Connect = Callable[..., Server]

LOST = requests.ConnectionError("connection reset")
MISSING = {"codes": [400, 101], "msg": "Invalid task id: id=x", "data": {}}
FORBIDDEN = {"codes": [403, 21], "msg": "No write permission", "data": {}}


def answer(*deleted: str, **failed: Any) -> dict[str, Any]:
    succeeded = [{"id": task, "deleted": True, "deleted_models": 0, "urls": None} for task in deleted]
    return {"succeeded": succeeded, "failed": [{"id": task, "error": error} for task, error in failed.items()]}


def one_by_one(gone: set[str], **outcomes: Any) -> Callable[[dict[str, Any]], Any]:
    """Answer ``tasks.delete`` for each task: the outcomes in their order, then deleted, then missing."""

    def serve(body: dict[str, Any]) -> Any:
        task = body["task"]
        if task in gone:
            return Refusal(400, 101, "Invalid task id")
        if outcomes.get(task):
            return outcomes[task].pop(0)
        gone.add(task)
        return {"deleted": True}

    return serve


def everyone(result: Deletion) -> list[str]:
    """Return every id that the result names, as often as it does."""
    return sorted([*result.deleted, *result.gone, *result.failed])


@pytest.mark.parametrize("force", [True, False])
def test_many_are_deleted_in_one_call_with_the_servers_file_deletion_off(
    api: Api, connect: Connect, force: bool
) -> None:
    api.on("tasks.delete_many", answer("a", "b"))

    assert connect().delete(["a", "b"], force=force) == Deletion(deleted={"a", "b"})
    assert api.bodies("tasks.delete_many") == [
        {
            "ids": ["a", "b"], "force": force, "move_to_trash": False, "delete_external_artifacts": False,
            "delete_output_models": True, "return_file_urls": False,
        }
    ]  # fmt: skip


@pytest.mark.parametrize("version", ["2.9", "2.12"])
@pytest.mark.parametrize("force", [True, False])
def test_servers_before_2_13_delete_one_by_one(
    old_api: Callable[[str], Api], connect: Connect, version: str, force: bool
) -> None:
    api = old_api(version)
    api.on("tasks.delete", one_by_one(set()))

    assert connect().delete(["a", "b"], force=force) == Deletion(deleted={"a", "b"})
    assert api.count("tasks.delete_many") == 0
    assert [body["task"] for body in api.bodies("tasks.delete")] == ["a", "b"]
    for body in api.bodies("tasks.delete"):
        assert (body["force"], body["move_to_trash"]) == (force, False)
        assert body.get("delete_external_artifacts") is not True


@pytest.mark.parametrize("version", ["2.13", "2.20", "2.31", "2.35"])
def test_servers_from_2_13_delete_many(old_api: Callable[[str], Api], connect: Connect, version: str) -> None:
    api = old_api(version)
    api.on("tasks.delete_many", answer("a"))

    assert connect().delete(["a"], force=True).deleted == {"a"}
    assert api.count("tasks.delete") == 0


def test_each_id_has_what_the_server_says_of_it(api: Api, connect: Connect) -> None:
    api.on("tasks.delete_many", answer("a", b=MISSING, c=FORBIDDEN))
    result = connect().delete(["a", "b", "c"], force=True)

    assert (result.deleted, result.gone) == ({"a"}, {"b"})
    assert result.failed == {"c": "No write permission (codes [403, 21])"}


def test_a_duplicate_is_sent_once_and_counts_once(api: Api, connect: Connect) -> None:
    api.on("tasks.delete_many", answer("a", "b"))

    assert everyone(connect().delete(["a", "b", "a"], force=True)) == ["a", "b"]
    assert api.bodies("tasks.delete_many")[0]["ids"] == ["a", "b"]


def test_an_id_in_both_lists_was_deleted(api: Api, connect: Connect) -> None:
    api.on("tasks.delete_many", answer("a", a=MISSING))

    assert connect().delete(["a"], force=True) == Deletion(deleted={"a"})


def test_ids_that_nobody_asked_for_are_not_counted(api: Api, connect: Connect) -> None:
    api.on("tasks.delete_many", answer("a", "other", another=FORBIDDEN))

    assert everyone(connect().delete(["a"], force=True)) == ["a"]


@pytest.mark.parametrize(
    "lost",
    [Refusal(500), Refusal(502), Raw(200, "<html>"), Raw(200, '{"meta"'), LOST, requests.ReadTimeout("timed out")],
)
def test_what_a_broken_call_deleted_counts_as_deleted(api: Api, connect: Connect, lost: Any) -> None:
    api.on("tasks.delete_many", lost)
    api.on("tasks.delete", one_by_one({"a", "b"}))

    assert connect().delete(["a", "b", "c"], force=True) == Deletion(deleted={"a", "b", "c"})


def test_the_one_that_breaks_the_call_fails_alone(api: Api, connect: Connect) -> None:
    api.on("tasks.delete_many", Refusal(500, 0, "General server error"))
    api.on("tasks.delete", one_by_one({"a"}, b=[Refusal(500, 0, "database error")] * 9))
    result = connect().delete(["a", "b", "c"], force=True)

    assert result.deleted == {"a", "c"}
    assert "database error" in result.failed["b"]
    assert [body["task"] for body in api.bodies("tasks.delete")] == ["a", "b", "b", "b", "c"]


@pytest.mark.parametrize(
    "said",
    [
        {}, {"succeeded": None, "failed": None}, {"succeeded": 5, "failed": "x"}, {"succeeded": [None, "a", 7, []]},
        {"succeeded": [{}], "failed": [{}]}, {"succeeded": [{"id": ["a"]}], "failed": [{"id": {"a": 1}}]},
        {"succeeded": [{"id": "a", "deleted": False}]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("already", [set(), {"a", "b"}])
def test_ids_that_the_answer_does_not_name_are_looked_at_again(
    api: Api, connect: Connect, said: Any, already: set[str]
) -> None:
    api.on("tasks.delete_many", said)
    api.on("tasks.delete", one_by_one(set(already)))

    assert connect().delete(["a", "b"], force=True) == Deletion(deleted={"a", "b"})


@pytest.mark.parametrize(
    "error", [None, "text", 5, [], {}, {"codes": None}, {"codes": 7}, {"codes": []}, {"msg": None}]
)
def test_a_failure_without_a_reason_is_a_failure(api: Api, connect: Connect, error: Any) -> None:
    api.on("tasks.delete_many", answer("b", a=error))
    result = connect().delete(["a", "b"], force=True)

    assert result.deleted == {"b"}
    assert result.failed["a"]


def test_one_by_one_a_task_that_is_gone_is_gone(old_api: Callable[[str], Api], connect: Connect) -> None:
    old_api("2.12").on("tasks.delete", one_by_one({"a"}))

    assert connect().delete(["a", "b"], force=True) == Deletion(deleted={"b"}, gone={"a"})


@pytest.mark.parametrize("hiccup", [Refusal(500), Refusal(503), LOST, Raw(200, "cut o")])
def test_one_by_one_a_hiccup_is_tried_again(old_api: Callable[[str], Api], connect: Connect, hiccup: Any) -> None:
    old_api("2.12").on("tasks.delete", one_by_one(set(), a=[hiccup]))

    assert connect().delete(["a", "b"], force=True) == Deletion(deleted={"a", "b"})


def test_one_by_one_a_task_deleted_by_an_attempt_without_answer_counts_as_deleted(
    old_api: Callable[[str], Api], connect: Connect
) -> None:
    old_api("2.12").on("tasks.delete", LOST, Refusal(400, 101, "Invalid task id"))

    assert connect().delete(["a"], force=True) == Deletion(deleted={"a"})


@pytest.mark.parametrize("refusal", [Refusal(400, 123, "Task cannot be deleted"), Refusal(403, 21, "No permission")])
def test_one_by_one_a_refusal_is_final_and_the_next_is_tried(
    old_api: Callable[[str], Api], connect: Connect, refusal: Refusal
) -> None:
    api = old_api("2.12")
    api.on("tasks.delete", one_by_one(set(), a=[refusal]))
    result = connect().delete(["a", "b"], force=False)

    assert result.deleted == {"b"}
    assert refusal.message in result.failed["a"]
    assert api.count("tasks.delete") == 2


def test_a_server_lost_in_the_middle_is_not_asked_for_each_of_the_rest(
    old_api: Callable[[str], Api], connect: Connect
) -> None:
    api = old_api("2.12")
    api.on("tasks.delete", {"deleted": True}, LOST)
    result = connect().delete(["a", "b", "c", "d"], force=True)

    assert result.deleted == {"a"}
    assert set(result.failed) == {"b", "c", "d"}
    assert all("does not answer" in error for error in result.failed.values())
    assert api.count("tasks.delete") == 1 + 3


def test_after_a_lost_call_for_many_no_task_is_claimed_to_be_there(api: Api, connect: Connect) -> None:
    api.on("tasks.delete_many", LOST)
    api.on("tasks.delete", LOST)
    result = connect().delete(["a", "b", "c"], force=True)

    assert set(result.failed) == {"a", "b", "c"}
    assert all("the next cycle sees whether the task is gone" in error for error in result.failed.values())
    assert api.count("tasks.delete") == 3


def test_a_refused_call_for_many_is_tried_one_by_one_and_surely_did_nothing(api: Api, connect: Connect) -> None:
    api.on("tasks.delete_many", Refusal(400, 12, "Validation error"))
    api.on("tasks.delete", one_by_one({"b"}, c=[Refusal(400, 123, "Task cannot be deleted")]))
    result = connect().delete(["a", "b", "c"], force=True)

    assert (result.deleted, result.gone) == ({"a"}, {"b"})
    assert "Task cannot be deleted" in result.failed["c"]
    assert "next cycle" not in result.failed["c"]


def test_a_server_that_cannot_delete_costs_few_attempts_and_each_task_has_one(
    old_api: Callable[[str], Api], connect: Connect
) -> None:
    api = old_api("2.12")
    api.on("tasks.delete", Refusal(500, 0, "search engine is down"))
    ids = [f"t{number}" for number in range(50)]
    server = connect(attempts=5)
    result = server.delete(ids, force=True)

    assert set(result.failed) == set(ids)
    assert [body["task"] for body in api.bodies("tasks.delete")] == [*5 * ["t0"], *5 * ["t1"], *5 * ["t2"], *ids[3:]]

    api.on("tasks.delete", one_by_one(set(), b=[Refusal(503)]))
    assert server.delete(["a", "b"], force=True) == Deletion(deleted={"a", "b"})


def test_a_stop_leaves_the_rest_untried(old_api: Callable[[str], Api], connect: Connect) -> None:
    stop = threading.Event()
    api = old_api("2.12")

    def stopping(_: Any) -> Any:
        stop.set()
        return {"deleted": True}

    api.on("tasks.delete", stopping)
    result = connect(stop=stop).delete(["a", "b", "c"], force=True)

    assert result.deleted == {"a"}
    assert everyone(result) == ["a"]
    assert result.stopped


def test_pauses_between_attempts_at_one_task_grow(
    old_api: Callable[[str], Api], connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(Network, "pause", lambda _, seconds: pauses.append(seconds))
    old_api("2.12").on("tasks.delete", Refusal(500))
    server = connect(attempts=4, backoff=0.5)
    pauses.clear()

    assert set(server.delete(["a"], force=True).failed) == {"a"}
    assert [seconds for seconds in pauses if seconds] == [0.5, 1.0, 2.0]


def test_no_reason_holds_a_secret(api: Api, connect: Connect) -> None:
    api.on("tasks.delete_many", answer(a={"codes": [500, 0], "msg": f"mongodb://root:{SECRET}@db failed"}))

    assert SECRET not in connect().delete(["a"], force=True).failed["a"]
