"""A service that stays: one process with one session, in which cycle after cycle runs, and what it uses."""

from __future__ import annotations

import base64
import gc
import pickle
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import datetime, timezone

import psutil

from cleanup.cycle.result import CycleResult

_SERVE = "from tests.faults.resident import serve; serve()"


@dataclass(frozen=True)
class Use:
    """What the process holds: memory in MB, threads, open connections, open files."""

    memory: float
    threads: int
    connections: int
    files: int


@dataclass(frozen=True)
class Told:
    """What one cycle of the process came to; ``said`` holds an error if it could not begin."""

    result: CycleResult | None
    said: str
    use: Use


class Resident:
    """The caller's side. The environment of this process must point to the sandbox already."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def cycle(self) -> Told:
        """Let the process run one cycle."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print("go", file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the service ended: {self._process.wait()}")
        told: Told = pickle.loads(base64.b64decode(line))
        return told

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def used() -> Use:
    """Measure this process."""
    gc.collect()
    process = psutil.Process()
    memory = process.memory_info().rss / 1e6
    return Use(memory, threading.active_count(), len(process.net_connections("tcp")), process.num_fds())


def serve() -> None:
    """Run a cycle for each line that comes, and answer what came of it."""
    from cleanup.base.errors import CleanupError
    from cleanup.cycle import run_once
    from cleanup.server import Network, Server
    from cleanup.settings import Settings
    from cleanup.storage import Storages, known_file_servers
    from tests.faults.rig import FORCED, prepare

    prepare()
    server = Server(Network(3, 0.001, 0.01, 20.0, 20.0, 20.0))
    storages = Storages(known_file_servers(), server.session.token_for_files, bound=4, timeout=20.0)
    while sys.stdin.readline():
        result, said = None, ""
        try:
            result = run_once(server, storages, Settings.parse(FORCED), now=datetime.now(timezone.utc))
        except CleanupError as error:
            said = f"{error!r} {error}"
        print(base64.b64encode(pickle.dumps(Told(result, said, used()))).decode(), flush=True)
