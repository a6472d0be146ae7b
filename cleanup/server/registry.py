"""The model registry: which entries a task made, which others share its files, which tasks use them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from clearml.backend_api.session.client import APIClient

from cleanup.base.errors import ServerError
from cleanup.base.records import Model, parse_inputs, parse_model
from cleanup.server.paging import PAGE, chunks, pages
from cleanup.server.session import CleanupSession

NO_MODEL = 201
"""Subcode of 400: there is no model with this id."""

_FOLDER = re.compile(r"(?:\.|%2e)([0-9a-z_-]+)(?:/|%2f)", re.IGNORECASE | re.ASCII)

_FIELDS = ["id", "uri", "task", "ready"]


class Registry:
    """The calls about models. Archived, hidden and other users' entries are all included: the server hides none."""

    def __init__(self, client: APIClient) -> None:
        self._client = client

    def made_by(self, tasks: Sequence[str]) -> list[Model]:
        """Return the model entries that ``tasks`` made: those the server deletes with them, and published ones."""
        found = [model for chunk in chunks(tasks, PAGE) for model in self._models(task=chunk)]
        if not {model.task for model in found} <= set(tasks):
            raise ServerError("the server answers models.get_all for some tasks with models of others")
        return found

    def by_id(self, ids: Sequence[str]) -> list[Model]:
        """Return the model entries with ``ids``."""
        return [model for chunk in chunks(ids, PAGE) for model in self._models(id=chunk)]

    def _models(self, **filters: Any) -> Iterator[Model]:
        return pages(
            lambda page: self._client.models.get_all(
                **filters, only_fields=_FIELDS, order_by=["created"], page=page, page_size=PAGE
            ),
            parse_model,
        )

    def in_folders(self, tasks: Sequence[str]) -> list[Model] | None:
        """Return the model entries, of any task, with an address in a folder that ends in ``.<id>`` of ``tasks``.

        None where the server does not understand the question: it then answers with other entries, or refuses.
        """
        pattern, folders = folder_pattern(tasks), {task.lower() for task in tasks}
        try:
            answer: Iterator[Any] = pages(
                lambda page: self._client.models.get_all(
                    _any_={"pattern": pattern, "fields": ["uri"]},
                    only_fields=_FIELDS, order_by=["created"], page=page, page_size=PAGE,
                ),
                parse_model,
            )  # fmt: skip
            found = []
            for model in answer:
                if folders.isdisjoint(named_folders(model.uri)):
                    return None
                found.append(model)
        except ServerError as error:
            if error.code == 400:
                return None
            raise
        return found

    def at(self, addresses: Sequence[str]) -> list[Model]:
        """Return the model entries with exactly one of ``addresses``.

        Addresses that the filter's language would read as operators are not asked for: no storage's begin so.
        """
        plain = [address for address in addresses if address and not address.startswith(("-", "__$"))]
        return [model for chunk in chunks(plain, 200) for model in self._models(uri=chunk)]

    def users_of(self, models: Sequence[str]) -> dict[str, set[str]]:
        """Return for each of ``models`` that is in use the tasks that have it as input."""
        # Servers before API 2.31 may read a list here as one value that nothing equals: one id a call is right on all.
        size = 100 if CleanupSession.check_min_api_server_version("2.31") else 1
        users: dict[str, set[str]] = {}
        for chunk in chunks(models, size):
            for task, used in self._tasks_with_input(chunk):
                for model in used.intersection(chunk):
                    users.setdefault(model, set()).add(task)
        return users

    def _tasks_with_input(self, models: list[str]) -> Iterator[tuple[str, set[str]]]:
        def fetch(page: int) -> Any:
            # Without search_hidden a dataset or a pipeline's step that uses the model would be overlooked.
            return self._client.tasks.get_all(
                **{"models.input.model": models if len(models) > 1 else models[0]},
                only_fields=["id", "models.input"], search_hidden=True, order_by=["created"],
                page=page, page_size=PAGE, _allow_extra_fields_=True,
            )  # fmt: skip

        return pages(fetch, parse_inputs)

    def delete(self, model: str) -> None:
        """Delete a model entry whose file is gone, although a task still names it."""
        try:
            answer = self._client.models.delete(
                model=model, force=True, delete_external_artifacts=False, _allow_extra_fields_=True
            )
            if answer.data.get("deleted") is not True:
                raise ServerError("the answer to models.delete does not say that the model entry is deleted")
        except ServerError as error:
            if (error.code, error.subcode) != (400, NO_MODEL):
                raise


def folder_pattern(tasks: Sequence[str]) -> str:
    """Return the regular expression for addresses under a folder that ends in ``.<id>`` of one of ``tasks``."""
    by_first: dict[str, list[str]] = {}
    for task in tasks:
        by_first.setdefault(task[:1], []).append(re.escape(task[1:]))
    # Grouped, since the server tries every branch at every dot of every address it has: sixteen instead of hundreds.
    ids = "|".join(f"{re.escape(first)}({'|'.join(rest)})" for first, rest in by_first.items())
    return rf"(\.|%2e)({ids})(/|%2f)"


def named_folders(address: object) -> set[str]:
    """Return the ends, after their dots and in small letters, of the folders in ``address``.

    An address matches :func:`folder_pattern` if one of the ids is among them; to compile that pattern takes longer
    than to look through all addresses of a batch.
    """
    return {found.lower() for found in _FOLDER.findall(str(address))}
