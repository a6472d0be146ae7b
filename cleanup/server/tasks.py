"""Finding tasks and projects: the lists that a plan is made of, and one look again at each batch."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from cleanup.base.chunks import chunks
from cleanup.base.errors import ServerError, SettingsError
from cleanup.base.records import Artifact, Task
from cleanup.base.text import one_line
from cleanup.server.deletion import NO_MODEL
from cleanup.server.paging import PAGE, Lists, complete, every, listing, parsed, rows
from cleanup.server.rows import ARCHIVED, DRAFT, NO_DRAFT, is_id, listed_of, parse_named, parse_task, time_text

LISTED = (
    "id", "name", "project", "company", "status", "tags", "system_tags",
    "status_changed", "last_update", "last_change", "created",
)  # fmt: skip
"""The fields that selection looks at."""

ARTIFACTS = "execution.artifacts"

WITH_FILES = (
    *LISTED, ARTIFACTS, "models.output.model", "models.input.model", "output.destination", "report_assets",
)  # fmt: skip
"""The fields that deletion needs."""


class Tasks(Lists):
    """The calls that find tasks and projects. An unreadable task is one that nobody can judge."""

    def archived(
        self, *, drafts: bool | None, changed_before: datetime | None, projects: Iterable[str] | None
    ) -> Iterator[Task]:
        """Yield the archived tasks, oldest status change first, page by page.

        ``drafts``: True: them alone; False: all others; None: all. ``changed_before`` (aware) is the bound of
        ``status_changed``; without it the tasks come by creation. Hidden tasks (datasets, steps of pipelines) are
        included: they are archived like any other.
        """
        filters: dict[str, Any] = {"system_tags": [ARCHIVED], "search_hidden": True, "order_by": ["created"]}
        if drafts is not None:
            filters["status"] = [DRAFT] if drafts else list(NO_DRAFT)
        if changed_before is not None:
            filters |= {"status_changed": [f"<{time_text(changed_before)}"], "order_by": ["status_changed"]}
        # An empty list of projects would be no filter at all: no chunk, no call.
        within = [{}] if projects is None else [{"project": chunk} for chunk in chunks(sorted(projects), PAGE)]
        for project in within:
            yield from complete(listing(self._client.tasks, LISTED, **filters, **project), parse_task, self.unreadable)

    def read(self, ids: Sequence[str], fields: Sequence[str], *, archived: bool = True) -> dict[str, Task]:
        """Return those of ``ids`` that are archived now, or with ``archived`` False all that there are."""
        only = {"system_tags": [ARCHIVED]} if archived else {}
        found = {task.id: task for task in self._named(ids, fields, **only)}
        if ARTIFACTS in fields:
            for task in [task for task in found.values() if not task.artifacts_listed]:
                found[task.id] = replace(task, artifacts=self._artifacts_of(task.id))
        return found

    def _artifacts_of(self, task: str) -> tuple[Artifact, ...]:
        """Return the artifacts of a task whose row came without a list of them, as its whole record says.

        A task that never had any may lack the list, but so may a broken answer, and then its files would be left
        behind: what one answer lacks must be missing in another one too.
        """
        whole = self._client.tasks.get_by_id(task=task).data
        parsed_task = parse_task(whole) if isinstance(whole, dict) else None
        if parsed_task is None or parsed_task.id != task:
            raise ServerError(f"the server's answer lacks the artifacts of task {task}, and its record")
        return parsed_task.artifacts

    def artifacts(self, task: str) -> tuple[Artifact, ...] | None:
        """Return the artifacts of ``task``, archived or not; None if there is no such task."""
        found = self.read([task], ["id", ARTIFACTS], archived=False)
        return found[task].artifacts if task in found else None

    def existing(self, ids: Iterable[str]) -> set[str]:
        """Return those of ``ids`` that are tasks on the server, archived or not."""
        return {task.id for task in self._named(sorted(filter(is_id, ids)), ["id"])}

    def _named(self, ids: Sequence[str], fields: Sequence[str], **filters: Any) -> Iterator[Task]:
        """Yield those of ``ids`` that match. A server may cut the page short: the rest is asked for while some come."""
        for chunk in chunks(ids, PAGE):
            rest = chunk
            while rest:
                answer = rows(listing(self._client.tasks, fields, id=rest, search_hidden=True, **filters)(0, PAGE))
                found = {task.id: task for task in parsed(answer, parse_task) if task.id in rest}
                yield from found.values()
                rest = [task for task in rest if task not in found] if found else []

    def listed_models(self, task: str, side: str) -> list[dict[str, str]]:
        """Return what ``task`` lists as its models on that ``side``, "input" or "output"."""
        found = rows(listing(self._client.tasks, ["id", f"models.{side}"], id=[task], search_hidden=True)(0, 1))
        if not found:
            raise ServerError(f"the server's answer lacks the models of task {task}")
        return [item for row in found for item in listed_of(row, side)]

    def list_outputs(self, task: str, outputs: Sequence[Mapping[str, str]]) -> None:
        """Let ``task`` list the models ``outputs``, without those that are gone by now; its inputs stay."""
        edit = partial(self._client.tasks.edit, task=task, force=True, _allow_extra_fields_=True)
        try:
            edit(models={"output": outputs})
        except ServerError as error:
            if [error.code, error.subcode] != NO_MODEL:
                raise
            # One that was deleted meanwhile stays on a list as "__DELETED__", and the server refuses to keep that.
            edit(models={"output": self._there(outputs), "input": self._there(self.listed_models(task, "input"))})

    def _there(self, listed: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
        """Return those of the ``listed`` models that there are."""
        wanted = sorted({item["model"] for item in listed})
        there = {
            row["id"]
            for some in chunks(wanted, PAGE)
            for row in rows(listing(self._client.models, ["id", "ready"], id=some)(0, PAGE))
        }
        return [item for item in listed if item["model"] in there]

    def note(self, task: str, text: str) -> None:
        """Write ``text`` among the user properties of a task that stays; that it cannot be written is no error."""
        item = {"section": "properties", "name": "cleanup_service", "value": text, "type": "str"}
        with contextlib.suppress(ServerError):
            self._client.tasks.edit_hyper_params(task=task, hyperparams=[item], replace_hyperparams="none")

    def project_names(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the full names of the projects with ``ids``."""
        names: dict[str, str] = {}
        for chunk in chunks(sorted(filter(is_id, ids)), PAGE):
            found = rows(listing(self._client.projects, ["id", "name"], id=chunk, search_hidden=True)(0, PAGE))
            names |= {project: one_line(name, 200) for project, name in parsed(found, parse_named)}
        return names

    def projects_under(self, names: Sequence[str]) -> frozenset[str]:
        """Return the ids of the projects called ``names`` and of their sub-projects.

        Raises:
            SettingsError: naming those that do not exist.
        """
        pattern = f"^({'|'.join(map(re.escape, names))})(/.*)?$"
        named = {"name": pattern, "search_hidden": True, "order_by": ["name"]}
        ids, found = set[str](), set[str]()
        for project, full_name in every(listing(self._client.projects, ["id", "name"], **named), parse_named):
            # The server's pattern ignores case; project names do not.
            within = {name for name in names if f"{full_name}/".startswith(f"{name}/")}
            if within:
                ids.add(project)
                found |= within
        missing = [name for name in names if name not in found]
        if missing:
            raise SettingsError([f"projects = {name!r}: there is no such project" for name in missing])
        return frozenset(ids)
