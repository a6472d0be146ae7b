"""Hostile data: what other users of the server can store to make the service harm, leak, crash or flood."""

from __future__ import annotations

import base64
import itertools
import json
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psutil

from cleanup.sandbox.answer import Answer
from cleanup.sandbox.http import WebServer
from tests.faults.rig import Rig
from tests.faults.runner import Attack
from tests.faults.street import Trial

# {files}: the file server, {s3}: the bucket, {disk}: the local folder, {id}: the hostile task, {me}: its folder,
# {victim}: a file of a living task.
CLIMBS = """
../{victim} %2e%2e/{victim} %2E%2E%2F{victim} ..%2f{victim} ..%5c{victim} %252e%252e/{victim} %25252e%25252e/{victim}
..;/{victim} ./../{victim} .../{victim} %c0%ae%c0%ae/{victim} %uff0e%uff0e/{victim} \uff0e\uff0e/{victim} ..%00/{victim}
artifacts/../../{victim} artifacts/%2e%2e/%2e%2e/{victim} //../{victim}
""".split()  # noqa: SIM905  # a list would be a page
OTHERS = r"""
{files} {files}/ {files}/. {files}/.. {files}// {files}/{me} {files}/{me}/ {files}/{me}/. {files}/{me}/..
{files}/{me}/artifacts {files}/team {files}/team/ {files}/{victim} {files}/{victim}/../{me}/artifacts/a/a.bin
{files}/x.{id}/../{victim} {files}/team/x.{id} {files}/delete_many {files}/{victim}?x=.{id}/artifacts/a
{files}/{victim}#.{id}/artifacts/a {files}/{victim};.{id}/artifacts/a {files}/x.{id}/%2e%2e/{victim}
{files}/x.{id}%2f..%2f{victim} {files}/x.{id}\..\{victim} http://user:hunter2@{host}/{victim}
http://user:hunter2@{host}/x.{id}/artifacts/a/a.bin http://{host}@evil.test/x.{id}/artifacts/a/a.bin
http://{host}.evil.test/x.{id}/artifacts/a/a.bin {evil}/x.{id}/artifacts/a/a.bin {evil}/{victim} //{host}/{victim}
http:/{victim} http://[::1]/x.{id}/artifacts/a/a.bin http://[bad/x.{id}/a http://{host}:99999/x.{id}/artifacts/a/a.bin
ftp://{host}/x.{id}/artifacts/a/a.bin javascript:alert(1) data:text/plain;base64,AAAA {s3} {s3}/ {s3}/{victim}
s3:// s3:///x.{id}/artifacts/a s3://key:secret@bucket/x.{id}/artifacts/a/a.bin gs://bucket/x.{id}/artifacts/a/a.bin
azure://account.blob.core.windows.net/c/x.{id}/artifacts/a/a.bin file:/// file:///etc/passwd /etc/passwd file://{disk}
file://{disk}/ file://{disk}/{victim} file://{disk}/x.{id}/../{victim} {disk}/{victim} ~/x.{id}/artifacts/a/a.bin
C:\x.{id}\artifacts\a\a.bin - -{files}/{me}/artifacts/a/a.bin __$any __$not
""".split()  # noqa: SIM905  # a list would be a page
ADDRESSES = (
    *(f"{root}/{{me}}/{climb}" for root in ("{files}", "{s3}", "file://{disk}") for climb in CLIMBS),
    *OTHERS, "", " ", "\x00", "{files}/x.{id}/artifacts/a\x00/{victim}", "{files}/x.{id}/a\r\nHost: evil.test/a.bin",
    "{files}/x.{id}/\x1b]0;title\x07\x1b[2J/a.bin", "{files}/x.{id}/\u202egnp.exe/a.bin", "{files}/x.{id}/\ud800/a.bin",
    "{files}/x.{id}/" + "a/" * 3000, "{files}/x.{id}/" + "a" * 100_000, "%" * 5000, "{files}/x.{id}/" + "%25" * 1500,
)  # fmt: skip
PLACES = ("artifact", "model", "sample", "plot", "packed plot")
TYPES: tuple[Any, ...] = (None, 0, 7.5, True, [], ["{files}"], {}, {"uri": "x"}, [[[]]], "\ud800")
FIELDS = ("artifact", "model", "sample", "tags", "name", "status_changed", "artifacts", "models")
PATHS = {"artifacts": ["execution", "artifacts"], "models": ["models", "output"]}
NAMES = (
    "", "../../..", "a\nERROR forged line", "\x1b[2J\x1b]0;gone\x07", "x" * 200_000, "\u202e\u200b\ufeff", "\ud800",
    "{0.__class__}%s%n$(id)`id`", "<script>alert(1)</script>",
)  # fmt: skip
LONGEST_REPORT, LONGEST_LINE, MOST_MEMORY = 200_000, 3_000, 400 << 20


