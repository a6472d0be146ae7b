"""A million objects in a bucket, half of them orphans: time and memory to find them, and to delete them.

    python -m tests.bench.orphans --objects 1000000
    python -m tests.bench.orphans --objects 1000000 --files 1000000

``--files``: so many in the folder of each task. The second: all of them in one.

The bucket is a stand-in that makes its listing up as it is asked: seconds are those of this service and of that.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cleanup.sandbox import Sandbox
from tests.bench.turn import take_turn
from tests.bench.world import bucket, parser


class MadeUp:
    """A WSGI application that answers ListObjectsV2 and DeleteObjects. ``files``: so many has each folder."""

    def __init__(self, objects: int, files: int) -> None:
        self.objects, self.files, self.requests = objects, files, 0
        self.gone: set[int] = set()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        self.requests += 1
        query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        answer = self._delete(environ["wsgi.input"].read().decode()) if "delete" in query else self._list(query)
        start_response("200 OK", [("Content-Type", "application/xml"), ("Content-Length", str(len(answer)))])
        return [answer.encode()]

    def _list(self, query: dict[str, list[str]]) -> str:
        folder = re.match(r"team/run (\d+)\.", query.get("prefix", [""])[0])
        first, end = (int(folder[1]) * self.files, (int(folder[1]) + 1) * self.files) if folder else (0, self.objects)
        start = int(query.get("continuation-token", [str(first)])[0])
        stop = min(start + 1000, end)
        rows = "".join(map(self._row, (number for number in range(start, stop) if number not in self.gone)))
        more = f"<NextContinuationToken>{stop}</NextContinuationToken>" if stop < end else ""
        return f"<Listing>{rows}<IsTruncated>{str(stop < end).lower()}</IsTruncated>{more}</Listing>"

    def _row(self, number: int) -> str:
        folder, file = divmod(number, self.files)
        key = f"team/run {folder:07}.{folder:032x}/metrics/images/validation/image_{file:08}.png"
        time = "<LastModified>2024-01-01T00:00:00.000Z</LastModified>"
        return f"<Contents><Key>{key}</Key><Size>1000</Size>{time}</Contents>"

    def _delete(self, body: str) -> str:
        keys = re.findall(r"<Key>(team/run (\d+)\..*?_(\d+)\.png)</Key>", body)
        self.gone |= {int(folder) * self.files + int(file) for _, folder, file in keys}
        rows = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key, *_ in keys)
        return f"<DeleteResult>{rows}</DeleteResult>"


def measure(objects: int, files: int) -> dict[str, Any]:
    """Return what both steps took."""
    made_up = MadeUp(objects, files)
    with bucket(made_up) as (root, there), Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        for number in range(1, objects // files, 2):
            sandbox.add_task("run", "team", task_id=f"{number:032x}")
        manifest = Path(folder) / "orphans.jsonl.gz"

        def step(*arguments: str) -> dict[str, Any]:
            def at_start() -> None:
                sandbox.reset_requests()
                made_up.requests = 0

            options = {"arguments": arguments}
            report = take_turn("orphans", options, {**sandbox.environment(), **there}, at_start)
            return {**report, "api_requests": sandbox.api_requests, "bucket_requests": made_up.requests}

        found = step(root, "--shared-with-no-other-server", "--output", str(manifest))
        size = manifest.stat().st_size
        deleted = step("--delete", str(manifest))
    right = made_up.gone == {number for number in range(objects) if number // files % 2 == 0}
    return {"objects": objects, "find": found, "manifest_bytes": size, "delete": deleted, "exactly": right}


def main() -> None:
    given = parser("orphans", __doc__, {"objects": 1_000_000, "files": 50}).parse_args()
    print(json.dumps(measure(given.objects, given.files), indent=2))


if __name__ == "__main__":
    main()
