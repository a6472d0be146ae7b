"""Deleting tasks: many at once, one by one where that fails, each with what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clearml.backend_api.session.client import APIClient

from cleanup.errors import ServerError, ServerUnreachable, Stopped
from cleanup.server.session import CleanupSession, Network

MISSING = 101
"""Subcode of 400: there is no task with this id."""

_OPTIONS = {
    "move_to_trash": False,
    "delete_output_models": True,
    "return_file_urls": False,
    # The server's own deletion of files: later, of the storages that it knows, and without a word of what became of it.
    "delete_external_artifacts": False,
    "_allow_extra_fields_": True,
}


@dataclass
class Deletion:
    """What became of the tasks of one batch: ids, and the server's reason for each that it did not delete."""

    deleted: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    stopped: str = ""
    """Why the ids that are nowhere above were not tried: a stop was asked for."""


class Deleter:
    """Deletes tasks over APIClient."""

    def __init__(self, client: APIClient, network: Network) -> None:
        self._client, self._network = client, network

    def delete(self, ids: Sequence[str], *, force: bool) -> Deletion:
        """Delete ``ids``, at most 100, which were seen on the server a moment ago.

        ``tasks.delete_many`` where the server has it (API 2.13); one by one before that, and for the ids that a
        failed answer leaves open. The server's own deletion of files is switched off: the files are gone already.
        """
        result = Deletion()
        open_ids = list(dict.fromkeys(ids))
        unsure = False
        if CleanupSession.check_min_api_server_version("2.13"):
            unsure = True
            with suppress(ServerError):
                answer = self._client.tasks.delete_many(ids=open_ids, force=force, **_OPTIONS).data
                _sort_out(answer, set(open_ids), result)
            open_ids = [task for task in open_ids if task not in result.deleted | result.gone | result.failed.keys()]
        for position, task in enumerate(open_ids):
            try:
                lost = self._delete_one(task, force, unsure, result)
            except Stopped as error:
                lost = result.stopped = str(error)
            if lost:
                # What delete_many did before the server was lost, only the next cycle can see.
                rest = open_ids[position:] if unsure else open_ids[position + 1 :]
                open_rest = [other for other in rest if other not in result.deleted | result.gone]
                if unsure or not result.stopped:
                    result.failed.update(dict.fromkeys(open_rest, f"{lost}{_NEXT}"))
                break
        return result

    def _delete_one(self, task: str, force: bool, unsure: bool, result: Deletion) -> str:
        """Delete one task into ``result``; return why the server is lost if it does not answer at all, else ""."""
        left = self._network.attempts
        pause = self._network.backoff
        while True:
            left -= 1
            try:
                self._client.tasks.delete(task=task, force=force, **_OPTIONS)
            except ServerError as error:
                if (error.code, error.subcode) == (400, MISSING):
                    # After an attempt without a clear answer, it was this service that deleted the task.
                    (result.deleted if unsure else result.gone).add(task)
                elif left and (error.code in (0, 429) or error.code >= 500):
                    unsure = True
                    self._network.pause(pause)
                    pause *= 2
                    continue
                else:
                    result.failed[task] = str(error)
                    return str(error) if isinstance(error, ServerUnreachable) else ""
            else:
                result.deleted.add(task)
            return ""


def _sort_out(answer: Mapping[str, Any], asked: set[str], result: Deletion) -> None:
    """Put what ``tasks.delete_many`` says of each id of ``asked`` into ``result``; what it does not name stays open."""
    for row in answer.get("succeeded") or []:
        if isinstance(row, dict) and row.get("id") in asked and row.get("deleted") is not False:
            result.deleted.add(row["id"])
    for row in answer.get("failed") or []:
        task = row.get("id") if isinstance(row, dict) else None
        if task not in asked or task in result.deleted:
            continue
        error = row.get("error") or {}
        if list(error.get("codes") or [])[:2] == [400, MISSING]:
            result.gone.add(task)
        else:
            result.failed[task] = f"{error.get('msg') or 'no reason given'} (codes {error.get('codes')})"
