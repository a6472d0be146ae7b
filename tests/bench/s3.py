"""Cycles over tasks with files in an S3 bucket, where the bucket may be listed and where it may not.

    python -m tests.bench.s3 --tasks 1000

Each task has three files there, one of them named by nothing. Seconds are those of the work.
"""

from __future__ import annotations

import json
from typing import Any

from cleanup.sandbox import Sandbox
from tests.bench.bucket import bucket
from tests.bench.turn import take_turn
from tests.bench.world import OLD_DAYS, parser

FILES = ("artifacts/part/part.npz", "models/net.pt", "models/superseded.pt")


def cycle(tasks: int, *, listing: bool) -> dict[str, Any]:
    """Return what a cycle shows whose tasks have their files in the bucket."""
    with bucket(listing=listing) as there, Sandbox() as sandbox:
        for number in range(tasks):
            task = sandbox.add_task(name=f"run {number}", archived=True, status="completed", age_days=OLD_DAYS)
            folder = f"team/run {number}.{task}"
            sandbox.add_artifact(task, "part", uri=f"{there.address}/{folder}/{FILES[0]}")
            sandbox.add_model(task, "net", uri=f"{there.address}/{folder}/{FILES[1]}")
            there.keys += [f"{folder}/{name}" for name in FILES]
        there.keys.sort()
        report = take_turn(
            "service", {"settings": {}}, {**sandbox.environment(), **there.environment}, sandbox.reset_requests
        )
        return {
            **report,
            "s3_requests_per_task": round(there.requests.total() / tasks, 4),
            "s3_requests_by_method": dict(there.requests),
            "api_requests_per_task": round(sandbox.api_requests / tasks, 4),
            "files_left": len(there.keys) - len(there.gone),
            "tasks_left": len(sandbox.tasks),
        }


def main() -> None:
    tasks = parser("s3", __doc__, {"tasks": 1000}).parse_args().tasks
    print(json.dumps({"listed": cycle(tasks, listing=True), "not_listed": cycle(tasks, listing=False)}, indent=2))


if __name__ == "__main__":
    main()
