"""Entities of one kind by id, with indexes that follow changes and listings remembered between them."""

from __future__ import annotations

import bisect
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cleanup.sandbox.patterns import ids_of
from cleanup.sandbox.values import Entity, values_at

REMEMBERED = 16
SINCE = "changed since"
"""Beside the indexes: the name of the question for what changed at a time or after it."""

Test = Callable[[Entity], bool]
Reader = Callable[[Entity], list[Any]]
Entries = tuple[tuple[str, Any], ...]
"""Names of indexes, each with a value that an entity has there."""
Order = tuple[tuple[tuple[str, ...], bool], ...]
"""Paths to sort by, each with whether it descends; no path means the order of creation."""


def sort_key(entity: Entity, parts: tuple[str, ...], missing: int = 0) -> tuple[int, Any]:
    """Numbers come before texts, as they do not compare, and entities without the field before or after both."""
    found = [entity.get(parts[0])] if len(parts) == 1 else values_at(entity, parts)
    value = found[0] if found else None
    if value is None or isinstance(value, dict | list):
        return (missing, 0)
    return (1, value) if isinstance(value, bool | int | float) else (2, str(value))


def missing_at(place: int) -> int:
    """The server puts entities without the first field to sort by last, whichever way it sorts."""
    return 3 if place == 0 else 0


def ids_in(path: str) -> str:
    """The name of the index over the ids that the texts in a field hold."""
    return f"ids in {path}"


def reader(path: str) -> Reader:
    parts = tuple(path.split("."))
    return lambda entity: values_at(entity, parts)


def reader_of_ids(path: str) -> Reader:
    parts = tuple(path.split("."))
    return lambda entity: [held for text in values_at(entity, parts) for held in ids_of(str(text))]


class Collection:
    def __init__(self, indexes: Iterable[str] = (), id_indexes: Iterable[str] = ()) -> None:
        self._items: dict[str, Entity] = {}
        self._created: dict[str, int] = {}
        self._count = 0
        self._reads = [(path, reader(path)) for path in indexes]
        self._reads += [(ids_in(path), reader_of_ids(path)) for path in id_indexes]
        self._indexes: dict[str, dict[Any, dict[str, None]]] = {name: {} for name, _ in self._reads}
        self._indexed: dict[str, Entries] = {}
        self._moved: set[str] = set()
        self._unlisted: set[str] = set()
        self._timeline: list[tuple[str, str]] = []
        """Times of changes, each with the id of what changed then for the last time, or changed again."""
        self._listings: OrderedDict[str, list[str]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, entity_id: object) -> bool:
        return entity_id in self._items

    def get(self, entity_id: Any) -> Entity | None:
        return self._items.get(entity_id) if isinstance(entity_id, str) else None

    def all(self) -> Iterator[Entity]:
        return iter(self._items.values())

    def add(self, entity: Entity) -> Entity:
        self._count += 1
        self._created[entity["id"]] = self._count
        self._items[entity["id"]] = entity
        self.changed(entity["id"])
        return entity

    def remove(self, entity_id: str) -> Entity | None:
        entity = self._items.pop(entity_id, None)
        self._created.pop(entity_id, None)
        self.changed(entity_id)
        return entity

    def changed(self, entity_id: str) -> None:
        """To be told after every change of an entity: what is derived from it follows when it is asked for."""
        self._moved.add(entity_id)
        self._unlisted.add(entity_id)
        self._listings.clear()

    def _bring_indexes_along(self) -> None:
        for entity_id in self._moved:
            entity = self._items.get(entity_id)
            new = () if entity is None else tuple([(name, item) for name, read in self._reads for item in read(entity)])
            old = self._indexed.get(entity_id, ())
            if new != old:
                self._index(entity_id, old, new)
        self._moved.clear()

    def _index(self, entity_id: str, old: Entries, new: Entries) -> None:
        for name, value in old:
            holders = self._indexes[name].get(value, {})
            holders.pop(entity_id, None)
            if not holders:
                self._indexes[name].pop(value, None)
        for name, value in new:
            self._indexes[name].setdefault(value, {})[entity_id] = None
        if new:
            self._indexed[entity_id] = new
        else:
            self._indexed.pop(entity_id, None)

    def indexed(self, name: str) -> bool:
        return name in self._indexes or name in ("id", SINCE)

    def count(self, name: str, value: Any) -> int:
        """How many entities `find` gives."""
        if name not in self._indexes:
            return len(self.find(name, value))
        self._bring_indexes_along()
        return len(self._indexes[name].get(value, ()))

    def find(self, name: str, value: Any) -> list[Entity]:
        """The entities that hold a value in an indexed field, or that changed at a time or after it."""
        if name == SINCE:
            return self._since(value)
        if name == "id":
            entity = self.get(value)
            return [] if entity is None else [entity]
        self._bring_indexes_along()
        return [self._items[entity_id] for entity_id in self._indexes[name].get(value, ())]

    def _since(self, moment: str) -> list[Entity]:
        moved = [self._items[entity_id] for entity_id in self._unlisted if entity_id in self._items]
        self._unlisted.clear()
        self._timeline += [(entity["last_change"], entity["id"]) for entity in moved if "last_change" in entity]
        # Next to nothing where it is sorted but for its end.
        self._timeline.sort()
        since = self._timeline[bisect.bisect_left(self._timeline, (moment, "")) :]
        found = {entity_id: self._items[entity_id] for _, entity_id in since if entity_id in self._items}
        return [entity for entity in found.values() if entity.get("last_change", "") >= moment]

    def ordered(self, ids: Iterable[str], order: Order) -> list[str]:
        """One stable sort a field, the last field first: faster than comparing whole keys."""
        result = sorted(ids, key=self._created.__getitem__)
        for place, (parts, descending) in reversed(list(enumerate(order))):
            values: dict[str, Any] = {entity_id: self._items[entity_id].get(parts[0]) for entity_id in result}
            if len(parts) > 1 or not all(isinstance(value, str) for value in values.values()):
                missing = 0 if descending else missing_at(place)
                values = {entity_id: sort_key(self._items[entity_id], parts, missing) for entity_id in result}
            result.sort(key=values.__getitem__, reverse=descending)
        return result

    def listing(self, name: str, make: Callable[[], tuple[Test, Order]]) -> list[str]:
        """The ids of a query; remembered under its name until something changes or enough others were asked."""
        if name not in self._listings:
            test, order = make()
            matching = (entity["id"] for entity in self.all() if test(entity))
            self._listings[name] = self.ordered(matching, order)
            while len(self._listings) > REMEMBERED:
                self._listings.popitem(last=False)
        self._listings.move_to_end(name)
        return self._listings[name]
