"""A service with a real task and page that runs cycle after cycle without a pause, and measures itself."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import psutil
from clearml import Task
from clearml.config import config

from cleanup.report.page import Page
from cleanup.report.report import Report
from cleanup.server import Server
from cleanup.server.own_task import OwnTask
from cleanup.service import Service, open_storages
from cleanup.settings import Settings


def main(cycles: int, samples: int) -> None:
    server = Server()
    # As the service does: no process beside this one.
    config.get("development").put("report_use_subprocess", False)
    task = Task.init("DevOps", "Soak", auto_connect_frameworks=False, auto_resource_monitoring=False)
    settings = Settings.parse({"cleanup_period_in_days": "0"})
    own = OwnTask(server.client, task.id)
    storages = open_storages(server, settings)
    report = Report(Page(task, own))
    process = psutil.Process()
    measured: list[dict[str, int]] = []
    done = 0

    def wait(_: float) -> None:
        nonlocal done
        done += 1
        if done % (cycles // samples) == 0:
            measured.append(
                {
                    "cycle": done,
                    "memory": process.memory_info().rss,
                    "threads": threading.active_count(),
                    "sockets": len(process.net_connections()),
                    "files": process.num_fds(),
                    "children": len(process.children()),
                }
            )
        if done == cycles:
            server.network.stop.set()

    Service(server, storages, settings, report, own_task=own, wait=wait).run()
    server.network.stop.clear()
    task.close()
    with Path(sys.argv[3]).open("w") as file:
        json.dump(measured, file)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
