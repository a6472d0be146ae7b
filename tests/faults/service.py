"""The service as the suite drives it: the one place here that knows the package's inside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

from cleanup.cycle.result import CycleResult

FORCED = {"force_delete": True, "keep_tags": "keep", "archived_models": True}
PLAIN = 200
"""Tasks of a batch as the package has it."""


@contextmanager
def opened(timeout: float = 20.0) -> Iterator[tuple[Any, Any]]:
    """Yield the server and the storages of the SDK's configuration, with hardly a pause between two attempts."""
    from cleanup.server import Network, Server
    from cleanup.storage import Storages, known_file_servers

    server = Server(Network(3, 0.001, 0.01, timeout, timeout, timeout))
    storages = Storages(known_file_servers(), server.session.token_for_files, bound=4, timeout=timeout)
    try:
        yield server, storages
    finally:
        storages.close()
        server.close()


def run_on(server: Any, storages: Any, settings: dict[str, Any], **more: Any) -> CycleResult:
    """Run one cycle."""
    from cleanup.cycle import run_once
    from cleanup.settings import Settings
    from tests.faults.world import utc_now

    return run_once(server, storages, Settings.parse({**FORCED, **settings}), **{"now": utc_now(), **more})


def batches_of(tasks: int) -> None:
    """Let cycles work on so many tasks at once from now on."""
    from cleanup.cycle import run

    run.BATCH = tasks


def prepare() -> None:
    """Shorten the seconds that storages wait between two tries: the suite has thousands of tries."""
    import boto3
    import botocore.endpoint

    import cleanup.storage as storages
    from cleanup.storage import bulk

    assert bulk.WAITS
    bulk.WAITS = (0.001, 0.001, 0.001)
    storages.Network = partial(storages.Network, backoff=0.001)  # type: ignore[misc,assignment]
    botocore.endpoint.time = SimpleNamespace(sleep=lambda seconds: None)  # type: ignore[attr-defined]
    # A session reads its data files each time; thousands of cycles share one.
    session, making = boto3.Session(), threading.Lock()
    plain = session.client

    def client(*args: Any, **more: Any) -> Any:
        with making:
            return plain(*args, **more)

    session.client = client  # type: ignore[method-assign]
    boto3.Session = lambda profile_name=None: session  # type: ignore[assignment,misc]
