"""One way out for the script, wherever it is: signals, time, the status of its task, what is said, the exit code.

The script runs in a thread of its own. Only the main thread of a Python process can set signal handlers, and the SDK,
which would put its own in their place, lets that be where it cannot: so the main thread, which does nothing but wait,
hears a signal at once whatever the script is in, and ends what takes too long.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TextIO

from cleanup.base.errors import CleanupError, Ending, ServerError, Stopped
from cleanup.base.text import without_secrets
from cleanup.launch import command_line, configuration
from cleanup.launch.command_line import CommandLine

SET_UP = 60.0
"""Seconds that each step of the set-up may take: the SDK repeats a call that fails for hours."""

LEAVING = 60.0
"""Seconds that the SDK has to send its last reports."""

LAST_WORDS = 10.0
"""Seconds for what the server is likely not to answer: the last reports once it was away, the status of the task."""

HEED = 25.0
"""Seconds in which the work hears a stop: a little longer than a request that deletes is waited for."""

HEED_SDK = 3.0
"""Seconds in which the set-up does; the SDK's own calls never hear one."""

TICK = 0.1

AT_ONCE = "Stopped at once, as asked twice; the next run goes on from there"
STOPPED = "Stopped as asked, between two requests"

ABORTED = 254
"""The exit code that clearml-agent takes for an abort; any other but 0 is a failure to it."""


@dataclass(frozen=True)
class _Phase:
    what: str
    limit: float
    heed: float
    sdk: bool = False
    begun: float = field(default_factory=time.monotonic)


class Guard:
    """What the script is watched by. ``stop`` is set by a signal (and may be by others); see :func:`run`."""

    def __init__(self, json_to: TextIO | None, agents_task: str) -> None:
        self.json_to, self.agents_task = json_to, agents_task
        self.stop = threading.Event()
        self.task: Any = None
        """The SDK's Task, once it is there: it is closed on leaving."""
        self._signals = 0
        self._way_out = threading.Lock()
        """Who holds it leaves: the script, or the main thread without it."""
        self._told = False
        self._ending: Ending | None = None
        self._code = 1
        self._phase = _Phase("Reading the configuration and logging in", SET_UP, HEED_SDK)

    def setting_up(self, what: str, *, sdk: bool = True) -> None:
        """The script goes on to ``what``, which must not take longer than ``SET_UP``. ``sdk``: the SDK does it.

        Raises Stopped if a stop was asked for.
        """
        if self.stop.is_set():
            raise Stopped(STOPPED)
        self._phase = _Phase(what, SET_UP, HEED_SDK, sdk)

    def working(self) -> None:
        """The script goes on to the work, which takes as long as it takes."""
        self._phase = _Phase("The work", float("inf"), HEED)

    def watch(self, script: Callable[[], Ending]) -> int:
        """Run ``script``, then leave; return the exit code. Ends the process where the script does not end in time."""

        def heard(_number: int, _frame: FrameType | None) -> None:
            self._signals += 1
            # By the first alone, and nowhere else in this thread: the lock inside must not be what was interrupted.
            if self._signals == 1:
                self.stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, heard)
        # The system may hand a signal to any thread; this wakes the main one, which alone runs the handler.
        woken, wakes = socket.socketpair()
        wakes.setblocking(False)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        thread = threading.Thread(target=self._run, args=(script,), name="cleanup-script", daemon=True)
        thread.start()
        stopped_at = 0.0
        while thread.is_alive():
            if select.select([woken], [], [], TICK)[0]:
                woken.recv(1)
            if self.stop.is_set():
                stopped_at = stopped_at or time.monotonic()
            phase, now = self._phase, time.monotonic()
            if self._signals > 1 and self._way_out.acquire(blocking=False):
                self._cut(Ending(message=AT_ONCE), "stopped")
            elif stopped_at and now > max(stopped_at, phase.begun) + phase.heed:
                self._cut(self._ending or Ending(), "stopped")
            elif now > phase.begun + phase.limit:
                overdue = f"{phase.what} did not come to an end within {phase.limit:.0f} seconds"
                why = "The server leaves a request of it without a usable answer"
                self._cut(self._ending or Ending(3, f"{overdue}. {why}"), "")
        return self._code

    def _run(self, script: Callable[[], Ending]) -> None:
        try:
            ending = script()
        except SystemExit as leaving:
            ending = Ending(leaving.code if isinstance(leaving.code, int) else 0, said=True)
        except Stopped:
            ending = Ending()
        except CleanupError as error:
            # What the server answers before there is anything to do is its refusal to be worked on.
            ending = Ending(3 if isinstance(error, ServerError) else error.exit_code, str(error))
        except Exception as error:
            ending = self._unexpected(error)
        self._leave(ending)

    def _unexpected(self, error: Exception) -> Ending:
        said = f"{type(error).__name__}: {without_secrets(error)}"
        if self._phase.sdk:
            return Ending(3, f"{self._phase.what} failed, the server does not let it be done: {said}")
        print(without_secrets("".join(traceback.format_exception(error)), 4000), file=sys.stderr)
        return Ending(1, f"a mistake of this program, please report it: {said}")

    def _leave(self, ending: Ending) -> None:
        """Say how it ends, close the task with the status and message that mean it, and set the exit code."""
        self._way_out.acquire()
        self._ending = ending
        self._phase = _Phase("Leaving", LAST_WORDS if ending.code == 3 else LEAVING, LAST_WORDS)
        self._say(ending, lambda line: print(line, file=sys.stderr if ending.code else None, flush=True))
        if self.task:
            # In this order: the SDK ends the process when it sees a status that it did not set, and closing makes a
            # task completed whatever it was.
            with contextlib.suppress(Exception):
                self.task.close()
        self._phase = _Phase("Leaving", LAST_WORDS * 2, LAST_WORDS * 2)
        self._code = self._record(ending, self._status(ending))

    def _status(self, ending: Ending) -> str:
        if ending.code:
            return "failed" if ending.failed else ""
        return "stopped" if self.stop.is_set() else ""

    def _say(self, ending: Ending, say: Callable[[str], object]) -> None:
        if self._told:
            return
        self._told = True
        stopped = self._status(ending) == "stopped"
        message = ending.message or (STOPPED if stopped else "")
        # That nobody reads it any more must not end the leaving.
        with contextlib.suppress(OSError, ValueError):
            if message and (stopped or not ending.said):
                say(message if stopped else f"No cleanup: {message}")
            if self.json_to and message and not ending.said:
                print(json.dumps({"ok": False, "error": message}), file=self.json_to, flush=True)

    def _record(self, ending: Ending, status: str) -> int:
        """Give the task ``status`` with the message of ``ending``; return the exit code of the process."""
        recorded = False
        task = self._own_task()
        if task and status:
            from cleanup.launch import lifecycle  # noqa: PLC0415 - imports the SDK, which read its configuration

            recorded = lifecycle.record(task, status, ending.message or STOPPED)
        if self.agents_task and ending.code and recorded:
            print("The task is marked failed with this as its status message; the agent only speaks of the process")
        return self._exit_code(ending, status, recorded)

    def _exit_code(self, ending: Ending, status: str, recorded: bool) -> int:
        """Return the exit code, from which an agent derives status and message.

        After a failure it would put its own message in the place of what is recorded; after success it asks for
        "completed", which the server refuses for a task that has failed.
        """
        if not self.agents_task:
            return ending.code
        return ABORTED if status == "stopped" else ending.code if status and not recorded else 0

    def _own_task(self) -> str:
        if self.agents_task:
            return self.agents_task
        # Task.init may have made it and hang all the same.
        sdk = getattr(sys.modules.get("clearml"), "Task", None)
        task = self.task or (sdk.current_task() if sdk else None)
        return str(task.id) if task else ""

    def _cut(self, ending: Ending, status: str) -> None:
        """Leave without the script, which may hang in anything: record the status if the server answers, and end."""
        self._way_out.acquire(blocking=False)
        status = self._status(ending) or status
        # Not through sys.stdout: the SDK has put itself in its place, and may hang there.
        self._say(ending, lambda line: os.write(2 if self.json_to or ending.code else 1, f"{line}\n".encode()))
        codes: list[int] = []
        last = threading.Thread(target=lambda: codes.append(self._record(ending, status)), daemon=True)
        last.start()
        last.join(LAST_WORDS)
        os._exit(codes[0] if codes else self._exit_code(ending, status, recorded=False))


