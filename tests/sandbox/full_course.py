"""A training script and what people do with its task afterwards, through the SDK; run by test_sdk_course.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from clearml import InputModel, OutputModel, Task

PROJECT = "a & b/one two"


def train() -> str:
    task = Task.init(PROJECT, "full course [1]", output_uri=True, auto_connect_frameworks=False)
    settings = task.connect({"a": 1, "b": 2.5, "c": True, "d": "text"})
    task.connect_configuration({"x": {"y": settings["a"]}}, name="conf")
    logger = task.get_logger()
    for iteration in range(3):
        logger.report_scalar("loss", "train", value=1.0 / (iteration + 1), iteration=iteration)
        logger.report_image("img", "v", iteration=iteration, image=np.zeros((8, 8, 3), "uint8"))
    logger.report_table("table", "t", iteration=0, table_plot=[["a", "b"], [1, 2]])
    logger.report_single_value("single", 3.0)
    print("a line on the console")
    task.upload_artifact("numbers", np.arange(5), wait_on_upload=True)
    task.upload_artifact("linked", "s3://elsewhere/data.tar", wait_on_upload=True)
    Path("weights.bin").write_bytes(b"w" * 100)
    OutputModel(task=task, name="net", framework="PyTorch").update_weights("weights.bin", auto_delete_file=False)
    task.close()
    return str(task.id)


def look_back(task_id: str) -> dict[str, object]:
    task = Task.get_task(task_id=task_id)
    return {
        "id": task_id,
        "status": task.get_status(),
        "parameters": task.get_parameters(),
        "numbers": task.artifacts["numbers"].get().tolist(),
        "scalars": task.get_reported_scalars()["loss"]["train"]["y"],
        "single": task.get_reported_single_values(),
        "console": "a line on the console" in "".join(task.get_reported_console_output()),
        "configuration": "y = 1" in task.get_configuration_objects()["conf"],
        "model": Path(task.models["output"][0].get_local_copy()).read_bytes().decode(),
    }


def manage(task_id: str) -> dict[str, object]:
    task = Task.get_task(task_id=task_id)
    user = Task.create(PROJECT, "user of the model", script=__file__)
    user.set_input_model(task.models["output"][0].id)
    clone = Task.clone(source_task=task, name="clone")
    clone.set_parameter("General/a", 7)
    Task.enqueue(clone, queue_name="services")
    task.set_archived(True)
    archived = Task.get_tasks(project_name=PROJECT, task_filter={"system_tags": ["archived"]})
    return {
        "clone": {"id": clone.id, "status": clone.get_status(), "a": clone.get_parameters()["General/a"]},
        "user": user.id,
        "archived": [item.id for item in archived],
        "input": InputModel(model_id=task.models["output"][0].id).name,
    }


def delete(task_id: str) -> None:
    Task.get_task(task_id=task_id).delete(delete_artifacts_and_models=True, raise_on_error=False)


def send_away() -> None:
    task = Task.init(PROJECT, "remote", auto_connect_frameworks=False, reuse_last_task_id=False)
    task.execute_remotely(queue_name="services", exit_process=True)
    raise AssertionError("execute_remotely does not come back")


if __name__ == "__main__":
    action, given = sys.argv[1], sys.argv[2:]
    result = {"train": train, "look_back": look_back, "manage": manage, "delete": delete, "send_away": send_away}[
        action
    ](*given)  # type: ignore[operator]
    print("RESULT", json.dumps(result))
