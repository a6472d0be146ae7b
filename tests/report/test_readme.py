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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cleanup.base import errors
from cleanup.launch import command_line
from cleanup.sandbox import Sandbox
from cleanup.settings import defaults, descriptions
from tests.agent.repository import published
from tests.report.hocon import AGENT, AGENT_CONF, SDK, known_keys

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()
PROSE = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
SPANS = re.findall(r"`([^`\n]+)`", PROSE)

NOT_THE_SDKS = {"fileserver.delete.allow_batch"}
"""Keys that the README names and that are no keys of clearml.conf but of the ClearML file server's configuration."""

OF_THE_COMPOSE_FILE = {"CLEARML_HOST_IP"}
"""Variables that only ClearML's docker-compose.yml reads."""

NO_SETTINGS = {"status_changed", "delete_external_artifacts", "delete_many", "last_change", "run_once"}
"""Names that look like settings and are the API's, or of the code."""

TOOLS = {
    r"cleanup\.orphans|orphans\.jsonl|manifest|other server": ["cleanup.orphans"],
    r"tests\.faults": ["tests.faults"],
    r"tests\.bench": ["tests.bench.cycle", "tests.bench.neighbour", "tests.bench.s3", "tests.bench.scale"],
    r"clearml-agent": ["clearml_agent daemon"],
    r"\bpip\b": ["pip install"],
    r"\bdocker\b": [],
}
"""Whose flags they are by what stands beside them, else those of the script."""


def table(*header: str) -> list[list[str]]:
    """The rows of the one table with this header, cells without their backticks."""
    head = re.escape(f"| {' | '.join(header)} |")
    (rows,) = re.findall(rf"^{head}\n\|[-|]+\n((?:\|.*\n)+)", PROSE, flags=re.MULTILINE)
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows.splitlines()]


def commands() -> list[str]:
    """Every command in a block of shell: one for each line and each part between `&&`."""
    found = []
    for block in re.findall(r"```(?:bash|sh|console)\n(.*?)```", TEXT, flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            found += [part.strip() for part in line.split("&&") if part.strip() and not line.strip().startswith("#")]
    return found


def flags() -> dict[str, str]:
    """Every `--flag` with the command or text that it stands in."""
    found: dict[str, str] = {}
    for place in [*commands(), *SPANS]:
        for flag in re.findall(r"(?:^|\s)(--[a-z][a-z-]+)", place):
            found.setdefault(flag, place)
    return found


def help_text() -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit):
        command_line.parse(["--help"])
    return " ".join(said.getvalue().split())


def test_the_table_of_settings_is_that_of_the_code() -> None:
    shown = {name: "(empty)" if value == "" else str(value) for name, value in defaults().items()}
    assert table("name", "default", "meaning") == [[name, shown[name], descriptions()[name]] for name in defaults()]


