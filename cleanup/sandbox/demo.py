"""One cleanup of a world in the sandbox, and a check of it that asks nothing of the service."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cleanup.sandbox.group import GOES, STAYS, Group
from cleanup.sandbox.sandbox import Sandbox
from cleanup.sandbox.values import Entity
from cleanup.sandbox.world import build

COMMAND = ("-m", "cleanup_service", "--no-run-as-service", "--force-delete")
OWN_TASK = "Cleanup Service"
UNLINKED = ("parent", "task", "last_change")
"""Fields of what stays that the server itself changes when something it points to goes."""


def environment(sandbox: Sandbox) -> dict[str, str]:
    """This process's environment without other ClearML settings, with the sandbox's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLEARML_", "TRAINS_"))}
    root = str(Path(__file__).parents[2])
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, (root, kept.get("PYTHONPATH"))))
    return {**kept, **sandbox.environment()}


def run() -> int:
    with Sandbox() as sandbox:
        groups = build(sandbox)
        tasks, models, files = sandbox.tasks, sandbox.models, sandbox.files()
        print(f"A sandbox with {len(tasks)} tasks, {len(models)} models and {len(files)} files at {sandbox.api_url}")
        print(f"$ python {' '.join(COMMAND)}", flush=True)
        sandbox.reset_requests()
        code = subprocess.run([sys.executable, *COMMAND], env=environment(sandbox), check=False).returncode  # noqa: S603
        print()
        check = Check(sandbox, groups, tasks, models, files)
        check.show()
        wrong = check.wrong()
        if code != 0:
            wrong.append(f"cleanup_service ended with exit code {code}")
        requests = f"{sandbox.api_requests} API requests, {sandbox.file_requests} to the file server"
    print(f"{requests}.")
    for line in wrong:
        print(f"WRONG: {line}", file=sys.stderr)
    if not wrong:
        print("All as expected: what had to go is gone, and nothing else was touched.")
    return 1 if wrong else 0


class Check:
    """Compares the sandbox with what it held before and with what was to become of it."""

    def __init__(
        self,
        sandbox: Sandbox,
        groups: list[Group],
        tasks: dict[str, Entity],
        models: dict[str, Entity],
        files: set[str],
    ) -> None:
        self.sandbox, self.groups = sandbox, groups
        self.before: dict[str, Any] = {"tasks": tasks, "models": models}
        self.files_before, self.files_after = files, sandbox.files()
        self.after: dict[str, Any] = {"tasks": sandbox.tasks, "models": sandbox.models}

    def path(self, uri: str) -> str:
        """Where a file of the world lies: some addresses are quoted once less than others."""
        path = uri.removeprefix(self.sandbox.files_url + "/")
        return unquote(path) if unquote(path) in self.files_before else path

    def show(self) -> None:
        rows = [["", "tasks", "before", "after", "files", "before", "after"]]
        for group in self.groups:
            files = {self.path(uri) for uri in group.files}
            left = sum(task in self.after["tasks"] for task in group.tasks)
            counts = (len(group.tasks), left), (len(files), len(files & self.files_after))
            fates = (group.fate, group.of_files if files else "")
            cells = [[fate, f"{total}", f"{remaining}"] for fate, (total, remaining) in zip(fates, counts, strict=True)]
            rows.append([group.what, *cells[0], *cells[1]])
        widths = [max(len(row[column]) for row in rows) for column in range(7)]
        for row in rows:
            line = "  ".join(
                cell.rjust(width) if column in (2, 3, 5, 6) else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            print(line.rstrip())
        print()

    def wrong(self) -> list[str]:
        found = []
        for group in self.groups:
            found += self._fate(group, "tasks", group.tasks, group.fate)
            found += self._fate(group, "models", group.models, group.of_models)
        staying = {self.path(uri) for group in self.groups if group.of_files == STAYS for uri in group.files}
        going = {self.path(uri) for group in self.groups if group.of_files == GOES for uri in group.files} - staying
        found += [f"file left behind: {path}" for path in sorted(going & self.files_after)]
        lost = self.files_before - going - self.files_after
        found += [f"file deleted that had to stay: {path}" for path in sorted(lost)]
        return found + self._touched()

    def _fate(self, group: Group, kind: str, ids: list[str], fate: str) -> list[str]:
        left = [entity for entity in ids if entity in self.after[kind]]
        if len(left) == (len(ids) if fate == STAYS else 0):
            return []
        return [f"{group.what}: {len(left)} of {len(ids)} {kind} are left, but each of them {fate}"]

    def _touched(self) -> list[str]:
        found = []
        for kind, entities in self.after.items():
            for key, entity in entities.items():
                held = self.before[kind].get(key)
                if held is None and entity.get("name") != OWN_TASK:
                    found.append(f"new among the {kind}: {entity.get('name')} {key}")
                if held is not None and comparable(held) != comparable(entity):
                    found.append(f"changed among the {kind}: {entity.get('name')} {key}")
        return found


def comparable(entity: Entity) -> Entity:
    return {name: value for name, value in entity.items() if name not in UNLINKED}
