"""The steps of one run of the script: checks, the log-in, the settings of the task, enqueuing or the work."""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any

from clearml.config import config as sdk_config

from cleanup.base.errors import CleanupError, Ending
from cleanup.cycle import open_plan
from cleanup.launch import guard, remote
from cleanup.launch.command_line import CommandLine
from cleanup.launch.guard import Guard
from cleanup.report.page import Page, property_names
from cleanup.report.report import Report
from cleanup.server import Network, Server
from cleanup.server.own_task import OwnTask
from cleanup.server.queues import is_watched, queue_id
from cleanup.service import Service, open_storages
from cleanup.settings import SECTION, Settings, defaults, descriptions

COMMENT = (
    "Deletes archived tasks past their time, with every file they wrote, and nothing else: clone it, edit the "
    "parameters under General, enqueue it. Its code is in the repository under EXECUTION > SOURCE CODE."
)

TEMPLATE, DRY_RUN = "template", "dry-run"
"""Tags by which the task list tells what a "Cleanup Service" is."""

FIRST_ATTEMPTS = 4
"""Attempts at a request until the work begins: a person waits for it."""


class Run:
    """One run of the script, from the log-in to the work. ``args``: the args dict of the task.

    Started by a person it is checked whole before there is a task: what is refused leaves none.

    Raises:
        SettingsError, NotForAgents, ServerError: it is refused.
    """

    def __init__(self, watched_by: Guard, asked: CommandLine, script: Path) -> None:
        self._guard, self._template = watched_by, asked.template
        self.args: dict[str, Any] = {**defaults(), **asked.settings}
        self._server = Server(Network(attempts=FIRST_ATTEMPTS, stop=watched_by.stop))
        # The SDK would fork a process for its reports beside its own threads. Every now and then that child waits for
        # ever for a lock that a thread held at the fork, and closing the task waits for the child, for minutes.
        sdk_config.get("development").put("report_use_subprocess", False)
        self._queue = ""
        if not watched_by.agents_task:
            watched_by.setting_up("Checking the settings", sdk=False)
            self._check(Settings.parse(self.args), script)
        remote.record_packages()
        watched_by.setting_up("Task.init and Task.connect")

    def _check(self, settings: Settings, script: Path) -> None:
        if settings.project_names:
            self._server.tasks.projects_under(settings.project_names)
        if plan := open_plan(self._server, settings.plan):
            plan.close()
        if self._template or settings.run_as_service:
            remote.check_code(script)
        if settings.run_as_service and not self._template:
            self._queue = queue_id(self._server.client, settings.services_queue)

    def listen(self, task: Any) -> None:
        """Take over ``task``: from now on an abort in the web UI asks the work to stop between two requests."""
        self._task = self._guard.task = task
        self._own = OwnTask(self._server.client, task.id)
        if not self._guard.agents_task:
            task.set_comment(COMMENT)
        # Once the callback returns, the SDK ends the process from another thread, in whatever it is. It never does:
        # leaving ends the process, and if that takes too long, the SDK.
        never = threading.Event()

        def abort() -> None:
            self._guard.stop.set()
            never.wait()

        task.register_abort_callback(abort, callback_execution_timeout=guard.LEAVING)

    def read_settings(self) -> Settings:
        """Return the settings under General as they are written there, and let the web UI describe them.

        ``Task.connect`` casts what it can read and silently keeps its default where it cannot; the text itself is
        what counts. Raises SettingsError.
        """
        self._guard.setting_up("Reading the settings of the task")
        prefix = f"{SECTION}/"
        texts = {
            name.removeprefix(prefix): "" if value is None else str(value)
            for name, value in (self._task.get_parameters() or {}).items()
            if name.startswith(prefix)
        }
        types = {name: type(default).__name__ for name, default in defaults().items()}
        self._own.describe_parameters(SECTION, texts, types, descriptions())
        settings = Settings.parse(texts)
        tag = TEMPLATE if self._template else DRY_RUN if settings.dry_run else ""
        self._own.begin(tag, (TEMPLATE, DRY_RUN), property_names())
        return settings

    def leaves_it_to_an_agent(self, settings: Settings) -> bool:
        """True if this process only makes the task: for a queue, or as a template."""
        return not self._guard.agents_task and (self._template or settings.run_as_service)

    def hand_over(self, settings: Settings) -> str | None:
        """Make the task ready for ``execute_remotely`` and say where it goes; return the queue, None for a template."""
        self._guard.setting_up("Task.execute_remotely")
        task, queue = self._task, settings.services_queue
        task.register_abort_callback(None)
        if settings.services_docker:
            task.set_base_docker(docker_image=settings.services_docker)
        page = task.get_output_log_web_page()
        if self._template:
            print(f'Leaving the draft "{task.name}" ({task.id}) to clone and enqueue: {page}', flush=True)
            return None
        print(f'Enqueuing "{task.name}" ({task.id}) to queue {queue!r}: {page}', flush=True)
        if not is_watched(self._server.client, self._queue):
            print(
                f"No agent watches the queue {queue!r} at the moment. The task waits there until one does: "
                f"clearml-agent daemon --queue {queue} --services-mode --docker",
                flush=True,
            )
        return queue

    def clean(self, settings: Settings) -> Ending:
        """Run the service, once or for ever."""
        self._guard.working()
        print("Cleanup service started", flush=True)
        self._server.network.attempts = Network.attempts
        self._server.network.parallel = settings.parallel_requests
        web = self._server.web_server
        report = Report(Page(self._task, self._own), web=web, json_to=self._guard.json_to)
        storages = open_storages(self._server, settings)
        # What the SDK brought along stays: to look through it again and again would hold a cycle up each time.
        gc.collect()
        gc.freeze()
        try:
            return Service(self._server, storages, settings, report, own_task=self._own).run()
        finally:
            storages.close()


def record(task: str, status: str, message: str) -> bool:
    """Set the status of ``task``; return whether the server did. With a session of its own: the other may hang."""
    try:
        own = OwnTask(Server(Network(attempts=2, connect_timeout=3.0, read_timeout=8.0, total=8.0)).client, task)
    except CleanupError:
        return False
    return own.set_status(status, message)
