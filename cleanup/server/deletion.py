"""Deleting many in one request, each with what became of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clearml.backend_api.session.client import APIClient

from cleanup.base.errors import CredentialsError, ServerError, ServerUnreachable
from cleanup.base.text import without_secrets
from cleanup.server.session import CleanupSession

MISSING = [400, 101]
"""Code and subcode: there is no task with this id."""

_OPTIONS = {
    # Without force the server refuses drafts with published models or children, whose files are gone by now.
    "force": True,
    "move_to_trash": False,
    "delete_output_models": True,
    "return_file_urls": False,
    # The server's own deletion of files: later, of the storages that it knows, and without a word of what became of it.
    "delete_external_artifacts": False,
    "_allow_extra_fields_": True,
}


@dataclass
class Deletion:
    """What became of tasks: ids, and the server's reason for each that it refused."""

    deleted: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)


def at_once() -> int:
    """Return how many tasks one request can delete: a server before API 2.13 has ``tasks.delete`` alone."""
    return 100 if CleanupSession.check_min_api_server_version("2.13") else 1


def delete(client: APIClient, ids: Sequence[str]) -> Deletion:
    """Delete ``ids``, at most :func:`at_once`, in one request that is sent once.

    Raises:
        ServerError: no clear answer: each of them may be gone.
    """
    if at_once() > 1:
        return sort_out(client.tasks.delete_many(ids=list(ids), **_OPTIONS).data, ids, MISSING)
    result = Deletion()
    for task in ids:
        try:
            if client.tasks.delete(task=task, **_OPTIONS).data.get("deleted") is not True:
                raise ServerError("the answer to tasks.delete does not say that the task is deleted")
            result.deleted.add(task)
        except ServerError as error:
            if [error.code, error.subcode] == MISSING:
                result.gone.add(task)
            else:
                result.refused[task] = refusal(error)
    return result


def refusal(error: ServerError) -> str:
    """Return what the server said to refuse a request; raise ``error`` again where it is no clear refusal."""
    if isinstance(error, (ServerUnreachable, CredentialsError)) or not 400 <= error.code < 500:
        raise error
    return str(error)


def sort_out(answer: Mapping[str, Any], asked: Collection[str], missing: Sequence[int]) -> Deletion:
    """Return what the answer of a ``delete_many`` says of each id of ``asked``.

    ``missing``: code and subcode of an id that there is not.

    Raises:
        ServerError: it says nothing about one of them.
    """
    result = Deletion()
    for row in _rows(answer.get("succeeded")):
        if row.get("id") in asked and row.get("deleted") is not False:
            result.deleted.add(row["id"])
    for row in _rows(answer.get("failed")):
        name, error = row.get("id"), row.get("error")
        if not isinstance(name, str) or name not in asked or name in result.deleted:
            continue
        error = error if isinstance(error, dict) else {}
        codes = error.get("codes")
        if isinstance(codes, list) and codes[:2] == missing:
            result.gone.add(name)
        else:
            result.refused[name] = without_secrets(f"{error.get('msg') or 'no reason given'} (codes {codes})")
    silent = set(asked) - result.deleted - result.gone - result.refused.keys()
    if silent:
        raise ServerError(f"the answer to delete_many does not say what became of {min(silent)}")
    return result


def _rows(value: object) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
