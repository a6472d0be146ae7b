"""What the service writes to its own task, apart from what the SDK reports: status, user properties, descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clearml.backend_api.session.client import APIClient

from cleanup.base.errors import ServerError, Stopped


class OwnTask:
    """The task that runs the service. Nothing here is worth failing for: each method says whether it worked."""

    def __init__(self, client: APIClient, task: str) -> None:
        self._client, self._task = client, task

    def set_properties(self, values: Mapping[str, object]) -> bool:
        """Set user properties: they show as columns in the task list. Allowed in every status of a task."""
        items = [
            {"section": "properties", "name": name, "value": str(value), "type": type(value).__name__}
            for name, value in values.items()
        ]
        return self._try("edit_hyper_params", hyperparams=items, replace_hyperparams="none")

    def describe_parameters(
        self, section: str, values: Mapping[str, str], types: Mapping[str, str], descriptions: Mapping[str, str]
    ) -> bool:
        """Write each parameter of ``section`` again, with its description and type, which the web UI shows."""
        items = [
            {
                "section": section,
                "name": name,
                "value": value,
                "type": types.get(name, "str"),
                "description": descriptions.get(name, ""),
            }
            for name, value in values.items()
        ]
        return self._try("edit_hyper_params", hyperparams=items, replace_hyperparams="none", force=True)

    def set_status(self, status: str, message: str) -> bool:
        """Change the status to ``failed`` or ``stopped``, whatever it is, with ``message`` as the status message."""
        return self._try(status, force=True, status_reason="Cleanup Service", status_message=message)

    def status(self) -> str:
        """Return the status, or an empty text if the server does not say."""
        try:
            task = self._client.tasks.get_by_id(task=self._task).data
        except (ServerError, Stopped):
            return ""
        return str(task.get("status") or "") if isinstance(task, dict) else ""

    def _try(self, action: str, **values: Any) -> bool:
        try:
            getattr(self._client.tasks, action)(task=self._task, **values)
        except (ServerError, Stopped):
            return False
        return True
