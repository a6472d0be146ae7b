"""What the web UI's buttons send, and what the script left in the sandbox."""

from __future__ import annotations

from typing import Any

import requests

from cleanup.sandbox import Sandbox


def services(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The tasks that the script made, oldest first."""
    return [task for task in sandbox.tasks.values() if task["type"] == "service"]


class WebUI:
    """The calls of the web UI's buttons."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._url = sandbox.api_url
        login = requests.post(f"{self._url}/auth.login", auth=(sandbox.access_key, sandbox.secret_key))
        self._headers = {"Authorization": f"Bearer {login.json()['data']['token']}"}

    def _call(self, action: str, **body: Any) -> dict[str, Any]:
        answer = requests.post(f"{self._url}/{action}", json=body, headers=self._headers).json()
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
