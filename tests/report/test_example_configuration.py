"""clearml.conf.example: every key in it is one that the SDK reads, and with it in place our storages find theirs."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.report.hocon import NOT_IN_DEFAULTS, keys, known_keys, parsed, uncommented

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "clearml.conf.example").read_text()

LOOK = """
import json
from clearml.backend_api import Session
from clearml.config import config_obj
from cleanup.storage import Storages, known_file_servers
from cleanup.storage.sdk import load

sdk = load()
storages = Storages(known_file_servers(), lambda refresh: "")

def shown(found, *names):
    return [getattr(found, name, None) for name in names]

print("LOOK" + json.dumps({
    "hosts": [Session.get_api_server_host(), Session.get_app_server_host(), Session.get_files_server_host()],
    "verify": sdk.verify,
    "file_servers": known_file_servers(),
    "credentials": config_obj.get("api.credentials").as_plain_ordered_dict(),
    "own_bucket": shown(sdk.s3.get_config_by_uri("s3://my-bucket/"), "key", "secret"),
    "other_bucket": shown(sdk.s3.get_config_by_uri("s3://other/"), "key", "secret", "region"),
    "minio": shown(sdk.s3.get_config_by_uri("s3://minio.example.com:9000/b/"), "host", "key", "secret", "secure"),
    "gs": shown(sdk.gs.get_config_by_uri("gs://my-bucket/x"), "project", "credentials_json"),
    "gs_other": shown(sdk.gs.get_config_by_uri("gs://other/x"), "project", "credentials_json"),
    "azure": shown(sdk.azure.get_config_by_uri("azure://myaccount.blob.core.windows.net/mycontainer/"),
                   "account_name", "account_key", "container_name"),
    "moved": [str(storages.locate(address).path) + " at " + storages.locate(address).root for address in
              ("http://old-files.example.com:8081/p/t.1/a", "file:///mnt/old/p/t.1/a")],
}))
"""


def looked_up(configuration: str, tmp_path: Path) -> dict[str, Any]:
    """What the SDK and our storages make of a configuration file, in a process of their own."""
    path = tmp_path / "clearml.conf"
    path.write_text(configuration)
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        cwd=ROOT,
        env={**os.environ, "CLEARML_CONFIG_FILE": str(path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("LOOK")] or [done.stderr]
    found: dict[str, Any] = json.loads(line.removeprefix("LOOK"))
    return found


@pytest.mark.parametrize("text", [EXAMPLE, uncommented(EXAMPLE)], ids=["as it is", "uncommented"])
def test_every_key_is_one_that_the_sdk_reads(text: str) -> None:
    shown = set(keys(parsed(text)))
    assert len(shown) > 15
    assert shown - known_keys() == set()


def test_uncommenting_finds_the_commented_examples() -> None:
    gained = set(keys(parsed(uncommented(EXAMPLE)))) - set(keys(parsed(EXAMPLE)))
    assert {
        "sdk.storage.path_substitution[].local_prefix",
        "sdk.aws.s3.credentials[].bucket",
        "sdk.aws.s3.credentials[].host",
        "sdk.google.storage.credentials[].credentials_json",
        "sdk.azure.storage.containers[].container_name",
    } <= gained


@pytest.mark.parametrize("key", NOT_IN_DEFAULTS)
def test_a_key_without_a_default_is_read_by_the_sdk_all_the_same(key: str) -> None:
    assert key.rpartition(".")[2].removesuffix("[]") in NOT_IN_DEFAULTS[key].read_text()


def test_a_key_that_nobody_reads_would_be_found() -> None:
    wrong = EXAMPLE.replace("files_server:", "fileserver:")
    assert set(keys(parsed(wrong))) - known_keys() == {"api.fileserver"}


def test_the_sdk_reads_it_as_it_is(tmp_path: Path) -> None:
    found = looked_up(EXAMPLE, tmp_path)
    assert found["hosts"] == ["http://localhost:8008", "http://localhost:8080", "http://localhost:8081"]
    assert found["verify"] is True
    assert found["file_servers"] == ["http://localhost:8081"]
    assert found["other_bucket"] == ["", "", ""]


def filled(text: str) -> str:
    """The example with a value of its own in each empty place, as a user would fill it."""
    values = (f'"value {number}"' for number in itertools.count())
    return re.sub(r'(?<!subdir: )""', lambda _: next(values), uncommented(text))


def test_with_every_example_uncommented_each_storage_finds_its_own_credentials(tmp_path: Path) -> None:
    text = filled(EXAMPLE)
    expected = parsed(text)["sdk"]
    s3 = expected["aws"]["s3"]
    own, minio = s3["credentials"]
    google = expected["google"]["storage"]
    (bucket,) = google["credentials"]
    (container,) = expected["azure"]["storage"]["containers"]
    found = looked_up(text, tmp_path)
    assert found["credentials"] == parsed(text)["api"]["credentials"]
    assert found["own_bucket"] == [own["key"], own["secret"]]
    assert found["other_bucket"] == [s3["key"], s3["secret"], s3["region"]]
    assert found["minio"] == ["minio.example.com:9000", minio["key"], minio["secret"], False]
    assert found["gs_other"] == [google["project"], google["credentials_json"]]
    assert found["gs"] == [bucket["project"], bucket["credentials_json"]]
    assert found["azure"] == [container["account_name"], container["account_key"], container["container_name"]]
    assert len({json.dumps(found[name]) for name in ("own_bucket", "other_bucket", "minio")}) == 3


def test_with_the_substitutions_uncommented_an_old_address_leads_to_where_the_file_is_now(tmp_path: Path) -> None:
    moved = looked_up(uncommented(EXAMPLE), tmp_path)["moved"]
    assert moved[0] == "p/t.1/a at http://localhost:8081"
    assert moved[1].startswith("/mnt/new/p/t.1/a at ")
