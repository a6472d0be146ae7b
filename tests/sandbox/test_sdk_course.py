"""The real SDK goes its whole way against the sandbox, in a process of its own: this file, run as a script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from clearml import Dataset, OutputModel, Task

from cleanup.sandbox import Sandbox
from cleanup.sandbox.calls import HANDLERS

PROJECT = "a & b/one two"


def train() -> str:
    task = Task.init(PROJECT, "full course [1]", output_uri=True, auto_connect_frameworks=False)
    task.connect({"a": 1})
    for iteration in range(3):
        task.get_logger().report_scalar("loss", "train", value=1.0, iteration=iteration)
        task.get_logger().report_image("img", "v", iteration=iteration, image=np.zeros((8, 8, 3), "uint8"))
    task.upload_artifact("numbers", np.arange(5), wait_on_upload=True)
    Path("weights.bin").write_bytes(b"w" * 100)
    OutputModel(task=task, name="net", framework="PyTorch").update_weights("weights.bin", auto_delete_file=False)
    task.close()
    return str(task.id)


def look_back_and_manage(task: Task) -> dict[str, object]:
    clone = Task.clone(source_task=task, name="clone")
    clone.set_parameter("General/a", 7)
    clone.set_input_model(task.models["output"][0].id)
    Task.enqueue(clone, queue_name="services")
    return {
        "id": task.id,
        "status": task.get_status(),
        "numbers": task.artifacts["numbers"].get().tolist(),
        "scalars": task.get_reported_scalars()["loss"]["train"]["y"],
        "model": len(Path(task.models["output"][0].get_local_copy()).read_bytes()),
        "clone": [clone.get_status(), clone.get_parameters()["General/a"]],
        "dataset": Dataset.create(dataset_name="data", dataset_project=PROJECT).id,
    }


def test_what_a_task_reported_and_uploaded_comes_back_and_can_be_managed(tmp_path: Path) -> None:
    configuration = tmp_path / "clearml.conf"
    # By default the SDK forks to report while a thread of its own starts git, and now and then waits for ever.
    configuration.write_text("sdk { development { report_use_subprocess: false } }")
    with Sandbox() as sandbox:
        sandbox.add_queue("services")
        environment = {**os.environ, **sandbox.environment(), "CLEARML_CONFIG_FILE": str(configuration)}
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        run = [sys.executable, __file__]
        done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        assert done.returncode == 0 and lines, done.stdout + done.stderr
        result = json.loads(lines[0].removeprefix("RESULT "))
        trained, dataset = result.pop("id"), result.pop("dataset")
        expected = {"status": "completed", "numbers": [0, 1, 2, 3, 4], "scalars": [1.0] * 3, "model": 100}
        assert result == {**expected, "clone": ["queued", "7"]}
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


if __name__ == "__main__":
    print("RESULT", json.dumps(look_back_and_manage(Task.get_task(task_id=train()))), flush=True)
