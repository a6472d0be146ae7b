"""A training script and what people do with its task afterwards, through the SDK; run by test_sdk_course.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from clearml import Dataset, OutputModel, Task

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
    task.set_archived(True)
    archived = Task.get_tasks(project_name=PROJECT, task_filter={"system_tags": ["archived"]})
    return {
        "id": task.id,
        "status": task.get_status(),
        "numbers": task.artifacts["numbers"].get().tolist(),
        "scalars": task.get_reported_scalars()["loss"]["train"]["y"],
        "model": len(Path(task.models["output"][0].get_local_copy()).read_bytes()),
        "clone": [clone.get_status(), clone.get_parameters()["General/a"]],
        "dataset": Dataset.create(dataset_name="data", dataset_project=PROJECT).id,
        "archived": [item.id for item in archived],
    }


if __name__ == "__main__":
    made = train()
    print("RESULT", json.dumps(look_back_and_manage(Task.get_task(task_id=made))), flush=True)
