"""All storages behind one door: grouping, one bound, and no exception."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
import threading

import pytest

from cleanup.storage import Answer, Location, Outcome, StorageUnavailable
from cleanup.storage.base import DELETED, GONE
from tests.storage.support import failures, outcomes
from tests.storage.support import storages as make_storages


class Fake:
    def __init__(self, name, act=None):
        self.name, self.act, self.calls, self.closed = name, act, [], False

    def delete(self, paths, keep=()):
        self.calls.append((list(paths), set(keep)))
        return self.act(paths) if self.act else dict.fromkeys(paths, DELETED)

    def remove_folders(self, paths):
        return dict.fromkeys(paths, GONE)

    def check(self):
        return ""

    def close(self):
        self.closed = True


def test_each_storage_gets_its_own_paths_once_and_what_must_stay():
    opened = {"a": Fake("a"), "b": Fake("b")}
    storages = make_storages(open_storage=opened.__getitem__)
    locations = [Location("a", "1"), Location("b", "1"), Location("a", "2"), Location("a", "1")]
    result = storages.delete(iter(locations), keep=[Location("a", "3")])
    assert set(result) == set(locations)
    assert opened["a"].calls == [(["1", "2"], {"3"})]
    assert opened["b"].calls == [(["1"], set())]
    storages.close()
    assert opened["a"].closed


def test_storages_work_side_by_side():
    meeting = threading.Barrier(3, timeout=10)

    def act(paths):
        meeting.wait()
        return dict.fromkeys(paths, DELETED)

    storages = make_storages(open_storage=lambda root: Fake(root, act))
    result = storages.delete([Location(root, "x") for root in "abc"])
    storages.close()
    assert not failures(result)


def test_a_storage_that_breaks_fails_alone_and_without_its_secrets():
    def broken(paths):
        raise RuntimeError("password=hunter2\nnext line")

    storages = make_storages(open_storage=lambda root: Fake(root, broken if root == "bad" else None))
    result = storages.delete([Location("bad", "x"), Location("good", "x")])
    storages.close()
    assert result[Location("good", "x")].outcome is Outcome.DELETED
    assert "RuntimeError" in result[Location("bad", "x")].error
    assert "hunter2" not in result[Location("bad", "x")].error
    assert "\n" not in result[Location("bad", "x")].error


def test_a_path_that_a_storage_forgets_failed():
    storages = make_storages(open_storage=lambda root: Fake(root, lambda paths: {paths[0]: DELETED}))
    result = storages.delete([Location("a", "1"), Location("a", "2")])
    storages.close()
    assert outcomes(result) == {"1": Outcome.DELETED, "2": Outcome.FAILED}


def test_a_storage_that_cannot_be_opened_is_tried_again_the_next_time():
    reasons = [StorageUnavailable("install it")]

    def open_storage(root):
        if reasons:
            raise reasons.pop()
        return Fake(root)

    storages = make_storages(open_storage=open_storage)
    location = Location("a", "1")
    assert storages.delete([location])[location] == Answer(Outcome.FAILED, "install it")
    assert storages.delete([location])[location] == DELETED
    storages.close()


def test_nothing_to_do_is_nothing_done():
    storages = make_storages(open_storage=Fake)
    assert storages.delete([]) == {}
    assert storages.remove_task_folders([]) == {}
    assert storages.check([]) == {}
    storages.close()


def test_check_survives_whatever_a_storage_raises():
    def broken(root):
        raise ValueError("secret=hunter2")

    storages = make_storages(open_storage=broken)
    reason = storages.check(["a"])["a"]
    storages.close()
    assert "ValueError" in reason
    assert "hunter2" not in reason


def test_an_unknown_root_fails():
    storages = make_storages()
    result = storages.delete([Location("ftp://x", "y")])
    storages.close()
    assert "unknown storage" in failures(result)["y"]


@pytest.mark.parametrize(
    ("root", "module", "sdk", "extra"),
    [
        ("s3://bucket", "boto3", {"aws": {"s3": {"key": "k", "secret": "s"}}}, "[s3]"),
        ("gs://bucket", "google.cloud", {}, "[gs]"),
        (
            "azure://acct.blob.core.windows.net/box",
            "azure.storage",
            {"azure": {"storage": {"containers": [{"account_name": "acct", "account_key": "a2V5"}]}}},
            "[azure]",
        ),
    ],
)
def test_without_a_storages_client_the_answer_names_the_extra_to_install(monkeypatch, root, module, sdk, extra):
    real = builtins.__import__

    def missing(name, *rest, **more):
        if name == module or name.startswith(f"{module}."):
            raise ImportError(name)
        return real(name, *rest, **more)

    storages = make_storages(sdk=sdk)
    monkeypatch.setattr(builtins, "__import__", missing)
    result = storages.delete([Location(root, "a"), Location(root, "b")])
    reasons = storages.check([root])
    storages.close()
    assert len(failures(result)) == 2
    assert all(f'pip install "clearml-cleanup-service{extra}"' in error for error in failures(result).values())
    assert extra in reasons[root]


CONFIGURATION = """
api { files_server: "http://files.example.com:8081", verify_certificate: false }
sdk {
    storage {
        path_substitution: [{ registered_prefix: "file:///mnt/", local_prefix: "/data/" }]
        http.legacy_fileservers: ["https://old.example.com"]
    }
    aws.s3 { region: "eu-west-1", credentials: [{ host: "minio:9000", key: "k", secret: "s", secure: false }] }
    aws.boto3 { signature_version: "s3v4" }
    google.storage { credentials: [{ bucket: "b", credentials_json: "x.json" }] }
    azure.storage { containers: [{ account_name: "acct", account_key: "k" }] }
}
"""
SHOW = """
from cleanup.storage import Storages, known_file_servers
storages = Storages(known_file_servers(), lambda refresh: "")
sdk = storages._sdk
print(known_file_servers(), sdk.verify, dict(sdk.boto3)["signature_version"])
print(storages.locate("file:///mnt/x"), storages.locate("s3://minio:9000/box/k").root)
print(sdk.s3.get_config_by_uri("s3://minio:9000/box/k").secure, sdk.gs.get_config_by_uri("gs://b/k").credentials_json)
print(sdk.azure.get_config_by_uri("azure://acct.blob.core.windows.net/box/k").account_key)
storages.close()
"""


def test_the_settings_of_clearml_conf_are_those_that_count(tmp_path):
    (tmp_path / "clearml.conf").write_text(CONFIGURATION)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("CLEARML", "TRAINS", "AWS"))
    }
    environment["CLEARML_CONFIG_FILE"] = str(tmp_path / "clearml.conf")
    run = subprocess.run(
        [sys.executable, "-c", SHOW], check=False, env=environment, capture_output=True, text=True, timeout=60
    )
    assert run.stdout.splitlines() == [
        "['http://files.example.com:8081', 'https://old.example.com'] False s3v4",
        "Location(root='file://', path='/data/x') s3://minio:9000/box",
        "False x.json",
        "k",
    ], run.stderr
