"""Clocks: times in odd forms or none, clocks that are wrong, thresholds of nothing and of ten thousand years."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from cleanup.sandbox.http import Handler
from tests.faults.rig import Rig
from tests.faults.runner import Attack
from tests.faults.world import utc_now

DAY = 24 * 3600.0
THRESHOLDS = (0.0, 1 / DAY, 0.5, 30.0, 365.25 * 10_000, 1e300, 5e-324)
AGES = (-1.0, 0.0, 2 / DAY, 0.4, 0.6, 29.9, 30.1, 40_000.0)
SKEWS = (-26.0, -1.0, 0.0, 1.0, 26.0)
ODD: tuple[Any, ...] = (
    None, "", "yesterday", 0, 1e12, True, [], {}, "2020-13-45T99:99:99", "2020-02-30T00:00:00",
    "+999999-01-01T00:00:00", "2020-01-01T00:00:00+99:00", "٢٠٢٠-01-01T00:00:00", "2020-01-01T00:00:00 and more",
)  # fmt: skip
# Midnight of the first of 2020, in every form that means it.
NEW_YEAR = (
    "2020-01-01T00:00:00", "2020-01-01T00:00:00Z", "2020-01-01 00:00:00", "2020-01-01T00:00:00.000000123+00:00",
    "2020-01-01T14:00:00+14:00", "2019-12-31T12:00:00-12:00",
)  # fmt: skip
HEADERS = ("", "now", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "\xff")
MOMENTS = ("status_changed", "last_update", "created", "last_change")


def series(every: int) -> Iterator[Iterator[Attack]]:
    yield (Attack(f"threshold of {d:g} days, task of {a:g}", partial(_aged, d, a)) for d in THRESHOLDS for a in AGES)
    yield (
        Attack(f"server's clock ahead by {hours:g} h, task of {age:g} days", partial(_skewed, hours, age))
        for hours, age in itertools.product(SKEWS, AGES[5:])
    )
    for field in (*MOMENTS[:3], "all"):
        yield (Attack(f"{field} is {value!r}", partial(_odd, field, value)) for value in ODD)
    for status in ("completed", "created"):
        yield (Attack(f"{status} task of {value}", partial(_new_year, value, status)) for value in NEW_YEAR)
    yield (Attack(f"Date: {header!r}", partial(_header, header)) for header in HEADERS)


def _judged(
    rig: Rig, born: datetime, goes: bool, settings: dict[str, Any] | None = None, *, draft: bool = False, **cycle: Any
) -> list[str]:
    """Run a cycle with one archived task of that age: it goes, or stays."""
    task = rig.sandbox.add_task("dated", "team", "created" if draft else "completed", archived=True)
    rig.sandbox.add_artifact(task, "data")
    held: Any = rig.sandbox.store.tasks.get(task)
    held.update(dict.fromkeys(MOMENTS, born.isoformat(timespec="microseconds")))
    if draft:
        held["status_changed"] = None  # it never ran
    rig.sandbox.store.tasks.changed(task)
    result = rig.cycle(settings, **cycle)
    left = [task in rig.sandbox.tasks, bool(rig.sandbox.files())]
    if result is None:
        return [f"law 5: the cycle did not begin: {rig.said[-1][:300]}"]
    return [] if left == [not goes] * 2 else [f"law {2 if goes else 1}: task and file left: {left}"]


def _aged(days: float, age: float, rig: Rig) -> list[str]:
    now = utc_now()
    # No task is older than the year 1970, so nothing is ten thousand years old.
    born = max(now - timedelta(days=age), datetime(1970, 1, 1, tzinfo=timezone.utc))
    return _judged(rig, born, (now - born).total_seconds() / DAY > days, {"delete_threshold_days": days}, now=now)


def _skewed(hours: float, age: float, rig: Rig) -> list[str]:
    """The server's clock is off: a task is never taken for older than it is by either clock."""
    real = utc_now()
    there = real + timedelta(hours=hours)
    with _dates(lambda plain, handler: plain(handler, there.timestamp())):
        return _judged(rig, there - timedelta(days=age), age - max(0.0, hours / 24) > 30, now=real)


def _odd(field: str, value: Any, rig: Rig) -> list[str]:
    """The server says something that is no time: the task stays."""
    draft = field in {"last_update", "created"}
    # A draft's age may count from either; the other one says nothing here.
    said = dict.fromkeys(MOMENTS if field == "all" else MOMENTS[:3] if draft else [field])
    said |= dict.fromkeys(said if field == "all" else [field], value)
    rig.rewrite = lambda endpoint, data: _say(data, said)
    return _judged(rig, utc_now() - timedelta(days=60), False, draft=draft)


def _say(data: Any, fields: dict[str, Any]) -> None:
    for row in data.get("tasks") or []:
        row.update({name: value for name, value in fields.items() if name in row})


def _new_year(value: str, status: str, rig: Rig) -> list[str]:
    """A time counts for what it means, in whatever form."""
    due, hour = datetime(2020, 1, 31, tzinfo=timezone.utc), timedelta(hours=1)
    draft, broken = status == "created", []
    said = dict.fromkeys(MOMENTS[1:] if draft else MOMENTS, value)
    for now, goes in ((due - hour, False), (due + hour, True)):
        rig.reset()
        rig.rewrite = lambda endpoint, data: _say(data, said)
        broken += _judged(rig, due - timedelta(days=30), goes, draft=draft, now=now)
    return broken


def _header(header: str, rig: Rig) -> list[str]:
    """A clock that cannot be read, or is absurd, makes no young task old."""
    with _dates(lambda plain, handler: header):
        return _judged(rig, utc_now() - timedelta(days=29), False)


@contextmanager
def _dates(said: Callable[[Any, Any], str]) -> Iterator[None]:
    """Let ``said`` make the Date of each answer meanwhile."""
    plain = Handler.date_time_string
    Handler.date_time_string = lambda handler, timestamp=None: said(plain, handler)  # type: ignore[method-assign]
    try:
        yield
    finally:
        Handler.date_time_string = plain  # type: ignore[method-assign]
