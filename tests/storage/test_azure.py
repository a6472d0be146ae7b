"""Azure Blob Storage against Azurite, over TLS and by account name, as the SDK does."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from azure.storage.blob import ContainerClient

from cleanup.storage import Outcome
from cleanup.storage import azure as module
from tests.storage.support import ODD_NAMES, TASK, failures, files_of_tasks, located, neighbours, outcomes
from tests.storage.support import storages as make_storages

# Azurite's account and key are public and the same everywhere.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.fixture
def container(azurite):
    client = ContainerClient(f"https://{azurite}", "box", credential={"account_name": ACCOUNT, "account_key": KEY})
    client.create_container()
    yield client
    client.delete_container()
    client.close()


@pytest.fixture
def root(azurite):
    return f"azure://{azurite}/box"


@pytest.fixture
def storages():
    containers = [{"account_name": ACCOUNT, "account_key": KEY}]
    opened = make_storages(sdk={"azure": {"storage": {"containers": containers}}}, timeout=20)
    yield opened
    opened.close()


def put(container, names):
    for name in names:
        container.upload_blob(name, b"content")


def held(container):
    return {blob.name for blob in container.list_blobs()}


def test_2500_files_of_50_tasks_go_and_their_neighbours_stay(storages, container, root):
    put(container, [*files_of_tasks(), *neighbours()])
    result = storages.delete([storages.locate(f"{root}/{path}") for path in files_of_tasks()])
    assert set(outcomes(result).values()) == {Outcome.DELETED}
    assert len(result) == 2500
    assert held(container) == set(neighbours())


@pytest.mark.parametrize("name", [name for name in ODD_NAMES if "?" not in name])
def test_any_name_that_the_sdk_uploads_is_deleted_by_its_address(storages, container, root, name):
    put(container, [f"p/n.{TASK}/models/{name}", *neighbours()])
    location = storages.locate(f"{root}/p/n.{TASK}/models/{name}")
    assert set(outcomes(storages.delete([location])).values()) == {Outcome.DELETED}
    assert held(container) == set(neighbours())


def test_blobs_that_are_gone_already_are_gone(storages, container, root):
    put(container, neighbours())
    result = storages.delete(located(root, [*files_of_tasks(2, 3), neighbours()[0], f"p/n.{TASK}/x"]))
    assert list(outcomes(result).values()) == [Outcome.GONE] * 6 + [Outcome.DELETED, Outcome.GONE]
    assert held(container) == set(neighbours()[1:])


def test_a_leased_blob_fails_alone(storages, container, root):
    paths = files_of_tasks(25)
    put(container, [*paths, *neighbours()])
    lease = container.get_blob_client(paths[1234]).acquire_lease()
    result = storages.delete(located(root, paths))
    lease.release()
    assert list(failures(result)) == [paths[1234]]
    assert "LeaseIdMissing" in failures(result)[paths[1234]]
    assert held(container) == {paths[1234], *neighbours()}


def test_a_container_that_does_not_exist_fails_with_what_to_look_at(storages, azurite, root):
    result = storages.delete(located(f"azure://{azurite}/missing", ["a", "b"]))
    assert set(outcomes(result).values()) == {Outcome.FAILED}


def test_a_wrong_key_fails_without_showing_it(azurite, container, root):
    wrong = "d3Jvbmcta2V5LXdyb25nLWtleQ=="
    storages = make_storages(
        sdk={"azure": {"storage": {"containers": [{"account_name": ACCOUNT, "account_key": wrong}]}}}
    )
    put(container, ["a"])
    result = storages.delete(located(root, ["a"]))
    assert "sdk.azure.storage" in failures(result)["a"]
    assert wrong not in str(result)
    assert "sdk.azure.storage" in storages.check([root])[root]
    assert held(container) == {"a"}
    storages.close()


def test_check_reaches_the_container(storages, container, root):
    assert storages.check([root]) == {root: ""}


def test_folders_are_none_of_its_business(storages, container, root):
    put(container, files_of_tasks(1, 3))
    assert set(outcomes(storages.remove_task_folders(located(root, [f"p/n.{TASK}"]))).values()) == {Outcome.GONE}
    assert held(container) == set(files_of_tasks(1, 3))


def test_without_credentials_the_answer_says_what_to_set(monkeypatch):
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT", raising=False)
    storages = make_storages()
    result = storages.delete(located("azure://acct.blob.core.windows.net/c", ["a"]))
    storages.close()
    assert "the account acct to sdk.azure.storage.containers" in failures(result)["a"]


def test_the_parts_of_a_made_up_answer_are_matched_by_their_numbers_not_their_order():
    part = (
        "--b\r\nContent-Type: application/http\r\nContent-ID: {}\r\n\r\nHTTP/1.1 {}\r\nx-ms-error-code: {}\r\n\r\n\r\n"
    )
    body = (
        part.format(1, "404 Not there", "BlobNotFound")
        + part.format(0, "202 Accepted", "")
        + part.format(2, "409 No", "SnapshotsPresent")
    )
    reply = SimpleNamespace(headers={"Content-Type": "multipart/mixed; boundary=b"}, body=(body + "--b--").encode)
    answers = {number: module._answer(*found) for number, found in module._parts(reply).items()}
    assert {number: answer.outcome.value for number, answer in answers.items()} == {
        0: "deleted",
        1: "gone",
        2: "failed",
    }
    assert "SnapshotsPresent" in answers[2].error
