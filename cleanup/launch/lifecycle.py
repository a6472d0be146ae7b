"""The way of one run of the script: log in, read the settings of the task, enqueue or work, leave with a status."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, TextIO

from clearml import Task
from clearml.config import config as sdk_config

from cleanup import service
from cleanup.base.errors import CleanupError
from cleanup.launch import remote
from cleanup.report.page import Page
from cleanup.report.report import Report
from cleanup.server import Network, Server
from cleanup.server.own_task import OwnTask
from cleanup.server.queues import is_watched, queue_id
from cleanup.service import Ending
from cleanup.settings import SECTION, Settings, defaults, descriptions

COMMENT = (
    "Deletes archived tasks past their time, with every file they wrote, and nothing else: clone it, edit the "
    "parameters under General, enqueue it. Its code is in the repository under EXECUTION > SOURCE CODE."
)

LEAVING = 60.0
"""Seconds that the SDK has to send its last reports; with the server away it would try for hours."""

LEAVING_ALONE = 5.0
"""The same when the server is known to be away."""

FIRST_ATTEMPTS = 3
"""Attempts until the work begins: a person waits for it."""

LAST_ATTEMPTS = 2
"""Attempts at the status on leaving."""

ABORTED = 254
"""The exit code that clearml-agent takes for an abort; any other but 0 is a failure to it."""


class Run:
    """One run of the script on ``server``, from the task's settings to the exit code."""

    def __init__(self, server: Server, task: Any, json_to: TextIO | None) -> None:
        self._server, self._task, self._json_to = server, task, json_to
        self._own = OwnTask(server.client, task.id)
        self._stop = server.network.stop

    def read_settings(self) -> Settings:
        """Return the settings under General as they are written there, and let the web UI describe them.

        ``Task.connect`` casts what it can read and silently keeps its default where it cannot; the text itself is
        what counts. Raises SettingsError.
        """
        prefix = f"{SECTION}/"
        texts = {
            name.removeprefix(prefix): "" if value is None else str(value)
            for name, value in (self._task.get_parameters() or {}).items()
            if name.startswith(prefix)
        }
        types = {name: type(default).__name__ for name, default in defaults().items()}
        self._own.describe_parameters(SECTION, texts, types, descriptions())
        return Settings.parse(texts)

    def prepare_remote(self, settings: Settings, script: Path, *, template: bool) -> None:
        """Make ready for ``execute_remotely``: raise if an agent could not run it, say where it goes."""
        remote.check_code(script)
        queue = "" if template else queue_id(self._server.client, settings.services_queue)
        self._task.set_comment(COMMENT)
        if settings.services_docker:
            self._task.set_base_docker(docker_image=settings.services_docker)
        page = self._task.get_output_log_web_page()
        if template:
            print(f'Leaving the draft "{self._task.name}" ({self._task.id}) to clone and enqueue: {page}', flush=True)
            return
        print(f'Enqueuing "{self._task.name}" ({self._task.id}) to queue {settings.services_queue!r}: {page}')
        if not is_watched(self._server.client, queue):
            print(
                f"No agent watches the queue {settings.services_queue!r} at the moment. The task waits there until one "
                f"does: clearml-agent daemon --queue {settings.services_queue} --services-mode --docker",
                flush=True,
            )
        sys.stdout.flush()

    def listen(self) -> None:
        """From now on a signal, or an abort in the web UI, asks the work to stop between two requests."""
        if Task.running_locally():
            self._task.set_comment(COMMENT)
        service.stop_on_signals(self._stop)
        # Once the callback returns, the SDK ends the process from another thread, in whatever it is. It never does:
        # leaving ends the process, and if that takes too long, the SDK.
        never = threading.Event()

        def abort() -> None:
            self._stop.set()
            never.wait()

        self._task.register_abort_callback(abort, callback_execution_timeout=LEAVING)

    def clean(self, settings: Settings) -> Ending:
        """Run the service, once or for ever."""
        print("Cleanup service started", flush=True)
        self._server.network.attempts = Network.attempts
        self._server.session.limit(settings.parallel_requests)
        web = self._server.web_server
        report = Report(Page(self._task, self._own, web), web=web, json_to=self._json_to)
        try:
            storages = service.open_storages(self._server, settings)
        except CleanupError as error:
            return Ending(error.exit_code, str(error))
        try:
            return service.Service(self._server, storages, settings, report, own_task=self._task.id).run()
        finally:
            storages.close()

    def leave(self, ending: Ending) -> int:
        """Close the task with the status and message that ``ending`` means; return the exit code of the process.

        Every way out comes through here, and none waits longer than the server may need.
        """
        stopped = self._stop.is_set()
        self._stop.clear()
        self._server.network.attempts = LAST_ATTEMPTS
        status = "failed" if ending.code else "stopped" if stopped else ""
        message = ending.message
        if status == "stopped":
            message = "Stopped as asked, between two requests"
            print(message, flush=True)
        patience = LEAVING if ending.code != 3 or self._server.alive() else LEAVING_ALONE
        # In this order: the SDK ends the process when it sees a status that it did not set, and closing makes a task
        # completed whatever it was.
        closed = self._close(patience)
        recorded = bool(status) and self._own.set_status(status, message)
        code = ending.code
        if not Task.running_locally():
            code = _code_for_agent(code, stopped, recorded)
            if code != ending.code and not stopped:
                print("This task has failed; what the agent says next is about the process", flush=True)
        if not closed:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        return code

    def _close(self, patience: float) -> bool:
        """Let the SDK send its last reports and close the task; return whether that came to an end."""
        closing = threading.Thread(target=self._task.close, name="cleanup-leaving", daemon=True)
        closing.start()
        closing.join(patience)
        return not closing.is_alive()

    def refuse(self, error: CleanupError) -> int:
        """Leave because of ``error``, before anything was deleted; return the exit code of the process."""
        _as_json(error, self._json_to)
        print(error, flush=True)
        return self.leave(Ending(error.exit_code, str(error)))


