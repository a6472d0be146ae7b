"""What deleting tasks does beyond the recorded scenarios."""

from __future__ import annotations

import pytest

from cleanup.sandbox import Sandbox
from tests.sandbox.conftest import Client


def test_public_tasks_cannot_be_deleted(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("public", archived=True, public=True)
    assert client.codes("tasks.delete", task=task, force=True) == (403, 21)
    (failed,) = client.call("tasks.delete_many", ids=[task], force=True)["failed"]
    assert failed["error"]["codes"] == [403, 21]
    assert task in sandbox.tasks


def test_a_task_can_be_made_to_fail(sandbox: Sandbox, client: Client) -> None:
    good, bad = sandbox.add_task("good"), sandbox.add_task("bad")
    sandbox.task_failures[bad] = (400, 123, "will not go")
    answer = client.call("tasks.delete_many", ids=[good, bad])
    assert [item["id"] for item in answer["succeeded"]] == [good]
    assert [(item["id"], item["error"]["codes"]) for item in answer["failed"]] == [(bad, [400, 123])]
    assert client.codes("tasks.delete", task=bad) == (400, 123)


def test_an_unexpected_error_breaks_delete_many_off_in_the_middle(sandbox: Sandbox, client: Client) -> None:
    ids = [sandbox.add_task(f"t{n}") for n in range(3)]
    sandbox.task_failures[ids[1]] = (500, 0, "out of luck")
    assert client.codes("tasks.delete_many", ids=ids) == (500, 0)
    assert set(sandbox.tasks) == set(ids[1:])


def test_delete_many_does_not_exist_before_api_2_13() -> None:
    with Sandbox(api_version="2.12") as sandbox:
        client = Client(sandbox)
        task = sandbox.add_task("t", archived=True)
        assert client.codes("tasks.delete_many", ids=[task]) == (404, 0)
        assert client.codes("tasks.delete", task=task) == (200, 0)


def test_a_queued_task_leaves_its_queue(sandbox: Sandbox, client: Client) -> None:
    queue, task = sandbox.add_queue("services"), sandbox.add_task("t")
    client.call("tasks.enqueue", task=task, queue=queue)
    client.call("tasks.delete", task=task, force=True)
    assert sandbox.queues[queue]["entries"] == []


@pytest.mark.parametrize("users_first", [False, True])
def test_the_order_of_the_ids_decides_about_a_model_between_them(
    sandbox: Sandbox, client: Client, users_first: bool
) -> None:
    maker, user = sandbox.add_task("maker"), sandbox.add_task("user")
    model = sandbox.add_model(maker, "m")
    sandbox.use_model(user, model)
    client.call("tasks.delete_many", ids=[user, maker] if users_first else [maker, user])
    assert (model in sandbox.models) is not users_first


def test_seeded_files_lie_where_the_sdk_would_put_them(sandbox: Sandbox) -> None:
    task = sandbox.add_task("a b", "team/vision")
    uri = sandbox.add_artifact(task, "data", b"12345")
    model = sandbox.add_model(task, "weights")
    (sample,) = sandbox.add_debug_samples(task, 1)
    plot = sandbox.add_plot_image(task)
    folder = f"{sandbox.files_url}/team/vision/a%20b.{task}"
    assert uri == f"{folder}/artifacts/data/data.bin"
    assert sandbox.models[model]["uri"] == f"{folder}/models/weights.bin"
    assert {sample.rpartition("/metrics/")[0], plot.rpartition("/metrics/")[0]} == {folder}
    assert len(sandbox.files()) == 4
    assert (sandbox.files_root / f"team/vision/a b.{task}/artifacts/data/data.bin").read_bytes() == b"12345"


def test_ages_and_drafts_are_as_on_the_real_server(sandbox: Sandbox) -> None:
    ids = sandbox.add_task("draft", age_days=3), sandbox.add_task("done", status="completed", age_days=3)
    draft, done = (sandbox.tasks[task] for task in ids)
    assert "status_changed" not in draft
    assert done["status_changed"] == done["last_update"] == done["last_change"] == done["created"]


def test_archiving_moves_only_the_last_change(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t", status="completed", age_days=60)
    before = sandbox.tasks[task]
    client.call("tasks.archive_many", ids=[task])
    after = sandbox.tasks[task]
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"system_tags", "last_change"}
