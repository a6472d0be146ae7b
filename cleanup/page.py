"""The service's own task page in the web UI: progress, scalars, tables, user properties, the plan as an artifact."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Sequence
from typing import Any

from cleanup.render import HEADER, ROWS, as_json, numbers, task_rows, task_url
from cleanup.result import CycleResult
from cleanup.server.own_task import OwnTask

PATIENCE = 30.0
"""Seconds that the service waits for the SDK to take a report before it goes on without."""


class Page:
    """Shows cycles on the page of ``task``, the SDK's Task that runs the service.

    The SDK repeats a call for hours while the server is away. Reporting must not hold up the work, so it runs aside:
    one report at a time, and none while an earlier one still hangs.
    """

    def __init__(self, task: Any, own: OwnTask, web: str) -> None:
        self._task, self._own, self._web = task, own, web
        self._aside: threading.Thread | None = None
        self._percent = -1

    def progress(self, done: int, total: int) -> None:
        """Show how far the cycle is, in steps of 5 percent."""
        percent = 100 * done // total // 5 * 5 if total else 100
        if percent != self._percent:
            self._percent = percent
            self._run(lambda: self._task.set_progress(percent))

    def cycle(self, number: int, result: CycleResult) -> None:
        """Report the ``number``-th cycle of this run (from 1)."""
        self._run(lambda: self._report(number, result))

    def _report(self, number: int, result: CycleResult) -> None:
        logger = self._task.get_logger()
        counts = numbers(result)
        for name, value in counts.items():
            group = "files" if name.startswith("files") else name if name in ("bytes_freed", "seconds") else "tasks"
            logger.report_scalar(title=group, series=name, value=value, iteration=number)
        # Always iteration 0: the tables show the last cycle, and do not pile up over the years.
        kind = "would be deleted" if result.dry_run else "deleted"
        self._table(logger, "last cycle", kind, [list(HEADER), *task_rows(result, 10 * ROWS)])
        self._table(logger, "last cycle", "failures", _failure_rows(result, self._web))
        self._table(logger, "last cycle", "kept", _kept_rows(result, self._web))
        self._own.set_properties(
            {f"last_{name}": value for name, value in counts.items()}
            | {"last_cycle": f"{result.started:%Y-%m-%d %H:%M:%S} UTC", "last_ok": result.ok}
        )
        if result.dry_run:
            self._task.upload_artifact("plan", artifact_object=as_json(result), wait_on_upload=True)

    @staticmethod
    def _table(logger: Any, title: str, series: str, rows: Sequence[Sequence[str]]) -> None:
        # The UI shows a table's cells as HTML: a name must not become a link or a picture there.
        cells = [[html.escape(str(cell)) for cell in row] for row in rows]
        logger.report_table(title=title, series=series, iteration=0, table_plot=cells)

    def _run(self, report: Callable[[], None]) -> None:
        if self._aside and self._aside.is_alive():
            return

        def quietly() -> None:
            try:
                report()
            except Exception as error:
                print(f"The task's page could not be updated: {type(error).__name__}")

        self._aside = threading.Thread(target=quietly, name="cleanup-page", daemon=True)
        self._aside.start()
        self._aside.join(PATIENCE)


def _failure_rows(result: CycleResult, web: str) -> list[list[str]]:
    rows = [["task", "id", "error and what to do", "page"]]
    for entry in result.failed[: 10 * ROWS]:
        rows.append([entry.task.name, entry.task.id, entry.error, task_url(web, entry.task) if web else ""])
    return rows


def _kept_rows(result: CycleResult, web: str) -> list[list[str]]:
    rows = [["task", "id", "why it stays", "page"]]
    for entry in result.kept[: 10 * ROWS]:
        rows.append([entry.task.name, entry.task.id, entry.reason, task_url(web, entry.task) if web else ""])
    return rows
