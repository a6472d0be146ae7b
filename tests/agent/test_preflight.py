"""What an agent could not run is refused before it is enqueued, by the real script in real repositories."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cleanup.sandbox import Sandbox
from tests.agent.process import environment_of, service
from tests.agent.repository import Checkout, copy_project, git, published
from tests.agent.world import WebUI, services


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.add_queue("services")
        yield running


def run(sandbox: Sandbox, script: Path, *arguments: str) -> tuple[int, str, list[dict[str, Any]]]:
    with service(sandbox, script, *arguments, log=script.parent.parent / "log") as process:
        code = process.exit_code()
    return code, process.output, services(sandbox)


def no_repository(at: Path) -> Path:
    return copy_project(at / "copied") / "cleanup_service.py"


def no_remote(at: Path) -> Path:
    checkout = published(at)
    git(checkout.folder, "remote", "remove", "origin")
    return checkout.script


def not_pushed(at: Path) -> Path:
    checkout = published(at)
    git(checkout.folder, "commit", "--allow-empty", "--message", "Only here")
    return checkout.script


def not_added(at: Path) -> Path:
    checkout = published(at)
    (checkout.folder / "cleanup" / "server" / "extra.py").write_text("")
    return checkout.script


def not_committed(at: Path) -> Path:
    folder = copy_project(at / "copied")
    git(folder, "init")
    return folder / "cleanup_service.py"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (no_repository, "is not in a git repository"),
        (not_committed, "are not committed to git"),
        (no_remote, "the git repository has no remote that an agent could clone"),
        (not_pushed, "is on no remote branch: git push it first"),
        (not_added, "git does not know cleanup/server/extra.py: git add it"),
    ],
)
def test_code_that_would_not_reach_the_agent_is_refused_with_the_ways_out(
    sandbox: Sandbox, tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    code, output, tasks = run(sandbox, make(tmp_path))
    assert (code, tasks) == (2, [])
    assert message in output
    assert "--no-run-as-service" in output


def test_a_queue_that_does_not_exist_is_named_with_those_that_do(sandbox: Sandbox, checkout: Checkout) -> None:
    sandbox.add_queue("default")
    code, output, tasks = run(sandbox, checkout.script, "--services-queue", "servces")
    assert (code, tasks) == (2, [])
    assert "services_queue = 'servces': there is no such queue" in output
    assert "--services-queue; there is: default, services" in output
    assert sorted(queue["name"] for queue in sandbox.queues.values()) == ["default", "services"]


@pytest.mark.parametrize("watched", [False, True])
def test_a_queue_takes_the_task_with_a_warning_if_no_agent_watches_it(
    sandbox: Sandbox, checkout: Checkout, watched: bool
) -> None:
    if watched:
        WebUI(sandbox).register_agent("an agent", next(iter(sandbox.queues)))
    code, output, [task] = run(sandbox, checkout.script)
    assert (code, task["status"]) == (0, "queued")
    assert ("No agent watches the queue 'services' at the moment" in output) is not watched


def test_a_clone_of_a_tag_is_enqueued_with_its_commit_and_the_changes_that_are_not_committed(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    checkout = published(tmp_path)
    git(checkout.folder, "tag", "v1")
    git(checkout.folder, "push", "origin", "v1")
    git(tmp_path, "clone", "--depth", "1", "--branch", "v1", checkout.remote, "tagged")
    changed = tmp_path / "tagged" / "cleanup" / "base" / "errors.py"
    changed.write_text(changed.read_text() + "# changed here\n")
    code, output, [task] = run(sandbox, tmp_path / "tagged" / "cleanup_service.py")
    assert code == 0, output
    assert (task["status"], task["script"]["version_num"]) == ("queued", checkout.commit)
    assert "+# changed here" in task["script"]["diff"]


def test_an_installed_package_says_that_agents_cannot_get_it_and_runs_here_all_the_same(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    # What pip leaves of the wheel, without pip.
    target = copy_project(tmp_path / "site-packages")
    environment = environment_of(sandbox, PYTHONPATH=str(target))

    def start(*arguments: str) -> subprocess.CompletedProcess[str]:
        module = [sys.executable, "-m", "cleanup_service", *arguments]
        return subprocess.run(module, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    refused = start()
    assert refused.returncode == 2
    assert "runs from an installed package" in refused.stderr
    assert services(sandbox) == []
    draft = sandbox.add_task("old", archived=True, age_days=60)
    here = start("--no-run-as-service")
    assert here.returncode == 0, here.stdout + here.stderr
    assert draft not in sandbox.tasks


def test_no_secret_of_the_environment_or_the_configuration_is_recorded(sandbox: Sandbox, tmp_path: Path) -> None:
    checkout = published(tmp_path)
    git(checkout.folder, "remote", "set-url", "--push", "origin", "https://joe:hunter2hunter2@example.org/x.git")
    (checkout.folder / "clearml.conf").write_text('api { credentials { "secret_key" = "hunter3hunter3" } }\n')
    with service(
        sandbox,
        checkout.script,
        log=tmp_path / "log",
        AWS_SECRET_ACCESS_KEY="hunter4hunter4",
        DB_PASSWORD="hunter5hunter5",
    ) as process:
        assert process.exit_code(60) == 0
    [task] = services(sandbox)
    held = repr(task) + repr(sandbox.events(task["id"])) + process.output
    assert "hunter" not in held
    assert sandbox.secret_key not in held
