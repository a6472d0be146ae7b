"""What an agent could not run is refused before it is enqueued, by the real script in real repositories."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cleanup.sandbox import Sandbox
from tests.agent.process import Process, environment_of, service
from tests.agent.repository import Checkout, copy_project, sh
from tests.agent.world import WebUI, services


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.add_queue("services")
        yield running


@pytest.fixture
def mine(checkout: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the checkout for a test that changes it."""
    return Checkout(Path(shutil.copytree(checkout.folder, tmp_path / "mine")), checkout.remote)


def run(sandbox: Sandbox, script: Path, *arguments: str, **more: str) -> tuple[int, str, list[dict[str, Any]]]:
    with service(sandbox, script, *arguments, log=script.parent.parent / "log", **more) as process:
        code = process.exit_code()
    return code, process.output, services(sandbox)


@pytest.mark.parametrize(
    ("done", "message"),
    [
        ("rm -r .git", "is not in a git repository"),
        ("rm -r .git && git init", "are not committed to git"),
        ("git remote remove origin", "the git repository has no remote that an agent could clone"),
        ("git commit --allow-empty -m 'Only here'", "is on no remote branch: git push it first"),
        ("touch cleanup/server/extra.py", "git does not know cleanup/server/extra.py: git add it"),
    ],
)
def test_code_that_would_not_reach_the_agent_is_refused_with_the_ways_out(
    sandbox: Sandbox, mine: Checkout, done: str, message: str
) -> None:
    sh(mine.folder, done)
    code, output, tasks = run(sandbox, mine.script)
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


def test_a_clone_of_a_tag_is_enqueued_with_its_commit_and_the_changes_that_are_not_committed(
    sandbox: Sandbox, mine: Checkout, tmp_path: Path
) -> None:
    """An agent watches the queue: no warning."""
    WebUI(sandbox).register_agent("an agent", next(iter(sandbox.queues)))
    sh(mine.folder, "git tag v1 && git push origin v1")
    sh(tmp_path, f"git clone --depth 1 --branch v1 {mine.remote} tagged")
    sh(tmp_path / "tagged", "echo '# changed here' >> cleanup/base/errors.py")
    code, output, [task] = run(sandbox, tmp_path / "tagged" / "cleanup_service.py")
    assert code == 0, output
    assert (task["status"], task["script"]["version_num"]) == ("queued", mine.commit)
    assert "+# changed here" in task["script"]["diff"]
    assert "No agent watches" not in output


def test_no_secret_of_the_environment_or_the_configuration_is_recorded(sandbox: Sandbox, mine: Checkout) -> None:
    """No agent watches the queue: it takes the task, with a warning."""
    sh(mine.folder, "git remote set-url --push origin https://joe:hunter2hunter2@example.org/x.git")
    (mine.folder / "clearml.conf").write_text('api { credentials { "secret_key" = "hunter3hunter3" } }\n')
    secrets = {"AWS_SECRET_ACCESS_KEY": "hunter4hunter4", "DB_PASSWORD": "hunter5hunter5"}
    code, output, [task] = run(sandbox, mine.script, **secrets)
    assert (code, task["status"]) == (0, "queued")
    assert "No agent watches the queue 'services' at the moment" in output
    held = repr(task) + repr(sandbox.events(task["id"])) + output
    assert "hunter" not in held
    assert sandbox.secret_key not in held


def test_an_installed_package_says_that_agents_cannot_get_it_and_runs_here_all_the_same(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    # What pip leaves of the wheel, without pip.
    (tmp_path / "site-packages").mkdir()
    environment = environment_of(sandbox, PYTHONPATH=str(copy_project(tmp_path / "site-packages")))
    command = [sys.executable, "-m", "cleanup_service"]
    old = sandbox.add_task("old", archived=True, age_days=60)
    with Process(command, tmp_path / "log", environment, tmp_path) as refused:
        assert refused.exit_code() == 2
    assert "runs from an installed package" in refused.output
    assert services(sandbox) == []
    with Process([*command, "--no-run-as-service"], tmp_path / "log", environment, tmp_path) as here:
        assert here.exit_code() == 0, here.output
    assert old not in sandbox.tasks
