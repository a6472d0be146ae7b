"""Cycles over tasks with files in an S3 bucket (moto's server), where the bucket may be listed and where it may not.

    python -m tests.bench.s3 --tasks 1000

Each task has three files there, one of them named by nothing. Seconds are those of the work.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends

from cleanup.sandbox import Sandbox
from cleanup.sandbox.http import WebServer
from tests.bench.turn import take_turn
from tests.bench.world import OLD_DAYS

BUCKET = "bench"


class Counting:
    """A WSGI application around moto's that counts requests by method, and lists nothing unless ``listing``."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.listing = True
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.counts[environ["REQUEST_METHOD"]] += 1
        if environ["REQUEST_METHOD"] == "GET" and not self.listing:
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"<Error><Code>AccessDenied</Code><Message>no s3:ListBucket</Message></Error>"]
        return self._moto(environ, start_response)


@contextmanager
def bucket() -> Iterator[tuple[Counting, str, dict[str, str]]]:
    """Run a server with one empty bucket; give the counts, the address, and what points the SDK there."""
    counting = Counting()
    server = WebServer(counting)
    server.start()
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    backend.reset()
    backend.create_bucket(BUCKET, "us-east-1")
    host = server.url.removeprefix("http://")
    access = {"host": host, "bucket": BUCKET, "key": "bench", "secret": "bench", "secure": False}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "clearml.conf"
        config.write_text(json.dumps({"sdk": {"aws": {"s3": {"credentials": [access]}}}}))
        environment = {"CLEARML_CONFIG_FILE": str(config), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        try:
            yield counting, f"s3://{host}/{BUCKET}", environment
        finally:
            server.stop()


def cycle(tasks: int, *, listing: bool) -> dict[str, Any]:
    """Return what a cycle shows whose tasks have their files in the bucket."""
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    with bucket() as (counting, root, environment), Sandbox() as sandbox:
        counting.listing = listing
        for number in range(tasks):
            task = sandbox.add_task(name=f"run {number}", archived=True, status="completed", age_days=OLD_DAYS)
            folder = f"team/run {number}.{task}"
            sandbox.add_artifact(task, "part", uri=f"{root}/{folder}/artifacts/part/part.npz")
            sandbox.add_model(task, "net", uri=f"{root}/{folder}/models/net.pt")
            for name in ("artifacts/part/part.npz", "models/net.pt", "models/superseded.pt"):
                backend.put_object(BUCKET, f"{folder}/{name}", b"content")

        def at_start() -> None:
            counting.counts.clear()
            sandbox.reset_requests()

        report = take_turn("service", {"settings": {}}, {**sandbox.environment(), **environment}, at_start)
        return {
            **report,
            "s3_requests_per_task": round(sum(counting.counts.values()) / tasks, 4),
            "s3_requests_by_method": dict(counting.counts),
            "api_requests_per_task": round(sandbox.api_requests / tasks, 4),
            "files_left": len(backend.get_bucket(BUCKET).keys),
            "tasks_left": len(sandbox.tasks),
        }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.s3", description=__doc__)
    parser.add_argument("--tasks", type=int, default=1000)
    tasks = parser.parse_args().tasks
    print(json.dumps({"listed": cycle(tasks, listing=True), "not_listed": cycle(tasks, listing=False)}, indent=2))


if __name__ == "__main__":
    main()