def test_the_table_of_exit_codes_is_that_of_the_code() -> None:
    kinds = [errors.CleanupError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    rows = dict(table("exit code", "meaning"))
    assert set(rows) == {"0", *(str(kind.exit_code) for kind in kinds)}
    (said,) = re.findall(r"Exit codes: (.+)\.", help_text())
    meant = dict(re.findall(r"(\d) (\w+ \w+)", said))
    assert {code: " ".join(row.split()[:2]).strip(",;") for code, row in rows.items()} == meant


def test_every_flag_of_the_script_exists() -> None:
    for flag, place in flags().items():
        if not any(re.search(tool, place) for tool in TOOLS):
            assert f"{flag} " in f"{help_text()} ", place


@pytest.mark.slow
@pytest.mark.parametrize("tool", [tool for tool in TOOLS if TOOLS[tool]])
def test_every_flag_of_another_program_exists(tool: str) -> None:
    said = ""
    for module in TOOLS[tool]:
        command = [sys.executable, "-m", *module.split(), "--help"]
        said += subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    named = [flag for flag, place in flags().items() if re.search(tool, place)]
    assert [flag for flag in named if not re.search(rf"(?<![\w-]){flag}(?![\w-])", said)] == []


def test_every_link_leads_somewhere() -> None:
    """To a file, or to a heading by the anchor that GitHub makes of it."""
    titles = re.findall(r"^#+ (.+)$", PROSE, flags=re.MULTILINE)
    anchors = {"#" + re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    for link in re.findall(r"\]\(([^)\s]+)\)", PROSE):
        assert link in anchors or "://" in link or (ROOT / link).exists(), link


def test_every_key_variable_setting_and_file_that_is_named_exists() -> None:
    keys = set(re.findall(r"\b(?:sdk|api|agent|fileserver)\.[a-z][a-z0-9_.]*[a-z0-9_]", "\n".join(SPANS)))
    of_the_agent = {key for key in keys if key.startswith("agent.")}
    assert keys - of_the_agent - known_keys() == NOT_THE_SDKS
    for key in of_the_agent:
        assert re.search(rf"^\s*(#\s*)?{key.removeprefix('agent.')}\s*[:=]", AGENT_CONF.read_text(), re.M), key

    sources = [path.read_text(errors="replace") for folder in (SDK, AGENT) for path in folder.rglob("*.py")]
    variables = re.findall(r"\b(?:CLEARML|AWS|AZURE|GOOGLE)_[A-Z_]*[A-Z]\b", "\n".join([*SPANS, *commands()]))
    read = set(re.findall(r"[\"']([A-Z_]{4,})[\"']", "\n".join(sources)))
    assert set(variables) - read == OF_THE_COMPOSE_FILE

    named = {span for span in SPANS if re.fullmatch(r"[a-z]+(_[a-z]+)+", span)}
    settings = {name for name in named if not re.match("last_(?!change)|failing_", name)}
    assert settings - set(defaults()) - NO_SETTINGS == set()
    files = {span for span in SPANS if re.fullmatch(r"(cleanup|tests|contract)/[\w/.]+", span)}
    assert {name for name in files if not (ROOT / name).exists()} == set()


# Commands: each is run, or it is said how else it is known to work.


@dataclass
class Place:
    """Where commands of the README are run: a clone with a remote, beside a sandbox with a queue."""

    sandbox: Sandbox
    folder: Path
    plan: str = ""
    """The task of a dry run, for all commands that name one."""

    def run(self, command: str) -> str:
        here = re.sub(r"^(\.venv/bin/)?python3?(?= )", shlex.quote(sys.executable), command)
        how: dict[str, Any] = {"cwd": self.folder, "env": {**os.environ, **self.sandbox.environment()}, "timeout": 300}
        done = subprocess.run(["bash", "-euc", here], capture_output=True, text=True, check=False, **how)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Sandbox() as sandbox:
        sandbox.add_queue("services")
        sandbox.add_task("draft", "vision", archived=True, age_days=60)
        yield Place(sandbox, published(tmp_path_factory.mktemp("readme")).folder)


def run_it(command: str, place: Place) -> None:
    """After what it needs: the plan of a dry run, or a manifest."""
    if "ID_OF_THE_DRY_RUN" in command and not place.plan:
        before = set(place.sandbox.tasks)
        place.run(".venv/bin/python cleanup_service.py --no-run-as-service --force-delete --dry-run")
        (place.plan,) = set(place.sandbox.tasks) - before
    if "cleanup.orphans" in command and " --delete " in command:
        place.run('.venv/bin/python -m cleanup.orphans "$SANDBOX_FILES" --older-than-days 0')
    place.run(re.sub("ID_OF_THE_DRY_RUN(_BEFORE)?", place.plan, command))


def run_the_sandbox(command: str, place: Place) -> None:
    if " serve" not in command:
        assert "nothing else was touched" in place.run(command)
        return
    here = shlex.split(command.replace(".venv/bin/python", shlex.quote(sys.executable), 1))
    with subprocess.Popen(here, cwd=place.folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("export CLEARML_API_HOST=")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def attack_a_little(command: str, place: Place) -> None:
    """Its samples are tests of their own in tests/faults; here: that the command prints its table."""
    here = [sys.executable, *shlex.split(command)[1:], "--kind", "clocks"]
    done = subprocess.run(here, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    assert re.search(r"clocks\D+\d+\D+0\b", done.stdout), done.stdout


def install(command: str, place: Place) -> None:
    """CI installs the tests' extra, which holds the others; here: that each one exists."""
    project = (ROOT / "pyproject.toml").read_text()
    extras = set(re.findall(r"\[([a-z0-9]+)\]", command))
    assert extras <= set(re.findall(r"^([a-z0-9]+) = \[", project, flags=re.MULTILINE))
    assert extras or f'"{command.rpartition(" ")[2]}>=' in project


def is_known_to_work(command: str, place: Place) -> None:
    """CI makes its environment and runs the tests so, which cannot run themselves; an agent runs in tests/agent."""
    assert command in (ROOT / ".ci/run").read_text().splitlines() or command.startswith("clearml-agent daemon ")


RUNNERS: dict[str, Callable[[str, Place], None]] = {
    r"\.venv/bin/python (cleanup_service\.py|-m cleanup\.(report|orphans)|-c \"from clearml import Task)": run_it,
    r"export [A-Z_]+=": run_it,
    r"\.venv/bin/python -m cleanup\.sandbox\b": run_the_sandbox,
    r"\.venv/bin/python -m tests\.faults\b": attack_a_little,
    r"(\.venv/bin/)?pip install ": install,
    r"\.venv/bin/python -m pytest$|python3 -m venv \.venv$|clearml-agent ": is_known_to_work,
}


@pytest.mark.slow
@pytest.mark.parametrize("command", dict.fromkeys(commands()))
def test_every_command_works(command: str, place: Place) -> None:
    (runner,) = [runner for pattern, runner in RUNNERS.items() if re.match(pattern, command)]
    runner(command, place)


def test_the_first_screen_has_the_demo_and_the_tests() -> None:
    first = " ".join(commands()[:6])
    assert ("python -m cleanup.sandbox" in first, "python -m pytest" in first) == (True, True)
