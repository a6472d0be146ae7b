"""A training script and what people do with its task afterwards, through the SDK; run by test_sdk_course.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from clearml import Dataset, InputModel, OutputModel, Task

PROJECT = "a & b/one two"


def train() -> str:
    task = Task.init(PROJECT, "full course [1]", output_uri=True, auto_connect_frameworks=False)
    task.connect({"a": 1, "c": True})
    task.connect_configuration({"x": {"y": 1}}, name="conf")
    logger = task.get_logger()
    for iteration in range(3):
        logger.report_scalar("loss", "train", value=1.0 / (iteration + 1), iteration=iteration)
        logger.report_image("img", "v", iteration=iteration, image=np.zeros((8, 8, 3), "uint8"))
    logger.report_single_value("single", 3.0)
    print("a line on the console")
    task.upload_artifact("numbers", np.arange(5), wait_on_upload=True)
    Path("weights.bin").write_bytes(b"w" * 100)
    OutputModel(task=task, name="net", framework="PyTorch").update_weights("weights.bin", auto_delete_file=False)
    task.close()
    return str(task.id)


def look_back(task: Task) -> dict[str, object]:
    return {
        "status": task.get_status(),
        "parameters": task.get_parameters(),
        "numbers": task.artifacts["numbers"].get().tolist(),
        "scalars": task.get_reported_scalars()["loss"]["train"]["y"],
        "single": task.get_reported_single_values(),
        "console": "a line on the console" in "".join(task.get_reported_console_output()),
        "configuration": "y = 1" in task.get_configuration_objects()["conf"],
        "model": len(Path(task.models["output"][0].get_local_copy()).read_bytes()),
    }


def manage(task: Task) -> dict[str, object]:
    model = task.models["output"][0].id
    user = Task.create(PROJECT, "user of the model", script=__file__)
    user.set_input_model(model)
    clone = Task.clone(source_task=task, name="clone")
    clone.set_parameter("General/a", 7)
    Task.enqueue(clone, queue_name="services")
    data = Dataset.create(dataset_name="data", dataset_project=PROJECT)
    task.set_archived(True)
    archived = Task.get_tasks(project_name=PROJECT, task_filter={"system_tags": ["archived"]})
    return {
        "clone": (clone.get_status(), clone.get_parameters()["General/a"]),
        "dataset": data.id,
        "archived": [item.id for item in archived],
        "input": InputModel(model_id=model).name,
    }


if __name__ == "__main__":
    made = train()
    held = Task.get_task(task_id=made)
    print("RESULT", json.dumps({"id": made, "seen": look_back(held), **manage(held)}), flush=True)
