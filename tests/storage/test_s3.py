"""S3 against moto's server, as Amazon's and as a MinIO-like host, and the answers that moto does not give."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.stub import Stubber

from cleanup.storage import Outcome
from cleanup.storage.crew import Crew
from cleanup.storage.s3 import Bucket
from tests.storage.support import ODD_NAMES, TASK, failures, files_of_tasks, located, neighbours, outcomes
from tests.storage.support import storages as make_storages

KEYS = {"key": "access-key-id", "secret": "very-secret"}


@pytest.fixture
def client(s3_server):
    opened = boto3.client(
        "s3",
        endpoint_url=f"http://{s3_server}",
        aws_access_key_id="x",
        aws_secret_access_key="y",
        region_name="us-east-1",
    )
    opened.create_bucket(Bucket="bucket")
    yield opened
    for page in opened.get_paginator("list_object_versions").paginate(Bucket="bucket"):
        for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            opened.delete_object(Bucket="bucket", Key=entry["Key"], VersionId=entry["VersionId"])
    opened.delete_bucket(Bucket="bucket")


@pytest.fixture(params=["amazon", pytest.param("minio", marks=pytest.mark.slow)])
def storages(request, s3_server, monkeypatch):
    """The two ways an address finds its server: by the bucket alone, and by a host in front of it."""
    if request.param == "amazon":
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{s3_server}")
        section = {"region": "us-east-1", **KEYS}
    else:
        section = {"credentials": [{"host": s3_server, "secure": False, **KEYS}]}
    opened = make_storages(sdk={"aws": {"s3": section}})
    opened.prefix = "s3://bucket" if request.param == "amazon" else f"s3://{s3_server}/bucket"
    yield opened
    opened.close()


def put(client, keys):
    for key in keys:
        client.put_object(Bucket="bucket", Key=key, Body=b"content")


def held(client):
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="bucket")
    return {entry["Key"] for page in pages for entry in page.get("Contents", [])}


def test_2500_files_of_50_tasks_go_and_their_neighbours_stay(storages, client):
    put(client, [*files_of_tasks(), *neighbours()])
    locations = [storages.locate(f"{storages.prefix}/{path}") for path in files_of_tasks()]
    result = storages.delete(locations)
    assert set(outcomes(result).values()) == {Outcome.DELETED}
    assert len(result) == 2500
    assert held(client) == set(neighbours())


@pytest.mark.parametrize("name", [*ODD_NAMES, "a&<b>\"'.txt", "x" * 900, " "])
def test_any_legal_key_is_deleted_by_its_address(storages, client, name):
    put(client, [f"p/n.{TASK}/models/{name}", *neighbours()])
    location = storages.locate(f"{storages.prefix}/p/n.{TASK}/models/{name}")
    assert set(outcomes(storages.delete([location])).values()) == {Outcome.DELETED}
    assert held(client) == set(neighbours())


@pytest.mark.slow
def test_a_key_that_the_buckets_policy_forbids_to_delete_fails_alone(storages, client):
    paths = files_of_tasks(25)
    put(client, [*paths, *neighbours()])
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteObject",
        "Resource": f"arn:aws:s3:::bucket/{paths[1234]}",
    }
    client.put_bucket_policy(Bucket="bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    result = storages.delete(located(storages.prefix, paths))
    assert list(failures(result)) == [paths[1234]]
    assert "AccessDenied" in failures(result)[paths[1234]]
    assert held(client) == {paths[1234], *neighbours()}
    client.delete_bucket_policy(Bucket="bucket")


def test_a_key_that_was_not_there_is_no_failure(storages, client):
    result = storages.delete(located(storages.prefix, files_of_tasks(1, 3)))
    assert set(outcomes(result).values()) <= {Outcome.DELETED, Outcome.GONE}


def test_in_a_versioned_bucket_the_current_version_goes(storages, client):
    client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    put(client, files_of_tasks(1, 3))
    assert not failures(storages.delete(located(storages.prefix, files_of_tasks(1, 3))))
    assert held(client) == set()


def test_a_bucket_that_does_not_exist_fails_with_what_to_look_at(storages, client):
    root = storages.prefix.replace("bucket", "missing")
    result = storages.delete(located(root, ["a", "b"]))
    assert set(outcomes(result).values()) == {Outcome.FAILED}
    assert all("NoSuchBucket" in error and "sdk.aws.s3" in error for error in failures(result).values())
    assert storages.check([root])[root]


def test_check_reaches_the_bucket(storages, client):
    assert storages.check([storages.prefix]) == {storages.prefix: ""}
    assert storages.name(storages.prefix) == storages.prefix


def test_folders_are_none_of_its_business(storages, client):
    put(client, files_of_tasks(1, 3))
    result = storages.remove_task_folders(located(storages.prefix, [f"p/n.{TASK}"]))
    assert set(outcomes(result).values()) == {Outcome.GONE}
    assert held(client) == set(files_of_tasks(1, 3))


def test_without_credentials_the_answer_says_what_to_set(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    storages = make_storages()
    result = storages.delete(located("s3://bucket", ["a"]))
    assert "sdk.aws.s3.credentials" in failures(result)["a"]
    assert "sdk.aws.s3" in storages.check(["s3://bucket"])["s3://bucket"]
    storages.close()


def test_an_unreachable_server_fails_without_its_secrets():
    section = {"credentials": [{"host": "127.0.0.1:9", "secure": False, **KEYS}]}
    storages = make_storages(sdk={"aws": {"s3": section}})
    result = storages.delete(located("s3://127.0.0.1:9/bucket", ["a"]))
    storages.close()
    assert failures(result)
    assert "very-secret" not in str(result)


def test_a_server_like_minio_gets_the_checksum_that_old_ones_insist_on(s3_server, client):
    storages = make_storages(sdk={"aws": {"s3": {"credentials": [{"host": s3_server, "secure": False, **KEYS}]}}})
    root = f"s3://{s3_server}/bucket"
    storages.check([root])
    sent = []
    storages._opened[root]._client.meta.events.register(
        "before-send", lambda request, **_: sent.append(request.headers)
    )
    storages.delete(located(root, ["a"]))
    storages.close()
    assert [headers["Content-MD5"] for headers in sent if "Content-MD5" in headers]


@pytest.fixture
def stubbed():
    client = boto3.client("s3", aws_access_key_id="x", aws_secret_access_key="y", region_name="us-east-1")
    crew = Crew(1)
    sleeps = []
    with Stubber(client) as stubber:
        yield stubber, Bucket("s3://bucket", client, crew, ["very-secret"], sleeps.append), sleeps
    crew.close()


def test_made_up_answers_are_matched_to_their_keys(stubbed):
    stubber, bucket, _ = stubbed
    errors = [{"Key": "b", "Code": "NoSuchKey"}, {"Key": "c", "Code": "Weird", "Message": "very-secret \x1b[31m"}]
    stubber.add_response("delete_objects", {"Deleted": [{"Key": "a"}, {"Key": "z"}], "Errors": errors})
    for _ in range(3):
        stubber.add_response("delete_objects", {})
    result = bucket.delete(["a", "b", "c", "d"])
    assert {key: answer.outcome.value for key, answer in result.items()} == {
        "a": "deleted",
        "b": "gone",
        "c": "failed",
        "d": "failed",
    }
    assert "very-secret" not in result["c"].error
    assert "\x1b" not in result["c"].error
    assert "does not mention" in result["d"].error


def test_made_up_keys_that_meet_a_busy_server_are_asked_for_again(stubbed):
    stubber, bucket, sleeps = stubbed
    stubber.add_response("delete_objects", {"Deleted": [{"Key": "a"}], "Errors": [{"Key": "b", "Code": "SlowDown"}]})
    again = {"Bucket": "bucket", "Delete": {"Objects": [{"Key": "b"}], "Quiet": False}}
    stubber.add_response("delete_objects", {"Deleted": [{"Key": "b"}]}, again)
    assert {answer.outcome for answer in bucket.delete(["a", "b"]).values()} == {Outcome.DELETED}
    assert sleeps == [0.5]


def test_a_made_up_server_without_bulk_deletion_is_asked_key_by_key(stubbed):
    stubber, bucket, _ = stubbed
    stubber.add_client_error("delete_objects", "NotImplemented", http_status_code=501)
    stubber.add_response("delete_object", {}, {"Bucket": "bucket", "Key": "a"})
    stubber.add_client_error("delete_object", "AccessDenied", http_status_code=403)
    stubber.add_response("delete_object", {}, {"Bucket": "bucket", "Key": "c"})
    first = bucket.delete(["a", "b"])
    second = bucket.delete(["c"])
    assert [answer.outcome.value for answer in {**first, **second}.values()] == ["deleted", "failed", "deleted"]


def test_a_made_up_request_that_one_key_spoils_is_taken_apart(stubbed):
    stubber, bucket, _ = stubbed
    stubber.add_client_error("delete_objects", "MalformedXML", http_status_code=400)
    stubber.add_response("delete_objects", {"Deleted": [{"Key": "a"}]})
    stubber.add_client_error("delete_objects", "MalformedXML", http_status_code=400)
    result = bucket.delete(["a", "b"])
    assert [answer.outcome.value for answer in result.values()] == ["deleted", "failed"]
    assert "MalformedXML" in result["b"].error
