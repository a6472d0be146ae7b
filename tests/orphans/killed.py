"""Runs both steps again and again in forked processes that kill themselves, each at the next step of the work.

    python -m tests.orphans.killed FOLDER MANIFEST

Prints for each which files were gone when it was dead, and which after another run that nobody disturbed.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from cleanup.launch import configuration
from cleanup.orphans.__main__ import main


def work(folder: Path, manifest: Path) -> int:
    where = [str(folder), "--older-than-days", "0", "--output", str(manifest)]
    return main(where) or main(["--delete", str(manifest)])


def dies_at(step: int) -> None:
    """Let this process kill itself at the ``step``-th of what it does to the outside."""
    count = itertools.count(1)

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*args: Any, **more: Any) -> Any:
            if next(count) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)

        return instead

    os.unlink, Path.replace = counted(os.unlink), counted(Path.replace)
    requests.Session.send = counted(requests.Session.send)


def in_a_process(act: Callable[[], Any]) -> int:
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        act()
        os._exit(0)
    return os.waitpid(child, 0)[1]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def run(folder: Path, manifest: Path) -> dict[str, list[list[str]]]:
    told: dict[str, list[list[str]]] = {"killed": [], "finished": []}
    with tempfile.TemporaryDirectory() as copies:
        copy = Path(copies) / "copy"
        shutil.copytree(folder, copy)
        before = files(folder)
        for step in itertools.count(1):
            status = in_a_process(lambda step=step: (dies_at(step), work(folder, manifest)))
            told["killed"].append(sorted(before - files(folder)))
            in_a_process(lambda: work(folder, manifest))
            told["finished"].append(sorted(before - files(folder)))
            shutil.copytree(copy, folder, dirs_exist_ok=True)
            if not status:
                return told
    raise AssertionError


if __name__ == "__main__":
    configuration.check()
    import cleanup.orphans.run  # noqa: F401 - once, before the forks

    print(json.dumps(run(Path(sys.argv[1]), Path(sys.argv[2]))))
