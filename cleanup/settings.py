"""The settings of the service: their defaults, units, descriptions and checks."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from cleanup.base.errors import SettingsError

REMOVED = {
    "delete_linked_files": "it was taken out: what a task only links is not its own, and nobody knows who else needs it"
}
"""Settings of earlier versions that a clone of an old task may still carry, each with what became of it."""

SECTION = "General"
"""The section of HYPERPARAMETERS that ``Task.connect`` fills when it is given no name."""

_TRUE, _FALSE = {"true", "yes", "1"}, {"false", "no", "0"}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


def _setting(default: Any, description: str) -> Any:
    return field(default=default, metadata={"description": description})


@dataclass(frozen=True)
class Settings:
    """What one run of the service works by. Make one with :meth:`parse`, which checks every value."""

    delete_threshold_days: float = _setting(
        30.0, "Delete archived tasks whose last status change is longer ago than so many days (0 or more)."
    )
    cleanup_period_in_days: float = _setting(
        1.0, "Days from the start of one cycle to the start of the next (0 or more; at least a second passes)."
    )
    force_delete: bool = _setting(False, "Delete archived tasks in any status; without it only drafts.")
    run_as_service: bool = _setting(
        True, "Repeat for ever, on an agent that watches services_queue; without it one cycle, where it is started."
    )
    dry_run: bool = _setting(False, "Only show what would be deleted.")
    plan: str = _setting(
        "",
        "ID of a dry run's task, or path of its plan on this machine: one cycle deletes what that plan lists and "
        "still qualifies, and nothing else. A clone does not fill it in. Empty: none.",
    )
    archived_models: bool = _setting(
        False,
        "Also delete archived models, with their files, that no task uses and whose last change is older than "
        "delete_threshold_days; published ones only with force_delete.",
    )
    services_queue: str = _setting("services", "Queue in which the service is enqueued.")
    projects: str = _setting(
        "", "Only tasks of these projects and their sub-projects: names, separated by commas. Empty: all."
    )
    keep_tags: str = _setting("", "Never delete tasks with one of these tags, separated by commas. Empty: none.")
    archive_grace_days: float = _setting(
        0.0, "Keep a task also for so many days after its last change of any kind; archiving is one (0 or more)."
    )
    max_tasks_per_cycle: int = _setting(0, "Delete at most so many tasks in a cycle, oldest first. 0: no limit.")
    ignore_file_errors: bool = _setting(
        False, "Delete a task even if a file of it could not be deleted; the addresses are reported."
    )
    check_links: bool = _setting(
        True, "Keep files that artifacts of other tasks link to; reads the artifacts of every task once a cycle."
    )
    parallel_requests: int = _setting(
        8, "Requests open at once, to the ClearML server or to storages together (1 to 64)."
    )
    services_docker: str = _setting(
        "python:3.12-bookworm",
        "Docker image in which an agent runs the service: Python 3.10 or newer, and git. Empty: the agent's own.",
    )

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> Settings:
        """Return the settings that ``values`` spell, as text or as Python values; what is missing has its default.

        Every value is checked here and not where ``Task.connect`` casts it: connect keeps a default where it cannot
        read the text, so a typing error would delete by other rules than the page shows.

        Raises:
            SettingsError: naming every wrong value, the parameter and what is allowed.
        """
        problems: list[str] = []
        parsed: dict[str, Any] = {}
        known = defaults()
        for name, value in values.items():
            if name not in known:
                close = difflib.get_close_matches(str(name), known, n=1)
                hint = f"did you mean {close[0]}?" if close else "allowed are " + ", ".join(known)
                problems.append(f"unknown parameter {_shown(name)}: {REMOVED.get(name, hint)}")
                continue
            try:
                parsed[name] = _READERS[type(known[name])](value)
            except ValueError as error:
                problems.append(f"{name} = {_shown(value)}: {error}")
        settings = cls(**parsed)
        problems += settings._out_of_range()
        if problems:
            raise SettingsError(problems)
        return settings

    def _out_of_range(self) -> list[str]:
        problems = []
        for item in fields(self):
            value = getattr(self, item.name)
            if type(value) in (int, float) and value < 0 and item.name != "parallel_requests":
                problems.append(f"{item.name} = {value}: allowed is 0 or more")
        if not 1 <= self.parallel_requests <= 64:
            problems.append(f"parallel_requests = {self.parallel_requests}: allowed is 1 to 64")
        if self.run_as_service and not self.services_queue:
            problems.append("services_queue = '': allowed is the name of a queue")
        return problems

    @property
    def project_names(self) -> tuple[str, ...]:
        """The names in ``projects``, stripped, without empty ones."""
        return _names(self.projects)

    @property
    def tags_to_keep(self) -> frozenset[str]:
        """The tags in ``keep_tags``, stripped, without empty ones."""
        return frozenset(_names(self.keep_tags))


def defaults() -> dict[str, Any]:
    """Return every setting with its default: the args dict of ``cleanup_service.py``."""
    return {item.name: item.default for item in fields(Settings)}


def descriptions() -> dict[str, str]:
    """Return what each setting does, and its unit: one text for the web UI, the command line and the README."""
    return {item.name: item.metadata["description"] for item in fields(Settings)}


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:79] + "…"


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _read_float(value: object) -> float:
    text = _text(value)
    if isinstance(value, bool) or not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError("allowed is a number, 0 or more, such as 7 or 0.5")
    return float(text)


def _read_int(value: object) -> int:
    try:
        number = _read_float(value)
    except ValueError:
        number = math.nan
    if number != number // 1:
        raise ValueError("allowed is a whole number, 0 or more, such as 500")
    return int(number)


def _read_bool(value: object) -> bool:
    text = _text(value).lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError("allowed is true, yes or 1, or false, no or 0")


def _read_str(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise ValueError("allowed is text")
    return _text(value)


_READERS: dict[type, Any] = {float: _read_float, int: _read_int, bool: _read_bool, str: _read_str}
