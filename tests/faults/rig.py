"""The rig: a sandbox with an S3 server and a disk, the service on it, and all that the service said."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from cleanup.cycle.result import CycleResult
from cleanup.sandbox import Sandbox
from cleanup.sandbox import answer as sandbox_answer
from cleanup.sandbox import fileserver as sandbox_files
from cleanup.sandbox.answer import Answer
from cleanup.sandbox.api import NEWEST
from cleanup.sandbox.http import open_connections
from cleanup.sandbox.kinds import MODEL, PROJECT, QUEUE, TASK
from tests.faults import service
from tests.faults.storage_server import KEY_ID, S3, SECRET
from tests.faults.world import World


class Rig:
    """One for a process: the SDK reads its configuration once."""

    def __init__(self) -> None:
        self.sandbox = Sandbox().start()
        self.s3 = S3(self.sandbox.traffic)
        self.disk = Path(tempfile.mkdtemp(prefix="faults-")).resolve()
        self.said: list[str] = []
        """Everything that results, reports, exceptions and the log held, for the search for secrets."""
        self.lines: list[str] = []
        """The report of the last cycle as the console shows it."""
        self.tried = 1
        """The cases in the attack that runs."""
        self.measured = ""
        """What the attack has to tell beside its findings."""
        self.forbidden: set[str] = set()
        """Paths that the file server may not delete."""
        self.rewrite: Callable[[str, Any], None] | None = None
        """Called with the endpoint and the ``data`` of each answer of the API: changes what the server says."""
        self.instead: Callable[[str], Answer | None] | None = None
        """Called with the endpoint of each request: what is answered instead of what the server would say."""
        environment = self.sandbox.environment()
        Path(environment["CLEARML_CONFIG_FILE"]).write_text(
            f'sdk.aws.s3.credentials: [{{host: "{self.s3.host}", key: "{KEY_ID}", secret: "{SECRET}", secure: false}}]'
        )
        os.environ.update(environment)
        service.prepare()
        listener = logging.Handler()
        listener.emit = lambda record: self.said.append(logging.Formatter().format(record))  # type: ignore[method-assign]
        logging.getLogger().addHandler(listener)
        logging.getLogger("cleanup").setLevel(logging.DEBUG)
        self._handle = self.sandbox.traffic.handle
        self.sandbox.traffic.handle = self._answer  # type: ignore[method-assign]
        plain = sandbox_files.delete_many
        sandbox_files.delete_many = lambda root, body: _refusing(plain, root, body, self.forbidden)

    def _answer(self, endpoint: str, *request: Any) -> Answer:
        answer = (self.instead and self.instead(endpoint)) or self._handle(endpoint, *request)
        if self.rewrite is None or answer.status != 200 or endpoint.startswith(("files.", "s3.")):
            return answer
        content = json.loads(answer.body)
        self.rewrite(endpoint, content["data"])
        return answer.with_body(json.dumps(content).encode())

    def leaked(self) -> list[str]:
        """Return each text that was said and holds a secret."""
        secrets = [self.sandbox.secret_key, self.sandbox.access_key, SECRET, KEY_ID, "eyJ"]
        return [f"secrets: {text[:300]}" for text in self.said for secret in secrets if secret in text]

    def close(self) -> None:
        self.s3.server.stop()
        self.sandbox.stop()
        shutil.rmtree(self.disk, ignore_errors=True)

    def reset(self) -> None:
        """Empty the world, and take every fault and hook away."""
        self.rewrite = self.instead = None
        self.calm()
        self.sandbox.traffic.stopping.set()
        self.sandbox.traffic.stopping = threading.Event()
        empty(self.sandbox, self.disk)
        self.s3.keys.clear()
        self.said.clear()
        service.batches_of(service.PLAIN)

    def calm(self) -> None:
        """Take every fault away, and let the server be a new one."""
        self.sandbox.clear_faults()
        self.sandbox._authority.api_version = NEWEST
        self.sandbox.store.task_failures.clear()
        self.s3.forbidden.clear()
        self.forbidden.clear()

    def refuse(self, files: list[str]) -> None:
        """Let the file server and S3 refuse to delete ``files``."""
        paths = [file.partition(":")[2] for file in files]
        self.forbidden.update(paths)
        self.s3.forbidden.update(paths)

    def put(self, storage: str, path: str) -> str:
        """Make the file ``path`` of a storage, ``files``, ``s3`` or ``disk``; return its address as the SDK has it."""
        if storage == "s3":
            self.s3.keys.add(path)
            return f"{self.s3.root}/{path}"
        if storage == "files":
            return self.sandbox.put_file(path, b"content")
        target = self.disk / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"content")
        return f"file://{target}"

    def destination(self, storage: str) -> str:
        """Return the ``output_uri`` of tasks that write to a storage."""
        return {"s3": self.s3.root, "disk": f"file://{self.disk}"}.get(storage, self.sandbox.files_url)

    def snapshot(self) -> World:
        tasks = self.sandbox.tasks
        files = {f"files:{path}" for path in self.sandbox.files()} | {f"s3:{key}" for key in self.s3.keys}
        files |= {f"disk:{path.relative_to(self.disk)}" for path in self.disk.rglob("*") if path.is_file()}
        samples = {task: frozenset(self._samples(task)) for task in tasks}
        return World(tasks, self.sandbox.models, samples, frozenset(files))

    def _samples(self, task: str) -> Iterator[str]:
        for event in self.sandbox.events(task):
            yield str(event.get("url"))
            with contextlib.suppress(KeyError, ValueError, TypeError, AttributeError, RecursionError):
                yield from (str(image["source"]) for image in json.loads(event["plot_str"])["layout"]["images"])

    def there(self, thing: str) -> bool:
        """Tell whether a file of a snapshot, a task or a model is still there."""
        storage, colon, path = thing.partition(":")
        if storage == "s3":
            return path in self.s3.keys
        if colon:
            return (self.disk if storage == "disk" else self.sandbox.files_root).joinpath(path).exists()
        return any(held.get(thing) is not None for held in (self.sandbox.store.tasks, self.sandbox.store.models))

    def cycle(self, settings: dict[str, Any] | None = None, timeout: float = 20.0, **more: Any) -> CycleResult | None:
        """Run one cycle; None where it could not begin. Any error but the service's own is a breach: it is raised."""
        from cleanup.base.errors import CleanupError
        from cleanup.report.figures import as_json
        from cleanup.report.render import dry_run_lines, summary

        try:
            with service.opened(timeout) as (server, storages):
                result = service.run_on(server, storages, settings or {}, **more)
        except CleanupError as error:
            self.said.append(f"a cycle raised {error!r} {error}")
            return None
        self.lines = [*summary(result), *(dry_run_lines(result) if result.dry_run else [])]
        # What the console cannot show would end the cycle there.
        self.said += [repr(result), json.dumps(as_json(result)), "\n".join(self.lines).encode().decode()]
        return result

    def connections(self) -> set[socket.socket]:
        """Return the connections to a server that are open."""
        servers = [server._server for server in (*self.sandbox._servers, self.s3.server)]
        return set().union(*(open_connections(server) for server in servers))


