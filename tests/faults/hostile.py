"""Hostile data: what other users of the server can store to make the service harm, leak, crash or flood."""

from __future__ import annotations

import base64
import json
import threading
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from cleanup.sandbox.answer import Answer
from cleanup.sandbox.http import WebServer
from tests.faults.hostile_data import ADDRESSES, NAMES, PLACES, TYPES
from tests.faults.judge import Case, broken_laws
from tests.faults.rig import Rig, utc_now
from tests.faults.runner import Attack
from tests.faults.world import Rules

_LONGEST_REPORT = 200_000
"""Characters that the report of one cycle may have, whatever the data is."""

_LONGEST_LINE = 3_000


def series() -> Iterator[Iterator[Attack]]:
    """Yield the attacks."""
    yield _attacks()


def _attacks() -> Iterator[Attack]:
    for number, address in enumerate(ADDRESSES):
        for place in PLACES:
            yield Attack(f"{place} at hostile address {number}: {address[:60]!r}", _with_address(place, address))
    for value in TYPES:
        for where in ("artifact", "model", "sample", "tags", "name", "status_changed", "artifacts", "models"):
            yield Attack(f"{where} is {value!r}", _with_type(where, value))
    for name in NAMES:
        for where in ("name", "project", "tags", "artifact key"):
            yield Attack(f"{where} {name[:30]!r}", _with_name(where, name))
    for status in (301, 302, 303, 307, 308):
        for endpoint in ("files", "api"):
            yield Attack(f"{endpoint} redirects elsewhere with {status}", _redirected(endpoint, status))
    yield Attack("a plot that unpacks to a gigabyte", _bomb)
    yield Attack("a plot of deep brackets", _brackets)
    yield Attack("one task with ten thousand odd artifacts", _flood)
    for kind in ("id in capitals", "id cut", "id with more", "id of another in front"):
        yield Attack(f"a folder like the task's own: {kind}", _lookalike(kind))


def _neighbourhood(rig: Rig) -> tuple[str, str]:
    """Add the living task whose files must stay, and the archived one that others made hostile."""
    victim = rig.sandbox.add_task("victim", "team", "completed", age_days=60)
    rig.sandbox.add_artifact(victim, "data")
    folder = f"team/victim.{victim}"
    rig.s3.put(f"{folder}/artifacts/data/data.bin")
    rig.put("disk", f"{folder}/artifacts/data/data.bin")
    rig.sandbox.put_file("readme.txt", b"no task's")
    task = rig.sandbox.add_task("hostile", "team", "completed", archived=True, age_days=60)
    rig.sandbox.add_artifact(task, "data")
    return task, victim


def _judged(rig: Rig, victim: str) -> list[str]:
    """Run a cycle: nothing of the victim may go, nothing may be raised, and the report stays readable."""
    before = rig.snapshot()
    rules = Rules(utc_now())
    result = rig.cycle()
    after = rig.snapshot()
    broken = broken_laws(Case(before, after, rules, [result]))
    theirs = {file for file in before.files if victim in file or file.endswith("readme.txt")}
    broken += [f"law 4: {file} is gone" for file in theirs - after.files]
    if result is None:
        broken.append(f"law 5: the cycle ended: {rig.said[-1][:300]}")
    said = "\n".join(rig.said)
    if len(said) > _LONGEST_REPORT:
        broken.append(f"flood: the report has {len(said)} characters")
    if any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for line in rig.lines for char in line):
        broken.append("forged: a control character reaches the console")
    if any(len(line) > _LONGEST_LINE for line in rig.lines):
        broken.append(f"flood: a line of {max(map(len, rig.lines))} characters")
    if "hunter2" in said:
        broken.append("secrets: the report holds a password of somebody's address")
    return broken


def _with_address(place: str, template: str) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        with _Elsewhere() as evil:
            task, victim = _neighbourhood(rig)
            folder = "team"
            fields = {
                "files": rig.sandbox.files_url, "host": rig.sandbox.files_url.removeprefix("http://"),
                "s3": rig.s3.root, "disk": str(rig.disk), "evil": evil.url, "folder": folder, "id": task,
                "me": f"team/hostile.{task}", "vid": victim, "victim": f"team/victim.{victim}/artifacts/data/data.bin",
            }  # fmt: skip
            address = template
            for name, value in fields.items():
                address = address.replace("{" + name + "}", value)
            _refer(rig, place, task, address)
            broken = _judged(rig, victim)
            return broken + evil.asked()

    return run


def _refer(rig: Rig, place: str, task: str, address: Any) -> None:
    sandbox = rig.sandbox
    if place == "artifact":
        _append(rig, task, {"key": "hostile", "mode": "output", "uri": address})
    elif place == "model":
        made = sandbox.add_model(task, uri="x")
        sandbox.store.models.get(made)["uri"] = address  # type: ignore[index]
    elif place == "sample":
        sandbox.add_event(
            task, {"type": "training_debug_image", "metric": "m", "variant": "v", "iter": 1, "url": address}
        )
    else:
        text = json.dumps({"data": [], "layout": {"images": [{"source": address}]}})
        packed = {"plot_data": base64.b64encode(zlib.compress(text.encode())).decode()}
        kept = packed if place == "packed plot" else {"plot_str": text}
        sandbox.add_event(task, {"type": "plot", "metric": "m", "variant": "v", "iter": 1, **kept})


def _append(rig: Rig, task: str, artifact: Any) -> None:
    held = rig.sandbox.store.tasks.get(task)
    assert held is not None
    held["execution"]["artifacts"].append(artifact)


