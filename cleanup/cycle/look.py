"""The look at a batch right before its files are deleted: what the server says of it at this moment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cleanup import selection
from cleanup.base.begun import begun
from cleanup.base.errors import ServerError
from cleanup.base.records import Model, Task
from cleanup.cycle.surroundings import Surroundings
from cleanup.files import View, tasks_of
from cleanup.server import WITH_FILES, Server


@dataclass(frozen=True)
class Looked:
    """``view``: the batch and what is around it.

    ``changed``: condemned tasks outside the batch that do not qualify any more, so they hold what they hold.
    """

    view: View
    changed: set[str]


@dataclass
class Looker:
    """Looks at batches of one cycle."""

    server: Server
    surroundings: Surroundings
    rules: selection.Rules
    pool: Executor

    def look(
        self, rows: Mapping[str, Task], nested: Collection[str], condemned: Collection[str], behind: Collection[str]
    ) -> Looked:
        """Return what there is to know about the tasks ``rows``, which were read some time ago.

        ``nested``: the tasks whose folders lie in theirs, or around them. ``behind``: condemned tasks that are deleted
        already, or in a dry run would be. The tasks themselves, and the condemned ones outside the batch that refer to
        its files, are read last.

        Raises:
            ServerError: the batch cannot be judged.
        """
        with begun(self.pool, lambda: self.surroundings.read(self._server_time())) as around:
            models = self._models(rows, nested)
            around()
        drafts = sorted(model.id for model in models.values() if not model.published)
        with begun(self.pool, lambda: self.server.models.users(drafts)) as users:
            listers = self.server.models.listers(drafts)
            view = View(dict(rows), models, users(), listers)
        view.links = self.surroundings.links_to(_owners(rows, models.values()).union(nested))
        view.claims = self.surroundings.claims_on(rows)
        others = _others(view).union(nested).difference(rows, behind)
        outside = others.intersection(condemned)
        view.existing = self.server.tasks.existing(others - outside) if others - outside else set()
        now = self.server.tasks.read([*rows, *sorted(outside)], WITH_FILES)
        changed = {task for task in outside if task not in now or selection.changed_since(now[task], self.rules)}
        missing = outside.union(rows).difference(now)
        view.existing |= outside.intersection(now) | (self.server.tasks.existing(missing) if missing else set())
        view.rows = {task: now[task] for task in rows if task in now}
        _drop_what_is_gone(view, behind)
        return Looked(view, changed)

    def look_at_models(self, ids: Sequence[str]) -> View:
        """Return what there is to know about model entries of the archive, themselves read last.

        ``rows`` of the view are the tasks, archived or not, in whose folders their files lie.

        Raises:
            ServerError: they cannot be judged.
        """
        self.surroundings.read(self._server_time())
        owners = sorted(_owners({}, self.server.models.by_id(ids)))
        view = View(models={model.id: model for model in self.server.models.naming(owners)})
        known = sorted({*view.models, *ids})
        view.users, view.listers = self.server.models.users(known), self.server.models.listers(known)
        view.links = self.surroundings.links_to(owners)
        view.rows = self.server.tasks.read(owners, WITH_FILES, archived=False)
        found = self.server.models.whole(ids)
        view.models = {name: model for name, model in view.models.items() if name not in ids} | found
        if not _owners({}, found.values()) <= {*owners}:
            raise ServerError("the address of a model changed while it was looked at")
        view.existing = self.server.tasks.existing(_others(view))
        _drop_what_is_gone(view, ())
        return view

    def _models(self, rows: Mapping[str, Task], nested: Collection[str]) -> dict[str, Model]:
        """Return the entries that the tasks made, those they list, and all with an address in a folder of concern."""
        owners = _owners(rows, ()).union(nested)
        with begun(self.pool, lambda: self.server.models.made_by(list(rows))) as made:
            named = self.server.models.naming(sorted(owners))
            found = {model.id: model for model in made()}
        listed = {model for row in rows.values() for model in (*row.output_models, *row.input_models)}
        others = self.server.models.by_id(listed - found.keys()) if listed - found.keys() else []
        if any(model.task in rows for model in others):
            raise ServerError("the server's list of the models that tasks made lacks some that they list")
        found |= {model.id: model for model in others}
        named += self.server.models.naming(sorted(_owners({}, found.values()) - owners))
        # Which of two readings is the later one is not known.
        if any(found.get(model.id, model) != model for model in named):
            raise ServerError("a model changed while it was looked at")
        return found | {model.id: model for model in named}

    def _server_time(self) -> datetime:
        return datetime.now(timezone.utc) + timedelta(seconds=self.server.session.clock_skew)


def _owners(rows: Mapping[str, Task], models: Iterable[Model]) -> set[str]:
    """Return the tasks in whose folders the files lie that ``rows`` and ``models`` name, ``rows`` among them."""
    addresses = [*(model.uri for model in models), *(item.uri for row in rows.values() for item in row.artifacts)]
    return {*rows, *(task for address in addresses for task in tasks_of(address))}


def _others(view: View) -> set[str]:
    """Return all tasks that the view names as makers, users, listers, linkers, claimers or owners of a folder."""
    models = view.models.values()
    named = {model.task for model in models if model.task} | _owners(view.rows, models)
    for needing in (*view.users.values(), *view.listers.values()):
        named.update(needing)
    named.update(claimer for claims in view.claims.values() for claimer, _ in claims)
    return named | {task for _, task in view.links}


def _drop_what_is_gone(view: View, behind: Collection[str]) -> None:
    """Forget what tasks need that somebody deleted since they were read. ``behind``: those that this cycle deleted."""
    there = view.existing | view.rows.keys()
    view.links = [(address, task) for address, task in view.links if task in there]
    view.claims = {task: [claim for claim in claims if claim[0] in there] for task, claims in view.claims.items()}
    for needing in (view.users, view.listers):
        for model, tasks in needing.items():
            needing[model] = {task for task in tasks if task in there or task in behind}