def empty(sandbox: Sandbox, *folders: Path) -> None:
    """Leave nothing on the server, on its disk and in ``folders``, and nothing in its way."""
    sandbox.clear_faults()
    sandbox.on_request, sandbox.latency = None, 0.0
    with sandbox.store.lock:
        for kind in (TASK, MODEL, PROJECT, QUEUE):
            held = sandbox.store.collection(kind)
            for entity in list(held.all()):
                held.remove(entity["id"])
                sandbox.store.events.remove(entity["id"])
        sandbox.store.task_failures.clear()
    for entry in [entry for folder in (sandbox.files_root, *folders) for entry in folder.iterdir()]:
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    sandbox.reset_requests()


def _refusing(plain: Callable[..., Any], root: Path, body: dict[str, Any], forbidden: set[str]) -> Any:
    """Answer ``delete_many`` as a file server that may not delete some of the files, alone or with their folder."""
    names = body.get("files") or []
    paths = {name: unquote_plus(name).strip("/") for name in names}
    refused = [name for name in names if any(f"{path}/".startswith(f"{paths[name]}/") for path in forbidden)]
    if not refused:
        return plain(root, body)
    others = [name for name in names if name not in refused]
    given = json.loads(plain(root, {"files": others}).body) if others else {"deleted": {}, "errors": {}}
    given["errors"]["Permission denied"] = refused
    return sandbox_answer.as_json(200, given)
