"""A training script that leaves files which nothing names, in each of the SDK's own ways. Argument: where to."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from clearml import OutputModel, Task

PROJECT = "a & b/one two"


def train(task: Task, run: int) -> None:
    task.get_logger().set_default_upload_destination(sys.argv[1])
    task.upload_artifact("again", np.arange(5), wait_on_upload=True)
    task.upload_artifact("again", {"another": "type"}, wait_on_upload=True)
    net = OutputModel(task=task, name="net", framework="PyTorch")
    for checkpoint in range(3):
        Path(f"run{run}_{checkpoint}.bin").write_bytes(b"w" * 100)
        net.update_weights(f"run{run}_{checkpoint}.bin", auto_delete_file=False)
    for iteration in range(6):
        image = np.full((8, 8, 3), iteration, "uint8")
        task.get_logger().report_image("img", f"run{run}", iteration=iteration, image=image, max_image_history=2)
    task.flush(wait_for_uploads=True)
    task.close()


def begin(name: str, reuse: bool | str = False) -> Task:
    return Task.init(PROJECT, name, reuse_last_task_id=reuse, output_uri=sys.argv[1], auto_connect_frameworks=False)


def main() -> None:
    ids = []
    for name in ("lr:0.1 run", "reset, and left so"):
        task = begin(name)
        train(task, 1)
        task.reset(force=True)
        ids.append(str(task.id))
    again = begin("lr:0.1 run", reuse=ids[0])
    train(again, 2)
    assert again.id == ids[0]
    for task in ids:
        Task.get_task(task_id=task).set_archived(True)
    print("RESULT", *ids, flush=True)


if __name__ == "__main__":
    main()
