"""Tells what happens while it happens: console lines, a progress bar on a terminal, the task's page."""

from __future__ import annotations

import contextlib
import json
import sys
from datetime import timedelta
from typing import TextIO

from clearml import Task
from tqdm import tqdm

from cleanup.base.errors import CredentialsError, ServerUnreachable
from cleanup.base.text import plural, without_secrets
from cleanup.cycle.result import CycleResult
from cleanup.report.figures import as_json, verbs
from cleanup.report.page import Page
from cleanup.report.render import dry_run_lines, summary, sums


class Report:
    """The voice of the service. ``page``: the task's page, None without a task. ``json_to``: print JSON there."""

    def __init__(self, page: Page | None = None, *, web: str = "", json_to: TextIO | None = None) -> None:
        self._page, self._web, self._json_to = page, web, json_to
        self._cycles = 0
        self._percent = -1
        self._terminal = _own_terminal()
        self._bar = tqdm(disable=True)

    def starting(self) -> None:
        """A cycle starts."""
        self._cycles += 1
        _say("Starting cleanup")
        self._progress(0, 1)

    def planned(self, result: CycleResult, count: int) -> None:
        """A plan of ``count`` tasks is about to be worked off; a cycle may have several, one after the other."""
        self._bar.close()
        if count:
            _say(f"{'Looking at' if result.dry_run else 'Deleting'} {plural(count, 'task')}")
        self._bar = tqdm(total=count, unit="task", file=self._terminal, leave=False, disable=not self._terminal)
        self._progress(0, count)

    def batch_done(self, result: CycleResult, done: int, total: int) -> None:
        """``done`` of ``total`` planned tasks are behind. Every 10 percent are told, the last ones by the summary."""
        self._bar.update(done - self._bar.n)
        if self._progress(done, total) and done < total and not self._terminal:
            _say(f"{done} of {plural(total, 'task')} looked at: {sums(result, *verbs(result))}")

    def finished(self, result: CycleResult) -> None:
        """A cycle has ended with ``result``."""
        self._bar.close()
        _say(*dry_run_lines(result), *summary(result, self._web))
        if self._json_to:
            _say(json.dumps(as_json(result), indent=1), to=self._json_to)
        if not result.interrupted:
            self._progress(1, 1)
        if self._page:
            self._page.cycle(self._cycles, result)

    def failed(self, error: Exception, details: str = "", *, retry_in: float = 0.0) -> None:
        """A cycle could not be done at all; ``retry_in``: seconds to the next attempt, 0 for the usual period."""
        self._bar.close()
        said = without_secrets(error, 1000) or type(error).__name__
        _say(f"The cycle failed: {said}{f'; trying again in {timedelta(seconds=round(retry_in))}' if retry_in else ''}")
        if details:
            _say(details)
        if self._json_to:
            _say(json.dumps({"ok": False, "error": said}), to=self._json_to)
        if self._page and not isinstance(error, (ServerUnreachable, CredentialsError)):
            self._page.failed(said)

    def waiting(self, seconds: float) -> None:
        """The next cycle comes in ``seconds``."""
        _say(f"Next cleanup in {timedelta(seconds=round(seconds))}")

    def _progress(self, done: int, total: int) -> bool:
        """Show the progress in steps of 10 percent; return whether it has come to another one."""
        before, self._percent = self._percent, 100 * done // total // 10 * 10 if total else 100
        if self._page and self._percent != before:
            self._page.progress(self._percent)
        return self._percent != before


def _own_terminal() -> TextIO | None:
    """Return the terminal that stderr is, for a progress bar; None if it is something else, or an agent reads it.

    It is opened anew: what goes through ``sys.stderr`` also goes to the task's log.
    """
    with contextlib.suppress(OSError, ValueError):
        if Task.running_locally() and sys.stderr.isatty():
            return open(sys.stderr.fileno(), "w", encoding="utf-8", errors="replace", closefd=False)
    return None


def _say(*lines: str, to: TextIO | None = None) -> None:
    """Print ``lines``. That nobody reads them any more must not end the service."""
    for line in lines:
        with contextlib.suppress(OSError):
            print(line, file=to, flush=True)
