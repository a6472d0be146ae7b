"""The project as an agent gets it: committed to a bare remote on this disk, and cloned from there."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def sh(folder: Path, command: str) -> str:
    """What a command of the shell says in `folder`; git knows nothing of the configuration of this machine."""
    people = {f"GIT_{who}_{what}": "Test@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **people, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def copy_project(to: Path) -> Path:
    shutil.copytree(PROJECT / "cleanup", to / "cleanup", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    for name in ("cleanup_service.py", "pyproject.toml"):
        shutil.copy(PROJECT / name, to)
    (to / ".gitignore").write_text("__pycache__/\n")
    return to


@dataclass(frozen=True)
class Checkout:
    """A clone with the script in it, and the remote that it came from."""

    folder: Path
    remote: str

    @property
    def script(self) -> Path:
        return self.folder / "cleanup_service.py"

    @property
    def commit(self) -> str:
        return sh(self.folder, "git rev-parse HEAD")


def published(at: Path) -> Checkout:
    """The project, pushed to a remote and cloned from it."""
    sh(copy_project(at / "first"), "git init -b main && git add --all && git commit -m 'The project'")
    remote = f"file://{at}/remote.git"
    sh(at, f"git clone --bare first remote.git && git clone {remote} clone")
    return Checkout(at / "clone", remote)
