"""What changes tasks and models beyond the recorded scenarios, as the server's source has it."""

from __future__ import annotations

from typing import Any

import pytest

from cleanup.sandbox import Sandbox
from tests.sandbox.conftest import Client

MODEL: dict[str, Any] = {"name": "m", "type": "output", "model": "0" * 32}


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def test_public_tasks_cannot_be_deleted(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("public", archived=True, public=True)
    assert client.codes("tasks.delete", task=task, force=True) == (403, 21)
    (failed,) = client.call("tasks.delete_many", ids=[task], force=True)["failed"]
    assert failed["error"]["codes"] == [403, 21]


def test_tasks_can_be_made_to_fail_and_an_unexpected_error_breaks_off_in_the_middle(
    sandbox: Sandbox, client: Client
) -> None:
    one, two, three = (sandbox.add_task(f"t{n}") for n in range(3))
    sandbox.task_failures[two] = (400, 123, "will not go")
    answer = client.call("tasks.delete_many", ids=[one, two])
    assert [item["id"] for item in answer["succeeded"]] == [one]
    assert [(item["id"], item["error"]["codes"]) for item in answer["failed"]] == [(two, [400, 123])]
    sandbox.task_failures[three] = (500, 0, "out of luck")
    assert client.codes("tasks.delete_many", ids=[sandbox.add_task("gone"), three, two]) == (500, 0)
    assert set(sandbox.tasks) == {two, three}


def test_a_deleted_task_takes_along_what_it_lists_whoever_made_it(sandbox: Sandbox, client: Client) -> None:
    """Drafts go unless a task uses them, then they lose their maker; published ones point to the deleted task."""
    maker, lister, user = (sandbox.add_task(name) for name in ("maker", "lister", "user"))
    draft, used = sandbox.add_model(maker, "draft"), sandbox.add_model(maker, "used")
    published = sandbox.add_model(maker, "published", published=True)
    sandbox.use_model(user, used)
    for model in (draft, used, published):
        sandbox.list_model(lister, model)
    client.call("tasks.delete", task=lister, force=True)
    assert set(sandbox.models) == {used, published}
    assert "task" not in sandbox.model(used)
    assert sandbox.model(published)["task"] == f"__DELETED__{lister}"


def test_a_model_deleted_by_force_is_taken_from_its_maker_unless_that_is_published(
    sandbox: Sandbox, client: Client
) -> None:
    makers = [sandbox.add_task("maker", status=status) for status in ("completed", "published")]
    models = [sandbox.add_model(maker, "m") for maker in makers]
    lister = sandbox.add_task("lister")
    sandbox.list_model(lister, models[0])
    client.call("models.delete_many", ids=models, force=True)
    outputs = [[entry["model"] for entry in sandbox.task(task)["models"]["output"]] for task in (*makers, lister)]
    assert outputs == [[], [f"__DELETED__{models[1]}"], [models[0]]]


@pytest.mark.parametrize(("status", "code"), [("created", 200), ("in_progress", 200), ("completed", 400)])
def test_artifacts_and_models_change_while_a_task_is_a_draft_or_runs(
    sandbox: Sandbox, client: Client, status: str, code: int
) -> None:
    task = sandbox.add_task("t", status=status)
    artifact = {"key": "a", "type": "custom", "uri": "s3://b/a"}
    answers = [
        client.codes("tasks.add_or_update_model", task=task, **MODEL),
        client.codes("tasks.add_or_update_artifacts", task=task, artifacts=[artifact]),
        client.codes("tasks.delete_artifacts", task=task, artifacts=[{"key": "a"}]),
        client.codes("tasks.delete_models", task=task, models=[{"name": "m", "type": "output"}]),
    ]
    assert answers == [(code, 0 if code == 200 else 110)] * 4
    entries = [{"name": "m", "model": MODEL["model"]}]
    assert client.codes("tasks.edit", task=task, models={"output": entries}, force=True) == (200, 0)
    assert sandbox.task(task)["models"] == {"input": [], "output": entries}


@pytest.mark.parametrize(
    ("call", "body", "moved"),
    [
        ("tasks.archive_many", {}, {"system_tags", "last_change"}),
        ("tasks.update", {"tags": ["a"], "status": "failed"}, {"tags", "last_change"}),
        ("tasks.edit", {"comment": "a", "force": True}, {"comment", "last_change"}),
        ("tasks.edit", {"runtime": {"a": 1}, "force": True}, {"runtime", "last_change", "last_update"}),
        ("tasks.ping", {}, {"last_change", "last_update"}),
    ],
)
def test_which_calls_are_a_sign_of_life(
    sandbox: Sandbox, client: Client, call: str, body: dict[str, Any], moved: set[str]
) -> None:
    task = sandbox.add_task("t", status="completed", age_days=60)
    before = sandbox.task(task)
    client.call(call, task=task, ids=[task], **body)
    assert changed(before, sandbox.task(task)) == moved
