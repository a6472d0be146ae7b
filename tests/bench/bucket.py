"""An S3 server with one bucket, made up: moto would take minutes over a million objects."""

from __future__ import annotations

import json
import re
import tempfile
from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cleanup.sandbox.http import WebServer

ROW = "<Contents><Key>{}</Key><Size>1000</Size><LastModified>2024-01-01T00:00:00.000Z</LastModified></Contents>"
REFUSED = "<Error><Code>AccessDenied</Code><Message>no s3:ListBucket</Message></Error>"


class Bucket:
    """A WSGI application that answers DeleteObjects and, if ``listing``, ListObjectsV2. ``keys`` are in order."""

    def __init__(self, listing: bool) -> None:
        self._listing = listing
        self.keys: list[str] = []
        self.gone: set[str] = set()
        self.requests: Counter[str] = Counter()
        self.address = ""
        self.environment: dict[str, str] = {}
        """What points the SDK here."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.requests[environ["REQUEST_METHOD"]] += 1
        asked = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        if "delete" in asked:
            answer = self._delete(environ["wsgi.input"].read().decode())
        else:
            answer = self._list(asked) if self._listing else REFUSED
        start_response("403 Forbidden" if answer is REFUSED else "200 OK", [("Content-Type", "application/xml")])
        return [answer.encode()]

    def _delete(self, body: str) -> str:
        keys = re.findall("<Key>(.*?)</Key>", body)
        self.gone.update(keys)
        rows = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return f"<DeleteResult>{rows}</DeleteResult>"

    def _list(self, asked: dict[str, list[str]]) -> str:
        [prefix] = asked.get("prefix", [""])
        [after] = asked.get("continuation-token", [prefix])
        start, end = bisect(self.keys, after), bisect(self.keys, f"{prefix}\U0010ffff")
        left = (self.keys[number] for number in range(start, end) if self.keys[number] not in self.gone)
        page = list(islice(left, 1000))
        more = next(left, None) is not None
        token = f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if more else ""
        rows = "".join(map(ROW.format, page))
        return f"<Listing>{rows}<IsTruncated>{str(more).lower()}</IsTruncated>{token}</Listing>"


@contextmanager
def bucket(*, listing: bool = True) -> Iterator[Bucket]:
    made = Bucket(listing)
    server = WebServer(made)
    server.start()
    host = server.url.removeprefix("http://")
    access = {"host": host, "bucket": "bench", "key": "bench", "secret": "bench", "secure": False}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "clearml.conf"
        config.write_text(json.dumps({"sdk": {"aws": {"s3": {"credentials": [access]}}}}))
        made.address, made.environment = f"s3://{host}/bench", {"CLEARML_CONFIG_FILE": str(config)}
        try:
            yield made
        finally:
            server.stop()
