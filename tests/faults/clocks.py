"""Clocks: times in odd forms or none, clocks that are wrong, thresholds of nothing and of ten thousand years."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from cleanup.sandbox.http import Handler
from tests.faults.rig import Rig
from tests.faults.runner import Attack

_DAY = 24 * 3600.0
_THRESHOLDS = (0.0, 1 / _DAY, 0.5, 1.0, 30.0, 365.25 * 10_000, 1e9, 1e300, 5e-324)
_AGES = (-1.0, 0.0, 2 / _DAY, 0.4, 0.6, 29.9, 30.1, 3650.0, 40_000.0)
_SKEWS = (-26.0, -5.0, -1.0, -0.01, 0.0, 0.01, 1.0, 5.0, 26.0)
_ODD = (
    None, "", "yesterday", "0", 0, 1e12, True, [], {}, "2020-13-45T99:99:99", "0000-00-00", "2020-02-30T00:00:00",
    "+999999-01-01T00:00:00", "2020-01-01T00:00:00+99:00", "٢٠٢٠-01-01T00:00:00", "2020-01-01T00:00:00 and more",
)  # fmt: skip
# What a task of 2020 looks like, in every form that means it.
_OLD = (
    "2020-01-01T00:00:00", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00+00:00", "2020-01-01 00:00:00",
    "2020-01-01T00:00:00.1", "2020-01-01T00:00:00.123456789+00:00", "2020-01-01T14:00:00+14:00",
    "2019-12-31T12:00:00-12:00", "2020-01-01T00:00:00.000Z",
)  # fmt: skip
_FALL_BACK = ("2025-10-26T00:30:00", "2025-10-26T01:30:00", "2025-11-02T05:30:00", "2025-03-30T01:30:00")
_ZONES = ("Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Asia/Kathmandu")


def series() -> Iterator[Iterator[Attack]]:
    """Yield the attacks."""
    yield _attacks()


def _attacks() -> Iterator[Attack]:
    for days in _THRESHOLDS:
        for age in _AGES:
            yield Attack(f"threshold of {days:g} days, task of {age:g} days", _threshold(days, age))
    for hours in _SKEWS:
        for age in (29.0, 29.95, 30.05, 31.0, 32.0):
            yield Attack(f"server's clock ahead by {hours:g} h, task of {age:g} days", _skewed(hours, age))
    for field in ("status_changed", "last_update", "created", "all"):
        for value in _ODD:
            yield Attack(f"{field} is {value!r}", _odd(field, value))
    for value in _OLD:
        for status in ("completed", "created"):
            yield Attack(f"{status} task of {value}", _form(value, status))
    for moment in _FALL_BACK:
        for zone in _ZONES:
            for seconds in (-1, 1):
                yield Attack(f"{moment} in {zone}, {seconds:+d} s", _daylight(moment, zone, seconds))
    for header in ("", "now", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "\xff"):
        yield Attack(f"Date: {header!r}", _date_header(header))


def _task(rig: Rig, status: str = "completed", **fields: Any) -> str:
    task = rig.sandbox.add_task("dated", "team", status, archived=True)
    rig.sandbox.add_artifact(task, "data")
    held: Any = rig.sandbox.store.tasks.get(task)
    held.update(fields)
    rig.sandbox.store.tasks.changed(task)
    return task


def _expect(rig: Rig, task: str, gone: bool, **cycle: Any) -> list[str]:
    result = rig.cycle(**cycle)
    there = task in rig.sandbox.tasks
    files = any(task in file for file in rig.sandbox.files())
    if there == gone:
        return [f"law {2 if gone else 1}: the task should {'be gone' if gone else 'stay'}: {rig.said[-1][:500]}"]
    if files == gone:
        return [f"law {3 if gone else 4}: its file should {'be gone' if gone else 'stay'}"]
    return [] if result is not None else [f"law 5: the cycle did not begin: {rig.said[-1][:300]}"]


def _aged(now: datetime, days: float) -> dict[str, str]:
    moment = (now - timedelta(days=days)).isoformat(timespec="microseconds")
    return dict.fromkeys(("status_changed", "last_update", "created", "last_change"), moment)


def _threshold(days: float, age: float) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        now = datetime.now(timezone.utc)
        # The service takes no task for older than the year 1970, so nothing is ten thousand years old.
        born = max(now - timedelta(days=age), datetime(1970, 1, 1, tzinfo=timezone.utc))
        task = _task(rig, **_aged(now, (now - born).total_seconds() / _DAY))
        return _expect(rig, task, age > days, settings={"delete_threshold_days": days}, now=now)

    return run


def _skewed(hours: float, age: float) -> Callable[[Rig], list[str]]:
    """The server's clock is off: a task is never taken for older than it is by either clock."""

    def run(rig: Rig) -> list[str]:
        real = datetime.now(timezone.utc)
        there = real + timedelta(hours=hours)
        task = _task(rig, **_aged(there, age))
        plain = Handler.date_time_string
        Handler.date_time_string = lambda self, timestamp=None: plain(self, there.timestamp())  # type: ignore[method-assign]
        try:
            # By the server's own clock it is `age` days old. Ahead of ours, it seems younger here: it may stay longer.
            if hours > 0 and 30 < age < 30 + hours / 24:
                rig.cycle(now=real)
                return []
            return _expect(rig, task, age > 30, now=real)
        finally:
            Handler.date_time_string = plain  # type: ignore[method-assign]

    return run


