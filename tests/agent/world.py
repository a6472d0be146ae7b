"""An archive in the sandbox, what must become of it, and what the web UI's buttons send."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import requests

from cleanup.sandbox import Sandbox

OLD = 60.0


@dataclass
class Archive:
    """Tasks by what they are, with four files each."""

    sandbox: Sandbox
    drafts: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)

    @property
    def gone(self) -> set[str]:
        return (self.drafts | self.done | self.others) - set(self.sandbox.tasks)

    def files(self, tasks: set[str]) -> int:
        """How many files of these tasks lie on the disk: the id is in the path."""
        paths = [str(path) for path in self.sandbox.files_root.rglob("*") if path.is_file()]
        return sum(task in path for task in tasks for path in paths)

    def add(self, kind: set[str], **fields: Any) -> None:
        task = self.sandbox.add_task(project="team/vision", **fields)
        self.sandbox.add_artifact(task, "data")
        self.sandbox.add_debug_samples(task, 2)
        self.sandbox.add_model(task)
        kind.add(task)


def filled(sandbox: Sandbox, each: int = 4) -> Archive:
    """Old archived drafts and finished tasks, and tasks that no setting reaches."""
    archive = Archive(sandbox)
    for number in range(each):
        archive.add(archive.drafts, name=f"draft {number}", archived=True, age_days=OLD)
        archive.add(archive.done, name=f"done {number}", archived=True, age_days=OLD, status="completed")
        archive.add(archive.others, name=f"in use {number}", age_days=OLD, status="completed")
        archive.add(archive.others, name=f"young {number}", archived=True, age_days=1, status="completed")
    return archive


def services(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The tasks that the script made, oldest first."""
    return [task for task in sandbox.tasks.values() if task["type"] == "service"]


def general(task: dict[str, Any]) -> dict[str, str]:
    return {name: item["value"] for name, item in task["hyperparams"]["General"].items()}


class WebUI:
    """The calls of the web UI's buttons."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        login = requests.post(f"{sandbox.api_url}/auth.login", auth=(sandbox.access_key, sandbox.secret_key))
        self._headers = {"Authorization": f"Bearer {login.json()['data']['token']}"}

    def _call(self, action: str, **body: Any) -> dict[str, Any]:
        answer = requests.post(f"{self._sandbox.api_url}/{action}", json=body, headers=self._headers).json()
        assert answer["meta"]["result_code"] == 200, answer
        return dict(answer["data"])

    def clone(self, task: str, **general: str) -> str:
        """Clone, and edit General in the clone."""
        made = self._call("tasks.clone", task=task, new_task_name="My cleanup")["id"]
        items = [{"section": "General", "name": name, "value": value} for name, value in general.items()]
        if items:
            self._call("tasks.edit_hyper_params", task=made, hyperparams=items, replace_hyperparams="none")
        return str(made)

    def enqueue(self, task: str, queue: str) -> None:
        self._call("tasks.enqueue", task=task, queue=queue, verify_watched_queue=True)

    def abort(self, task: str) -> None:
        self._call("tasks.stop", task=task, status_reason="", status_message="")

    def register_agent(self, name: str, queue: str) -> None:
        """Not a button: what an agent says first."""
        self._call("workers.register", worker=name, queues=[queue])
