"""Ways into the script against ways the server can be: each ends in time, with its exit code and a line that says why.

`python -m tests.faults --kind ways` prints the table: exit code, seconds until the end, and the line that was said.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cleanup.sandbox import Fault, Sandbox
from cleanup.sandbox.answer import Answer, as_json, envelope, error_answer
from tests.agent.process import as_agent, environment_of
from tests.agent.repository import PROJECT

PATIENT, SHORT = 60.0, 10.0
"""Seconds for a step of the set-up: where it comes to an end, and where it must be ended."""

LONGEST = 60.0

SDK = ("tasks.create", "tasks.get_by_id", "projects.get_all")
"""What only the SDK calls before there is anything to do."""

PAGE = b"<html><title>Sign in</title></html>"
REFUSALS = {"unauthorized": 401, "forbidden": 403, "broken": 500}
LIES = {"token": "no.token.this", "task": [], "id": 7, "projects": 5, "tasks": "none"}
PLAIN = {
    **{name: error_answer("", code, 0, "as the test wants") for name, code in REFUSALS.items()},
    "no data": as_json(200, envelope({}, "")),
    "missing": Answer(404, PAGE),
    "not allowed": Answer(405, PAGE),
    "bad gateway": Answer(502, PAGE),
    "busy": Answer(429, b"slow down", (("Retry-After", "1"),)),
    "redirecting": Answer(302, b"", (("Location", "http://127.0.0.1:9/login"),)),
    "login page": Answer(200, PAGE, (("Content-Type", "text/html"),)),
    "empty": Answer(204, b""),
    "lying": as_json(200, envelope(LIES, "")),
}
UNENDING: dict[str, dict[str, Any]] = {
    "silent": {"kind": "stall", "seconds": 600.0},
    "dripping": {"kind": "drip", "seconds": 0.2},
    "endless": {"kind": "endless"},
    "dropping": {"kind": "drop"},
}
HARMLESS = {("projects.get_all", manner) for manner in ("login page", "no data", "lying")}


@dataclass(frozen=True)
class Way:
    """One cell: how the script is started, how the server is, and what must come of it."""

    name: str
    code: int
    says: str
    manner: str = "well"
    endpoint: str = "*"
    environment: dict[str, str | None] = field(default_factory=dict)
    arguments: tuple[str, ...] = ("--no-run-as-service",)
    configuration: str | None = None
    set_up: float = PATIENT
    agent: bool = False


@dataclass(frozen=True)
class Cell:
    """What came of one run of the script: `line` is what was said, or the status left; `wrong` is what must not be."""

    code: int
    seconds: float
    line: str
    wrong: Sequence[str] = ()


class Saying(Fault):
    """The answer is as it was `told`, without any work."""

    told = Answer(200, b"")

    def answer(self, *_: object) -> Answer:
        return self.told


def fault(manner: str, endpoint: str) -> Fault:
    if manner in UNENDING:
        return Fault(endpoint, times=None, **UNENDING[manner])
    saying = Saying(endpoint, times=None)
    saying.told = PLAIN[manner]
    return saying


def servers() -> Iterator[Way]:
    """Every manner of a server from the first request on, and again in the middle of the set-up and of the work."""
    wrong_address = "looks like the web or files address"
    at_login = {
        **dict.fromkeys(("unauthorized", "forbidden", "lying"), "gives no session"),
        **dict.fromkeys(("redirecting", "login page", "missing", "not allowed", "empty"), wrong_address),
        **dict.fromkeys((*UNENDING, "broken", "bad gateway", "busy", "no data"), ""),
    }
    for manner, says in at_login.items():
        yield Way(f"{manner} from the start", 3, says, manner)
        yield Way(f"{manner} from the start, run by an agent", 3, says, manner, agent=True)
    for endpoint in SDK:
        for manner in (*PLAIN, *UNENDING):
            ends = manner in ("unauthorized", "forbidden", "broken", "missing", "empty", "no data", "not allowed")
            says, limit = ("the server does not let it be done", PATIENT) if ends else ("Task.init", SHORT)
            # The SDK makes a project that it cannot find.
            if manner != "endless" and (endpoint, manner) not in HARMLESS:
                yield Way(f"{manner} at {endpoint}", 3, says, manner, endpoint, set_up=limit)
    for manner in (*PLAIN, *UNENDING):
        code = 1 if manner in ("forbidden", "broken", "no data", "lying") else 3
        yield Way(f"{manner} at the listing", code, "", manner, "tasks.get_all")


def configurations() -> Iterator[Way]:
    """Every mistake in the configuration, with a server that is well: named with the key, and the file or variable."""
    servers = "sdk.storage.http.legacy_fileservers"
    for name, text, says in (
        ("a syntax error", 'api { api_server: "http://x', "line:1"),
        ("an unresolved variable", "api { web_server: ${NO_SUCH} }", "NO_SUCH"),
        ("a number for a key", "api { credentials { access_key: 5 } }", "api.credentials.access_key"),
        ("a number for a section", "sdk { storage: 5 }", "sdk.storage"),
        ("a number for a list", f"{servers}: 5", servers),
        ("a list of numbers", f"{servers}: [5]", servers),
        ("not UTF-8", "\udcff", "cannot be read"),
    ):
        yield Way(name, 2, f"clearml.conf|{says}", configuration=text)
    yield Way("no web server on odd ports", 2, "api.web_server", environment={"CLEARML_WEB_HOST": None})
    for host in ("nonsense", "http://", "http://host:99999", "ftp://host"):
        yield Way(f"the address {host!r}", 2, "CLEARML_API_HOST", environment={"CLEARML_API_HOST": host})
    yield Way("no credentials", 3, "credentials", environment={"CLEARML_API_ACCESS_KEY": None})
    yield Way("a wrong key", 3, "gives no session", environment={"CLEARML_API_SECRET_KEY": "wrong"})
    yield Way("nobody there", 3, "does not answer", environment={"CLEARML_API_HOST": "http://127.0.0.1:9"})
    inherited = {"CLEARML_PROC_MASTER_ID": "1:" + "a" * 32, "TRAINS_PROC_MASTER_ID": "1:"}
    yield Way("a task of the process that starts it", 0, "", environment=dict(inherited))


def table() -> Iterator[Way]:
    yield from servers()
    yield from configurations()
    # What is wrong with a command line leaves no task.
    for name, says, *wrong in (
        ("an unknown flag", "unrecognized arguments: --no-such-flag", "--no-such-flag"),
        ("a wrong value", "delete_threshold_days", "--delete-threshold-days", "9O"),
        ("no such project", "no/such", "--projects", "no/such"),
    ):
        yield Way(name, 2, says, arguments=("--no-run-as-service", *wrong))


def sample() -> Iterator[Way]:
    """One of each kind, for the quick tests."""
    wanted = (
        *("login page from the start", "dripping from the start", "lying from the start, run by an agent"),
        *("broken at tasks.create", "busy at tasks.create", "a syntax error", "a number for a section"),
        *("no web server on odd ports", "a wrong key", "an unknown flag", "no such project"),
    )
    yield from (way for way in table() if way.name in wanted)


def tried(way: Way) -> Cell:
    """Run the script that way, with JSON asked for where a person starts it."""
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        environment = environment_of(sandbox)
        if way.agent:
            environment |= as_agent(sandbox.add_task("Cleanup Service", type="service"))
        if way.configuration is not None:
            file = Path(folder) / "clearml.conf"
            file.write_text(way.configuration, errors="surrogateescape")
            environment["CLEARML_CONFIG_FILE"] = str(file)
        changed = {**environment, **way.environment}
        environment = {name: value for name, value in changed.items() if value is not None}
        before = len(sandbox.tasks)
        if way.manner != "well":
            sandbox.inject(fault(way.manner, way.endpoint))
        arguments = () if way.agent else (*way.arguments, "--output", "json")
        command = [sys.executable, "-m", "tests.service.driver", str(way.set_up), *arguments]
        how: dict[str, Any] = {"cwd": PROJECT, "env": environment, "timeout": 2 * LONGEST}
        begun = time.monotonic()
        try:
            done = subprocess.run(command, check=False, capture_output=True, text=True, **how)
        except subprocess.TimeoutExpired:
            return Cell(-1, time.monotonic() - begun, "", ["it hangs"])
        return judged(way, done, time.monotonic() - begun, len(sandbox.tasks) - before)


def judged(way: Way, done: subprocess.CompletedProcess[str], seconds: float, made: int) -> Cell:
    said = [line for line in done.stderr.splitlines() if line.startswith("No cleanup: ")]
    try:
        line = "".join(said[:1]) if way.agent else str(json.loads(done.stdout).get("error", ""))
    except ValueError:
        return Cell(done.returncode, seconds, done.stderr[-300:], [f"no JSON: {done.stdout[:100]!r}"])
    checks = {
        f"exit code {done.returncode} for {way.code}": done.returncode == way.code,
        f"does not say {way.says!r}": all(part in line for part in way.says.split("|")),
        "says nothing": bool(line) == bool(way.code),
        "says more than a line": "\n" not in line,
        "says it to scripts alone": way.code != 2 or line in "".join(said),
        "a traceback": "Traceback" not in done.stdout + done.stderr,
        f"took {seconds:.0f} seconds": seconds < LONGEST,
        "leaves a task": way.code != 2 or not made,
    }
    return Cell(done.returncode, seconds, line, [what for what, holds in checks.items() if not holds])
