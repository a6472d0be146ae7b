"""Entities of one kind by id, with indexes and remembered listings that follow changes."""

from __future__ import annotations

import bisect
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from functools import total_ordering
from typing import Any

from cleanup.sandbox.patterns import ids_of
from cleanup.sandbox.values import Entity, values_at

REMEMBERED = 16
REPLACED_ONE_BY_ONE = 64
SINCE = "changed since"
"""Beside the indexes: the name of the question for what changed at a time or after it."""

Test = Callable[[Entity], bool]
Reader = Callable[[Entity], list[Any]]
Entries = tuple[tuple[str, Any], ...]
"""Names of indexes, each with a value that an entity has there."""
Order = tuple[tuple[tuple[str, ...], bool], ...]
"""Paths to sort by, each with whether it descends; no path means the order of creation."""


@total_ordering
class Descending:
    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: Descending) -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Descending) and bool(self.key == other.key)

    __hash__ = None  # type: ignore[assignment]


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


class Listing:
    """The ordered ids that a query matched, brought up to date from the ids that changed since."""

    def __init__(self, test: Test, order: Order) -> None:
        self.test = test
        self.order = order
        self.ids: list[str] = []
        self.changed: set[str] = set()
        self.built = False

    def up_to_date(self, collection: Collection) -> list[str]:
        if not self.built or len(self.changed) > max(REPLACED_ONE_BY_ONE, len(collection) // 50):
            matching = [item["id"] for item in collection.all() if self.test(item)]
            self.ids = collection.ordered(matching, self.order)
            self.built = True
        elif self.changed:
            self.ids = [item for item in self.ids if item not in self.changed]
            for item in self.changed:
                entity = collection.get(item)
                if entity is not None and self.test(entity):
                    bisect.insort(self.ids, item, key=lambda other: collection.key(other, self.order))
        self.changed.clear()
        return self.ids


class Timeline:
    """The ids by a time, brought up to date when it is asked."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.moved: set[str] = set()
        self._times: dict[str, str] = {}
        self._line: list[tuple[str, str]] = []

    def since(self, moment: str, collection: Collection) -> list[str]:
        if len(self.moved) > REPLACED_ONE_BY_ONE:
            self._times = {item["id"]: item[self.path] for item in collection.all() if self.path in item}
            self._line = sorted((time, entity_id) for entity_id, time in self._times.items())
        else:
            for entity_id in self.moved:
                self._move(entity_id, (collection.get(entity_id) or {}).get(self.path))
        self.moved.clear()
        return [entity_id for _, entity_id in self._line[bisect.bisect_left(self._line, (moment, "")) :]]

    def _move(self, entity_id: str, time: str | None) -> None:
        before = self._times.pop(entity_id, None)
        if before is not None:
            del self._line[bisect.bisect_left(self._line, (before, entity_id))]
        if time is not None:
            self._times[entity_id] = time
            bisect.insort(self._line, (time, entity_id))


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
        self._timeline = Timeline("last_change")
        self._listings: OrderedDict[str, Listing] = OrderedDict()

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
        self._timeline.moved.add(entity_id)
        for listing in self._listings.values():
            listing.changed.add(entity_id)

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

    def find(self, name: str, value: Any) -> list[Entity]:
        """The entities that hold a value in an indexed field, or that changed at a time or after it."""
        if name == SINCE:
            return [self._items[entity_id] for entity_id in self._timeline.since(value, self)]
        if name == "id":
            entity = self.get(value)
            return [] if entity is None else [entity]
        self._bring_indexes_along()
        return [self._items[entity_id] for entity_id in self._indexes[name].get(value, ())]

    def key(self, entity_id: str, order: Order) -> tuple[Any, ...]:
        entity = self._items[entity_id]
        keys = (
            Descending(sort_key(entity, parts)) if descending else sort_key(entity, parts, missing_at(place))
            for place, (parts, descending) in enumerate(order)
        )
        return (*keys, self._created[entity_id])

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
        """The ids of a query; remembered under its name until enough others were asked."""
        listing = self._listings.get(name)
        if listing is None:
            listing = self._listings[name] = Listing(*make())
            while len(self._listings) > REMEMBERED:
                self._listings.popitem(last=False)
        self._listings.move_to_end(name)
        return listing.up_to_date(self)
