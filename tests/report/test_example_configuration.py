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
old = ("http://old-files.example.com:8081/p/t.1/a", "file:///mnt/old/p/t.1/a")

def of(kind, address):
    found = sdk.buckets(kind).get_config_by_uri(address)
    return vars(found) if found else {}

print("LOOK" + json.dumps({
    "hosts": [Session.get_api_server_host(), Session.get_app_server_host(), Session.get_files_server_host()],
    "verify": sdk.verify,
    "file_servers": known_file_servers(),
    "credentials": config_obj.get("api.credentials").as_plain_ordered_dict(),
    "own_bucket": of("s3", "s3://my-bucket/"),
    "other_bucket": of("s3", "s3://other/"),
    "minio": of("s3", "s3://minio.example.com:9000/b/"),
    "gs": [of("gs", f"gs://{bucket}/x") for bucket in ("my-bucket", "other")],
    "azure": of("azure", "azure://myaccount.blob.core.windows.net/mycontainer/"),
    "moved": [f"{found.path} at {found.root}" for address in old for found in storages.locate(address)[:1]],
}, default=str))
"""


def looked_up(configuration: str, tmp_path: Path) -> dict[str, Any]:
    """What the SDK and our storages make of a configuration file, in a process of their own."""
    path = tmp_path / "clearml.conf"
    path.write_text(configuration)
    environment, command = {**os.environ, "CLEARML_CONFIG_FILE": str(path)}, [sys.executable, "-c", LOOK]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("LOOK")] or [done.stderr]
    found: dict[str, Any] = json.loads(line.removeprefix("LOOK"))
    return found


def test_every_key_is_one_that_the_sdk_reads() -> None:
    for text in (EXAMPLE, uncommented(EXAMPLE)):
        assert set(keys(parsed(text))) - known_keys() == set()
        wrong = text.replace("files_server:", "fileserver:")
        assert set(keys(parsed(wrong))) - known_keys() == {"api.fileserver"}
    examples = {"sdk.storage.path_substitution[].local_prefix", "sdk.google.storage.credentials[].credentials_json"}
    examples |= {"sdk.aws.s3.credentials[].host", "sdk.azure.storage.containers[].container_name"}
    assert examples <= set(keys(parsed(uncommented(EXAMPLE))))
    for key, source in NOT_IN_DEFAULTS.items():
        assert key.rpartition(".")[2].removesuffix("[]") in source.read_text()


def test_as_it_is_the_sdk_reads_it_and_with_every_example_each_storage_finds_its_own(tmp_path: Path) -> None:
    found = looked_up(EXAMPLE, tmp_path)
    assert found["hosts"] == ["http://localhost:8008", "http://localhost:8080", "http://localhost:8081"]
    assert (found["verify"], found["file_servers"]) == (True, ["http://localhost:8081"])
    assert {found["other_bucket"][name] for name in ("key", "secret", "region")} == {""}

    # With a value of its own in each empty place, as a user would fill it.
    values = (f'"value {number}"' for number in itertools.count())
    text = re.sub(r'(?<!subdir: )""', lambda _: next(values), uncommented(EXAMPLE))
    expected = parsed(text)["sdk"]
    s3, google = expected["aws"]["s3"], expected["google"]["storage"]
    own, minio = s3["credentials"]
    (container,) = expected["azure"]["storage"]["containers"]
    found = looked_up(text, tmp_path)
    assert found["credentials"] == parsed(text)["api"]["credentials"]
    for shown, wanted, names in (
        (found["own_bucket"], own, ("key", "secret")),
        (found["other_bucket"], s3, ("key", "secret", "region")),
        (
            found["minio"],
            {**minio, "host": "minio.example.com:9000", "secure": False},
            ("key", "secret", "host", "secure"),
        ),
        (found["gs"][0], google["credentials"][0], ("project", "credentials_json")),
        (found["gs"][1], google, ("project", "credentials_json")),
        (found["azure"], container, tuple(container)),
    ):
        assert [shown[name] for name in names] == [wanted[name] for name in names]
    assert len({own["key"], s3["key"], minio["key"]}) == 3
    server, disk = found["moved"]
    assert server == "p/t.1/a at http://localhost:8081"
    assert disk.startswith("/mnt/new/p/t.1/a at ")
