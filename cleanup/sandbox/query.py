"""The filter language of `get_all`: which entities a request matches, in which order, and which page of them."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from cleanup.sandbox.collection import SINCE, Collection, Order, Test, ids_in
from cleanup.sandbox.errors import ApiError, bad_value, invalid, unknown_field
from cleanup.sandbox.kinds import MOMENTS, Kind
from cleanup.sandbox.patterns import needed_ids
from cleanup.sandbox.values import Entity, field_tree, projected, read_time, values_at

Body = dict[str, Any]

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "": operator.eq,
}
BOUND = re.compile(r"^(>=|<=|>|<)?(.*)$", re.DOTALL)
OPERATORS = {"__$all": "all", "__$and": "all", "__$any": "any", "__$or": "any"}
INDEX_ENOUGH = 10_000
"""So many entities are tested and sorted anew for each page; the listing of more is remembered."""
NOT, RESET = "__$not", "__$nop"
ANY_FIELD = {"_any_": any, "_or_": any, "_all_": all, "_and_": all}
IGNORED_IN_NAME = {"page", "page_size", "only_fields"}


@dataclass
class Terms:
    """A list filter taken apart: the values of which all, any or none must be held."""

    joined: str = ""
    values: dict[str, list[str]] = field(default_factory=dict)
    or_empty: bool = False

    @property
    def plainly_wanted(self) -> list[str] | None:
        """The values if one of them is all that is asked."""
        return self.values["any"] if set(self.values) == {"any"} and not self.or_empty else None


def read_terms(name: str, data: Any) -> Terms:
    """A leading `-` excludes only as long as no operator came; then it belongs to the value."""
    terms, context, pending, with_sign = Terms(), "any", False, True
    for value in data if isinstance(data, list | tuple) else [data]:
        if value is None:
            terms.joined = terms.joined or "all"
            terms.or_empty, pending = True, False
        elif not isinstance(value, str):
            raise bad_value("invalid value type, string expected", field=name, value=str(value))
        elif value == RESET:
            terms.joined = terms.joined or "all"
            context, pending, with_sign = "any", False, True
        elif value.startswith("__$"):
            if pending:
                raise bad_value("Value is expected after", field=name, operator=NOT)
            if value != NOT and value not in OPERATORS:
                raise bad_value("Unsupported operator", field=name, operator=value)
            pending = value == NOT
            if not pending:
                context, with_sign = OPERATORS[value], False
                terms.joined = terms.joined or context
        else:
            excluded = value.startswith("-") and with_sign and not pending
            if excluded and value == "-":
                raise bad_value("Missing value after the exclude prefix -", field=name, value="")
            terms.joined = terms.joined or "all"
            bucket = "none" if excluded or pending else context
            terms.values.setdefault(bucket, []).append(value[1:] if excluded else value)
            pending = False
    if pending:
        raise bad_value("Value is expected after", operator=NOT)
    return terms


HOLDING: dict[str, Callable[[frozenset[str], list[Any]], bool]] = {
    "any": lambda given, held: not given.isdisjoint(held),
    "all": lambda given, held: given.issubset(held),
    "none": lambda given, held: given.isdisjoint(held),
}


def list_test(name: str, terms: Terms) -> Test | None:
    parts = tuple(name.split("."))
    checks = [(HOLDING[bucket], frozenset(given)) for bucket, given in terms.values.items()]
    if not checks and not terms.or_empty:
        return None
    join = all if terms.joined == "all" else any

    def test(entity: Entity) -> bool:
        held = values_at(entity, parts)
        return (bool(checks) and join(check(given, held) for check, given in checks)) or (terms.or_empty and not held)

    return test


def time_test(name: str, data: Any) -> Test | None:
    """Of several bounds of a kind the last one holds; one that names no time is dropped."""
    given = data if isinstance(data, list) else [data]
    if len(given) == 2 and not any(isinstance(value, str) and value[:1] in "<>" for value in given):
        return range_test(name, given)
    bounds = read_bounds(given)
    if not bounds:
        return None
    checks = [(COMPARISONS[sign], moment) for sign, moment in bounds.items()]

    def test(entity: Entity) -> bool:
        held = entity.get(name)
        return held is not None and all(compare(held, moment) for compare, moment in checks)

    return test


def read_bounds(given: list[Any]) -> dict[str, str]:
    """By sign the time that follows it."""
    pairs = [match.groups("") for value in given if (match := BOUND.match(str(value)))]
    return {sign: moment for sign, value in pairs if (moment := read_time(value)) is not None}


def range_test(name: str, data: Any) -> Test:
    if not isinstance(data, list | tuple) or len(data) != 2:
        raise invalid(f"Min and max values should be specified for range field {name}")
    low, high = (read_time(bound) if name in MOMENTS and bound is not None else bound for bound in data)
    if low is None and high is None:
        raise invalid(f"At least one of min or max values should be provided for field {name}")
    parts = tuple(name.split("."))

    def test(entity: Entity) -> bool:
        held = values_at(entity, parts)
        if not held:
            return low is None
        return any((low is None or value >= low) and (high is None or value <= high) for value in held)

    return test


def pattern_test(names: Iterable[str], pattern: Any, join: Callable[[Iterable[bool]], bool], flags: int) -> Test:
    try:
        search = re.compile(str(pattern), flags).search
    except re.error as error:
        raise ApiError(400, 21, "Malformed regular expression", err=str(error)) from error
    paths = [tuple(name.split(".")) for name in names]

    def test(entity: Entity) -> bool:
        return join(any(search(str(value)) for value in values_at(entity, parts)) for parts in paths)

    return test


def read_any_field(name: str, data: Any) -> tuple[list[str], str]:
    if not isinstance(data, dict) or not isinstance(data.get("pattern"), str):
        raise bad_value("failed parsing query field", error="incorrect field format", field=name)
    return list(data.get("fields") or []), data["pattern"]


def value_test(name: str, value: Any) -> Test:
    parts = tuple(name.split("."))
    return lambda entity: value in values_at(entity, parts)


def matches_name(name: str, known: Iterable[str]) -> bool:
    return any(name == item or (item.endswith("*") and name.startswith(item[:-1])) for item in known)


def conditions_of(kind: Kind, body: Body) -> tuple[list[Test], list[tuple[str, list[str]]]]:
    """The conditions of a request, and those of them that an index may answer."""
    tests: list[Test | None] = []
    wanted: list[tuple[str, list[str]]] = []
    for name, data in body.items():
        if data is None:
            continue
        if name in kind.patterns:
            tests.append(pattern_test([name], data, any, 0) if data else None)
        elif matches_name(name, kind.lists):
            terms = read_terms(name, data)
            tests.append(list_test(name, terms))
            if terms.plainly_wanted is not None:
                wanted.append((name, terms.plainly_wanted))
        elif matches_name(name, kind.ranges):
            tests.append(range_test(name, data))
        elif name in kind.times:
            tests.append(time_test(name, data))
            bounds = read_bounds(data if isinstance(data, list) else [data])
            if name == "last_change" and not {">", ">="}.isdisjoint(bounds):
                wanted.append((SINCE, [max(bounds.get(">", ""), bounds.get(">=", ""))]))
        elif matches_name(name, kind.plain):
            tests.append(value_test(name, data))
        elif name in ANY_FIELD:
            fields, pattern = read_any_field(name, data)
            tests.append(pattern_test(fields, pattern, ANY_FIELD[name], re.IGNORECASE) if fields else None)
            needed = needed_ids(pattern) if len(fields) == 1 and fields[0] in kind.id_indexes else None
            if needed is not None:
                wanted.append((ids_in(fields[0]), sorted(needed)))
    if kind.hides and not body.get("search_hidden") and not body.get("id"):
        tests.append(lambda entity: "hidden" not in entity.get("system_tags", ()))
    return [test for test in tests if test is not None], wanted


def read_order(kind: Kind, body: Body) -> Order:
    given = body.get("order_by") or []
    names = [given] if isinstance(given, str) else list(given)
    if not names:
        return ()
    if "id" not in names and "-id" not in names:
        names.append("id")
    for name in names:
        if name.lstrip("-").split(".")[0] not in kind.fields:
            raise unknown_field(name.lstrip("-"))
    return tuple((tuple(name.lstrip("-").split(".")), name.startswith("-")) for name in names)


def read_page(body: Body, cap: int) -> tuple[int, int]:
    """First position and number of the entities asked for; the cap is applied without a word."""
    page = body.get("page") or 0
    if page < 0:
        raise invalid("page must be >=0", field="page")
    size = body.get("page_size")
    if size is not None and size < 1:
        raise invalid("page_size must be >0", field="page_size")
    size = min(cap if size is None else size, cap)
    return page * size, size


def matching_ids(collection: Collection, kind: Kind, body: Body) -> list[str]:
    order = read_order(kind, body)
    tests, wanted = conditions_of(kind, body)

    def test(entity: Entity) -> bool:
        return all(check(entity) for check in tests)

    enough = max(INDEX_ENOUGH, len(collection) // 10)
    for name, values in wanted:
        if collection.indexed(name) and sum(collection.count(name, value) for value in values) <= enough:
            found = {entity["id"]: entity for value in values for entity in collection.find(name, value)}
            return collection.ordered((item for item, entity in found.items() if test(entity)), order)
    named = {name: value for name, value in body.items() if name not in IGNORED_IN_NAME}
    return collection.listing(json.dumps(named, sort_keys=True), lambda: (test, order))


def find_page(collection: Collection, kind: Kind, body: Body, cap: int) -> list[Entity]:
    """The entities of one page, with the fields that were asked for."""
    start, size = read_page(body, cap)
    fields = body.get("only_fields") or body.get("projection") or []
    fields = [fields] if isinstance(fields, str) else fields
    for name in fields:
        if str(name).lstrip("-").split(".")[0] not in kind.fields:
            raise unknown_field(name)
    ids = matching_ids(collection, kind, body)[start : start + size]
    tree = field_tree(fields) if fields else {}
    return [projected(collection.get(item), tree) for item in ids]


def existing(collection: Collection, kind: Kind, entity_id: Any, **data: Any) -> Entity:
    entity = collection.get(entity_id)
    if entity is None:
        raise ApiError(400, *kind.missing, **(data or {"id": entity_id}))
    return entity
