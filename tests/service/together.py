"""Several services at the same moment on one archive: what they count together, against what is gone."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

from cleanup.cycle import run_once
from cleanup.cycle.result import CycleResult
from cleanup.report.report import Report
from cleanup.sandbox import Sandbox
from cleanup.server import Network, Server
from cleanup.service import ending_of, open_storages
from cleanup.settings import Settings
from tests.service.ways import Cell


class Starter(Report):
    """Lets its service begin to delete when all others have read the same list, and `seconds` later."""

    def __init__(self, all_ready: threading.Barrier, seconds: float) -> None:
        super().__init__()
        self._all_ready, self._seconds = all_ready, seconds

    def planned(self, result: CycleResult, count: int) -> None:
        if self._cycles == 0:
            self._cycles = 1
            self._all_ready.wait(60)
            threading.Event().wait(self._seconds)


def tried(services: int, seed: int, sandbox: Sandbox) -> Cell:
    """Let so many services clean up one archive; `seed` decides on all else."""
    chance = random.Random(seed)
    tasks = {sandbox.add_task(f"old {n}", archived=True, age_days=60) for n in range(chance.randint(20, 250))}
    for task in tasks:
        sandbox.add_artifact(task, "data")
    settings = Settings.parse({"parallel_requests": chance.choice((1, 2, 8))})
    all_ready = threading.Barrier(services)

    def one(seconds: float) -> CycleResult:
        server, watcher = Server(Network()), Starter(all_ready, seconds)
        storages = open_storages(server, settings)
        try:
            return run_once(server, storages, settings, now=datetime.now(timezone.utc), watcher=watcher)
        finally:
            storages.close()
            server.close()

    begun = time.monotonic()
    with ThreadPoolExecutor(services) as pool:
        results = list(pool.map(one, [chance.choice((0.0, chance.uniform(0.0, 0.3))) for _ in range(services)]))
    counts, gone = [len(result.deleted) for result in results], len(tasks - set(sandbox.tasks))
    ends = [ending_of(result) for result in results]
    wrong = {
        f"{sum(counts)} counted": sum(counts) != gone,
        f"{len(tasks) - gone} tasks and {len(sandbox.files())} files left": gone < len(tasks) or bool(sandbox.files()),
        f"{ends}": any(end.code for end in ends),
        "a sum is wrong": any(result.matched != len(tasks) for result in results),
        **{why: "already gone" not in why for result in results for why in result.kept_by_reason()},
    }
    line = f"{' + '.join(map(str, counts))} counted as deleted, {gone} gone"
    found = [what for what in wrong if wrong[what]]
    return Cell(max(end.code for end in ends), time.monotonic() - begun, line, found)
