"""The rig: a sandbox with an S3 server and local folders, the service on it, and all that the service said."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from cleanup.cycle.result import CycleResult
from cleanup.report.figures import as_json
from cleanup.report.render import dry_run_lines, summary
from cleanup.sandbox import Sandbox
from cleanup.sandbox import answer as sandbox_answer
from cleanup.sandbox import fileserver as sandbox_files
from cleanup.sandbox.answer import Answer
from cleanup.sandbox.http import open_connections
from cleanup.sandbox.kinds import MODEL, PROJECT, QUEUE, TASK
from tests.faults.forked import Forker
from tests.faults.snapshot import Snapshot
from tests.faults.storage_server import KEY_ID, S3, SECRET

FORCED = {"force_delete": True, "keep_tags": "keep"}


class Rig:
    """One for a process: the SDK reads its configuration once."""

    def __init__(self) -> None:
        self.sandbox = Sandbox().start()
        self.s3 = S3(self.sandbox.traffic)
        self.local = Path(tempfile.mkdtemp(prefix="faults-")).resolve()
        self.said: list[str] = []
        """Everything that results, exceptions and the log held, for the search for secrets."""
        self.tried = 1
        """The cases in the attack that runs."""
        self.measured = ""
        """What the attack has to tell beside its findings."""
        self.forbidden: set[str] = set()
        """Paths that the file server may not delete."""
        self.lines: list[str] = []
        """The report of the last cycle as the console shows it."""
        self.rewrite: Callable[[str, Any], None] | None = None
        """Called with the endpoint and the ``data`` of each answer of the API: changes what the server says."""
        self._configure()
        self._log = _listen(self.said)
        self._forker: Forker | None = None

    def _configure(self) -> None:
        environment = self.sandbox.environment()
        Path(environment["CLEARML_CONFIG_FILE"]).write_text(
            f'sdk.aws.s3.credentials: [{{host: "{self.s3.host}", key: "{KEY_ID}", secret: "{SECRET}", secure: false}}]'
        )
        os.environ.update(environment)
        prepare()
        handle = self.sandbox.traffic.handle
        self.sandbox.traffic.handle = (  # type: ignore[method-assign]
            lambda name, body, scheme, work: self._said_otherwise(name, handle(name, body, scheme, work))
        )
        plain = sandbox_files.delete_many
        sandbox_files.delete_many = lambda root, body: _refusing(plain, root, body, self.forbidden)

    def _said_otherwise(self, endpoint: str, answer: Answer) -> Answer:
        if (
            self.rewrite is None
            or answer.status != 200
            or "." not in endpoint
            or endpoint.startswith(("files.", "s3."))
        ):
            return answer
        content = json.loads(answer.body)
        self.rewrite(endpoint, content["data"])
        return answer.with_body(json.dumps(content).encode())

    @property
    def secrets(self) -> list[str]:
        return [self.sandbox.secret_key, self.sandbox.access_key, SECRET, KEY_ID, "eyJ"]

    def close(self) -> None:
        if self._forker is not None:
            self._forker.__exit__(None, None, None)
        self.s3.stop()
        self.sandbox.stop()
        shutil.rmtree(self.local, ignore_errors=True)

    def reset(self) -> None:
        """Empty the world, and take every fault and hook away."""
        sandbox = self.sandbox
        sandbox.clear_faults()
        sandbox.on_request = self.rewrite = None
        sandbox.traffic.stopping.set()
        sandbox.traffic.stopping = threading.Event()
        with sandbox.store.lock:
            for kind in (TASK, MODEL, PROJECT, QUEUE):
                held = sandbox.store.collection(kind)
                for entity in list(held.all()):
                    held.remove(entity["id"])
                    sandbox.store.events.remove(entity["id"])
            sandbox.store.task_failures.clear()
        for folder in (sandbox.files_root, self.local):
            for entry in folder.iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self.s3.clear()
        self.forbidden.clear()
        self.said.clear()
        sandbox.reset_requests()

    def put_local(self, path: str, content: bytes = b"content") -> str:
        target = self.local / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return f"file://{target}"

    def snapshot(self) -> Snapshot:
        on_disk = {f"file://{path}" for path in self.local.rglob("*") if path.is_file()}
        served = {f"{self.sandbox.files_url}/{path}" for path in self.sandbox.files()}
        return Snapshot(self.sandbox.tasks, self.sandbox.models, frozenset(on_disk | served | self.s3.files()))

    def cycle(
        self,
        settings: dict[str, Any] | None = None,
        *,
        timeout: float = 20.0,
        attempts: int = 3,
        now: datetime | None = None,
        own_task: str | None = None,
        stop: threading.Event | None = None,
    ) -> CycleResult | None:
        """Run one cycle; None where it could not begin. Any error but the service's own is a breach: it is raised."""
        from cleanup.base.errors import CleanupError

        network = {"attempts": attempts, "timeout": timeout, "stop": stop}
        try:
            result = run_cycle(settings or {}, now=now, own_task=own_task, **network)
        except CleanupError as error:
            self.said.append(f"a cycle raised {error!r} {error}")
            return None
        self.hear(result)
        return result

    def hear(self, result: CycleResult) -> None:
        """Keep what a result says in every form that the service gives it."""
        self.said += [repr(result), json.dumps(as_json(result))]
        self.lines = [*summary(result), *dry_run_lines(result)]
        # What the console cannot show would end the cycle there.
        self.said.append("\n".join(self.lines).encode().decode())

    def quiet(self) -> None:
        """Wait until no connection to a server is open, so that nobody acts on the world any more."""
        servers = [server._server for server in (*self.sandbox._servers, self.s3._server)]
        wait_for(lambda: not any(open_connections(server) for server in servers))

    @property
    def forker(self) -> Forker:
        """What runs cycles that can be killed; started when it is first asked for."""
        if self._forker is None:
            self._forker = Forker()
        return self._forker

    def leaked(self) -> list[str]:
        """Return the secrets that were said; each text that holds one."""
        return [f"secrets: {text[:300]}" for text in self.said for secret in self.secrets if secret in text]


