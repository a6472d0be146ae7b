"""The way of one run of the script: check the server, read the settings of the task, enqueue or work, leave."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from cleanup import remote, service
from cleanup.page import Page
from cleanup.report import Report
from cleanup.server import Network, Server
from cleanup.server.own_task import OwnTask
from cleanup.server.queues import is_watched, queue_id
from cleanup.settings import SECTION, Settings, defaults, descriptions

COMMENT = (
    "Deletes archived tasks past their time, with every file they wrote, and nothing else: clone it, edit the "
    "parameters under General, enqueue it. Its code is in the repository under EXECUTION > SOURCE CODE."
)
LEAVING = 60.0
"""Seconds that the SDK has to send its last reports; with the server away it would try for hours."""


FIRST_ATTEMPTS = 3
"""Attempts at the first login: a person waits for it."""


class Run:
    """One run of the script on ``server``, from the task's settings to the exit code."""

    def __init__(self, server: Server, task: Any, json_to: TextIO | None) -> None:
        self._server, self._task, self._json_to = server, task, json_to
        self._own = OwnTask(server.client, task.id)
        self._stop = server.network.stop
        self._over = threading.Event()

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
            print(f'The draft "{self._task.name}" ({self._task.id}) is ready to clone and enqueue: {page}', flush=True)
            return
        print(f'Enqueuing "{self._task.name}" ({self._task.id}) to queue {settings.services_queue!r}: {page}')
        if not is_watched(self._server.client, queue):
            print(
                f"No agent watches the queue {settings.services_queue!r} at the moment. The task waits there until one "
                f"does: clearml-agent daemon --queue {settings.services_queue} --services-mode",
                flush=True,
            )

    def clean(self, settings: Settings) -> int:
        """Run the service, once or for ever; return the exit code."""
        service.stop_on_signals(self._stop)
        # The web UI's Abort: the SDK ends the process once this returns.
        self._task.register_abort_callback(self._abort, callback_execution_timeout=LEAVING)
        self._task.set_comment(COMMENT)
        print("Cleanup service started", flush=True)
        self._server.session.limit(settings.parallel_requests)
        storages = service.open_storages(self._server, settings)
        report = Report(
            Page(self._task, self._own, self._server.web_server), web=self._server.web_server, json_to=self._json_to
        )
        try:
            return service.Service(self._server, storages, settings, report, own_task=self._task.id).run()
        finally:
            storages.close()

    def _abort(self) -> None:
        self._stop.set()
        self._over.wait(LEAVING)

    def leave(self, code: int, message: str = "") -> int:
        """Close the task as ``code`` says: failed with ``message``, stopped, or completed; return ``code``."""
        stopped = self._stop.is_set()
        self._stop.clear()
        status = "failed" if code else "stopped" if stopped else ""
        message = message or (
            "Stopped as asked, between two requests" if stopped else "See the console for what failed"
        )
        if status:
            print(message if code != 1 else f"Exit code 1: {message}", flush=True)
            self._own.set_status(status, message)
        self._over.set()
        closing = threading.Thread(target=self._task.close, name="cleanup-leaving", daemon=True)
        closing.start()
        closing.join(LEAVING)
        # Closing makes a task completed that was stopped before; a failed one it leaves.
        if status and self._own.status() not in ("", status):
            self._own.set_status(status, message)
        if closing.is_alive():
            sys.stdout.flush()
            os._exit(code)
        return code


def log_in() -> Server:
    """Return the server of the SDK's configuration, logged in, before the SDK itself asks for it for hours.

    Raises:
        ServerUnreachable, CredentialsError: within about half a minute.
    """
    network = Network(attempts=FIRST_ATTEMPTS)
    server = Server(network)
    network.attempts = Network.attempts
    return server


@contextlib.contextmanager
def json_on_stdout(wanted: bool) -> Iterator[TextIO | None]:
    """Yield the real stdout for JSON if ``wanted``; all that is printed meanwhile goes to stderr then."""
    if not wanted:
        yield None
        return
    real = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        yield real


def with_defaults(given: Mapping[str, object]) -> dict[str, Any]:
    """Return the args dict: every setting, as ``given`` or else its default."""
    return {**defaults(), **given}
