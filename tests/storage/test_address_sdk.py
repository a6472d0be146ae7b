"""Addresses beside the SDK: its own uploads lead back to their names; folders, base URLs and settings."""

from __future__ import annotations

import pytest
from clearml.backend_config.bucket_config import (
    AzureContainerConfigurations,
    GSBucketConfigurations,
    S3BucketConfigurations,
)
from clearml.storage.helper import StorageHelper
from clearml.storage.url import quote_url
from hypothesis import assume, given
from hypothesis import strategies as st

from cleanup.storage import BadAddress, Location, known_file_servers
from cleanup.storage.address import file_server_base, is_task_folder, task_depth
from tests.storage.support import FILES, ODD_NAMES, OTHER, PREFIXED, SDK, TASK, T, storages


@pytest.fixture(scope="module")
def here():
    with_all = storages(FILES, PREFIXED, sdk=SDK)
    yield with_all
    with_all.close()


NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="?#;\\"), min_size=1, max_size=80)


@given(NAMES)
def test_a_file_server_address_made_by_the_sdk_leads_back_to_the_uploaded_name(name):
    uploaded = f"/p/{name}.{TASK}/models/x.pt"
    assume(not {".", ".."} & set(name.split("/")))
    here = storages(FILES)
    try:
        found = here.locate(quote_url(FILES + uploaded))
    except BadAddress as refused:
        assume("climbs" not in str(refused) and "escapes" not in str(refused))
        raise
    finally:
        here.close()
    assert found.path == "/".join(part for part in uploaded.split("/") if part)


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize(
    "bucket", ["s3://data", "s3://free", "s3://minio.example.com:9000/b", "gs://data", "gs://free"]
)
def test_buckets_and_keys_are_those_that_the_sdk_uses(here, monkeypatch, bucket, name):
    monkeypatch.setattr(StorageHelper, "_s3_configurations", S3BucketConfigurations.from_config(SDK["aws"]["s3"]))
    monkeypatch.setattr(
        StorageHelper, "_gs_configurations", GSBucketConfigurations.from_config(SDK["google"]["storage"])
    )
    address = f"{bucket}/{T}/models/{name}"
    base = StorageHelper._resolve_base_url(address)
    found = here.locate(address)
    assert found == Location(base, address[len(base) :].lstrip("/"))


def test_azure_containers_and_names_are_those_that_the_sdk_uses(here, monkeypatch):
    configurations = AzureContainerConfigurations.from_config(SDK["azure"]["storage"])
    monkeypatch.setattr(StorageHelper, "_azure_configurations", configurations)
    address = f"azure://acct.blob.core.windows.net/c/{T}/models/a b%25.pt"
    base = StorageHelper._resolve_base_url(address)
    assert here.locate(address) == Location(base, address[len(base) :].lstrip("/"))


def test_a_setting_that_the_sdk_cannot_read_is_named():
    broken = storages(FILES, sdk={"aws": {"s3": {"credentials": [{"nonsense": "very secret"}]}}})
    with pytest.raises(BadAddress, match=r"sdk\.aws\.s3 in clearml\.conf cannot be read") as refused:
        broken.locate("s3://bucket/k")
    assert "very secret" not in str(refused.value)
    broken.close()


@pytest.mark.parametrize(
    ("path", "depth"),
    [
        (f"{T}/artifacts/a/b", 2),
        (f"/mnt/{T}/models/x", 4),
        (f"long.{OTHER}/n.{TASK}/models/x", 2),
        (f"long.{OTHER}/sub/x", 1),
        (f"p/n.{TASK}", 0),
        ("p/n.0123/models/x", 0),
        (f"p/n.{TASK.upper()}/models/x", 0),
    ],
)
def test_a_tasks_folder_is_found_by_its_id(path, depth):
    assert task_depth(path) == depth


def test_a_file_belongs_to_a_task_only_below_its_folder():
    file = Location(FILES, f"{T}/models/x.pt")
    assert file.folder_of(TASK) == Location(FILES, T)
    assert file.folder_of(OTHER) is None
    assert Location(FILES, T).folder_of(TASK) is None
    assert Location("file://", f"/mnt/{T}/x").folder_of(TASK) == Location("file://", f"/mnt/{T}")
    assert Location(FILES, f"p/{TASK}/x").folder_of(TASK) is None
    assert is_task_folder(T)
    assert not is_task_folder("p/n")


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://Files.example.com/", "https://files.example.com"),
        ("http://h:80", "http://h"),
        ("http://h:8081//a//b/", "http://h:8081/a/b"),
        ("https://user:secret@h/x?y#z", "https://h/x"),
        ("s3://bucket", None),
        ("h:8081", None),
        ("http://", None),
    ],
)
def test_base_urls_are_taken_apart(url, base):
    found = file_server_base(url)
    assert (found.url if found else None) == base


def test_the_hosted_services_former_file_servers_count_for_the_hosted_service_alone(monkeypatch):
    monkeypatch.setenv("CLEARML_FILES_HOST", "https://files.clear.ml")
    assert known_file_servers() == ["https://files.clear.ml", "https://files.community.clear.ml"]
    monkeypatch.setenv("CLEARML_FILES_HOST", "https://files.example.com/")
    assert known_file_servers() == ["https://files.example.com"]
