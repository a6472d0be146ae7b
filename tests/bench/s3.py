"""Cycles over tasks with files in an S3 bucket (moto's server), where the bucket may be listed and where it may not.

    python -m tests.bench.s3 --tasks 1000

Each task has three files there, one of them named by nothing. Seconds are those of the work.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from cleanup.sandbox import Sandbox
from tests.bench.turn import take_turn
from tests.bench.world import OLD_DAYS, bucket, parser

FILES = ("artifacts/part/part.npz", "models/net.pt", "models/superseded.pt")


class Counting:
    """A WSGI application around moto's that counts requests by method, and lists nothing unless ``listing``."""

    def __init__(self, listing: bool) -> None:
        self.counts: Counter[str] = Counter()
        self._listing, self._moto = listing, DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.counts[environ["REQUEST_METHOD"]] += 1
        if environ["REQUEST_METHOD"] == "GET" and not self._listing:
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"<Error><Code>AccessDenied</Code><Message>no s3:ListBucket</Message></Error>"]
        return self._moto(environ, start_response)


def cycle(tasks: int, *, listing: bool) -> dict[str, Any]:
    """Return what a cycle shows whose tasks have their files in the bucket."""
    counting, moto = Counting(listing), get_backend("s3")["123456789012"]["aws"]
    moto.reset()
    moto.create_bucket("bench", "us-east-1")
    with bucket(counting) as (root, there), Sandbox() as sandbox:
        for number in range(tasks):
            task = sandbox.add_task(name=f"run {number}", archived=True, status="completed", age_days=OLD_DAYS)
            folder = f"team/run {number}.{task}"
            sandbox.add_artifact(task, "part", uri=f"{root}/{folder}/{FILES[0]}")
            sandbox.add_model(task, "net", uri=f"{root}/{folder}/{FILES[1]}")
            for name in FILES:
                moto.put_object("bench", f"{folder}/{name}", b"content")

        def at_start() -> None:
            counting.counts.clear()
            sandbox.reset_requests()

        report = take_turn("service", {"settings": {}}, {**sandbox.environment(), **there}, at_start)
        return {
            **report,
            "s3_requests_per_task": round(counting.counts.total() / tasks, 4),
            "s3_requests_by_method": dict(counting.counts),
            "api_requests_per_task": round(sandbox.api_requests / tasks, 4),
            "files_left": len(moto.get_bucket("bench").keys),
            "tasks_left": len(sandbox.tasks),
        }


def main() -> None:
    tasks = parser("s3", __doc__, {"tasks": 1000}).parse_args().tasks
    print(json.dumps({"listed": cycle(tasks, listing=True), "not_listed": cycle(tasks, listing=False)}, indent=2))


if __name__ == "__main__":
    main()
