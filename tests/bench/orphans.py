"""A million objects in a bucket, half of them orphans: time and memory to find them, and to delete them.

    python -m tests.bench.orphans --objects 1000000
    python -m tests.bench.orphans --objects 1000000 --files 1000000

The second: all of them in the folder of one task.

The bucket is a stand-in that makes its listing up as it is asked: seconds are those of this service and of that.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from cleanup.sandbox import Sandbox
from cleanup.sandbox.demo import environment
from cleanup.sandbox.http import WebServer


class Bucket:
    """A WSGI application that answers ListObjectsV2 and DeleteObjects. ``files``: so many has each folder."""

    def __init__(self, objects: int, files: int) -> None:
        self.objects, self.files, self.requests = objects, files, 0
        self.gone: set[int] = set()

    def key(self, number: int) -> str:
        folder, file = divmod(number, self.files)
        return f"team/run {folder:07}.{folder:032x}/metrics/images/validation/image_{file:08}.png"

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.requests += 1
        query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
        answer = self._delete(body) if "delete" in query else self._list(query)
        start_response("200 OK", [("Content-Type", "application/xml"), ("Content-Length", str(len(answer)))])
        return [answer]

    def _list(self, query: dict[str, list[str]]) -> bytes:
        folder = re.match(r"team/run (\d+)\.", query.get("prefix", [""])[0])
        first, end = (int(folder[1]) * self.files, (int(folder[1]) + 1) * self.files) if folder else (0, self.objects)
        start = int(query.get("continuation-token", [str(first)])[0])
        stop = min(start + 1000, end)
        rows = "".join(
            f"<Contents><Key>{escape(self.key(number))}</Key><Size>1000</Size>"
            "<LastModified>2024-01-01T00:00:00.000Z</LastModified></Contents>"
            for number in range(start, stop)
            if number not in self.gone
        )
        more = (
            f"<IsTruncated>true</IsTruncated><NextContinuationToken>{stop}</NextContinuationToken>"
            if stop < end
            else "<IsTruncated>false</IsTruncated>"
        )
        return f"<ListBucketResult>{rows}{more}</ListBucketResult>".encode()

    def _delete(self, body: str) -> bytes:
        keys = re.findall(r"<Key>(.*?)</Key>", body)
        for key in keys:
            folder, file = re.match(r"team/run (\d+)\..*_(\d+)\.png", key).groups()  # type: ignore[union-attr]
            self.gone.add(int(folder) * self.files + int(file))
        rows = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return f"<DeleteResult>{rows}</DeleteResult>".encode()


def measure(objects: int, files: int) -> dict[str, Any]:
    """Return what both steps took."""
    bucket = Bucket(objects, files)
    server = WebServer(bucket)
    server.start()
    host = server.url.removeprefix("http://")
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        for number in range(1, objects // files, 2):
            sandbox.add_task("run", "team", task_id=f"{number:032x}")
        access = {"host": host, "bucket": "bench", "key": "bench", "secret": "bench", "secure": False}
        config = Path(folder) / "clearml.conf"
        config.write_text(json.dumps({"sdk": {"aws": {"s3": {"credentials": [access]}}}}))
        around = {**environment(sandbox), "CLEARML_CONFIG_FILE": str(config)}

        def step(*arguments: str) -> dict[str, Any]:
            sandbox.reset_requests()
            bucket.requests = 0
            begun = time.monotonic()
            command = [sys.executable, "-m", "cleanup.orphans", *arguments]
            running = subprocess.Popen(command, cwd=folder, env=around, stdout=subprocess.PIPE, text=True)
            said = running.stdout.read() if running.stdout else ""
            _, status, used = os.wait4(running.pid, 0)
            return {
                "exit_code": os.waitstatus_to_exitcode(status),
                "seconds": round(time.monotonic() - begun, 1),
                "peak_mib": round(used.ru_maxrss / 1024),
                "api_requests": sandbox.api_requests,
                "bucket_requests": bucket.requests,
                "said": said.splitlines()[-4:],
            }

        found = step(f"s3://{host}/bench", "--shared-with-no-other-server")
        manifest = (Path(folder) / "orphans.jsonl.gz").stat().st_size
        deleted = step("--delete", "orphans.jsonl.gz")
    server.stop()
    right = bucket.gone == {n for n in range(objects) if n // files % 2 == 0}
    return {"objects": objects, "find": found, "manifest_bytes": manifest, "delete": deleted, "exactly": right}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.orphans", description=__doc__)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=50, help="in each folder; default: %(default)s")
    given = parser.parse_args()
    print(json.dumps(measure(given.objects, given.files), indent=2))


if __name__ == "__main__":
    main()
