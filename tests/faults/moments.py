"""Moments: somebody changes something while a cycle runs, at every request of it, one run for each request."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial

from cleanup.sandbox.calls.deletion import delete_task
from cleanup.sandbox.calls.reset import reset
from cleanup.sandbox.values import Entity
from tests.faults import service
from tests.faults.build import SPELLINGS, Builder
from tests.faults.rig import Rig
from tests.faults.runner import Attack
from tests.faults.street import Trial
from tests.faults.watch import Watch

VICTIMS = ("full", "on s3", "on disk", "ring 1", "ring 2", "dead run", "reset", "heir", "linked", "draft", "maker")
MODELS = ("full's", "on s3's", "on disk's", "ring 1's", "ring 2's", "ring 3's")
SHELVED = ("shelved alone", "shelved used by full", "shelved named", "shelved for nobody")
FILES = (*MODELS, "shelved alone", "full.data", "on s3.data", "on disk.data", "linked.other", "draft.data")


def series(every: int) -> Iterator[Iterator[Attack]]:
    """Yield for each kind of change, and each size of batches, the attacks by number of request."""
    for batch, what in itertools.product((5, service.PLAIN), KEYS):
        yield (
            Attack(f"{what} at request {number}, batches of {batch}", partial(_changed, what, number, batch))
            for number in itertools.count(1)
        )


def _changed(what: str, number: int, batch: int, rig: Rig) -> list[str] | None:
    service.batches_of(batch)
    trial, key = Trial(rig), KEYS[what][number % len(KEYS[what])]
    trial.watch = Watch(rig, {number: (what, partial(act_on, trial.built, what, key, number))})
    result = trial.cycle()
    return None if trial.watch.plans else trial.judged(result, clean=True)


def act_on(built: Builder, what: str, key: str, number: int) -> None:
    """Change the task, the model or the file called ``key``, if it is there still."""
    spelling = list(SPELLINGS)[number % len(SPELLINGS)]
    store, living = built.sandbox.store, built.tasks.get("living", "")
    task, model = store.tasks.get(built.tasks.get(key)), store.models.get(built.models.get(key))
    now = store.now()
    if what in TASK_CHANGES and task is not None:
        TASK_CHANGES[what](built, task, now)
    elif what == "publish" and model is not None:
        built.sandbox.edit_model(model["id"], ready=True, last_update=now, last_change=now)
    elif what == "restore" and model is not None:
        built.sandbox.edit_model(model["id"], system_tags=[], last_change=now)
    elif what == "a new entry" and key in built.addresses:
        built.registers("new entry", "" if number % 2 else "living", key, spelling, True)
    elif what == "a new user" and model is not None and living:
        built.uses("living", key)
        _edit(built, living, now)
    elif what == "a new link" and key in built.addresses and living:
        built.links("living", key, spelling)
        _edit(built, living, now)


def _edit(built: Builder, task: str, now: str, **fields: object) -> None:
    built.sandbox.edit_task(task, **fields, last_change=now)


TASK_CHANGES: dict[str, Callable[[Builder, Entity, str], object]] = {
    "un-archive": lambda built, task, now: _edit(
        built, task["id"], now, system_tags=[tag for tag in task["system_tags"] if tag != "archived"]
    ),
    "make public": lambda built, task, now: _edit(built, task["id"], now, company=""),
    "tag": lambda built, task, now: _edit(built, task["id"], now, tags=["keep"]),
    "reset": lambda built, task, now: reset(built.sandbox.store, {"task": task["id"], "force": True}),
    "re-enqueue": lambda built, task, now: _edit(
        built, task["id"], now, status="queued", status_changed=now, last_update=now
    ),
    "delete": lambda built, task, now: delete_task(built.sandbox.store, task["id"], {"force": True}),
}
KEYS = dict.fromkeys(TASK_CHANGES, VICTIMS) | {
    "publish": MODELS,
    "restore": SHELVED,
    "a new user": (*MODELS, *SHELVED),
    "a new entry": FILES,
    "a new link": FILES,
}
"""What each kind of change is tried on in turn."""
