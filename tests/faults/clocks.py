"""Clocks: times in odd forms or none, clocks that are wrong, thresholds of nothing and of ten thousand years."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from cleanup.sandbox.http import Handler
from tests.faults.rig import Rig, utc_now
from tests.faults.runner import Attack

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
    """Yield the attacks."""
    yield (Attack(f"threshold of {d:g} days, task of {a:g}", _threshold(d, a)) for d in THRESHOLDS for a in AGES)
    yield (
        Attack(f"server's clock ahead by {h:g} h, task of {a:g} days", _skewed(h, a)) for h in SKEWS for a in AGES[5:]
    )
    for field in (*MOMENTS[:3], "all"):
        yield (Attack(f"{field} is {value!r}", _odd(field, value)) for value in ODD)
    for status in ("completed", "created"):
        yield (Attack(f"{status} task of {value}", _new_year(value, status)) for value in NEW_YEAR)
    yield (Attack(f"Date: {header!r}", lambda rig, h=header: _header(rig, h)) for header in HEADERS)  # type: ignore[misc]


def _judged(rig: Rig, moments: dict[str, Any], goes: bool, status: str = "completed", **cycle: Any) -> list[str]:
    """Run a cycle with one archived task of these moments: it goes, or stays."""
    task = rig.sandbox.add_task("dated", "team", status, archived=True)
    rig.sandbox.add_artifact(task, "data")
    held: Any = rig.sandbox.store.tasks.get(task)
    held.update(moments)
    rig.sandbox.store.tasks.changed(task)
    result = rig.cycle(**cycle)
    left = [task in rig.sandbox.tasks, bool(rig.sandbox.files())]
    if result is None:
        return [f"law 5: the cycle did not begin: {rig.said[-1][:300]}"]
    return [] if left == [not goes] * 2 else [f"law {2 if goes else 1}: task and file left: {left}"]


def _aged(now: datetime, days: float) -> dict[str, Any]:
    return dict.fromkeys(MOMENTS, (now - timedelta(days=days)).isoformat(timespec="microseconds"))


def _threshold(days: float, age: float) -> Callable[[Rig], list[str]]:
    now = utc_now()
    # No task is older than the year 1970, so nothing is ten thousand years old.
    born = max(now - timedelta(days=age), datetime(1970, 1, 1, tzinfo=timezone.utc))
    real = (now - born).total_seconds() / DAY
    return lambda rig: _judged(rig, _aged(now, real), real > days, settings={"delete_threshold_days": days}, now=now)


def _skewed(hours: float, age: float) -> Callable[[Rig], list[str]]:
    """The server's clock is off: a task is never taken for older than it is by either clock."""

    def run(rig: Rig) -> list[str]:
        real = utc_now()
        there = real + timedelta(hours=hours)
        with _Dates(lambda plain, self: plain(self, there.timestamp())):
            return _judged(rig, _aged(there, age), age - max(0.0, hours / 24) > 30, now=real)

    return run


def _odd(field: str, value: Any) -> Callable[[Rig], list[str]]:
    """The server says something that is no time: the task stays."""

    def run(rig: Rig) -> list[str]:
        draft = field in {"last_update", "created"}
        aged = _aged(utc_now(), 60)
        # A draft's age may count from either; the other one says nothing here.
        said = dict.fromkeys(MOMENTS if field == "all" else MOMENTS[:3] if draft else [field])
        said |= dict.fromkeys(said if field == "all" else [field], value)
        rig.rewrite = lambda endpoint, data: _say(data, said)
        return _judged(rig, aged, False, "created" if draft else "completed")

    return run


def _say(data: Any, fields: dict[str, Any]) -> None:
    for row in data.get("tasks") or []:
        row.update({name: value for name, value in fields.items() if name in row})


def _new_year(value: str, status: str) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        moments = _aged(datetime(2020, 1, 1, tzinfo=timezone.utc), 0)
        if status == "created":
            moments["status_changed"] = None
        due, hour = datetime(2020, 1, 31, tzinfo=timezone.utc), timedelta(hours=1)
        broken = []
        for now, goes in ((due - hour, False), (due + hour, True)):
            rig.reset()
            rig.rewrite = lambda endpoint, data: _say(data, {name: value for name in moments if moments[name]})
            broken += _judged(rig, moments, goes, status, now=now)
        return broken

    return run


def _header(rig: Rig, header: str) -> list[str]:
    """A clock that cannot be read, or is absurd, makes no young task old."""
    with _Dates(lambda plain, self: header):
        return _judged(rig, _aged(utc_now(), 29), False)


class _Dates:
    """Meanwhile ``said`` makes the Date of each answer."""

    def __init__(self, said: Callable[[Any, Any], str]) -> None:
        self._said, self._plain = said, Handler.date_time_string

    def __enter__(self) -> None:
        Handler.date_time_string = lambda handler, timestamp=None: self._said(self._plain, handler)  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        Handler.date_time_string = self._plain  # type: ignore[method-assign]