def _odd(field: str, value: Any) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        now = datetime.now(timezone.utc)
        draft = field in {"last_update", "created"}
        aged = _aged(now, 60)
        task = _task(rig, "created" if draft else "completed", **aged)
        # A draft's age may count from either; the other one says nothing here.
        said = dict.fromkeys(
            aged if field == "all" else ("status_changed", "last_update", "created") if draft else [field]
        )
        said[field] = value
        rig.rewrite = lambda endpoint, data: _say(data, said | (dict.fromkeys(aged, value) if field == "all" else {}))
        return _expect(rig, task, False, now=now)

    return run


def _say(data: Any, fields: dict[str, Any]) -> None:
    for row in data.get("tasks") or []:
        row.update({name: value for name, value in fields.items() if name in row})


def _form(value: str, status: str) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        fields = _aged(datetime(2020, 1, 1, tzinfo=timezone.utc), 0)
        if status == "created":
            fields.pop("status_changed")
        task = _task(rig, status, **fields)
        rig.rewrite = lambda endpoint, data: _say(data, dict.fromkeys(fields, value))
        moment = datetime(2020, 1, 1, tzinfo=timezone.utc) + timedelta(days=30)
        before = _expect(rig, task, False, now=moment - timedelta(hours=1))
        return before or _expect(rig, task, True, now=moment + timedelta(hours=1))

    return run


def _daylight(moment: str, zone: str, seconds: int) -> Callable[[Rig], list[str]]:
    """The clock of this machine is in a zone that changes its offset between the task and now."""

    def run(rig: Rig) -> list[str]:
        from zoneinfo import ZoneInfo

        born = datetime.fromisoformat(moment).replace(tzinfo=timezone.utc)
        task = _task(rig, **_aged(born, 0))
        now = (born + timedelta(days=30, seconds=seconds)).astimezone(ZoneInfo(zone))
        return _expect(rig, task, seconds > 0, now=now)

    return run


def _date_header(header: str) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        now = datetime.now(timezone.utc)
        young = _task(rig, **_aged(now, 29))
        plain = Handler.date_time_string
        Handler.date_time_string = lambda self, timestamp=None: header  # type: ignore[method-assign]
        try:
            return _expect(rig, young, False, now=now)
        finally:
            Handler.date_time_string = plain  # type: ignore[method-assign]

    return run