def run(script: Callable[[Guard, CommandLine], Ending], arguments: Sequence[str] | None = None) -> int:
    """Run ``script`` with the command line ``arguments`` (those of the process if None); return the exit code.

    Whatever it raises, and whatever signal comes, is one line on the console, JSON if asked for, the status and
    message of the task, and an exit code.
    """
    agents_task = task_of_agent()
    # An agent runs the settings of the task; a command line recorded with it counts no more.
    given = [] if agents_task else list(sys.argv[1:] if arguments is None else arguments)
    with json_on_stdout(command_line.wants_json(given)) as json_to:
        guard = Guard(json_to, agents_task)

        def guarded() -> Ending:
            asked = command_line.parse(given)
            configuration.check()
            return script(guard, asked)

        return guard.watch(guarded)


def task_of_agent() -> str:
    """Return the id of the task that an agent runs here, "" if none does, and forget a task of the starting process.

    The SDK takes the process of a program that a task started for a part of that task. It tells its children by these
    variables, before it is imported: which process runs which task, and, below an agent, the task itself.
    """
    running = os.environ.get("CLEARML_TASK_ID") or os.environ.get("TRAINS_TASK_ID") or ""
    for name in ("CLEARML_PROC_MASTER_ID", "TRAINS_PROC_MASTER_ID"):
        if os.environ.pop(name, "").partition(":")[2] == running:
            running = ""
    if not running:
        for name in ("CLEARML_TASK_ID", "TRAINS_TASK_ID"):
            os.environ.pop(name, None)
    return running


@contextlib.contextmanager
def json_on_stdout(wanted: bool) -> Iterator[TextIO | None]:
    """Yield the real stdout for JSON if ``wanted``; all that is printed meanwhile goes to stderr then."""
    for stream in (sys.stdout, sys.stderr):
        # A name that the console cannot write must not cost its whole line: the SDK drops that without a word.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if not wanted:
        yield None
        return
    real = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        yield real