def series(every: int) -> Iterator[Iterator[Attack]]:
    yield (
        Attack(f"{place} at hostile address {number}: {address[:60]!r}", partial(_address, place, address))
        for (number, address), place in itertools.product(enumerate(ADDRESSES), PLACES)
    )
    yield (Attack(f"{where} is {it!r}", partial(_type, where, it)) for it, where in itertools.product(TYPES, FIELDS))
    places = ("name", "project", "tags", "artifact key")
    yield (Attack(f"{at} {name[:30]!r}", partial(_named, at, name)) for name, at in itertools.product(NAMES, places))
    statuses = itertools.product((301, 302, 307, 308), ("files", "api"))
    yield (Attack(f"{at} redirects with {status}", partial(_redirected, at, status)) for status, at in statuses)
    yield (Attack(name, partial(_too_much, plot)) for name, plot in TOO_MUCH.items())


class Neighbourhood(Trial):
    """``task`` is archived, to be made hostile; a living one has the file ``victim``."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(rig, ())
        living = rig.sandbox.add_task("victim", "team", "completed", age_days=60)
        self.victim = f"team/victim.{living}/artifacts/data/data.bin"
        for storage in ("files", "s3", "disk"):
            rig.put(storage, self.victim)
        rig.put("files", "readme.txt")
        self.task = rig.sandbox.add_task("hostile", "team", "completed", archived=True, age_days=60)
        rig.sandbox.add_artifact(self.task, "data")
        for other in (self.task[:31], f"{self.task}0", f"{self.task[::-1]}{self.task}x"):
            # In a folder that is hardly told from the task's own.
            self.lists(other, rig.put("files", f"team/hostile.{other}/artifacts/a/a.bin"))

    @property
    def row(self) -> Any:
        """What the server keeps of the task, to be changed."""
        return self.rig.sandbox.store.tasks.get(self.task)

    def lists(self, key: str, address: Any) -> None:
        """Let the task have an artifact there."""
        self.row["execution"]["artifacts"].append({"key": key, "mode": "output", "uri": address})

    def shows(self, kind: str, **fields: Any) -> None:
        """Let the task report an event."""
        self.rig.sandbox.add_event(self.task, {"type": kind, "metric": "m", "variant": "v", "iter": 1, **fields})

    def refers(self, place: str, address: Any) -> None:
        """Let the task refer to the address."""
        if place == "artifact":
            self.lists("hostile", address)
        elif place == "model":
            made: Any = self.rig.sandbox.store.models.get(self.rig.sandbox.add_model(self.task, uri="x"))
            made["uri"] = address
        elif place == "sample":
            self.shows("training_debug_image", url=address)
        else:
            text = json.dumps({"data": [], "layout": {"images": [{"source": address}]}})
            packed = base64.b64encode(zlib.compress(text.encode())).decode()
            self.shows("plot", **({"plot_str": text} if place == "plot" else {"plot_data": packed}))

    def cleaned(self) -> list[str]:
        """Run a cycle: no law is broken, nothing is raised, and the report stays readable."""
        rig = self.rig
        self.before = rig.snapshot()
        result = self.cycle()
        broken = self.broken(result)
        if result is None:
            broken.append(f"law 5: the cycle ended: {rig.said[-1][:300]}")
        said, shown = "\n".join(rig.said), "\n".join(rig.lines)
        longest = max(map(len, rig.lines), default=0)
        # Every word is said three times: the record, JSON, the console.
        if len(shown) > LONGEST_REPORT or len(said) > 10 * LONGEST_REPORT or longest > LONGEST_LINE:
            broken.append(f"flood: the report has {len(shown)} of {len(said)} characters, in a line up to {longest}")
        if any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for line in rig.lines for char in line):
            broken.append("forged: a control character reaches the console")
        if any(line.startswith("ERROR forged") for line in said.splitlines()):
            broken.append("forged: a name made a line of its own")
        return [*broken, *(["secrets: a password of somebody's address"] if "hunter2" in said else [])]


def _address(place: str, template: str, rig: Rig) -> list[str]:
    with _elsewhere() as (evil, asked):
        world = Neighbourhood(rig)
        fields = {
            "files": rig.sandbox.files_url, "host": rig.sandbox.files_url.removeprefix("http://"), "s3": rig.s3.root,
            "disk": str(rig.disk), "evil": evil, "id": world.task, "me": f"team/hostile.{world.task}",
            "victim": world.victim,
        }  # fmt: skip
        for name, value in fields.items():
            template = template.replace("{" + name + "}", value)
        world.refers(place, template)
        return world.cleaned() + asked


def _type(where: str, value: Any, rig: Rig) -> list[str]:
    """The server says something of another type than it should."""
    world = Neighbourhood(rig)

    def say_otherwise(endpoint: str, data: Any) -> None:
        rows = data.get("tasks")
        for row in rows if isinstance(rows, list) else ():
            if row.get("id") == world.task:
                *above, field = PATHS.get(where, [where])
                held = row.setdefault(above[0], {}) if above else row
                held[field] = value

    if where in {"artifact", "model", "sample"}:
        world.refers(where, value)
    else:
        rig.rewrite = say_otherwise
    result, left = world.cycle(), rig.snapshot().files
    broken = [f"law 4: {file} is gone" for file in (world.victim, "readme.txt") if f"files:{file}" not in left]
    if result is not None and result.matched != len(result.deleted) + len(result.kept) + len(result.failed):
        broken.append("law 6: the numbers do not add up")
    return broken


def _named(where: str, name: str, rig: Rig) -> list[str]:
    world = Neighbourhood(rig)
    if where == "artifact key":
        world.lists(name, f"https://example.com/{name}")
    elif where == "project":
        world.row["project"] = rig.sandbox.store.ensure_project(name or "none")
    else:
        world.row[where] = [name] if where == "tags" else name
    return world.cleaned()


def _redirected(where: str, status: int, rig: Rig) -> list[str]:
    world = Neighbourhood(rig)
    with _elsewhere() as (evil, asked):
        away = Answer(status, b"", (("Location", f"{evil}/x"), ("Content-Type", "text/plain")))
        # All of the API but the login.
        hit = re.compile(r"files\." if where == "files" else r"(?!files|auth)\w+\.").match
        rig.instead = lambda endpoint: away if hit(endpoint) else None
        result = world.cycle()
    broken = [] if world.task in rig.sandbox.tasks else ["law 3: the task is gone and its files were not deleted"]
    if result is not None and result.ok:
        broken.append("law 6: a redirected cycle calls itself good")
    return broken + asked


@contextmanager
def _elsewhere() -> Iterator[tuple[str, list[str]]]:
    """Open another host, which wants the session's token; yield its address, and a breach for each time it is asked."""
    asked: list[str] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        token = environ.get("HTTP_AUTHORIZATION", "") + environ.get("HTTP_COOKIE", "")
        asked.append(f"leak: another host was asked{', with the token' if token else ''}")
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b"{}"]

    server = WebServer(app)
    server.start()
    try:
        yield server.url, asked
    finally:
        server.stop()


def _packed() -> dict[str, str]:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(1024)) + packer.flush()
    return {"plot_data": base64.b64encode(packed).decode()}


TOO_MUCH: dict[str, Callable[[], dict[str, str]]] = {
    "a plot that unpacks to a gigabyte": _packed,
    "a plot of deep brackets": lambda: {"plot_str": '{"layout": {"images": ' + "[" * 200_000},
    "ten thousand odd artifacts": dict,
}


def _too_much(make: Callable[[], dict[str, str]], rig: Rig) -> list[str]:
    world, plot = Neighbourhood(rig), make()
    if plot:
        world.shows("plot", **plot)
    for number in range(0 if plot else 10_000):
        world.lists(f"{number}", f"odd{number}://x/{'y' * 500}")
    before = psutil.Process().memory_info().rss
    broken = world.cleaned()
    grown = psutil.Process().memory_info().rss - before
    return broken + ([f"flood: {grown >> 20} MB more memory"] if grown > MOST_MEMORY else [])
