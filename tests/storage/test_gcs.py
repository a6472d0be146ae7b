"""Google Cloud Storage against an emulator; what it never answers is put into it."""

from __future__ import annotations

import json
import warnings

import pytest
from gcp_storage_emulator.handlers import objects

from cleanup.storage import Outcome
from cleanup.storage import gcs as module
from tests.storage.support import ODD_NAMES, TASK, failures, files_of_tasks, located, neighbours, outcomes
from tests.storage.support import storages as make_storages

ROOT = "gs://bucket"

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from google.cloud import storage as google_storage


@pytest.fixture
def bucket(gcs_server):
    gcs_server.wipe()
    client = google_storage.Client(project="p")
    yield client.create_bucket("bucket")
    gcs_server.wipe()
    client.close()


@pytest.fixture
def storages(gcs_server):
    opened = make_storages()
    yield opened
    opened.close()


def put(bucket, names):
    for name in names:
        bucket.blob(name).upload_from_string(b"content")


def held(bucket):
    return {blob.name for blob in bucket.list_blobs()}


def refuse(monkeypatch, name, status, times=99):
    """Make the emulator answer ``status`` for one object of a batch."""
    left = [times]
    real = objects._BATCH_METHOD_HANDLERS["DELETE"]

    def answer(request, item, storage, bucket_name, object_id, meta, response):
        if object_id != name or not left[0]:
            return real(request, item, storage, bucket_name, object_id, meta, response)
        left[0] -= 1
        objects._batch_write_json(
            response, f"HTTP/1.1 {status} No", {"error": {"message": "does not have storage.objects.delete"}}
        )
        return True

    monkeypatch.setitem(objects._BATCH_METHOD_HANDLERS, "DELETE", answer)


def test_2500_files_of_50_tasks_go_and_their_neighbours_stay(storages, bucket):
    put(bucket, [*files_of_tasks(), *neighbours()])
    result = storages.delete([storages.locate(f"{ROOT}/{path}") for path in files_of_tasks()])
    assert set(outcomes(result).values()) == {Outcome.DELETED}
    assert len(result) == 2500
    assert held(bucket) == set(neighbours())


@pytest.mark.parametrize("name", [*ODD_NAMES, "x" * 200])
def test_any_legal_name_is_deleted_by_its_address(storages, bucket, name):
    put(bucket, [f"p/n.{TASK}/models/{name}", *neighbours()])
    location = storages.locate(f"{ROOT}/p/n.{TASK}/models/{name}")
    assert set(outcomes(storages.delete([location])).values()) == {Outcome.DELETED}
    assert held(bucket) == set(neighbours())


def test_objects_that_are_gone_already_are_gone(storages, bucket):
    put(bucket, neighbours())
    result = storages.delete(located(ROOT, [*files_of_tasks(2, 3), neighbours()[0]]))
    assert list(outcomes(result).values()) == [Outcome.GONE] * 6 + [Outcome.DELETED]


def test_an_object_that_an_emulator_made_to_refuse_it_forbids_fails_alone(storages, bucket, monkeypatch):
    paths = files_of_tasks(25)
    put(bucket, [*paths, *neighbours()])
    refuse(monkeypatch, paths[1234], 403)
    result = storages.delete(located(ROOT, paths))
    assert list(failures(result)) == [paths[1234]]
    assert "storage.objects.delete" in failures(result)[paths[1234]]
    assert held(bucket) == {paths[1234], *neighbours()}


def test_an_object_that_meets_a_busy_server_is_asked_for_again(storages, bucket, monkeypatch):
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    paths = files_of_tasks(1, 3)
    put(bucket, paths)
    refuse(monkeypatch, paths[1], 503, times=1)
    opened = module.GoogleBucket(ROOT, storages._sdk, storages._crew, 5, sleep=lambda seconds: None)
    result = opened.delete(paths)
    assert {answer.outcome for answer in result.values()} == {Outcome.DELETED}
    assert held(bucket) == set()


def test_check_asks_for_the_permission_and_changes_nothing(storages, bucket):
    put(bucket, neighbours())
    assert storages.check([ROOT]) == {ROOT: ""}
    assert held(bucket) == set(neighbours())


def test_folders_are_none_of_its_business(storages, bucket):
    put(bucket, files_of_tasks(1, 3))
    assert set(outcomes(storages.remove_task_folders(located(ROOT, [f"p/n.{TASK}"]))).values()) == {Outcome.GONE}
    assert held(bucket) == set(files_of_tasks(1, 3))


def test_without_credentials_the_answer_says_what_to_set(monkeypatch, tmp_path):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    storages = make_storages()
    result = storages.delete(located(ROOT, ["a"]))
    storages.close()
    assert "sdk.google.storage.credentials" in failures(result)["a"]


def test_credentials_can_differ_by_folder(monkeypatch, storages):
    opened = []

    def open_client(found):
        opened.append(found.credentials_json)
        raise module.StorageUnavailable("none") if found.credentials_json == "deep.json" else RuntimeError

    entries = [
        {"bucket": "bucket", "subdir": "deep", "credentials_json": "deep.json"},
        {"bucket": "bucket", "credentials_json": "top.json"},
    ]
    clients = {"top.json": object()}
    monkeypatch.setattr(module, "_open_client", lambda found: clients.get(found.credentials_json) or open_client(found))
    with_two = make_storages(sdk={"google": {"storage": {"credentials": entries}}})
    bucket = module.GoogleBucket(ROOT, with_two._sdk, with_two._crew, 5)
    monkeypatch.setattr(bucket, "_chunk", lambda client, names: dict.fromkeys(names, module.DELETED))
    result = bucket.delete(["deep/a", "b"])
    with_two.close()
    assert [answer.outcome.value for answer in (result["deep/a"], result["b"])] == ["failed", "deleted"]


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (204, "", "deleted"),
        (404, "No such object: bucket/x", "gone"),
        (404, "The specified bucket does not exist.", "failed"),
        (403, "no", "failed"),
        (412, "retention policy", "failed"),
    ],
)
def test_made_up_parts_of_an_answer_are_understood(status, message, kind):
    class Part:
        status_code = status

        def json(self):
            return json.loads(json.dumps({"error": {"message": message}}))

    assert module._answer(Part()).outcome.value == kind
