"""The model registry: which entries a task made, which others lie in its folders, which tasks need them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cleanup.base.chunks import chunks
from cleanup.base.errors import ServerError
from cleanup.base.records import Model
from cleanup.server.deletion import NO_MODEL, at_once, delete
from cleanup.server.paging import FEW, PAGE, Lists, complete, every, listing
from cleanup.server.rows import ARCHIVED, is_id, models_of, parse_model
from cleanup.server.session import CleanupSession

_FIELDS = ("id", "uri", "task", "ready", "company", "comment")
_ALL_FIELDS = (
    *_FIELDS, "name", "project", "tags", "system_tags", "last_change", "last_update", "created",
)  # fmt: skip


class _Needing(NamedTuple):
    """A task, and the models that it needs."""

    id: str
    models: frozenset[str]


class Models(Lists):
    """The calls about models. Archived, hidden and other users' entries are all included: the server hides none."""

    def made_by(self, tasks: Sequence[str]) -> list[Model]:
        """Return the model entries that ``tasks`` made: those the server deletes with them, and published ones."""
        found = [model for chunk in chunks(tasks, PAGE) for model in self._listed(task=chunk)]
        if not {model.task for model in found} <= set(tasks):
            raise ServerError("the server answers models.get_all for some tasks with models of others")
        return found

    def by_id(self, ids: Iterable[str], fields: Sequence[str] = _FIELDS) -> list[Model]:
        """Return the model entries with ``ids``."""
        wanted = chunks(sorted(filter(is_id, ids)), PAGE)
        return [model for chunk in wanted for model in self._listed(fields, id=chunk)]

    def archived(self) -> Iterator[Model]:
        """Yield all model entries in the archive, whole.

        An entry of an older server has no ``last_change``, which no condition matches: the caller looks at the times.
        """
        entries = listing(self._client.models, _ALL_FIELDS, order_by=["created"], system_tags=[ARCHIVED])
        return complete(entries, parse_model, self.unreadable)

    def whole(self, ids: Sequence[str]) -> dict[str, Model]:
        """Return the entries with ``ids`` that there are, whole, by id."""
        return {model.id: model for model in self.by_id(ids, _ALL_FIELDS) if model.id in ids}

    def naming(self, tasks: Sequence[str]) -> list[Model]:
        """Return the model entries, of any task, whose address may name the folder of one of ``tasks``, in any case.

        The server looks through all its entries for this.
        """
        # An id comes after a dot, or after an escape that means one, however often it was quoted. Without that the
        # server would try the ids at every digit of every address.
        found: list[Model] = []
        # A database takes patterns of some thirty thousand characters.
        for chunk in chunks(tasks, PAGE):
            pattern = rf"(\.|%[0-9a-f%]*[e5])({_alternatives(chunk)})"
            named = list(self._listed(_any_={"pattern": pattern, "fields": ["uri"]}))
            search = re.compile(pattern, re.IGNORECASE).search
            if not all(search(str(model.uri)) for model in named):
                raise ServerError("the server does not understand a pattern over addresses in models.get_all")
            found += named
        return found

    def _listed(self, fields: Sequence[str] = _FIELDS, **filters: Any) -> Iterator[Model]:
        return every(listing(self._client.models, fields, order_by=FEW, **filters), parse_model)

    def users(self, models: Sequence[str]) -> dict[str, set[str]]:
        """Return for each of ``models`` that is in use the tasks that have it as input."""
        # Servers before API 2.31 may read a list here as one value that nothing equals: one id a call is right on all.
        size = 100 if CleanupSession.understands("2.31") else 1
        users: dict[str, set[str]] = {}
        for chunk in chunks(models, size):
            wanted = {"models.input.model": chunk if len(chunk) > 1 else chunk[0]}
            _add(users, chunk, self._tasks("input", **wanted))
        return users

    def listers(self, models: Sequence[str]) -> dict[str, set[str]]:
        """Return for each of ``models`` the tasks that list it among their outputs.

        There is no filter for this; a pattern over the field does, for which the server looks through all its tasks.
        """
        listers: dict[str, set[str]] = {}
        for chunk in chunks(models, PAGE):
            pattern = {"pattern": f"^({_alternatives(chunk)})$", "fields": ["models.output.model"]}
            rows = list(self._tasks("output", _any_=pattern))
            if not all(row.models.intersection(chunk) for row in rows):
                raise ServerError("the server does not understand a pattern over output models in tasks.get_all")
            _add(listers, chunk, rows)
        return listers

    def _tasks(self, side: str, **filters: Any) -> Iterator[_Needing]:
        def needing(row: Mapping[str, Any]) -> _Needing | None:
            return _Needing(row["id"], frozenset(models_of(row, side))) if is_id(row.get("id")) else None

        # Without search_hidden a dataset or a pipeline's step that needs the model would be overlooked.
        filters |= {"search_hidden": True, "order_by": FEW}
        return every(listing(self._client.tasks, ["id", f"models.{side}"], **filters), needing)

    def delete(self, ids: Sequence[str]) -> dict[str, str]:
        """Delete model entries whose files are gone, whoever still names them; return the server's errors by id.

        One that is gone already is none.

        Raises:
            ServerError: no clear answer.
        """
        errors: dict[str, str] = {}
        for chunk in chunks(ids, at_once()):
            errors |= delete(self._client.models, "model", chunk, NO_MODEL).refused
        return errors


def _add(needing: dict[str, set[str]], models: Sequence[str], rows: Iterable[_Needing]) -> None:
    for row in rows:
        for model in row.models.intersection(models):
            needing.setdefault(model, set()).add(row.id)


def _alternatives(ids: Sequence[str]) -> str:
    """Return a pattern for one of ``ids``."""
    by_first: dict[str, list[str]] = {}
    for name in ids:
        by_first.setdefault(name[:1], []).append(re.escape(name[1:]))
    # Grouped, since the server tries every branch at every character it has: sixteen instead of hundreds.
    return "|".join(f"{re.escape(first)}({'|'.join(rest)})" for first, rest in by_first.items())
