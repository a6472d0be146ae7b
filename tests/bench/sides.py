"""The sides that are measured: each makes itself ready and returns the work that is timed."""

from __future__ import annotations

import contextlib
import io
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

Options = dict[str, Any]
Work = Callable[[], dict[str, Any]]

# The SDK is imported within the sides: it reads the environment when it is.


def service(options: Options) -> Work:
    """A cycle of this service, as cleanup_service.py runs it."""
    from cleanup import run_once
    from cleanup.server import Network, Server
    from cleanup.settings import Settings
    from cleanup.storage import Storages, known_file_servers

    settings = Settings.parse({"force_delete": True, **options["settings"]})
    bound = settings.parallel_requests
    server = Server(Network(parallel=bound))
    storages = Storages(known_file_servers(), server.session.token_for_files, bound=bound)
    server.session.token_for_files("")

    def work() -> dict[str, Any]:
        result = run_once(server, storages, settings, now=datetime.now(timezone.utc))
        counts = {name: len(getattr(result, name)) for name in ("deleted", "kept", "failed")}
        return {"matched": result.matched, **counts, "ok": result.ok}

    return profiled(work, Path(options["profile"])) if options.get("profile") else work


def profiled(work: Work, to: Path) -> Work:
    from pyinstrument import Profiler

    def instead() -> dict[str, Any]:
        with Profiler(interval=0.001) as profiler:
            said = work()
        to.write_text(profiler.output_text(unicode=True, show_all=True))
        return said

    return instead


def plain(options: Options) -> Work:
    """The plain way: a loop over the archived tasks that has the SDK delete each with its files.

    All are listed before the first is deleted, or the pages would shift and half of them be left.
    """
    from clearml import Task
    from clearml.backend_api.session.client import APIClient

    client = APIClient()
    Task._get_default_session()
    before = datetime.now(timezone.utc) - timedelta(days=options["older_than_days"])

    def work() -> dict[str, Any]:
        ids: list[str] = []
        while True:
            page = client.tasks.get_all(
                system_tags=["archived"], status_changed=[f"<{before:%Y-%m-%dT%H:%M:%S}"], only_fields=["id"],
                order_by=["status_changed"], page=len(ids) // 500, page_size=500,
            )  # fmt: skip
            ids += [task.id for task in page]
            if len(page) < 500:
                break
        done = [bool(Task.get_task(task_id=task).delete(raise_on_error=False)) for task in ids]
        return {"matched": len(ids), "deleted": sum(done)}

    return work


def neighbour(options: Options) -> Work:
    """Another client of the server: lists tasks as the web UI does, one page after the other, and times each call.

    Until the file ``until`` is there.
    """
    from clearml.backend_api.session.client import APIClient

    client, until = APIClient(), Path(options["until"])
    client.tasks.get_all(page_size=1)

    def work() -> dict[str, Any]:
        calls: list[float] = []
        while not until.exists():
            begun = time.perf_counter()
            client.tasks.get_all(only_fields=["name", "status"], order_by=["-last_update"], page=0, page_size=15)
            calls.append(1000 * (time.perf_counter() - begun))
            time.sleep(0.01)
        hundredths = statistics.quantiles(calls, n=100)
        figures = {"median_ms": statistics.median(calls), "ms_of_99_in_100": hundredths[98]}
        return {"calls": len(calls), **{name: round(figure, 2) for name, figure in figures.items()}}

    return work


def orphans(options: Options) -> Work:
    """A step of ``python -m cleanup.orphans``."""
    from cleanup.orphans.__main__ import main

    def work() -> dict[str, Any]:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            code = main(options["arguments"])
        return {"exit_code": code, "said": said.getvalue().splitlines()[-4:]}

    return work


SIDES = {side.__name__: side for side in (service, plain, neighbour, orphans)}
