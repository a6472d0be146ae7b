"""Tells what happens while it happens: console lines, a progress bar on a terminal, the task's page."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, TextIO

from tqdm import tqdm

from cleanup.page import Page
from cleanup.render import REAL, as_json, dry_run_lines, summary
from cleanup.result import CycleResult
from cleanup.text import plural

Print = Callable[[str], None]


class Report:
    """The voice of the service. ``page``: the task's page, None without a task. ``json_to``: print JSON there."""

    def __init__(self, page: Page | None = None, *, web: str = "", json_to: TextIO | None = None) -> None:
        self._page, self._web, self._json_to = page, web, json_to
        self._cycles = 0
        self._bar: Any = None

    def starting(self) -> None:
        """A cycle starts."""
        self._cycles += 1
        self._say("Starting cleanup")

    def planned(self, result: CycleResult, count: int) -> None:
        """A plan of ``count`` tasks is about to be worked off."""
        self._say(f"{'Would delete' if result.dry_run else 'Deleting'} {plural(count, 'task')}")
        if sys.stderr.isatty():
            self._bar = tqdm(total=count, unit="task", file=sys.stderr, leave=False)

    def batch_done(self, result: CycleResult, done: int, total: int) -> None:
        """``done`` of ``total`` planned tasks are behind."""
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        else:
            verb = "would be deleted" if result.dry_run else "deleted"
            self._say(
                f"{done} of {total} tasks looked at: {len(result.deleted)} {verb}, {len(result.kept)} kept, "
                f"{len(result.failed)} failed"
            )
        if self._page:
            self._page.progress(done, total)

    def finished(self, result: CycleResult) -> None:
        """A cycle has ended with ``result``."""
        self._end_bar()
        lines = dry_run_lines(result) if result.dry_run else []
        self._say(*lines, *summary(result, self._web), *([REAL] if result.dry_run else []))
        if self._json_to:
            print(json.dumps(as_json(result), indent=1), file=self._json_to, flush=True)
        if self._page:
            self._page.cycle(self._cycles, result)

    def failed(self, error: Exception, details: str = "", *, retry_in: float = 0.0) -> None:
        """A cycle could not be done at all; ``retry_in``: seconds to the next attempt, 0 for the usual period."""
        self._end_bar()
        again = f"; trying again in {retry_in:.0f} seconds" if retry_in else ""
        self._say(f"The cycle failed: {str(error) or type(error).__name__}{again}")
        if details:
            self._say(details)
        if self._json_to:
            print(json.dumps({"ok": False, "error": str(error)}), file=self._json_to, flush=True)

    def waiting(self, seconds: float) -> None:
        """The server was lost in mid-cycle; the next attempt comes in ``seconds``."""
        self._say(f"Trying again in {seconds:.0f} seconds")

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    @staticmethod
    def _say(*lines: str) -> None:
        for line in lines:
            print(line, flush=True)
