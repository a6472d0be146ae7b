"""The real SDK goes its whole way against the sandbox, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from cleanup.sandbox import Sandbox
from cleanup.sandbox.calls import HANDLERS

SCRIPT = Path(__file__).with_name("full_course.py")


def test_what_a_task_reported_and_uploaded_comes_back_and_can_be_managed(tmp_path: Path) -> None:
    configuration = tmp_path / "clearml.conf"
    # By default the SDK forks to report while a thread of its own starts git, and now and then waits for ever.
    configuration.write_text("sdk { development { report_use_subprocess: false } }")
    with Sandbox() as sandbox:
        sandbox.add_queue("services")
        environment = {**os.environ, **sandbox.environment(), "CLEARML_CONFIG_FILE": str(configuration)}
        run = [sys.executable, str(SCRIPT)]
        done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        assert done.returncode == 0 and lines, done.stdout + done.stderr
        result = json.loads(lines[0].removeprefix("RESULT "))
        trained, dataset = result.pop("id"), result.pop("dataset")
        expected = {"status": "completed", "numbers": [0, 1, 2, 3, 4], "scalars": [1.0] * 3, "model": 100}
        assert result == {**expected, "clone": ["queued", "7"], "archived": [trained]}
        (queue,) = sandbox.queues.values()
        assert [sandbox.task(entry["task"])["parent"] for entry in queue["entries"]] == [trained]
        sampled = {event["url"] for event in sandbox.events(trained) if event["type"] == "training_debug_image"}
        uploaded = {item["uri"] for item in sandbox.task(trained)["execution"]["artifacts"]}
        seeded = sandbox.put_file(f"{sandbox.folder(trained)}/artifacts/x/x.bin")
        assert len(sampled) == 3
        assert len({uri.partition(f".{trained}/")[0] for uri in (*sampled, *uploaded, seeded)}) == 1, "of one form"
        made, version = sandbox.task(dataset), sandbox.task(sandbox.add_dataset("seeded"))
        assert made["type"] == version["type"]
        assert "dataset" in {*made["system_tags"]} & {*version["system_tags"]}
        assert {name for name in sandbox.requests if not name.startswith("files.")} - set(HANDLERS) == {"auth.login"}
