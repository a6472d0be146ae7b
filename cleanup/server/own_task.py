"""What the service writes to its own task, apart from what the SDK reports: status, user properties, descriptions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from clearml.backend_api.session.client import APIClient

from cleanup.base.errors import ServerError, Stopped


class OwnTask:
    """The task that runs the service, by its ``id``.

    Nothing here is worth failing for: each method says whether it worked.
    """

    def __init__(self, client: APIClient, task: str) -> None:
        self._client, self.id = client, task

    def set_properties(self, values: Mapping[str, object]) -> bool:
        """Set user properties: they show as columns in the task list. Allowed in every status of a task."""
        items = [_item("properties", name, str(value), type(value).__name__) for name, value in values.items()]
        return self._try("edit_hyper_params", hyperparams=items, replace_hyperparams="none")

    def describe_parameters(
        self, section: str, values: Mapping[str, str], types: Mapping[str, str], descriptions: Mapping[str, str]
    ) -> bool:
        """Write each parameter of ``section`` again, with its description and type, which the web UI shows."""
        items = [
            _item(section, name, value, types.get(name, "str")) | {"description": descriptions.get(name, "")}
            for name, value in values.items()
        ]
        return self._try("edit_hyper_params", hyperparams=items, replace_hyperparams="none", force=True)

    def begin(self, tag: str, tags: Collection[str], results: Collection[str]) -> bool:
        """Take off what an earlier run left, or the task that this one is a clone of.

        Of ``tags`` no other than ``tag`` stays on it, and of the user properties none of ``results``.
        """
        found = self._read("tags")
        old = {str(name) for name in found.get("tags") or ()}
        new = old - {*tags} | ({tag} if tag else set())
        keys = [{"section": "properties", "name": name} for name in results]
        cleared = self._try("delete_hyper_params", hyperparams=keys, force=True)
        return cleared and bool(found) and (new == old or self._try("update", tags=sorted(new)))

    def set_status(self, status: str, message: str) -> bool:
        """Change the status to ``failed`` or ``stopped``, whatever it is, with ``message`` as the status message."""
        return self._try(status, force=True, status_reason="Cleanup Service", status_message=message)

    def set_message(self, message: str) -> bool:
        """Set the status message and leave the status. An abort is asked for by that message: it is not replaced."""
        if self._read("status_message").get("status_message") in ("stopping", message):
            return True
        # The server takes it, although no request class of the SDK has the field.
        return self._try("update", status_message=message, _allow_extra_fields_=True)

    def _read(self, *fields: str) -> dict[str, Any]:
        try:
            rows = self._client.tasks.get_all(id=[self.id], only_fields=["id", *fields])
        except (ServerError, Stopped):
            return {}
        return next((row.data for row in rows if isinstance(row.data, dict)), {})

    def _try(self, action: str, **values: Any) -> bool:
        try:
            getattr(self._client.tasks, action)(task=self.id, **values)
        except (ServerError, Stopped):
            return False
        return True


def _item(section: str, name: str, value: str, kind: str) -> dict[str, str]:
    return {"section": section, "name": name, "value": value, "type": kind}
