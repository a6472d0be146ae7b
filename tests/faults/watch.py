"""Watches a cycle from the servers' side: its requests, what others changed meanwhile, when each thing went."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tests.faults.world import Change

if TYPE_CHECKING:
    from tests.faults.rig import Rig

When = int | Callable[[str, Mapping[str, Any]], bool]
"""The number of a request, or what tells it by endpoint and body: the first such one counts."""

_DELETE = ("files.", "s3.delete", "tasks.delete", "models.delete", "auth.", "s3.head")


class Watch:
    """Watches a rig from now on; without one, nothing happens meanwhile.

    ``plans``: what others do when a request arrives, before it is answered. Those that found theirs are taken out.
    """

    def __init__(self, rig: Rig | None = None, plans: Mapping[When, tuple[str, Callable[[], object]]] | None = None):
        self.changes: list[Change] = []
        self.log: list[tuple[str, Mapping[str, Any]]] = []
        self.plans = dict(plans or {})
        self._there: dict[str, int] = {}
        self._lock = threading.Lock()
        if rig:
            self._rig, world = rig, rig.snapshot()
            self._things = {*world.files, *world.tasks, *world.models}
            rig.sandbox.on_request = self._request

    def seen(self, change: Change, thing: str) -> bool:
        """Tell whether the last look before ``thing`` went had to see ``change``.

        That look is what was read, and nothing else, directly before the requests that deleted. A task in it is seen
        by the last request that names it; an entry, a user or a link that is new by all of the look's requests.
        """
        went = end = self._there.get(thing, 0)
        while end and self._endpoint(end).startswith(_DELETE):
            end -= 1
        start = end
        while start and self._endpoint(start).endswith(".get_all"):
            start -= 1
        look = range(start + 1, end + 1)
        named = [number for number in look if change.tasks.keys() & _read(self.log[number - 1][1])]
        return change.request <= (max(named) if named else look.start if look else went)

    def _endpoint(self, number: int) -> str:
        return self.log[number - 1][0]

    def _request(self, endpoint: str, body: Mapping[str, Any]) -> None:
        sandbox = self._rig.sandbox
        with self._lock:
            self.log.append((endpoint, body))
            number = len(self.log)
            self._things = {thing for thing in self._things if self._rig.there(thing)}
            self._there.update(dict.fromkeys(self._things, number))
            for when in [when for when in self.plans if (when(endpoint, body) if callable(when) else when == number)]:
                what, act = self.plans.pop(when)
                with sandbox.store.lock:
                    before = sandbox.tasks, sandbox.models
                    act()
                    tasks, models = map(_difference, before, (sandbox.tasks, sandbox.models))
                if tasks or models:
                    self.changes.append(Change(number, what, tasks, models))


def _read(body: Mapping[str, Any]) -> set[str]:
    """Return the tasks that a request names to read them, and not only to learn whether they are there."""
    named = body.get("id") or []
    return set(map(str, [named] if isinstance(named, str) else named)) if "status" in body["only_fields"] else set()


def _difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that are new by row; None for a row that is gone."""
    found: dict[str, Any] = dict.fromkeys(before.keys() - after.keys())
    for key, row in after.items():
        was = before.get(key, {})
        fields = {name: value for name, value in row.items() if name not in was or was[name] != value}
        if fields:
            found[key] = fields
    return found
