"""The service's own task page in the web UI: progress, scalars, tables, user properties, the plan as an artifact."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from cleanup.base.text import columns, cut, one_line, without_secrets
from cleanup.cycle.result import CycleResult
from cleanup.report import tables
from cleanup.report.figures import shown_numbers
from cleanup.report.tables import Table
from cleanup.server.own_task import OwnTask

ROWS = 500
"""So many rows a table has on the page. JSON has all."""

CARD, PADDING = 520, 16
"""Pixels that all columns of a table get in a card of the UI, and how many of them the edges of a cell take."""

SHARES = {"days": 10, "tasks": 14, "files": 14, "size": 18, "why it stays": 66, "error and what to do": 66}
"""How much of a card a column has beside others, else 32: numbers are never broken, and beside a why an id is whole."""

_PIECES = re.compile(r"[^/._-]{0,8}[/._-]|.{1,4}")
"""Where a long word may be broken; the narrowest column holds each of these."""

_WIDTHS = {**dict.fromkeys("fijlI.,:;/|'!-", 4.4), **dict.fromkeys("rst()[]_", 6.3), **dict.fromkeys("MWmw@%…", 12.0)}
"""Pixels of signs that are narrower or wider than others of their kind."""

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
        there = tables.with_page(result)
        for place, table in enumerate(tables.all_tables(result, ROWS), 1):
            _show(logger, f"{place} {table.name}", table, there)
        self._own.set_properties(_properties(result, self._failing_since))
        if result.plan:
            self._task.upload_artifact("plan", artifact_object=result.plan, wait_on_upload=True)

    def _run(self, report: Callable[[], object]) -> None:
        if self._aside and self._aside.is_alive():
            print("The task's page does not take an earlier report yet, and was not updated")
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
    problems = [f"{row.cells[0]}: {row.cells[-1]}" for row in tables.failures(result)]
    return {
        "last_cycle": _time(result.started),
        "last_ok": result.ok,
        "last_error": one_line(result.interrupted or next(iter(problems), "")),
        "failing_since": failing_since,
        **{f"last_{name}": value for name, value in shown_numbers(result).items()},
    }


def _show(logger: Any, name: str, table: Table, with_page: set[str]) -> None:
    """Send ``table`` as a plot. The UI sorts plots by name, and its CSV holds all markup: it is short."""
    shares = [SHARES.get(column, 32) for column in table.header]
    widths = [CARD * share // sum(shares) for share in shares]
    rows = []
    for row in table.rows:
        cells = [_cell(cell, width - PADDING) for cell, width in zip(row.cells, widths, strict=True)]
        if row.id in with_page:
            cells[0] = f"<a href='projects/*/experiments/{quote(row.id)}'>{cells[0]}</a>"
        rows.append(cells)
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

    The UI breaks lines at spaces alone, and cuts off the end of a longer word without a sign: here it gets spaces.
    """
    parts: list[str] = []
    for word in one_line(text, 500).split():
        parts.append("")
        for piece in _PIECES.findall(cut(word, tables.PATH)):
            if parts[-1] and _pixels(parts[-1] + piece) > width:
                parts.append("")
            parts[-1] += piece
    return html.escape(" ".join(parts), quote=False)


def _pixels(text: str) -> float:
    """Return how wide ``text`` is at most, in the widest of the fonts in which browsers show tables of the UI."""
    return sum(_WIDTHS.get(char) or (13 if columns(char) > 1 else 9.5 if char.isupper() else 7.7) for char in text)


def _graph(name: str) -> tuple[str, str]:
    """Return the graph and the line in it that show a number over the cycles."""
    group, _, rest = name.partition("_")
    title, series = (group, rest) if group in ("files", "models", "bytes") else ("tasks", name)
    return (title, series.replace("_", " ")) if name != "seconds" else ("seconds", "cycle")


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
