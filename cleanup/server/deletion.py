"""Deleting tasks: many at once, one by one where that fails, each with what became of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clearml.backend_api.session.client import APIClient

from cleanup.base.errors import ServerError, ServerUnreachable, Stopped
from cleanup.base.text import without_secrets
from cleanup.server.session import CleanupSession, Network

MISSING = 101
"""Subcode of 400: there is no task with this id."""

IN_VAIN = 3
"""After so many tasks in a row at which every attempt failed, one attempt a task must do."""

_OPTIONS = {
    "move_to_trash": False,
    "delete_output_models": True,
    "return_file_urls": False,
    # The server's own deletion of files: later, of the storages that it knows, and without a word of what became of it.
    "delete_external_artifacts": False,
    "_allow_extra_fields_": True,
}

_NEXT_CYCLE = "; the next cycle sees whether the task is gone"


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
        self._in_vain = 0

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
            try:
                _sort_out(self._client.tasks.delete_many(ids=open_ids, force=force, **_OPTIONS).data, open_ids, result)
            except ServerError as error:
                unsure = not _refused(error)
            open_ids = [task for task in open_ids if task not in result.deleted | result.gone | result.failed.keys()]
        for position, task in enumerate(open_ids):
            lost = self._delete_one(task, force, unsure, result)
            if lost:
                if unsure:
                    result.failed.update(dict.fromkeys(open_ids[position + 1 :], f"{lost}{_NEXT_CYCLE}"))
                elif not result.stopped:
                    result.failed.update(dict.fromkeys(open_ids[position + 1 :], lost))
                break
        return result

    def _delete_one(self, task: str, force: bool, unsure: bool, result: Deletion) -> str:
        """Delete one task into ``result``; return why no other should be tried, else "".

        ``unsure``: it may be gone already, by an attempt that had no clear answer.
        """
        # A server that cannot delete at all would cost every attempt and pause for each task of an archive.
        attempts = left = self._network.attempts if self._in_vain < IN_VAIN else 1
        pause = self._network.backoff
        while True:
            left -= 1
            try:
                if left < attempts - 1:
                    self._network.pause(pause)
                    pause *= 2
                if self._client.tasks.delete(task=task, force=force, **_OPTIONS).data.get("deleted") is not True:
                    raise ServerError("the answer to tasks.delete does not say that the task is deleted")
            except Stopped as error:
                result.stopped = str(error)
                if unsure:
                    result.failed[task] = f"{error}{_NEXT_CYCLE}"
                return result.stopped
            except ServerError as error:
                if (error.code, error.subcode) == (400, MISSING):
                    # After an attempt without a clear answer, it was this service that deleted the task.
                    (result.deleted if unsure else result.gone).add(task)
                    return ""
                unsure = unsure or not _refused(error)
                passing = error.code in (0, 429) or error.code >= 500
                if left and passing:
                    continue
                self._in_vain = self._in_vain + 1 if passing else 0
                # A refusal with a subcode is about this task, which is therefore there.
                there = _refused(error) and error.subcode
                result.failed[task] = str(error) if there or not unsure else f"{error}{_NEXT_CYCLE}"
                return str(error) if isinstance(error, ServerUnreachable) else ""
            else:
                self._in_vain = 0
                result.deleted.add(task)
                return ""


def _refused(error: ServerError) -> bool:
    """True if the server surely did nothing: any other failed call may have deleted what it was asked to."""
    return 400 <= error.code < 500


def _sort_out(answer: Mapping[str, Any], asked: Collection[str], result: Deletion) -> None:
    """Put what ``tasks.delete_many`` says of each id of ``asked`` into ``result``; what it does not name stays open."""
    for row in _rows(answer.get("succeeded")):
        if row.get("id") in asked and row.get("deleted") is not False:
            result.deleted.add(row["id"])
    for row in _rows(answer.get("failed")):
        task = row.get("id")
        if not isinstance(task, str) or task not in asked or task in result.deleted:
            continue
        error = row.get("error")
        error = error if isinstance(error, dict) else {}
        codes = error.get("codes")
        if isinstance(codes, list) and codes[:2] == [400, MISSING]:
            result.gone.add(task)
        else:
            result.failed[task] = without_secrets(f"{error.get('msg') or 'no reason given'} (codes {codes})")


def _rows(value: object) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
