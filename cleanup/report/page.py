"""The service's own task page in the web UI: progress, scalars, tables, user properties, the plan as an artifact."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from cleanup.base.text import cut, one_line, without_secrets
from cleanup.cycle.result import CycleResult
from cleanup.report import tables
from cleanup.report.figures import shown_numbers
from cleanup.report.tables import Table
from cleanup.server.own_task import OwnTask

ROWS = 500
"""So many rows a table has on the page. JSON has all."""

IN_A_CARD, PADDING = 80, 3
"""Characters that a card of the UI shows side by side, and how many of them the edges of a cell take."""

SHARES = {"days": 8, "tasks": 8, "files": 8, "size": 12, "why it stays": 40, "error and what to do": 40}
"""How much of a card a column has beside others, else 22. What tells why has the most: often there is an id in it."""

PATIENCE = 30.0
"""Seconds that the service waits for the SDK to take a report before it goes on without."""


def property_names() -> list[str]:
    """Return the names of all user properties that a run may set: a new run clears those of an earlier one."""
    never = datetime.min.replace(tzinfo=timezone.utc)
    return list({name: "" for dry in (False, True) for name in _properties(CycleResult(never, dry), "")})


class Page:
    """Shows cycles on the page of ``task``, the SDK's Task that runs the service.

    The SDK repeats a call for hours while the server is away. Reporting must not hold up the work, so it runs aside:
    one report at a time, and none while an earlier one still hangs.
    """

    def __init__(self, task: Any, own: OwnTask) -> None:
        self._task, self._own = task, own
        self._aside: threading.Thread | None = None
        self._failing_since = ""

    def progress(self, percent: int) -> None:
        """Show how far the cycle is."""
        self._run(lambda: self._task.set_progress(percent))

    def cycle(self, number: int, result: CycleResult) -> None:
        """Report the ``number``-th cycle of this run (from 1)."""
        self._failing_since = "" if result.ok else self._failing_since or _time(result.started)
        self._run(lambda: self._report(number, result))

    def failed(self, error: str) -> None:
        """Show that the last cycle could not be done at all."""
        self._failing_since = self._failing_since or _time(datetime.now(timezone.utc))
        values = {"last_ok": False, "last_error": error, "failing_since": self._failing_since}
        self._run(lambda: self._own.set_properties(values))

    def _report(self, number: int, result: CycleResult) -> None:
        logger = self._task.get_logger()
        for name, value in shown_numbers(result).items():
            title, series = _graph(name)
            logger.report_scalar(title=title, series=series, value=value, iteration=number)
        for place, table in enumerate(tables.all_tables(result, ROWS), 1):
            _show(logger, f"{place} {table.name}", table)
        self._own.set_properties(_properties(result, self._failing_since))
        if result.plan:
            self._task.upload_artifact("plan", artifact_object=result.plan, wait_on_upload=True)

    def _run(self, report: Callable[[], object]) -> None:
        if self._aside and self._aside.is_alive():
            return

        def quietly() -> None:
            try:
                report()
            except Exception as error:
                print(f"The task's page could not be updated: {without_secrets(repr(error))}")

        self._aside = threading.Thread(target=quietly, name="cleanup-page", daemon=True)
        self._aside.start()
        self._aside.join(PATIENCE)


def _properties(result: CycleResult, failing_since: str) -> dict[str, object]:
    """Return the user properties that tell of a cycle."""
    problems = tables.failures(result, 1).rows
    return {
        "last_cycle": _time(result.started),
        "last_ok": result.ok,
        "last_error": one_line(problems[0].cells[-1] if problems else ""),
        "failing_since": failing_since,
        **{f"last_{name}": value for name, value in shown_numbers(result).items()},
    }


def _show(logger: Any, name: str, table: Table) -> None:
    """Send ``table`` as a plot. The UI sorts plots by name, and its CSV holds all markup: it is short."""
    shares = [SHARES.get(column, 22) for column in table.header]
    widths = [IN_A_CARD * share // sum(shares) for share in shares]
    rows = [[_cell(cell, width) for cell, width in zip(row.cells, widths, strict=True)] for row in table.rows]
    for cells, row in zip(rows, table.rows, strict=True):
        if row.task:
            cells[0] = f"<a href='projects/*/experiments/{quote(row.task)}'>{cells[0]}</a>"
    left_out = table.total - len(rows)
    if left_out or not rows:
        rows.append([f"… and {left_out} more" if left_out else "none", *[""] * (len(widths) - 1)])
    logger.report_table(
        title="last cycle",
        series=name,
        # The tables show the last cycle alone, and do not pile up over the years.
        iteration=0,
        table_plot=[list(table.header), *rows],
        extra_data={"columnwidth": widths},
    )


def _cell(text: str, width: int) -> str:
    """Return ``text`` for a cell of the UI, which takes it as HTML: a name must not become a link or a picture.

    The UI breaks lines at spaces alone, and cuts off the end of a longer word without a sign.
    """
    words = (cut(word, width - PADDING) for word in one_line(text, 1000).split())
    return html.escape(" ".join(words), quote=False)


def _graph(name: str) -> tuple[str, str]:
    """Return the graph and the line in it that show a number over the cycles."""
    group, _, rest = name.partition("_")
    title, series = (group, rest) if group in ("files", "models", "bytes") else ("tasks", name)
    return (title, series.replace("_", " ")) if name != "seconds" else ("seconds", "cycle")


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
