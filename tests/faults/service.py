"""The service as the suite drives it: the one place here that knows the package's inside."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from cleanup.cycle.result import CycleResult

FORCED = {"force_delete": True, "keep_tags": "keep"}
PLAIN = 200
"""Tasks of a batch as the package has it."""


def open_all(timeout: float = 20.0) -> tuple[Any, Any]:
    """Return the server and the storages of the SDK's configuration, with hardly a pause between two attempts."""
    from cleanup.server import Network, Server
    from cleanup.storage import Storages, known_file_servers

    server = Server(Network(3, 0.001, 0.01, timeout, timeout, timeout))
    return server, Storages(known_file_servers(), server.session.token_for_files, bound=4, timeout=timeout)


def run_on(server: Any, storages: Any, settings: dict[str, Any], now: datetime | None = None) -> CycleResult:
    """Run one cycle."""
    from cleanup.cycle import run_once
    from cleanup.settings import Settings

    chosen = Settings.parse({**FORCED, **settings})
    return run_once(server, storages, chosen, now=now or datetime.now(timezone.utc))


def run_cycle(settings: dict[str, Any], *, now: datetime | None = None, **more: Any) -> CycleResult:
    """Run one cycle as the service does, with its own session and connections."""
    server, storages = open_all(**more)
    try:
        return run_on(server, storages, settings, now)
    finally:
        storages.close()
        server.close()


def console(result: CycleResult) -> list[str]:
    """Return the report as the console shows it."""
    from cleanup.report.render import dry_run_lines, summary

    return [*summary(result), *(dry_run_lines(result) if result.dry_run else [])]


def as_text(result: CycleResult) -> str:
    """Return the report as JSON."""
    from cleanup.report.figures import as_json

    return json.dumps(as_json(result))


def batches_of(tasks: int) -> None:
    """Let cycles work on so many tasks at once from now on."""
    from cleanup.cycle import run

    run.BATCH = tasks


def prepare() -> None:
    """Shorten the seconds that storages wait between two tries: the suite has thousands of tries."""
    import boto3
    import botocore.endpoint

    from cleanup.storage import bulk

    bulk.WAITS = (0.001, 0.001, 0.001)
    botocore.endpoint.time = _NoTime()  # type: ignore[attr-defined]
    # A session reads its data files each time; thousands of cycles share one.
    session = boto3.Session()
    making, client = threading.Lock(), session.client
    session.client = lambda *args, **more: _locked(making, client, *args, **more)  # type: ignore[method-assign]
    boto3.Session = lambda profile_name=None: session  # type: ignore[assignment,misc]


def _locked(lock: threading.Lock, act: Callable[..., Any], *args: Any, **more: Any) -> Any:
    with lock:
        return act(*args, **more)


class _NoTime:
    @staticmethod
    def sleep(seconds: float) -> None:
        """The retries of botocore follow each other at once."""
