"""What the README says is so: tables, commands, flags, links, keys."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from cleanup.base import errors
from cleanup.launch import command_line
from cleanup.sandbox import Sandbox
from cleanup.settings import defaults, descriptions
from tests.agent.repository import Checkout, published
from tests.report import readme
from tests.report.hocon import AGENT, AGENT_CONF, SDK, known_keys
from tests.report.readme import ROOT

NOT_THE_SDKS = {"fileserver.delete.allow_batch"}
"""Keys that the README names and that are no keys of clearml.conf but of the ClearML file server's configuration."""

OF_THE_COMPOSE_FILE = {"CLEARML_HOST_IP"}
"""Variables that only ClearML's docker-compose.yml reads."""

OF_THE_API = {"status_changed", "delete_external_artifacts", "delete_many", "last_change"}
"""Names that look like settings and are the API's."""


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
    assert set(rows) == {"0", *(str(kind.exit_code) for kind in subclasses(errors.CleanupError))}
    (said,) = re.findall(r"Exit codes: (.+)\.", " ".join(help_text().split()))
    meant = dict(re.findall(r"(\d) (\w+ \w+)", said))
    assert {code: " ".join(row.split()[:2]).strip(",;") for code, row in rows.items()} == meant


def help_text() -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit):
        command_line.parse(["--help"])
    return said.getvalue()


HELP = {
    r"tests\.faults": ["tests.faults"],
    r"tests\.bench\.(\w+)": ["tests.bench.{0}"],
    r"tests\.bench\b": ["tests.bench.cycle"],
    r"clearml-agent": ["clearml_agent", "daemon"],
    r"pip": ["pip", "install"],
}
"""Who is asked whether a flag exists, by where it stands; else it is a flag of the script."""


@functools.cache
def help_of(*module: str) -> str:
    command = [sys.executable, "-m", *module, "--help"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.parametrize("flag", readme.flags())
def test_every_flag_exists(flag: str) -> None:
    place = readme.flags()[flag]
    if re.search(r"\bdocker\b", place) and "clearml-agent" not in place:
        return
    said = help_text()
    for pattern, words in HELP.items():
        found = re.search(rf"\b{pattern}", place)
        if found:
            said = help_of(*(word.format(*found.groups()) for word in words))
            break
    assert re.search(rf"(?<![\w-]){flag}(?![\w-])", said), f"in {place}"


@pytest.mark.parametrize("link", readme.links())
def test_every_link_leads_somewhere(link: str) -> None:
    if link.startswith("#"):
        assert link[1:] in readme.anchors()
    elif "://" not in link:
        assert (ROOT / link).exists()


def test_every_key_of_the_configuration_exists() -> None:
    agents, known = AGENT_CONF.read_text(), known_keys() | NOT_THE_SDKS
    for key in readme.configuration_keys():
        if key.startswith("agent."):
            assert re.search(rf"^\s*(#\s*)?{key.removeprefix('agent.')}\s*[:=]", agents, re.MULTILINE), key
        else:
            assert key in known
    assert set(readme.configuration_keys()) >= NOT_THE_SDKS


def test_every_variable_of_the_environment_is_one_that_is_read() -> None:
    sources = [path.read_text(errors="replace") for folder in (SDK, AGENT) for path in folder.rglob("*.py")]
    read = set(re.findall(r"[\"']([A-Z_]{4,})[\"']", "\n".join(sources)))
    assert set(readme.environment_names()) - read == OF_THE_COMPOSE_FILE


def test_the_settings_and_files_that_are_named_exist() -> None:
    named = {span for span in readme.SPANS if re.fullmatch(r"[a-z]+(_[a-z]+)+", span)}
    settings = {name for name in named if not re.match("last_(?!change)|failing_", name)}
    assert settings - set(defaults()) - OF_THE_API == set()
    files = {span for span in readme.SPANS if re.fullmatch(r"(cleanup|tests|contract)/[\w/.]+", span)}
    assert {name for name in files if not (ROOT / name).exists()} == set()


# Commands: each is run, or it is said how else it is known to work.


@dataclass(frozen=True)
class Place:
    """Where commands of the README are run: a clone with a remote, beside a sandbox with a queue."""

    sandbox: Sandbox
    checkout: Checkout

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        here = re.sub(r"^(\.venv/bin/)?python3?(?= )", shlex.quote(sys.executable), command)
        environment, folder = {**os.environ, **self.sandbox.environment()}, self.checkout.folder
        shell = ["bash", "-c", here]
        done = subprocess.run(
            shell, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done


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
    place.run(command)


def run_the_sandbox(command: str, place: Place) -> None:
    if " serve" not in command:
        assert "nothing else was touched" in place.run(command).stdout
        return
    here = shlex.split(command.replace(".venv/bin/python", shlex.quote(sys.executable), 1))
    with subprocess.Popen(here, cwd=place.checkout.folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("export CLEARML_API_HOST=")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def is_a_line_of_ci(command: str, place: Place) -> None:
    """CI makes its environment and runs the tests by these commands; the tests cannot run themselves."""
    assert command in (ROOT / ".ci/run").read_text().splitlines()


def attack_a_little(command: str, place: Place) -> None:
    """Its samples are tests of their own in tests/faults; here: that the command prints its table."""
    here = [sys.executable, *shlex.split(command)[1:], "--kind", "clocks"]
    done = subprocess.run(here, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"clocks\D+\d+\D+0\b", done.stdout), done.stdout


def set_a_variable(command: str, place: Place) -> None:
    """Whether the SDK reads it is another test."""
    place.run(f"set -eu; {command}")


def install_extras(command: str, place: Place) -> None:
    """CI installs the tests' extra, which holds the others; here: that each one exists."""
    project = (ROOT / "pyproject.toml").read_text()
    if command == "pip install clearml-agent":
        assert "clearml-agent>=3" in project
        return
    wanted = set(",".join(re.findall(r"\[([a-z0-9,]+)\]", command)).split(","))
    assert set() < wanted <= set(re.findall(r"^([a-z0-9]+) = \[", project, flags=re.MULTILINE)), command


def ask_the_agent(command: str, place: Place) -> None:
    """Tests of a real agent are in tests/agent; here: that it knows the subcommand."""
    place.run(f"python -m clearml_agent {shlex.split(command)[1]} --help")


RUNNERS: dict[str, Callable[[str, Place], None]] = {
    r"(\.venv/bin/)?python3? cleanup_service\.py\b": run_the_script,
    r"\.venv/bin/python -m cleanup\.sandbox\b": run_the_sandbox,
    r"\.venv/bin/python -m pytest$|python3 -m venv \.venv$": is_a_line_of_ci,
    r"\.venv/bin/python -m tests\.faults\b": attack_a_little,
    r"export [A-Z_]+=": set_a_variable,
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
    assert {run_the_sandbox, is_a_line_of_ci} <= {runner_of(command) for command in readme.commands()[:6]}
