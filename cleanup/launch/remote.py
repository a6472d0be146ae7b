"""Makes sure that an agent can run what is enqueued: the code, the packages, the queue."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from clearml import Task

from cleanup.base.errors import CleanupError

NEEDED = ("clearml", "requests", "tqdm")
"""The packages that every run needs."""

STORAGE_CLIENTS = ("boto3", "google-cloud-storage", "azure-storage-blob")
"""Go along if they are installed here: then this is how the storages of this site are reached."""

_WAYS_OUT = (
    "Ways out: clone the service's repository and start it from there with everything pushed; or run it here with "
    "--no-run-as-service (a cron job can repeat that)"
)


_INSTALLED = {"site-packages", "dist-packages"}


class NotForAgents(CleanupError):
    """An agent could not run this code: it says why, and what to do. Nothing was enqueued."""

    exit_code = 2


def record_packages() -> None:
    """Let the task record these packages with their versions here, before ``Task.init``.

    The SDK would else guess them from the imports of the script alone.
    """
    # The SDK reads the file later, from a thread of its own; the system's temporary folder outlives the process.
    with tempfile.NamedTemporaryFile("w", suffix="-requirements.txt", delete=False) as file:
        file.write("\n".join(packages()) + "\n")
    Task.force_requirements_env_freeze(force=True, requirements_file=file.name)


def packages() -> list[str]:
    """Return the packages as they are installed here, and all that these need.

    The agent's old pip does not look whether what it takes for one package suits the others: this set does.
    """
    found: dict[str, str] = {}
    waiting = [*NEEDED, *STORAGE_CLIENTS]
    while waiting:
        name = waiting.pop(0)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        plain = re.sub(r"[-_.]+", "-", name).lower()
        if plain not in found:
            # A version with a local part is on no index.
            found[plain] = name if "+" in package.version else f"{name}=={package.version}"
            # Those for other platforms and Pythons are not installed here; those of extras nobody asked for.
            needs = [line for line in package.requires or [] if not re.search(r"\bextra\s*==", line)]
            waiting += [found_name[0] for line in needs if (found_name := re.match(r"[\w.-]+", line))]
    return list(found.values())


def check_code(script: Path) -> None:
    """Make sure that an agent gets the code: a task records a repository and a commit, or one file's text.

    Raises:
        NotForAgents: not in a git repository, without a remote, not pushed, or with files that git does not know.
    """
    folder = script.resolve().parent
    if _INSTALLED & set(folder.parts):
        raise NotForAgents(
            f"{script.name} runs from an installed package ({folder}): an agent gets code from a git repository, and "
            f"could not find this package by its name. {_WAYS_OUT}"
        )
    if _git(folder, "rev-parse", "--is-inside-work-tree") != "true":
        raise NotForAgents(
            f"{script.name} is not in a git repository: the task would hold this one file, and the package beside it "
            f"would not reach the agent. {_WAYS_OUT}"
        )
    if not _git(folder, "ls-files", "--", "cleanup/__init__.py", script.name).count("\n"):
        raise NotForAgents(f"{script.name} and the package cleanup are not committed to git. {_WAYS_OUT}")
    unknown = _git(folder, "ls-files", "--others", "--exclude-standard", "--", "cleanup/*.py")
    if unknown:
        raise NotForAgents(f"git does not know {unknown.splitlines()[0]}: git add it. {_WAYS_OUT}")
    if not _git(folder, "remote"):
        raise NotForAgents(f"the git repository has no remote that an agent could clone. {_WAYS_OUT}")
    # A clone of a single tag knows no remote branch: then the remote itself is asked.
    if not _git(folder, "branch", "--remotes", "--contains", "HEAD"):
        commit = _git(folder, "rev-parse", "HEAD")
        if commit not in _git(folder, "ls-remote"):
            raise NotForAgents(f"commit {commit[:10]} is on no remote branch: git push it first. {_WAYS_OUT}")


def _git(folder: Path, *arguments: str) -> str:
    """Return what git says, an empty text if it fails or is not there."""
    command: Sequence[str] = ("git", "-C", str(folder), *arguments)
    try:
        # A question for a password would wait where nobody sees it.
        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL, env=environment
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