class _Listener(logging.Handler):
    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(logging.Formatter().format(record))


def _listen(said: list[str]) -> logging.Handler:
    handler = _Listener(said)
    logging.getLogger().addHandler(handler)
    logging.getLogger("cleanup").setLevel(logging.DEBUG)
    return handler


@contextlib.contextmanager
def captured(said: list[str]) -> Iterator[None]:
    """Collect what is printed meanwhile."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            yield
        finally:
            said.append(out.getvalue())


def run_cycle(
    settings: dict[str, Any],
    *,
    timeout: float = 20.0,
    attempts: int = 3,
    now: datetime | None = None,
    own_task: str | None = None,
    stop: threading.Event | None = None,
) -> CycleResult:
    """Run one cycle as the service does, with its own session and connections."""
    from cleanup.cycle import run_once
    from cleanup.server import Network, Server
    from cleanup.settings import Settings
    from cleanup.storage import Storages, known_file_servers

    server = Server(Network(attempts, 0.001, 0.01, timeout, timeout, timeout, stop=stop or threading.Event()))
    storages = Storages(known_file_servers(), server.session.token_for_files, bound=4, timeout=timeout)
    chosen = Settings.parse({**FORCED, **settings})
    try:
        return run_once(server, storages, chosen, now=now or datetime.now(timezone.utc), own_task=own_task)
    finally:
        storages.close()
        server.close()


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until ``condition`` holds."""
    until = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("it did not come true in time")
        pause.wait(0.002)


def prepare() -> None:
    """Shorten the seconds that storages wait between two tries: the tests have thousands of tries."""
    import boto3
    import botocore.endpoint

    import cleanup.cycle
    import cleanup.server
    import cleanup.storage.s3  # noqa: F401 - a process that is forked has them then
    from cleanup.storage import bulk, wire

    short = (0.001, 0.001, 0.001)
    bulk.WAITS = wire._WAITS = short  # type: ignore[assignment]
    botocore.endpoint.time = _NoTime()  # type: ignore[attr-defined]
    # A session reads its data files each time; hundreds of cycles share one.
    session = boto3.Session()
    making, client = threading.Lock(), session.client
    session.client = lambda *args, **more: _locked(making, client, *args, **more)  # type: ignore[method-assign]
    boto3.Session = lambda profile_name=None: session  # type: ignore[assignment,misc]


def _locked(lock: threading.Lock, act: Callable[..., Any], *args: Any, **more: Any) -> Any:
    with lock:
        return act(*args, **more)


class _NoTime:
    @staticmethod
    def sleep(seconds: float) -> None:
        """The retries of botocore follow each other at once."""


def _refusing(plain: Callable[..., Any], root: Path, body: dict[str, Any], forbidden: set[str]) -> Any:
    """Answer ``delete_many`` as a file server that may not delete some of the files."""
    refused = [name for name in body.get("files") or [] if unquote_plus(name).strip("/") in forbidden]
    if not refused:
        return plain(root, body)
    others = [name for name in body["files"] if name not in refused]
    given = json.loads(plain(root, {"files": others}).body) if others else {"deleted": {}, "errors": {}}
    given["errors"]["Permission denied"] = refused
    return sandbox_answer.as_json(200, given)
