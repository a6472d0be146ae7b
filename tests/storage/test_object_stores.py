"""S3, Google and Azure: what each has of its own, and answers that their stand-ins do not give."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection
from types import SimpleNamespace

import boto3
import pytest
from botocore.stub import Stubber

from cleanup.storage import Unlistable, azure, bulk, gcs
from cleanup.storage.base import Failure
from cleanup.storage.s3 import Bucket
from tests.storage import stores
from tests.storage.stores import failures, files_of_tasks, folder_of, located, neighbours, storages, told


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


# Amazon S3


def test_s3_markers_of_folders_are_listed_and_go_by_their_exact_key_also_in_a_versioned_bucket(s3):
    s3.has.put_bucket_versioning("bucket", "Enabled")
    markers = {f"{folder_of(0)}/", f"{folder_of(0)}/models/"}
    s3.put([*markers, f"{folder_of(0)}2/"])
    assert s3.listed(folder_of(0)) == markers
    assert s3.delete(*markers) == dict.fromkeys(markers, "deleted")
    assert (s3.listed(folder_of(0)), s3.listed(f"{folder_of(0)}2")) == (set(), {f"{folder_of(0)}2/"})


@pytest.mark.parametrize("cut", [{}, {"IsTruncated": True}, {"Contents": []}])
def test_s3_a_listing_that_does_not_say_that_it_is_whole_is_none(cut):
    with closing(storages()) as opened, pytest.raises(Unlistable, match="whole"):
        opened.open = lambda root: Bucket(root, SimpleNamespace(list_objects_v2=lambda **_: cut, close=lambda: None))
        list(opened.list(stores.Location("s3://bucket", folder_of(0))))


def test_s3_an_unreachable_server_fails_at_once_and_without_its_secrets(monkeypatch):
    sent, delete = [], Bucket.delete
    monkeypatch.setattr(Bucket, "delete", lambda bucket, paths: sent.append(paths) or delete(bucket, paths))
    section = {"credentials": [{"host": "127.0.0.1:9", "secure": False, **stores.KEYS}]}
    with closing(storages(sdk={"aws": {"s3": section}}, bound=1)) as opened:
        result = opened.delete(located("s3://127.0.0.1:9/bucket", [f"{n}" for n in range(5000)]))
    assert (len(failures(result)), len(sent)) == (5000, 1)
    assert "very-secret" not in str(result)


def test_s3_a_server_like_minio_gets_the_checksum_that_old_ones_insist_on(s3_server, monkeypatch):
    with stores.s3(s3_server, monkeypatch, minio=True) as minio:
        minio.storages.unusable(minio.root)
        sent = []
        bucket = minio.storages._storage(minio.root)
        bucket._client.meta.events.register("before-send", lambda request, **_: sent.append(request.headers))
        minio.delete("a")
        assert [headers for headers in sent if "Content-MD5" in headers]


@pytest.fixture
def stubbed(monkeypatch):
    """A bucket with made-up answers, and what deletes keys from it."""
    monkeypatch.setattr(bulk, "WAITS", (0.0, 0.0, 0.0))
    client = boto3.client("s3", aws_access_key_id="x", aws_secret_access_key="y", region_name="us-east-1")
    with closing(storages(bound=1)) as opened, Stubber(client) as stubber:
        opened.open = lambda root: Bucket(root, client, ["very-secret"])
        yield stubber, lambda *keys: told(opened.delete(located("s3://bucket", keys)))


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
    odd, unsaid = result.pop("c"), result.pop("d")
    assert result == {"a": "deleted", "b": "gone", "e": "deleted"}
    assert "Weird" in odd
    assert "very-secret" not in odd and "\x1b" not in odd
    assert "does not mention" in unsaid


def test_s3_a_made_up_server_without_bulk_deletion_is_asked_key_by_key(stubbed):
    stubber, delete = stubbed
    stubber.add_client_error("delete_objects", "NotImplemented", http_status_code=501)
    stubber.add_response("delete_object", {}, {"Bucket": "bucket", "Key": "a"})
    stubber.add_client_error("delete_object", "AccessDenied", http_status_code=403)
    stubber.add_client_error("delete_object", "NoSuchKey", http_status_code=404)
    result = delete("a", "b")
    assert result["a"] == "deleted"
    assert "AccessDenied" in result["b"]
    assert delete("c") == {"c": "gone"}


def test_s3_a_made_up_request_that_one_key_spoils_is_halved(stubbed):
    stubber, delete = stubbed
    stubber.add_client_error("delete_objects", "MalformedXML", http_status_code=400)
    stubber.add_response("delete_objects", {"Deleted": [{"Key": "a"}]})
    stubber.add_client_error("delete_objects", "MalformedXML", http_status_code=400)
    result = delete("a", "b")
    assert result["a"] == "deleted"
    assert "MalformedXML" in result["b"]


# Google Cloud Storage


def test_google_credentials_can_differ_by_folder(monkeypatch, google):
    entries = [
        {"bucket": "bucket", "subdir": "deep", "credentials_json": "deep.json"},
        {"bucket": "bucket", "credentials_json": "top.json"},
    ]

    def open_client(project, credentials, root, sdk):
        if credentials == "deep.json":
            raise gcs.Unavailable("no such file")
        return google.has.client

    monkeypatch.setattr(gcs, "_open_client", open_client)
    google.put(["deep/a", "b"])
    with closing(storages(sdk={"google": {"storage": {"credentials": entries}}})) as opened:
        result = told(opened.delete(located("gs://bucket", ["deep/a", "b"])))
    assert result == {"deep/a": "no such file", "b": "deleted"}
    assert google.held() == {"deep/a"}


def test_google_made_up_parts_of_an_answer_are_understood():
    parts = {
        (204, ""): "deleted",
        (404, "No such object: bucket/x"): "gone",
        (404, "The specified bucket does not exist."): "failed",
        (412, "retention policy"): "failed",
        (503, "busy"): "again",
    }
    for (status, message), expected in parts.items():
        part = SimpleNamespace(status_code=status, json=lambda message=message: {"error": {"message": message}})
        answer = gcs._answer(part)
        assert ("again" if isinstance(answer, Failure) else answer.outcome.value) == expected


# Azure


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
    assert set(container.delete(*paths).values()) <= {"deleted", "gone"}
    assert container.held() == set(neighbours())


def test_azure_a_wrong_key_fails_everything_without_showing_it(container):
    wrong = "d3Jvbmcta2V5LXdyb25nLWtleQ=="
    container.put(["a"])
    account = {"account_name": stores.ACCOUNT, "account_key": wrong}
    with closing(storages(sdk={"azure": {"storage": {"containers": [account]}}})) as opened:
        (error,) = failures(opened.delete([container.at("a")])).values()
        assert "sdk.azure.storage" in error
        assert "sdk.azure.storage" in opened.check([container.root])[container.root]
        with pytest.raises(Unlistable) as refused:
            list(opened.list(container.at("p")))
    assert wrong not in f"{error} {refused.value}"
    assert container.held() == {"a"}


def test_azure_the_folders_of_an_account_with_a_hierarchy_are_no_files(container):
    container.has.upload_blob(f"{folder_of(0)}/models", b"", metadata={"hdi_isfolder": "true"})
    container.has.upload_blob(f"{folder_of(0)}/models/m.pt", b"")
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
