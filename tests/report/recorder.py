"""Stands in for the SDK's task and writes down what the page sends, as the UI would show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cleanup.report.page import Page


class Recorder:
    """A task, its logger, and the calls on it that go past the SDK, in one."""

    def __init__(self) -> None:
        self.scalars: dict[tuple[str, str], list[tuple[int, float]]] = {}
        self.tables: dict[tuple[str, str, int], list[list[str]]] = {}
        self.widths: dict[str, list[int]] = {}
        self.properties: dict[str, object] = {}
        self.progress: list[int] = []
        self.artifacts: dict[str, Any] = {}

    def page(self, web: str = "") -> Page:
        return Page(self, self, web)  # type: ignore[arg-type]

    def get_logger(self) -> Recorder:
        return self

    def set_progress(self, percent: int) -> None:
        self.progress.append(percent)

    def report_scalar(self, title: str, series: str, value: float, iteration: int) -> None:
        self.scalars.setdefault((title, series), []).append((iteration, value))

    def report_table(
        self,
        title: str,
        series: str,
        iteration: int,
        table_plot: Sequence[Sequence[str]],
        extra_data: Mapping[str, Any],
    ) -> None:
        self.tables[title, series, iteration] = [list(row) for row in table_plot]
        self.widths[series] = extra_data["columnwidth"]

    def set_properties(self, values: Mapping[str, object]) -> bool:
        self.properties.update(values)
        return True

    def upload_artifact(self, name: str, artifact_object: Any, wait_on_upload: bool) -> bool:
        self.artifacts[name] = artifact_object
        return wait_on_upload

    def text(self) -> str:
        """All of it, a line for each point, row and property."""
        lines = [f"progress {self.progress}", "", "SCALARS"]
        lines += [f"{title} / {series}: {points}" for (title, series), points in self.scalars.items()]
        for (title, series, iteration), rows in self.tables.items():
            lines += ["", f"PLOT {title} / {series}, iteration {iteration}, widths {self.widths[series]}"]
            lines += [" ¦ ".join(row) for row in rows]
        lines += ["", "PROPERTIES", *(f"{name} = {value}" for name, value in self.properties.items())]
        return "\n".join([*lines, "", f"ARTIFACTS {sorted(self.artifacts)}", ""])
