"""Stands in for the SDK's task and writes down what the page sends, as the UI would show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cleanup.cycle.result import CycleResult
from cleanup.report import Page


class Recorder:
    """A task, its logger, and the calls on it that go past the SDK, in one; at first with one cycle, if it is given."""

    def __init__(self, result: CycleResult | None = None) -> None:
        self.scalars: dict[tuple[str, str], list[tuple[int, float]]] = {}
        self.tables: dict[str, list[list[str]]] = {}
        self.widths: dict[str, list[int]] = {}
        self.properties: dict[str, object] = {}
        self.progress: list[int] = []
        self.artifacts: dict[str, Any] = {}
        self.set_progress, self.set_properties = self.progress.append, self.properties.update
        if result:
            self.page().cycle(1, result)

    def page(self) -> Page:
        return Page(self, self)  # type: ignore[arg-type]

    def get_logger(self) -> Recorder:
        return self

    def report_scalar(self, title: str, series: str, value: float, iteration: int) -> None:
        self.scalars.setdefault((title, series), []).append((iteration, value))

    def report_table(
        self, title: str, series: str, iteration: int, table_plot: Sequence[Sequence[str]], **extra: Mapping[str, Any]
    ) -> None:
        assert (title, iteration) == ("last cycle", 0)
        self.tables[series] = [list(row) for row in table_plot]
        self.widths[series] = extra["extra_data"]["columnwidth"]

    def upload_artifact(self, name: str, artifact_object: Any, wait_on_upload: bool) -> bool:
        self.artifacts[name] = artifact_object
        return wait_on_upload

    def text(self) -> str:
        """All of it, a line for each point, row and property; of long tables the first rows and the last."""
        lines = [f"progress {self.progress}", "", "SCALARS"]
        lines += [f"{title} / {series}: {points}" for (title, series), points in self.scalars.items()]
        for name, rows in self.tables.items():
            shown = rows if len(rows) < 20 else [*rows[:4], [f"({len(rows) - 5} rows)"], rows[-1]]
            lines += ["", f"PLOT {name}: widths {self.widths[name]}"]
            lines += [" ¦ ".join(row) for row in shown]
        lines += ["", "PROPERTIES", *(f"{name} = {value}" for name, value in self.properties.items())]
        return "\n".join([*lines, "", f"ARTIFACTS {sorted(self.artifacts)}", ""])
