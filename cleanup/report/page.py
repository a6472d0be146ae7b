"""The service's own task page in the web UI: progress, scalars, tables, user properties, the plan as an artifact."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from cleanup.base.text import columns, cut_in_the_middle, one_line, without_secrets
from cleanup.cycle.result import CycleResult
from cleanup.report import tables
from cleanup.report.figures import every_name, first_problem, shown_numbers
from cleanup.report.tables import Table
from cleanup.server.own_task import OwnTask

ROWS = 500
"""So many rows a table has on the page. JSON has all."""

IN_A_CARD, PADDING, MORE = 80, 3, 19
"""Characters that a card of the UI shows side by side, how many of them the edges of a cell take, and by how many the
last column may be wider than others before it is made narrower as well: it tells why, often with an id."""

CARD, ROW, AROUND = 450, 60, 170
"""Pixels in height: a card unless all plots ask for less, a row that breaks once or twice, and what is around rows."""

PATIENCE = 30.0
"""Seconds that the service waits for the SDK to take a report before it goes on without."""


def property_names() -> list[str]:
    """Return the names of all user properties that a run may set: a new run clears those of an earlier one."""
    return ["last_cycle", "last_ok", "last_error", "failing_since", *(f"last_{name}" for name in every_name())]


class Page:
    """Shows cycles on the page of ``task``, the SDK's Task that runs the service.

    The SDK repeats a call for hours while the server is away. Reporting must not hold up the work, so it runs aside:
    one report at a time, and none while an earlier one still hangs.
    """

    def __init__(self, task: Any, own: OwnTask) -> None:
        self._task, self._own = task, own
        self._aside: threading.Thread | None = None
        self._percent = -1
        self._failing_since = ""

    def progress(self, percent: int) -> None:
        """Show how far the cycle is."""
        if percent != self._percent:
            self._percent = percent
            self._run(lambda: self._task.set_progress(percent))

    def cycle(self, number: int, result: CycleResult) -> None:
        """Report the ``number``-th cycle of this run (from 1)."""
        self._note(result.ok, result.started)
        self._run(lambda: self._report(number, result))

    def failed(self, error: Exception) -> None:
        """Show that the last cycle could not be done at all."""
        self._note(False, datetime.now(timezone.utc))
        values = {"last_ok": False, "last_error": _said(error), "failing_since": self._failing_since}
        self._run(lambda: self._own.set_properties(values))

    def _note(self, ok: bool, at: datetime) -> None:
        self._failing_since = "" if ok else self._failing_since or _time(at)

    def _report(self, number: int, result: CycleResult) -> None:
        logger = self._task.get_logger()
        counts = shown_numbers(result)
        for name, value in counts.items():
            title, series = _graph(name)
            logger.report_scalar(title=title, series=series, value=value, iteration=number)
        for place, table in enumerate(tables.all_tables(result, ROWS), 1):
            _show(logger, f"{place} {table.name}", table)
        self._own.set_properties(
            {
                "last_cycle": _time(result.started),
                "last_ok": result.ok,
                "last_error": one_line(first_problem(result)),
                "failing_since": self._failing_since,
                **{f"last_{name}": value for name, value in counts.items()},
            }
        )
        if result.plan:
            self._task.upload_artifact("plan", artifact_object=result.plan, wait_on_upload=True)

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


def _show(logger: Any, name: str, table: Table) -> None:
    """Send ``table`` as a plot. The UI sorts plots by name, and its CSV holds all markup: it is short."""
    widths = _widths(table)
    rows = [[_cell(cell, width) for cell, width in zip(row, widths, strict=True)] for row in table.rows]
    for row, task in zip(rows, table.ids, strict=False):
        if task:
            row[0] = f"<a href='projects/*/experiments/{quote(task)}'>{row[0]}</a>"
    left_out = table.total - len(rows)
    if left_out or not rows:
        rows.append([f"… and {left_out} more" if left_out else "none", *[""] * (len(widths) - 1)])
    logger.report_table(
        title="last cycle",
        series=name,
        # The tables show the last cycle alone, and do not pile up over the years.
        iteration=0,
        table_plot=[list(table.header), *rows],
        extra_data={"columnwidth": [width + PADDING for width in widths]},
        extra_layout={"height": min(AROUND + ROW * len(rows), CARD)},
    )


def _widths(table: Table) -> list[int]:
    """Return how many characters each column shows side by side in a card."""
    widths = [max(map(columns, column)) + PADDING for column in zip(table.header, *table.rows, strict=True)]
    widths[-1] -= MORE
    while sum(widths) > IN_A_CARD - MORE:
        widths[widths.index(max(widths))] -= 1
    widths[-1] += MORE
    return [width - PADDING for width in widths]


def _cell(text: str, width: int) -> str:
    """Return ``text`` for a cell of the UI, which takes it as HTML: a name must not become a link or a picture.

    The UI breaks lines at spaces alone, and cuts off the end of a longer word without a sign.
    """
    words = (cut_in_the_middle(word, width) for word in one_line(text, 1000).split())
    return html.escape(" ".join(words), quote=False)


def _graph(name: str) -> tuple[str, str]:
    """Return the graph and the line in it that show a number over the cycles."""
    group, _, rest = name.partition("_")
    title, series = (group, rest) if group in ("files", "models", "bytes") else ("tasks", name)
    return (title, series.replace("_", " ")) if name != "seconds" else ("seconds", "cycle")


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _said(error: Exception) -> str:
    return without_secrets(error) or type(error).__name__
