"""A million objects in a bucket, half of them orphans: time and memory to find them, and to delete them.

    python -m tests.bench.orphans --objects 1000000
    python -m tests.bench.orphans --objects 1000000 --files 1000000

``--files``: so many in the folder of each task. The second: all of them in one.

The bucket is a stand-in: seconds are those of this service and of that.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from cleanup.sandbox import Sandbox
from tests.bench.bucket import bucket
from tests.bench.turn import take_turn
from tests.bench.world import parser


def measure(objects: int, files: int) -> dict[str, Any]:
    """Return what both steps took."""
    with bucket() as there, Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        for number in range(objects):
            task, file = divmod(number, files)
            image = f"metrics/images/validation/image_{file:08}.png"
            there.keys.append(f"team/run {task:07}.{task:032x}/{image}")
        living = range(1, objects // files, 2)
        for number in living:
            sandbox.add_task("run", "team", task_id=f"{number:032x}")
        manifest = Path(folder) / "orphans.jsonl.gz"

        def step(*arguments: str) -> dict[str, Any]:
            def at_start() -> None:
                sandbox.reset_requests()
                there.requests.clear()

            around = {**sandbox.environment(), **there.environment}
            report = take_turn("orphans", {"arguments": arguments}, around, at_start)
            return {**report, "api_requests": sandbox.api_requests, "bucket_requests": there.requests.total()}

        found = step(there.address, "--shared-with-no-other-server", "--output", str(manifest))
        size = manifest.stat().st_size
        deleted = step("--delete", str(manifest))
        right = there.gone == {key for number, key in enumerate(there.keys) if number // files not in living}
    return {"objects": objects, "find": found, "manifest_bytes": size, "delete": deleted, "exactly": right}


def main() -> None:
    given = parser("orphans", __doc__, {"objects": 1_000_000, "files": 50}).parse_args()
    print(json.dumps(measure(given.objects, given.files), indent=2))


if __name__ == "__main__":
    main()
