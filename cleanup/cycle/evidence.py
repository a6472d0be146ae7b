"""Collects what the server knows about a batch of tasks: models and their users, debug samples, plot images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager

from cleanup.base.errors import ServerError, ServerUnreachable, Stopped
from cleanup.base.records import Model, Task
from cleanup.files import Evidence
from cleanup.server import DATASET, Server, events
from cleanup.server.registry import named_folders


def collect(server: Server, tasks: Mapping[str, Task], pool: Executor, *, linked: bool, going: set[str]) -> Evidence:
    """Return the evidence about ``tasks``, which were read a moment ago.

    ``linked``: also look for other entries of addresses that the tasks only link. ``going``: tasks that a dry run
    has found would go: they hold nothing any more.

    Raises:
        ServerError: the batch as a whole cannot be judged. Errors that concern one task are in ``unreadable``.
    """
    evidence = Evidence(tasks=tasks)
    if not tasks:
        return evidence
    # In the pool as well: a call from outside it would wait for its turn until all events are read.
    models = pool.submit(_collect_models, server, evidence, linked, going)
    with _reading_events(server, list(tasks), pool) as waiting:
        models.result()
        _collect_datasets(server, evidence, going)
        evidence.samples = _addresses(waiting[events.DEBUG_SAMPLE], evidence)
        evidence.plots = _addresses(waiting[events.PLOT], evidence)
    evidence.users = {model: users - going for model, users in evidence.users.items()}
    evidence.other_models = [model for model in evidence.other_models if model.published or model.task not in going]
    return evidence


def _collect_models(server: Server, evidence: Evidence, linked: bool, going: set[str]) -> None:
    ids = list(evidence.tasks)
    own = server.models.made_by(ids)
    for model in own:
        if model.task in evidence.tasks:
            evidence.own_models.setdefault(model.task, []).append(model)
    addresses = {str(artifact.uri) for task in evidence.tasks.values() for artifact in task.artifacts}
    addresses |= {str(model.uri) for model in own}
    in_folders = server.models.in_folders(ids)
    evidence.folders_clear = in_folders is not None and _all_in(in_folders, own, ids)
    others = list(in_folders or []) if evidence.folders_clear else server.models.at(sorted(addresses))
    if linked and evidence.folders_clear:
        # Where every other entry in the folders is known, only addresses outside them are left to ask for.
        own_folders = {task.lower() for task in ids}
        others += server.models.at(sorted(a for a in addresses if own_folders.isdisjoint(named_folders(a))))
    evidence.other_models = [model for model in others if model.task not in evidence.tasks]
    drafts = [model.id for model in [*own, *evidence.other_models] if not model.published]
    evidence.users = server.models.users_of(sorted(set(drafts))) if drafts else {}
    _collect_claims(server, evidence, going)


def _all_in(found: Iterable[Model], own: Iterable[Model], ids: list[str]) -> bool:
    """True if the answer holds every entry that must be in it: a check that the server understood the pattern."""
    folders = {task.lower() for task in ids}
    expected = {model.id for model in own if not folders.isdisjoint(named_folders(model.uri))}
    return expected <= {model.id for model in found}


def _collect_claims(server: Server, evidence: Evidence, going: set[str]) -> None:
    """Find draft models in a task's output that another task made: the server would delete their entries too."""
    own = {model.id: task for task, models in evidence.own_models.items() for model in models}
    listing: dict[str, set[str]] = {}
    for task in evidence.tasks.values():
        for model in task.output_models:
            if own.get(model) != task.id:
                listing.setdefault(model, set()).add(task.id)
    if not listing:
        return
    entries = [model for model in server.models.by_id(sorted(listing)) if not model.published and model.task]
    alive = server.tasks.existing({model.task for model in entries}) - going if entries else set()
    for entry in entries:
        if entry.task in alive:
            reason = f"its output model {entry.id} belongs to task {entry.task}, and would be deleted with it"
            for task_id in listing[entry.id]:
                evidence.claims.setdefault(task_id, {})[entry.task] = reason


def _collect_datasets(server: Server, evidence: Evidence, going: set[str]) -> None:
    """Find dataset versions that other versions are built on: those read their files from them."""
    datasets = [task.id for task in evidence.tasks.values() if DATASET in task.system_tags]
    if not datasets:
        return
    built_on = server.tasks.datasets_in_use()
    for dataset in datasets:
        for version in built_on.get(dataset, set()) - {dataset} - going:
            evidence.claims.setdefault(dataset, {})[version] = f"dataset version {version} is built on it"


_Waiting = dict[str, "Future[set[str]]"]
"""The addresses of each task's events, to come."""


@contextmanager
def _reading_events(server: Server, tasks: list[str], pool: Executor) -> Iterator[dict[str, _Waiting]]:
    """Let the pool read the addresses that ``tasks`` reported, by type of event, while other calls are made.

    One call for each task that has such events; what has not begun when the block is left is not asked for.
    """
    types = (events.DEBUG_SAMPLE, events.PLOT)
    having = [(kind, pool.submit(server.tasks_with_events, tasks, kind)) for kind in types]
    waiting: dict[str, _Waiting] = {kind: {} for kind in types}
    try:
        for kind, answer in having:
            for task in sorted(answer.result()):
                waiting[kind][task] = pool.submit(server.event_addresses, task, kind)
        yield waiting
    finally:
        for future in [*(answer for _, answer in having), *(one for some in waiting.values() for one in some.values())]:
            future.cancel()


def _addresses(waiting: _Waiting, evidence: Evidence) -> dict[str, set[str]]:
    """Return the addresses that each task reported; a task whose events cannot be read is noted as unreadable."""
    found: dict[str, set[str]] = {}
    for task, answer in waiting.items():
        try:
            found[task] = answer.result()
        except (Stopped, ServerUnreachable):
            raise
        except ServerError as error:
            evidence.unreadable[task] = str(error)
    return found
