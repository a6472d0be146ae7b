"""Repeats cycles: waits from one to the next, stops on a signal, survives outages."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from itertools import chain
from typing import NamedTuple

from cleanup.base.errors import CleanupError, Ending, ServerError, ServerUnreachable, Stopped
from cleanup.base.text import one_line, plural, without_secrets
from cleanup.cycle import run_once
from cleanup.cycle.result import CycleResult, Failed
from cleanup.report.report import Report
from cleanup.server import Server
from cleanup.server.own_task import OwnTask
from cleanup.settings import Settings
from cleanup.storage import Storages, known_file_servers

DAY = 86_400.0
FIRST_WAIT = 15.0
LONGEST_WAIT = 900.0
"""Seconds between attempts while the server is away: the first wait, doubled up to the longest."""

SHORTEST_PERIOD = 1.0
"""Seconds that pass at least between the starts of two cycles."""


class Pace(NamedTuple):
    """``now`` tells the seconds that periods count in; ``wait`` waits so many, or until a stop is asked for."""

    now: Callable[[], float]
    wait: Callable[[float], object]


class Service:
    """Runs cycles for one task. ``stop`` ends it: at once while it waits, between two requests while it works."""

    def __init__(
        self,
        server: Server,
        storages: Storages,
        settings: Settings,
        report: Report,
        *,
        own_task: OwnTask | None,
        pace: Pace | None = None,
    ) -> None:
        self._server, self._storages, self._settings, self._report = server, storages, settings, report
        self._own_task, self.stop = own_task, server.network.stop
        self._now, self._wait = pace or Pace(time.monotonic, self.stop.wait)
        self._failing_since = ""

    def run(self) -> Ending:
        """Run once, or with ``run_as_service`` and no plan until stopped."""
        # A plan is worked off once: whoever approved it did not approve what a later cycle finds.
        for_ever, backoff = self._settings.run_as_service and not self._settings.plan, 0.0
        while not self.stop.is_set():
            begun = self._now()
            if not backoff:
                self._report.starting()
            outcome = self._cycle()
            # Not the period: that may be a day, and the server is back long before, with its archive waiting.
            away = for_ever and _server_away(outcome) and not self.stop.is_set()
            backoff = min(backoff * 2 or FIRST_WAIT, LONGEST_WAIT) if away else 0.0
            self._tell(outcome, backoff)
            if not for_ever:
                return Ending(said=not isinstance(outcome, Stopped)) if self.stop.is_set() else ending_of(outcome)
            self._tell_since_when(ending_of(outcome))
            rest = self._settings.cleanup_period_in_days * DAY - (self._now() - begun)
            pause = min(backoff or max(rest, SHORTEST_PERIOD), threading.TIMEOUT_MAX)
            if not self.stop.is_set():
                if isinstance(outcome, CycleResult):
                    self._report.waiting(pause)
                self._wait(pause)
        return Ending()

    def _tell(self, outcome: CycleResult | Exception, backoff: float) -> None:
        if isinstance(outcome, CycleResult):
            self._report.finished(outcome)
        elif not isinstance(outcome, Stopped):
            # An error made for people says enough; any other is a mistake of this program, told with its place.
            trace = "" if isinstance(outcome, CleanupError) else "".join(traceback.format_exception(outcome))
            self._report.failed(outcome, without_secrets(trace, 4000), retry_in=backoff)

    def _tell_since_when(self, ending: Ending) -> None:
        """Let the status message say since when cycles fail: the status stays "in progress" all the while."""
        if self._own_task is None or self.stop.is_set() or ending.code == ServerUnreachable.exit_code:
            return
        if ending.code and ending.failed:
            self._failing_since = self._failing_since or f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC"
            self._own_task.set_message(f"Cycles fail since {self._failing_since}. {ending.message}")
        elif self._failing_since:
            self._failing_since = ""
            self._own_task.set_message("")

    def _cycle(self) -> CycleResult | Exception:
        """Run one cycle; return its result, or what ended it."""
        try:
            return run_once(
                self._server,
                self._storages,
                self._settings,
                now=datetime.now(timezone.utc),
                own_task=self._own_task.id if self._own_task else None,
                watcher=self._report,
            )
        except Exception as error:
            # One bad cycle, or a mistake of this program in it, must not end the service.
            return error


def _server_away(outcome: CycleResult | Exception) -> bool:
    return bool(outcome.interrupted) if isinstance(outcome, CycleResult) else isinstance(outcome, ServerError)


def ending_of(outcome: CycleResult | Exception) -> Ending:
    """Return how a single run ends whose cycle ended with ``outcome``: 0 all done, 1 not all, 3 the server was lost."""
    if isinstance(outcome, Exception):
        code = outcome.exit_code if isinstance(outcome, CleanupError) else 1
        return Ending(code, f"The cycle failed: {str(outcome) or type(outcome).__name__}", said=True)
    result = outcome
    if result.interrupted:
        message = f"The server was lost in mid-cycle: {result.interrupted}. The next run goes on from there"
        return Ending(ServerUnreachable.exit_code, message, said=True)
    if result.ok:
        return Ending(said=True)
    problems: list[tuple[str, int, Iterable[str]]] = [
        ("storage", len(result.unreachable), (f"{name}: {why}" for name, why in result.unreachable.items())),
        ("task", len(result.failed), (f"task {_told(entry)}" for entry in result.failed)),
        ("model", len(result.models.failed), (f"model {_told(entry)}" for entry in result.models.failed)),
        ("file", result.files.failed, (f"{file.address}: {file.error}" for file in result.failed_files)),
        ("other call", len(result.errors), result.errors),
    ]
    counts = ", ".join(plural(many, noun) for noun, many, _ in problems if many)
    first = next(chain.from_iterable(lines for _, _, lines in problems), "?")
    told = one_line(f"{counts} failed; the first: {first}", 600)
    if result.dry_run:
        return Ending(1, f"The real run could not do all: {told}", said=True, failed=bool(result.errors))
    return Ending(1, f"Not all could be done: {told}", said=True)


def _told(entry: Failed) -> str:
    return f"{entry.task.name} ({entry.task.id}): {entry.error}"


def open_storages(server: Server, settings: Settings) -> Storages:
    """Return the storages, with the session's token for the file servers of the SDK's configuration."""
    return Storages(
        known_file_servers(), server.session.token_for_files, bound=settings.parallel_requests, stop=server.network.stop
    )
