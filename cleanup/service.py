"""Repeats cycles: waits from one to the next, stops on a signal, survives outages."""

from __future__ import annotations

import signal
import threading
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timezone
from types import FrameType

from cleanup.cycle import run_once
from cleanup.errors import CleanupError, CredentialsError, ServerUnreachable, Stopped
from cleanup.report import Report
from cleanup.result import CycleResult
from cleanup.server import Server
from cleanup.settings import Settings
from cleanup.storage import Storages, known_file_servers
from cleanup.text import without_secrets

DAY = 86_400.0
FIRST_WAIT = 15.0
LONGEST_WAIT = 900.0
"""Seconds between attempts while the server is away: the first wait, doubled up to the longest."""

SHORTEST_PERIOD = 1.0
"""Seconds that pass at least between the starts of two cycles."""


def utc_now() -> datetime:
    """Return the time of this machine, aware."""
    return datetime.now(timezone.utc)


class Service:
    """Runs cycles for one task. ``stop`` ends it: at once while it waits, between two requests while it works."""

    def __init__(
        self,
        server: Server,
        storages: Storages,
        settings: Settings,
        report: Report,
        *,
        own_task: str | None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._server, self._storages, self._settings, self._report = server, storages, settings, report
        self._own_task, self._clock = own_task, clock
        self.stop = server.network.stop

    def run(self) -> int:
        """Run once, or for ever with ``run_as_service``; return the exit code (0, 1, 2 or 3)."""
        if self._settings.run_as_service:
            return self._run_for_ever()
        code = self._cycle()[0]
        return 0 if self.stop.is_set() and code == 1 else code

    def _run_for_ever(self) -> int:
        wait = FIRST_WAIT
        while not self.stop.is_set():
            begun = time.monotonic()
            _, server_away = self._cycle()
            if server_away:
                # A period may be a day: the server is back long before that, and its archive is waiting.
                pause, wait = min(wait, self._period()), min(wait * 2, LONGEST_WAIT)
                self._report.waiting(pause)
            else:
                pause, wait = max(self._period() - (time.monotonic() - begun), 0.0), FIRST_WAIT
            self.stop.wait(min(max(pause, SHORTEST_PERIOD), threading.TIMEOUT_MAX))
        return 0

    def _period(self) -> float:
        return self._settings.cleanup_period_in_days * DAY

    def _cycle(self) -> tuple[int, bool]:
        """Run one cycle; return its exit code, and whether it ended because the server is away."""
        self._report.starting()
        try:
            result = run_once(
                self._server,
                self._storages,
                self._settings,
                now=self._clock(),
                own_task=self._own_task,
                watcher=self._report,
            )
        except Stopped:
            return 0, False
        except CleanupError as error:
            self._report.failed(error)
            return error.exit_code, isinstance(error, (ServerUnreachable, CredentialsError))
        except Exception as error:
            # A mistake of this program in one cycle must not end the service; it is shown in full, once a cycle.
            self._report.failed(error, without_secrets(traceback.format_exc(), 4000))
            return 1, False
        self._report.finished(result)
        return exit_code(result), bool(result.interrupted) and not self.stop.is_set()


def exit_code(result: CycleResult) -> int:
    """Return the exit code that a finished cycle means: 0 all done, 1 something failed, 3 the server was lost."""
    if result.interrupted:
        return 3
    return 0 if result.ok else 1


def open_storages(server: Server, settings: Settings) -> Storages:
    """Return the storages, with the session's token for the file servers of the SDK's configuration."""
    return Storages(known_file_servers(), server.session.token_for_files, bound=settings.parallel_requests)


def stop_on_signals(stop: threading.Event) -> None:
    """Let SIGTERM and SIGINT set ``stop``; the second one ends the process at once."""

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
