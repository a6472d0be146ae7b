"""S3, Google and Azure: what each has of its own, and answers that their stand-ins do not give."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from types import SimpleNamespace

import boto3
import pytest
from azure.storage.blob import ContainerClient
from botocore.stub import Stubber
from gcp_storage_emulator.handlers import objects

from cleanup.storage import Location, Outcome, Unlistable, azure, bulk, gcs
from cleanup.storage.s3 import Bucket
from tests.storage import stores
from tests.storage.support import failures, files_of_tasks, folder_of, located, neighbours, outcomes
from tests.storage.support import storages as make_storages


@pytest.fixture
def s3(s3_server, monkeypatch):
    with stores.s3(s3_server, monkeypatch, minio=False) as store:
        yield store


@pytest.fixture
def google(gcs_server, monkeypatch):
    with stores.google(gcs_server, monkeypatch) as store:
        yield store


@pytest.fixture
def container(azurite, monkeypatch):
    with stores.azure(azurite, monkeypatch) as store:
        yield store


@pytest.fixture
def no_waits(monkeypatch):
    monkeypatch.setattr(bulk, "WAITS", (0.0, 0.0, 0.0))


# Amazon S3


def test_s3_a_key_that_the_buckets_policy_forbids_to_delete_fails_alone(s3):
    paths = files_of_tasks(25)
    s3.put([*paths, *neighbours()])
    arn = f"arn:aws:s3:::bucket/{paths[1234]}"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": arn}
    s3.has.put_bucket_policy(Bucket="bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    result = s3.storages.delete(map(s3.at, paths))
    assert list(failures(result)) == [paths[1234]]
    assert "AccessDenied" in failures(result)[paths[1234]]
    assert s3.held() == {paths[1234], *neighbours()}


def test_s3_in_a_versioned_bucket_the_current_version_goes(s3):
    s3.has.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    s3.put(files_of_tasks(1, 3))
    assert not failures(s3.storages.delete(map(s3.at, files_of_tasks(1, 3))))
    assert s3.held() == set()
    assert s3.listed(folder_of(0)) == set()


def test_s3_markers_of_folders_are_listed_and_go_by_their_exact_key(s3):
    markers = {f"{folder_of(0)}/", f"{folder_of(0)}/models/"}
    s3.put([*markers, f"{folder_of(0)}2/"])
    assert s3.listed(folder_of(0)) == markers
    assert not failures(s3.storages.delete(map(s3.at, markers)))
    assert s3.held() == {f"{folder_of(0)}2/"}


def test_s3_a_bucket_that_does_not_exist_says_what_to_look_at(s3):
    result = s3.storages.delete(located("s3://missing", ["a", "b"]))
    assert all("NoSuchBucket" in error and "sdk.aws.s3" in error for error in failures(result).values())
    assert "NoSuchBucket" in s3.storages.check(["s3://missing"])["s3://missing"]
    with pytest.raises(Unlistable, match="NoSuchBucket"):
        list(s3.storages.list(Location("s3://missing", folder_of(0))))


def test_s3_an_unreachable_server_fails_at_once_and_without_its_secrets():
    section = {"credentials": [{"host": "127.0.0.1:9", "secure": False, **stores.KEYS}]}
    with stores.opened({"aws": {"s3": section}}, bound=1) as storages:
        result = storages.delete(located("s3://127.0.0.1:9/bucket", [f"{n}" for n in range(5000)]))
    assert len(failures(result)) == 5000
    assert "very-secret" not in str(result)


def test_s3_a_server_like_minio_gets_the_checksum_that_old_ones_insist_on(s3_server, monkeypatch):
    with stores.s3(s3_server, monkeypatch, minio=True) as minio:
        minio.storages.unusable(minio.root)
        sent = []
        bucket = minio.storages._storage(minio.root)
        bucket._client.meta.events.register("before-send", lambda request, **_: sent.append(request.headers))
        minio.storages.delete([minio.at("a")])
        assert [headers for headers in sent if "Content-MD5" in headers]


@pytest.fixture
def stubbed(no_waits):
    """A bucket with made-up answers, and Storages that delete from it."""
    client = boto3.client("s3", aws_access_key_id="x", aws_secret_access_key="y", region_name="us-east-1")
    storages = make_storages(bound=1)
    storages.open = lambda root: Bucket(root, client, ["very-secret"])
    with Stubber(client) as stubber:
        yield stubber, lambda *keys: storages.delete(located("s3://bucket", keys))
    storages.close()


def kinds(result):
    return {location.path: answer.outcome.value for location, answer in result.items()}


def test_s3_made_up_answers_are_matched_to_their_keys_and_what_met_a_busy_server_is_asked_for_again(stubbed):
    stubber, delete = stubbed
    errors = [{"Key": "b", "Code": "NoSuchKey"}, {"Key": "c", "Code": "Weird", "Message": "very-secret \x1b[31m"}]
    errors.append({"Key": "e", "Code": "SlowDown"})
    stubber.add_response("delete_objects", {"Deleted": [{"Key": "a"}, {"Key": "z"}], "Errors": errors})
    again = {"Bucket": "bucket", "Delete": {"Objects": [{"Key": "d"}, {"Key": "e"}], "Quiet": False}}
    stubber.add_response("delete_objects", {"Deleted": [{"Key": "e"}]}, again)
    for _ in range(2):
        stubber.add_response("delete_objects", {})
    result = delete("a", "b", "c", "d", "e")
    assert kinds(result) == {"a": "deleted", "b": "gone", "c": "failed", "d": "failed", "e": "deleted"}
    assert "Weird" in failures(result)["c"]
    assert "very-secret" not in failures(result)["c"]
    assert "\x1b" not in failures(result)["c"]
    assert "does not mention" in failures(result)["d"]


def test_s3_a_made_up_server_without_bulk_deletion_is_asked_key_by_key(stubbed):
    stubber, delete = stubbed
    stubber.add_client_error("delete_objects", "NotImplemented", http_status_code=501)
    stubber.add_response("delete_object", {}, {"Bucket": "bucket", "Key": "a"})
    stubber.add_client_error("delete_object", "AccessDenied", http_status_code=403)
    stubber.add_response("delete_object", {}, {"Bucket": "bucket", "Key": "c"})
    assert kinds(delete("a", "b")) == {"a": "deleted", "b": "failed"}
    assert kinds(delete("c")) == {"c": "deleted"}


def test_s3_a_made_up_request_that_one_key_spoils_is_halved(stubbed):
    stubber, delete = stubbed
    stubber.add_client_error("delete_objects", "MalformedXML", http_status_code=400)
    stubber.add_response("delete_objects", {"Deleted": [{"Key": "a"}]})
    stubber.add_client_error("delete_objects", "MalformedXML", http_status_code=400)
    result = delete("a", "b")
    assert kinds(result) == {"a": "deleted", "b": "failed"}
    assert "MalformedXML" in failures(result)["b"]


# Google Cloud Storage


def refuse(monkeypatch, name, status, times=99):
    """Make the emulator answer ``status`` for one object of a batch."""
    left = iter(range(times))
    real = objects._BATCH_METHOD_HANDLERS["DELETE"]

    def answer(request, item, storage, bucket_name, object_id, meta, response):
        if object_id != name or next(left, None) is None:
            return real(request, item, storage, bucket_name, object_id, meta, response)
        error = {"error": {"message": "does not have storage.objects.delete"}}
        objects._batch_write_json(response, f"HTTP/1.1 {status} No", error)
        return True

    monkeypatch.setitem(objects._BATCH_METHOD_HANDLERS, "DELETE", answer)


def test_google_an_object_that_may_not_be_deleted_fails_alone(google, monkeypatch):
    paths = files_of_tasks(6)
    google.put([*paths, *neighbours()])
    refuse(monkeypatch, paths[123], 403)
    result = google.storages.delete(map(google.at, paths))
    assert list(failures(result)) == [paths[123]]
    assert "storage.objects.delete" in failures(result)[paths[123]]
    assert google.held() == {paths[123], *neighbours()}


def test_google_an_object_that_meets_a_busy_server_is_asked_for_again(google, monkeypatch, no_waits):
    paths = files_of_tasks(1, 3)
    google.put(paths)
    refuse(monkeypatch, paths[1], 503, times=1)
    assert not failures(google.storages.delete(map(google.at, paths)))
    assert google.held() == set()


def test_google_credentials_can_differ_by_folder(monkeypatch, google):
    entries = [
        {"bucket": "bucket", "subdir": "deep", "credentials_json": "deep.json"},
        {"bucket": "bucket", "credentials_json": "top.json"},
    ]
    client = google.has.client

    def open_client(project, credentials, root, sdk):
        if credentials == "deep.json":
            raise gcs.Unavailable("no such file")
        return client

    monkeypatch.setattr(gcs, "_open_client", open_client)
    google.put(["deep/a", "b"])
    with stores.opened({"google": {"storage": {"credentials": entries}}}) as storages:
        result = storages.delete(located("gs://bucket", ["deep/a", "b"]))
    assert failures(result) == {"deep/a": "no such file"}
    assert google.held() == {"deep/a"}


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (204, "", "deleted"),
        (404, "No such object: bucket/x", "gone"),
        (404, "The specified bucket does not exist.", "failed"),
        (412, "retention policy", "failed"),
    ],
)
def test_google_made_up_parts_of_an_answer_are_understood(status, message, kind):
    part = SimpleNamespace(status_code=status, json=lambda: {"error": {"message": message}})
    assert gcs._answer(part).outcome.value == kind


# Azure


def test_azure_a_leased_blob_fails_alone(container):
    paths = files_of_tasks(6)
    container.put([*paths, *neighbours()])
    lease = container.has.get_blob_client(paths[234]).acquire_lease()
    result = container.storages.delete(map(container.at, paths))
    lease.release()
    assert list(failures(result)) == [paths[234]]
    assert "LeaseIdMissing" in failures(result)[paths[234]]
    assert container.held() == {paths[234], *neighbours()}


def test_azure_a_connection_that_breaks_before_the_answer_is_made_up_for(container, monkeypatch):
    paths = files_of_tasks(2, 3)
    container.put([*paths, *neighbours()])
    assert not container.storages.unusable(container.root)
    send, broken = HTTPConnection.getresponse, iter([True])

    def breaking(connection, *args, **more):
        response = send(connection, *args, **more)
        if next(broken, False):
            raise ConnectionResetError("broken")
        return response

    monkeypatch.setattr(HTTPConnection, "getresponse", breaking)
    assert not failures(container.storages.delete(map(container.at, paths)))
    assert container.held() == set(neighbours())


def test_azure_a_container_that_does_not_exist_fails(container):
    missing = container.root.replace("box", "missing")
    assert set(outcomes(container.storages.delete(located(missing, ["a", "b"]))).values()) == {Outcome.FAILED}
    with pytest.raises(Unlistable, match="ContainerNotFound"):
        list(container.storages.list(Location(missing, folder_of(0))))


def test_azure_a_wrong_key_fails_everything_without_showing_it(container):
    wrong = "d3Jvbmcta2V5LXdyb25nLWtleQ=="
    container.put(["a"])
    account = {"account_name": stores.ACCOUNT, "account_key": wrong}
    with stores.opened({"azure": {"storage": {"containers": [account]}}}) as storages:
        result = storages.delete([container.at("a")])
        assert "sdk.azure.storage" in failures(result)["a"]
        assert "sdk.azure.storage" in storages.check([container.root])[container.root]
        with pytest.raises(Unlistable) as refused:
            list(storages.list(container.at("p")))
    assert wrong not in f"{result} {refused.value}"
    assert container.held() == {"a"}


def test_azure_the_folders_of_an_account_with_a_hierarchy_are_no_files(container):
    client: ContainerClient = container.has
    client.upload_blob(f"{folder_of(0)}/models", b"", metadata={"hdi_isfolder": "true"})
    client.upload_blob(f"{folder_of(0)}/models/m.pt", b"")
    assert container.listed(folder_of(0)) == {f"{folder_of(0)}/models/m.pt"}


def test_azure_the_parts_of_a_made_up_answer_are_matched_by_their_numbers_not_their_order():
    part = (
        "--b\r\nContent-Type: application/http\r\nContent-ID: {}\r\n\r\nHTTP/1.1 {}\r\nx-ms-error-code: {}\r\n\r\n\r\n"
    )
    lines = [(1, "404 Not there", "BlobNotFound"), (0, "202 Accepted", ""), (2, "409 No", "SnapshotsPresent")]
    body = "".join(part.format(*line) for line in [*lines, (3, "503 Busy", "ServerBusy")]) + "--b--"
    reply = SimpleNamespace(headers={"Content-Type": "multipart/mixed; boundary=b"}, body=body.encode)
    answers = {number: azure._answer(*found) for number, found in azure._parts(reply).items()}
    assert [answers[number].outcome.value for number in range(3)] == ["deleted", "gone", "failed"]
    assert "SnapshotsPresent" in answers[2].error
    assert answers[3].reason == "503: ServerBusy"