def _code_for_agent(code: int, stopped: bool, recorded: bool) -> int:
    """Return the exit code for clearml-agent, which derives status and message from it.

    After a failure it would replace the status message by its own. After success it asks for "completed", which the
    server refuses for a task that has failed: so what is recorded stays.
    """
    if code:
        return 0 if recorded else code
    return ABORTED if stopped else 0


def log_in() -> Server:
    """Return the server of the SDK's configuration, logged in, before the SDK itself asks for it for hours.

    Raises:
        ServerUnreachable, CredentialsError: within about half a minute.
    """
    server = Server(Network(attempts=FIRST_ATTEMPTS))
    # The SDK would fork a process for its reports beside its own threads. Every now and then that child waits for ever
    # for a lock that a thread held at the fork, and closing the task waits for the child, for minutes.
    sdk_config.get("development").put("report_use_subprocess", False)
    return server


def turn_back(error: CleanupError, json_to: TextIO | None) -> int:
    """Say that there is no server to work on; return the exit code."""
    _as_json(error, json_to)
    print(f"No cleanup: {error}", file=sys.stderr)
    return error.exit_code


@contextlib.contextmanager
def lifeline(server: Server) -> Iterator[None]:
    """End the process if the server goes away meanwhile: the SDK would wait for it for hours."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LEAVING / 2):
            if not server.alive() and not over.is_set():
                _give_up(server)

    threading.Thread(target=watch, name="cleanup-lifeline", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _give_up(server: Server) -> NoReturn:
    print(f"No cleanup: {server.session.where} stopped answering while the task was set up", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(3)


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


def _as_json(error: CleanupError, json_to: TextIO | None) -> None:
    if json_to:
        print(json.dumps({"ok": False, "error": str(error)}), file=json_to, flush=True)


def with_defaults(given: Mapping[str, object]) -> dict[str, Any]:
    """Return the args dict: every setting, as ``given`` or else its default."""
    return {**defaults(), **given}
