"""Finding tasks and projects: the lists that a plan is made of, and one look again at each batch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from clearml.backend_api.session.client import APIClient

from cleanup.base.errors import ServerError, SettingsError
from cleanup.base.records import Artifact, Task, is_id, parse_task
from cleanup.base.text import one_line
from cleanup.server.paging import PAGE, chunks, pages, parsed, rows

LISTED = (
    "id", "name", "project", "company", "status", "tags", "system_tags",
    "status_changed", "last_update", "last_change", "created",
)  # fmt: skip
"""The fields that selection looks at."""

ARTIFACTS = "execution.artifacts"

WITH_FILES = (*LISTED, ARTIFACTS, "models.output.model", "models.input.model")
"""The fields that deletion needs."""

DATASET = "dataset"
"""System tag of the task behind a dataset version."""

EXTRA = {"_allow_extra_fields_": True}
"""Lets a field through that the request classes for an older server do not know; the server ignores it."""

_TASK_ID = re.compile(r"[0-9a-f]{32}")


class Tasks:
    """The calls that find tasks and projects."""

    def __init__(self, client: APIClient) -> None:
        self._client = client

    def archived(
        self, *, statuses: Sequence[str], changed_before: datetime | None, projects: Iterable[str] | None
    ) -> Iterator[Task]:
        """Yield the archived tasks in ``statuses`` (all if empty), oldest status change first, page by page.

        ``changed_before`` (aware) is the bound of ``status_changed``; without it the tasks come by creation. Nothing
        may be deleted while this runs: paging counts over the live query. Hidden tasks (datasets, steps of pipelines)
        are included: they are archived like any other.
        """
        filters: dict[str, Any] = {"system_tags": ["archived"], "search_hidden": True}
        if statuses:
            filters["status"] = list(statuses)
        if changed_before is not None:
            filters["status_changed"] = [f"<{changed_before.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%S.%f}+00:00"]
        filters["order_by"] = ["created" if changed_before is None else "status_changed"]
        if projects is None:
            yield from self._list(filters)
            return
        # An empty list of projects would be no filter at all: no chunk, no call.
        for chunk in chunks(sorted(projects), PAGE):
            yield from self._list({**filters, "project": chunk})

    def _list(self, filters: Mapping[str, Any], only: Sequence[str] = LISTED) -> Iterator[Task]:
        def fetch(page: int) -> Any:
            return self._client.tasks.get_all(**filters, only_fields=list(only), page=page, page_size=PAGE, **EXTRA)

        return pages(fetch, parse_task)

    def read(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Task]:
        """Return those of ``ids`` that are archived now."""
        found = {task.id: task for task in self._named(ids, fields, system_tags=["archived"])}
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

    def existing(self, ids: Iterable[str]) -> set[str]:
        """Return those of ``ids`` that are tasks on the server, archived or not."""
        return {task.id for task in self._named(sorted(filter(is_id, ids)), ["id"])}

    def _named(self, ids: Sequence[str], fields: Sequence[str], **filters: Any) -> Iterator[Task]:
        """Yield those of ``ids`` that match. A server may cut the page short: the rest is asked for while some come."""
        for chunk in chunks(ids, PAGE):
            rest = chunk
            while rest:
                answer = self._client.tasks.get_all(
                    id=rest, search_hidden=True, only_fields=list(fields), page=0, page_size=PAGE, **filters, **EXTRA
                )
                found = {task.id: task for task in parsed(rows(answer), parse_task) if task.id in rest}
                yield from found.values()
                rest = [task for task in rest if task not in found] if found else []

    def datasets_in_use(self) -> dict[str, set[str]]:
        """Return the dataset versions that others are built on, each with the versions, archived or not, that are.

        A version stores only what changed, and reads the rest from its parents' files. The SDK reports the parents of
        each version, near and far, in its configuration.
        """
        built_on: dict[str, set[str]] = {}

        def fetch(page: int) -> Any:
            return self._client.tasks.get_all(
                system_tags=[DATASET], search_hidden=True, order_by=["created"],
                only_fields=["id", "system_tags", "configuration"], page=page, page_size=100, **EXTRA,
            )  # fmt: skip

        for version, parents in pages(fetch, _parents_of_dataset):
            for parent in parents:
                built_on.setdefault(parent, set()).add(version)
        return built_on

    def project_names(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the full names of the projects with ``ids``."""
        names: dict[str, str] = {}
        for chunk in chunks(sorted(filter(is_id, ids)), PAGE):
            answer = self._client.projects.get_all(
                id=chunk, only_fields=["id", "name"], search_hidden=True, page=0, page_size=PAGE, **EXTRA
            )
            names.update({str(row.get("id")): one_line(row.get("name") or "", 200) for row in rows(answer)})
        return names

    def projects_under(self, names: Sequence[str]) -> frozenset[str]:
        """Return the ids of the projects called ``names`` and of their sub-projects.

        Raises:
            SettingsError: naming those that do not exist.
        """
        pattern = f"^({'|'.join(map(re.escape, names))})(/.*)?$"

        def fetch(page: int) -> Any:
            return self._client.projects.get_all(
                name=pattern, only_fields=["id", "name"], search_hidden=True,
                order_by=["name"], page=page, page_size=PAGE, **EXTRA,
            )  # fmt: skip

        ids: set[str] = set()
        found: set[str] = set()
        for project, full_name in pages(fetch, _project):
            # The server's pattern ignores case; project names do not.
            within = {name for name in names if f"{full_name}/".startswith(f"{name}/")}
            if within:
                ids.add(project)
                found |= within
        missing = [name for name in names if name not in found]
        if missing:
            raise SettingsError([f"projects = {name!r}: there is no such project" for name in missing])
        return frozenset(ids)


def _project(row: Mapping[str, Any]) -> tuple[str, str] | None:
    return (row["id"], str(row.get("name") or "")) if is_id(row.get("id")) else None


def _parents_of_dataset(row: Mapping[str, Any]) -> tuple[str, set[str]] | None:
    task = parse_task(row)
    if task is None or DATASET not in task.system_tags:
        return None
    items = row.get("configuration")
    texts = (
        (str(item.get("value")) for item in items.values() if isinstance(item, dict)) if isinstance(items, dict) else ()
    )
    return task.id, {found for text in texts for found in _TASK_ID.findall(text)} - {task.id}
