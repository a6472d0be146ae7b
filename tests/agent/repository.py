"""The project as an agent gets it: committed to a bare remote on this disk, and cloned from there."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PARTS = ("cleanup_service.py", "cleanup", "pyproject.toml")


def git(folder: Path, *arguments: str) -> str:
    """What git says in `folder`, whatever the configuration of this machine."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, env=environment, check=True
    )
    return done.stdout.strip()


def copy_project(to: Path) -> Path:
    to.mkdir(parents=True)
    unwanted = shutil.ignore_patterns("__pycache__", "*.pyc")
    for part in PARTS:
        source = PROJECT / part
        if source.is_dir():
            shutil.copytree(source, to / part, ignore=unwanted)
        else:
            shutil.copy(source, to / part)
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
        return git(self.folder, "rev-parse", "HEAD")


def published(at: Path) -> Checkout:
    """The project, pushed to a remote and cloned from it."""
    first = copy_project(at / "first")
    git(first, "init")
    git(first, "add", "--all")
    git(first, "commit", "--message", "The project")
    git(at, "clone", "--bare", str(first), "remote.git")
    remote = f"file://{at / 'remote.git'}"
    git(at, "clone", remote, "clone")
    return Checkout(at / "clone", remote)
