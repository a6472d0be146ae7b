"""The real SDK makes files that nothing names any more, on the file server and in a bucket: none is left of a task."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cleanup.cycle import run_once
from cleanup.server import Network, Server
from cleanup.settings import Settings
from tests.storage import stores
from tests.storage.stores import OTHER

SCRIPT = Path(__file__).with_name("unnamed_files.py")


@pytest.fixture(params=["file server", "minio"])
def store(request, monkeypatch):
    """A storage with the sandbox beside which it is used."""
    with stores.file_server() as server, ExitStack() as more:
        for name, value in server.has.environment().items():
            if name != "CLEARML_CONFIG_FILE":
                monkeypatch.setenv(name, value)
        if request.param == "file server":
            yield server.has, server
        else:
            opened = stores.s3(request.getfixturevalue("s3_server"), pytest.MonkeyPatch(), minio=True)
            yield server.has, more.enter_context(opened)


def train(sandbox, folder, destination):
    """Run the script in a process of its own, and return the tasks that it made."""
    bucket = {"host": urlsplit(destination).netloc, "bucket": "bucket", "secure": False, **stores.KEYS}
    # By default the SDK forks to report while a thread of its own starts git, and now and then waits for ever.
    sdk = {"development": {"report_use_subprocess": False}, "aws": {"s3": {"credentials": [bucket]}}}
    (folder / "clearml.conf").write_text(json.dumps({"sdk": sdk}))
    environment = {**os.environ, **sandbox.environment(), "CLEARML_CONFIG_FILE": str(folder / "clearml.conf")}
    run = [sys.executable, str(SCRIPT), destination]
    done = subprocess.run(run, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return line.split()[1:]


def named(sandbox, task):
    """Return the last parts of all addresses that the server still has of ``task``'s files."""
    addresses = [item["uri"] for item in sandbox.task(task)["execution"]["artifacts"]]
    addresses += [model["uri"] for model in sandbox.models.values() if model["task"] == task]
    addresses += [event["url"] for event in sandbox.events(task) if "url" in event]
    return {address.rpartition("/")[2] for address in addresses}


def test_nothing_is_left_below_the_folders_of_tasks_whatever_the_sdk_made_there(store, tmp_path):
    sandbox, storage = store
    other = f"a %26 b/one two/lr%3A0.1 run.{OTHER}/models/run1_0.bin"
    storage.put([other])
    run_again, only_reset = train(sandbox, tmp_path, storage.prefix)
    written = {task: {path for path in storage.held() if f".{task}/" in path} for task in (run_again, only_reset)}
    names = {path.rpartition("/")[2] for path in written[run_again]}
    images = {f"img_run{run}_0000000{number}.jpeg" for run in (1, 2) for number in range(2)}
    weights = {f"run{run}_{checkpoint}.bin" for run in (1, 2) for checkpoint in range(3)}
    assert names == {*images, *weights, "again.npz", "again.json"}
    assert named(sandbox, run_again) == {"run2_2.bin", "again.json"} | {name for name in images if "run2" in name}
    assert len(written[only_reset]) == 7
    assert named(sandbox, only_reset) == set()
    later = datetime.now(timezone.utc) + timedelta(days=60)
    server = Server(Network(attempts=3, backoff=0.0))
    result = run_once(server, storage.storages, Settings.parse({"force_delete": True}), now=later)
    server.close()
    assert (result.matched, len(result.deleted), result.ok, result.unlisted) == (2, 2, True, {})
    # At the top of a bucket the SDK tries whether it may write there.
    assert storage.held() - {"clearml.storage.helper-upload_test"} == {other}
