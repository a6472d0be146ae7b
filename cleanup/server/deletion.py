"""Deleting many in one request, each with what became of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clearml.backend_api.session.client import APIClient

from cleanup.base.errors import CredentialsError, ServerError, ServerUnreachable
from cleanup.base.text import without_secrets
from cleanup.server.session import CleanupSession

NO_TASK = [400, 101]
"""Code and subcode: there is no task with this id."""

NO_MODEL = [400, 201]
"""Code and subcode: there is no model with this id."""

_OPTIONS = {
    # Without force the server refuses drafts with published models or children, whose files are gone by now.
    "force": True,
    # The server's own deletion of files: later, of the storages that it knows, and without a word of what became of it.
    "delete_external_artifacts": False,
    "_allow_extra_fields_": True,
}


@dataclass
class Deletion:
    """What became of tasks or models: ids, and the server's reason for each that it refused."""

    deleted: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)


def at_once() -> int:
    """Return how many one request can delete: a server before API 2.13 deletes one task or model alone."""
    return 100 if CleanupSession.understands("2.13") else 1


def delete_tasks(client: APIClient, ids: Sequence[str]) -> Deletion:
    """Delete tasks with their draft models, see :func:`delete`."""
    options = {"move_to_trash": False, "delete_output_models": True, "return_file_urls": False}
    return delete(client.tasks, "task", ids, NO_TASK, **options)


def delete(service: Any, kind: str, ids: Sequence[str], missing: Sequence[int], **options: Any) -> Deletion:
    """Delete ``ids``, at least one and at most :func:`at_once`, in one request that is sent once.

    ``service`` has the calls, ``kind`` is its word for an id, ``missing`` code and subcode of an id that there is not.

    Raises:
        ServerError: no clear answer: each of them may be gone.
    """
    options |= _OPTIONS
    if at_once() > 1:
        return _sort_out(service.delete_many(ids=list(ids), **options).data, ids, missing)
    (only,) = ids
    try:
        if service.delete(**{kind: only}, **options).data.get("deleted") is True:
            return Deletion({only})
    except ServerError as error:
        if [error.code, error.subcode] == missing:
            return Deletion(gone={only})
        if isinstance(error, (ServerUnreachable, CredentialsError)) or not 400 <= error.code < 500:
            raise
        return Deletion(refused={only: str(error)})
    raise ServerError(f"the answer does not say that {kind} {only} is deleted")


def _sort_out(answer: Mapping[str, Any], asked: Collection[str], missing: Sequence[int]) -> Deletion:
    """Return what the answer of a ``delete_many`` says of each id of ``asked``."""
    succeeded, failed = (_named(answer.get(name), asked) for name in ("succeeded", "failed"))
    result = Deletion({name for name, row in succeeded if row.get("deleted") is not False})
    for name, row in failed:
        error = row["error"] if isinstance(row.get("error"), dict) else {}
        codes = error.get("codes")
        if name in result.deleted:
            continue
        if isinstance(codes, list) and codes[:2] == missing:
            result.gone.add(name)
        else:
            result.refused[name] = without_secrets(f"{error.get('msg') or 'no reason given'} (codes {codes})")
    silent = set(asked) - result.deleted - result.gone - result.refused.keys()
    if silent:
        raise ServerError(f"the answer to delete_many does not say what became of {min(silent)}")
    return result


def _named(value: object, asked: Collection[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return the rows of ``value``, by their ids, that are of ``asked``."""
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    return [(row["id"], row) for row in rows if isinstance(row.get("id"), str) and row["id"] in asked]
