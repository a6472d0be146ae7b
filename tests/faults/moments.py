"""Moments: somebody changes something while a cycle runs, at every request of it, one run for each request."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from cleanup.sandbox.calls.deletion import delete_task
from cleanup.sandbox.calls.reset import reset
from tests.faults import service
from tests.faults.build import SPELLINGS, Builder
from tests.faults.judge import Case, broken_laws
from tests.faults.rig import Rig, utc_now
from tests.faults.runner import Attack, finished
from tests.faults.street import STREET
from tests.faults.watch import Watcher
from tests.faults.world import Rules

VICTIMS = ("full", "on s3", "on disk", "chain 1", "chain 2", "dead run", "reset", "heir", "linked", "draft", "maker")
MODELS = ("full's", "s3's", "disk's", "link 1", "link 2", "link 3")
FILES = ("full.data", "on s3.data", "on disk.data", "link 1", "link 2", "disk's", "linked.other", "draft.data")
BATCHES = (5, service.PLAIN)


def series() -> Iterator[Iterator[Attack]]:
    """Yield for each kind of change, and each size of batches, the attacks by number of request."""
    for batch, what in itertools.product(BATCHES, CHANGES):
        yield (
            Attack(f"{what} at request {number}, batches of {batch}", _changed(what, number, batch))
            for number in itertools.count(1)
        )


def _changed(what: str, number: int, batch: int) -> Callable[[Rig], list[str] | None]:
    def run(rig: Rig) -> list[str] | None:
        built = Builder(rig, STREET)
        before, rules = rig.snapshot(), Rules(utc_now())
        service.batches_of(batch)
        watcher = Watcher(rig, {number: (what, lambda: CHANGES[what](built, number))})
        result = rig.cycle()
        watch = watcher.stop()
        if len(watch.log) < number:
            return None
        broken = broken_laws(Case(before, rig.snapshot(), rules, [result], watch, clean=True))
        return broken + finished(rig, rules)

    return run


def _row(built: Builder, number: int) -> tuple[str, dict[str, Any]] | None:
    """Return a task of those that go, another one each time; None if it is gone already."""
    task = built.tasks[VICTIMS[number % len(VICTIMS)]]
    row = built.sandbox.store.tasks.get(task)
    return (task, row) if row is not None else None


def _edit(built: Builder, task: str, **fields: Any) -> None:
    built.sandbox.edit_task(task, **fields, last_change=built.sandbox.store.now())


def _unarchive(built: Builder, number: int) -> None:
    if found := _row(built, number):
        _edit(built, found[0], system_tags=[tag for tag in found[1]["system_tags"] if tag != "archived"])


def _tag(built: Builder, number: int) -> None:
    if found := _row(built, number):
        _edit(built, found[0], tags=["keep"])


def _reset(built: Builder, number: int) -> None:
    if found := _row(built, number):
        reset(built.sandbox.store, {"task": found[0], "force": True})


def _enqueue(built: Builder, number: int) -> None:
    if found := _row(built, number):
        now = built.sandbox.store.now()
        _edit(built, found[0], status="queued", status_changed=now, last_update=now)


def _delete(built: Builder, number: int) -> None:
    if found := _row(built, number):
        delete_task(built.sandbox.store, found[0], {"force": True})


def _publish(built: Builder, number: int) -> None:
    model = built.models[MODELS[number % len(MODELS)]]
    if built.sandbox.store.models.get(model):
        now = built.sandbox.store.now()
        built.sandbox.edit_model(model, ready=True, last_update=now, last_change=now)


def _entry(built: Builder, number: int) -> None:
    spelling = list(SPELLINGS)[number % len(SPELLINGS)]
    built.registers("new entry", "" if number % 2 else "living", FILES[number % len(FILES)], spelling, True)


def _user(built: Builder, number: int) -> None:
    model = MODELS[number % len(MODELS)]
    if built.sandbox.store.models.get(built.models[model]):
        built.uses("living", model)
        _edit(built, built.tasks["living"])


def _link(built: Builder, number: int) -> None:
    built.links("living", FILES[number % len(FILES)], list(SPELLINGS)[number % len(SPELLINGS)])
    _edit(built, built.tasks["living"])


CHANGES: dict[str, Callable[[Builder, int], None]] = {
    "un-archive": _unarchive,
    "tag": _tag,
    "reset": _reset,
    "re-enqueue": _enqueue,
    "delete": _delete,
    "publish": _publish,
    "a new entry": _entry,
    "a new user": _user,
    "a new link": _link,
}
