"""What the README says is so: tables, commands, flags, links, keys."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cleanup.base import errors
from cleanup.launch import command_line, remote
from cleanup.sandbox import Sandbox
from cleanup.settings import defaults, descriptions
from tests.agent.repository import Checkout, published
from tests.report import readme
from tests.report.hocon import AGENT, AGENT_CONF, SDK, known_keys
from tests.report.readme import ROOT

NOT_THE_SDKS = {
    "fileserver.delete.allow_batch": "of the ClearML file server's own configuration; cleanup/sandbox/fileserver.py",
}
"""Keys that the README names and that are no keys of clearml.conf."""


OF_THE_COMPOSE_FILE = {"CLEARML_HOST_IP"}
"""Variables that only ClearML's docker-compose.yml reads."""


def test_the_table_of_settings_is_that_of_the_code() -> None:
    shown = {name: "(empty)" if value == "" else str(value) for name, value in defaults().items()}
    expected = [[name, shown[name], descriptions()[name]] for name in defaults()]
    assert readme.table("name", "default", "meaning") == expected


def subclasses(kind: type[errors.CleanupError]) -> Iterator[type[errors.CleanupError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from subclasses(child)


def test_the_table_of_exit_codes_is_that_of_the_code() -> None:
    rows = dict(readme.table("exit code", "meaning"))
    assert issubclass(remote.NotForAgents, errors.CleanupError)
    assert set(rows) == {"0", *(str(kind.exit_code) for kind in subclasses(errors.CleanupError))}
    (said,) = re.findall(r"Exit codes: (.+)\.", " ".join(help_text().split()))
    for part in said.split(", "):
        code, _, meaning = part.partition(" ")
        words = " ".join(meaning.split()[:2])
        assert rows[code].startswith(words), (rows[code], words)
    assert len(said.split(", ")) == len(rows)


def help_text() -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit):
        command_line.parse(["--help"])
    return said.getvalue()


OTHER_TOOLS = {"clearml-agent": ("daemon", "--help"), "docker": (), "pip": ("install", "--help")}
"""Whose flags the README names besides; those with a command here are asked for them."""


@pytest.mark.parametrize("flag", readme.flags())
def test_every_flag_exists(flag: str) -> None:
    place = readme.flags()[flag]
    if "tests.faults" in place:
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert flag in done.stdout
        return
    bench = re.search(r"tests\.bench(\.\w+)?", place)
    if bench:
        module = [sys.executable, "-m", bench[0] if bench[1] else "tests.bench.cycle", "--help"]
        done = subprocess.run(module, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT)
        assert flag in done.stdout
        return
    tool = next((tool for tool in OTHER_TOOLS if re.search(rf"\b{tool}\b", place)), None)
    if tool is None:
        assert re.search(rf"(?<![\w-]){flag}(?![\w-])", help_text()), f"in {place}"
    elif OTHER_TOOLS[tool]:
        module = [sys.executable, "-m", tool.replace("-", "_"), *OTHER_TOOLS[tool]]
        done = subprocess.run(module, capture_output=True, text=True, timeout=60, check=True)
        assert flag in done.stdout


@pytest.mark.parametrize("link", readme.links())
def test_every_link_leads_somewhere(link: str) -> None:
    if link.startswith("#"):
        assert link[1:] in readme.anchors()
    elif "://" not in link:
        assert (ROOT / link).exists()


@pytest.mark.parametrize("key", readme.configuration_keys())
def test_every_key_of_the_configuration_exists(key: str) -> None:
    if key.startswith("agent."):
        assert re.search(rf"^\s*(#\s*)?{key.removeprefix('agent.')}\s*[:=]", AGENT_CONF.read_text(), re.MULTILINE)
    else:
        assert key in known_keys() or key in NOT_THE_SDKS


def test_no_exception_is_listed_in_vain() -> None:
    assert set(NOT_THE_SDKS) <= set(readme.configuration_keys())


@pytest.mark.parametrize("name", readme.environment_names())
def test_every_variable_of_the_environment_is_one_that_is_read(name: str) -> None:
    if name in OF_THE_COMPOSE_FILE:
        return
    sources = [path.read_text(errors="replace") for folder in (SDK, AGENT) for path in folder.rglob("*.py")]
    assert any(re.search(rf"[\"']{name}[\"']", source) for source in sources)


def test_the_settings_that_are_named_exist() -> None:
    named = {span for span in readme.SPANS if re.fullmatch(r"[a-z]+(_[a-z]+)+", span)}
    named = {name for name in named if not name.startswith("last_") or name in {"last_change"}}
    not_settings = {"services_queue", "status_changed", "delete_external_artifacts", "delete_many", "last_change"}
    assert {name for name in named if name not in defaults()} - not_settings == set()


# Commands: each is run, or it is said how else it is known to work.


class Place:
    """Where commands of the README are run: a clone with a remote, beside a sandbox with a queue."""

    def __init__(self, sandbox: Sandbox, checkout: Checkout) -> None:
        self.sandbox, self.checkout = sandbox, checkout

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        here = re.sub(r"^(\.venv/bin/)?python3?(?= )", shlex.quote(sys.executable), command)
        environment = {**os.environ, **self.sandbox.environment()}
        return subprocess.run(
            ["bash", "-c", here],
            cwd=self.checkout.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Sandbox() as sandbox:
        sandbox.add_queue("services")
        for number in range(3):
            sandbox.add_task(f"draft {number}", "vision", archived=True, age_days=60)
        yield Place(sandbox, published(tmp_path_factory.mktemp("readme")))


def run_the_script(command: str, place: Place) -> None:
    arguments = shlex.split(re.split(r"[|>]", command)[0], comments=True)
    asked = command_line.parse(arguments[arguments.index("cleanup_service.py") + 1 :])
    for name in str(asked.settings.get("projects", "")).split(","):
        if name:
            place.sandbox.add_task("draft", name.strip(), archived=True, age_days=60)
    place.sandbox.add_queue(str(asked.settings.get("services_queue", "services")))
    done = place.run(command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def run_the_sandbox(command: str, place: Place) -> None:
    if " serve" not in command:
        done = place.run(command)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "nothing else was touched" in done.stdout
        return
    here = shlex.split(command.replace(".venv/bin/python", shlex.quote(sys.executable), 1))
    with subprocess.Popen(here, cwd=place.checkout.folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("export CLEARML_API_HOST=")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def same_as_in_ci(command: str, place: Place) -> None:
    """The tests cannot run themselves: CI runs them by this command."""
    assert (ROOT / ".ci/run").read_text().rstrip().splitlines()[-1] == command


def attack_a_little(command: str, place: Place) -> None:
    """Its samples are tests of their own in tests/faults; here: that the command prints its table."""
    here = [sys.executable, *shlex.split(command)[1:], "--kind", "clocks"]
    done = subprocess.run(here, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"clocks\D+\d+\D+0\b", done.stdout), done.stdout


def set_a_variable(command: str, place: Place) -> None:
    """Whether the SDK reads it is another test."""
    done = place.run(f"set -eu; {command}")
    assert done.returncode == 0, done.stderr


def make_an_environment(command: str, place: Place) -> None:
    """CI makes its own by this command, and test_install.py one from the wheel."""
    assert command in (ROOT / ".ci/run").read_text().splitlines()


def install_extras(command: str, place: Place) -> None:
    """CI installs the tests' extra, which holds the others; here: that each one exists."""
    if command == "pip install clearml-agent":
        assert "clearml-agent>=3" in (ROOT / "pyproject.toml").read_text()
        return
    wanted = re.findall(r"\[([a-z0-9,]+)\]", command)
    extras = re.findall(r"^([a-z0-9]+) = \[", (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert wanted, command
    assert set(",".join(wanted).split(",")) <= set(extras)


def ask_the_agent(command: str, place: Place) -> None:
    """Tests of a real agent are in tests/agent; here: that it knows the subcommand."""
    done = place.run(f"python -m clearml_agent {shlex.split(command)[1]} --help")
    assert done.returncode == 0, done.stderr


RUNNERS: dict[str, Callable[[str, Place], None]] = {
    r"(\.venv/bin/)?python3? cleanup_service\.py\b": run_the_script,
    r"\.venv/bin/python -m cleanup\.sandbox\b": run_the_sandbox,
    r"\.venv/bin/python -m pytest$": same_as_in_ci,
    r"\.venv/bin/python -m tests\.faults\b": attack_a_little,
    r"export [A-Z_]+=": set_a_variable,
    r"python3 -m venv \.venv$": make_an_environment,
    r"(\.venv/bin/)?pip install ": install_extras,
    r"clearml-agent ": ask_the_agent,
}


def runner_of(command: str) -> Callable[[str, Place], None] | None:
    return next((runner for pattern, runner in RUNNERS.items() if re.match(pattern, command)), None)


def marked(command: str) -> object:
    slow = runner_of(command) is run_the_sandbox
    return pytest.param(command, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize("command", [marked(command) for command in dict.fromkeys(readme.commands())])
def test_every_command_works(command: str, place: Place) -> None:
    runner = runner_of(command)
    assert runner, f"nobody runs this command of the README: {command}"
    runner(command, place)


def test_the_first_screen_has_the_demo_and_the_tests() -> None:
    first = readme.commands()[:6]
    assert [command for command in first if runner_of(command) is run_the_sandbox]
    assert [command for command in first if runner_of(command) is same_as_in_ci]


def test_a_console_session_in_the_text_names_only_files_that_are_there() -> None:
    named = {span for span in readme.SPANS if re.fullmatch(r"(cleanup|tests|contract)/[\w/.]+", span)}
    assert {name for name in named if not Path(ROOT / name).exists()} == set()