def _with_type(where: str, value: Any) -> Callable[[Rig], list[str]]:
    """The server says something of another type than it should."""

    def run(rig: Rig) -> list[str]:
        task, victim = _neighbourhood(rig)
        if where in {"artifact", "model", "sample"}:
            _refer(rig, where, task, value)
        else:
            rig.rewrite = lambda endpoint, data: _replace(data.get("tasks"), task, where, value)
        result = rig.cycle()
        after = rig.snapshot()
        kept = (f"team/victim.{victim}/artifacts/data/data.bin", "readme.txt")
        broken = [f"law 4: {file} is gone" for file in kept if f"files:{file}" not in after.files]
        if victim not in after.tasks:
            broken.append("law 1: the victim is gone")
        if result is not None and result.matched != len(result.deleted) + len(result.kept) + len(result.failed):
            broken.append("law 6: the numbers do not add up")
        return broken

    return run


def _replace(rows: Any, task: str, where: str, value: Any) -> None:
    for row in rows if isinstance(rows, list) else ():
        if row.get("id") == task:
            path = {"artifacts": ("execution", "artifacts"), "models": ("models", "output")}.get(where, (where,))
            held = row if len(path) == 1 else row.setdefault(path[0], {})
            held[path[-1]] = value


def _with_name(where: str, name: str) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        task, victim = _neighbourhood(rig)
        held: Any = rig.sandbox.store.tasks.get(task)
        if where == "artifact key":
            _append(rig, task, {"key": name, "mode": "output", "uri": f"https://example.com/{name}"})
        elif where == "project":
            held["project"] = rig.sandbox.store.ensure_project(name or "none")
        elif where == "tags":
            held["tags"] = [name]
        else:
            held["name"] = name
        broken = _judged(rig, victim)
        said = "\n".join(rig.said)
        forged = any(line.startswith("ERROR forged") for line in said.splitlines())
        return broken + (["forged: a name made a line of its own"] if forged else [])

    return run


class _Elsewhere:
    """Another host, which wants the session's token."""

    def __init__(self) -> None:
        self._tokens: list[str] = []
        self._lock = threading.Lock()
        self._server = WebServer(self._app)
        self.url = self._server.url

    def __enter__(self) -> _Elsewhere:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def _app(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with self._lock:
            self._tokens.append(environ.get("HTTP_AUTHORIZATION", "") + environ.get("HTTP_COOKIE", ""))
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b"{}"]

    def asked(self) -> list[str]:
        """Return a breach if the service came here at all."""
        if any(self._tokens):
            return ["leak: the token went to another host"]
        return ["leak: another host was asked"] if self._tokens else []


def _redirected(endpoint: str, status: int) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        task, _ = _neighbourhood(rig)
        with _Elsewhere() as evil:
            headers = (("Location", f"{evil.url}/x"), ("Content-Type", "text/plain"))
            traffic = rig.sandbox.traffic
            plain = traffic.handle

            def handle(name: str, body: Any, scheme: str, act: Any) -> Answer:
                files = name.startswith("files.")
                hit = files if endpoint == "files" else not files and name != "auth.login"
                return Answer(status, b"", headers) if hit else plain(name, body, scheme, act)

            traffic.handle = handle  # type: ignore[method-assign]
            try:
                result = rig.cycle()
            finally:
                traffic.handle = plain  # type: ignore[method-assign]
            there = task in rig.sandbox.tasks
            broken = evil.asked() + ([] if there else ["law 3: the task is gone and its files were not deleted"])
            if result is not None and result.ok:
                broken.append("law 6: a redirected cycle calls itself good")
            return broken

    return run


def _bomb(rig: Rig) -> list[str]:
    import psutil

    task, victim = _neighbourhood(rig)
    packer = zlib.compressobj(9)
    block = b" " * (1 << 20)
    packed = b"".join(packer.compress(block) for _ in range(1024)) + packer.flush()
    event = {"type": "plot", "metric": "m", "variant": "v", "iter": 1}
    rig.sandbox.add_event(task, {**event, "plot_data": base64.b64encode(packed).decode()})
    before = psutil.Process().memory_info().rss
    broken = _judged(rig, victim)
    grown = (psutil.Process().memory_info().rss - before) >> 20
    return broken + ([f"flood: {grown} MB more memory"] if grown > 400 else [])


def _brackets(rig: Rig) -> list[str]:
    task, victim = _neighbourhood(rig)
    text = '{"layout": {"images": ' + "[" * 200_000
    event = {"type": "plot", "metric": "m", "variant": "v", "iter": 1, "plot_str": text}
    rig.sandbox.add_event(task, event)
    return _judged(rig, victim)


def _flood(rig: Rig) -> list[str]:
    task, victim = _neighbourhood(rig)
    for number in range(10_000):
        _append(rig, task, {"key": f"{number}", "mode": "output", "uri": f"odd{number}://x/{'y' * 500}"})
    return _judged(rig, victim)


def _lookalike(kind: str) -> Callable[[Rig], list[str]]:
    def run(rig: Rig) -> list[str]:
        task, victim = _neighbourhood(rig)
        other = {
            "id in capitals": task.upper().replace("0", "A") if task.upper() == task else task.upper(),
            "id cut": task[:31],
            "id with more": f"{task}0",
            "id of another in front": f"{victim}.{task}x",
        }[kind]
        address = rig.sandbox.put_file(f"team/hostile.{other}/artifacts/a/a.bin")
        _append(rig, task, {"key": "a", "mode": "output", "uri": address})
        broken = _judged(rig, victim)
        there = address in rig.snapshot().files
        return broken + ([] if there else [f"law 4: {address} is gone, which is in no folder of the task"])

    return run
