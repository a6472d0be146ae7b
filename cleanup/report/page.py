"""The service's own task page in the web UI: progress, scalars, tables, user properties, the plan as an artifact."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable
from typing import Any

from cleanup.base.text import one_line, without_secrets
from cleanup.cycle.result import CycleResult
from cleanup.report import tables
from cleanup.report.figures import as_json, shown_numbers
from cleanup.report.tables import Table
from cleanup.server.own_task import OwnTask

ROWS = 500
"""So many rows a table has on the page. JSON has all."""

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

    def failed(self, error: Exception) -> None:
        """Show that the last cycle could not be done at all."""
        self._run(lambda: self._own.set_properties({"last_ok": False, "last_error": _said(error)}))

    def _report(self, number: int, result: CycleResult) -> None:
        logger = self._task.get_logger()
        counts = shown_numbers(result)
        for name, value in counts.items():
            title, series = _graph(name)
            logger.report_scalar(title=title, series=series, value=value, iteration=number)
        failed = tables.failures(result, ROWS, self._web)
        for table in (
            tables.going(result, ROWS, self._web),
            failed,
            tables.staying(result, ROWS, self._web),
            tables.projects(result, ROWS),
            tables.storages(result, ROWS),
        ):
            self._table(logger, table)
        self._own.set_properties(
            {
                "last_cycle": f"{result.started:%Y-%m-%d %H:%M:%S} UTC",
                "last_ok": result.ok,
                "last_error": one_line(result.interrupted or "".join(row[2] for row in failed.rows[:1])),
                **{f"last_{name}": value for name, value in counts.items()},
            }
        )
        if result.dry_run:
            self._task.upload_artifact("plan", artifact_object=as_json(result), wait_on_upload=True)

    @staticmethod
    def _table(logger: Any, table: Table) -> None:
        rows = [[_shown(cell) for cell in row] for row in table.rows]
        for row, link in zip(rows, table.links, strict=False):
            if link:
                row[0] = f'<a href="{html.escape(link)}">{row[0]}</a>'
        if not rows:
            rows = [["none", *[""] * (len(table.header) - 1)]]
        if table.left_out:
            rows.append([f"… and {table.left_out} more", *[""] * (len(table.header) - 1)])
        longest = [max(len(row[at]) for row in [list(table.header), *table.rows]) for at in range(len(table.header))]
        # Always iteration 0: the tables show the last cycle, and do not pile up over the years.
        logger.report_table(
            title="last cycle",
            series=table.name,
            iteration=0,
            table_plot=[list(table.header), *rows],
            extra_data={"columnwidth": [min(max(length, 6), 80) for length in longest]},
        )

    def _run(self, report: Callable[[], object]) -> None:
        if self._aside and self._aside.is_alive():
            return

        def quietly() -> None:
            try:
                report()
            except Exception as error:
                print(f"The task's page could not be updated: {_said(error)}")

        self._aside = threading.Thread(target=quietly, name="cleanup-page", daemon=True)
        self._aside.start()
        self._aside.join(PATIENCE)


def _graph(name: str) -> tuple[str, str]:
    """Return the graph and the line in it that show a number over the cycles."""
    group, _, rest = name.partition("_")
    title, series = (group, rest) if group in ("files", "bytes") else ("tasks", name)
    return (title, series.replace("_", " ")) if name != "seconds" else ("seconds", "cycle")


def _shown(cell: str) -> str:
    # The UI shows a cell as HTML: a name must not become a link or a picture there.
    return html.escape(one_line(cell, 1000), quote=False)


def _said(error: Exception) -> str:
    return without_secrets(error) or type(error).__name__
