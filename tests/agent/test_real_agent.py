"""The way of issue 4 with the real clearml-agent: the script enqueues or leaves a template, an agent runs it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cleanup.sandbox import Sandbox
from cleanup.settings import descriptions
from tests.agent.process import agent, service
from tests.agent.repository import Checkout
from tests.agent.world import WebUI, services

pytestmark = pytest.mark.slow


class Archive:
    """Old archived drafts, finished tasks, and others that no setting reaches, with four files each."""

    def __init__(self, sandbox: Sandbox, each: int = 4) -> None:
        self._sandbox = sandbox
        self.drafts = {self._add(archived=True) for _ in range(each)}
        self.done = {self._add(archived=True, status="completed") for _ in range(each)}
        self.others = {self._add(status="completed") for _ in range(each)}
        self.others |= {self._add(archived=True, status="completed", age_days=1) for _ in range(each)}

    def _add(self, **fields: Any) -> str:
        task = self._sandbox.add_task("run", "team/vision", **{"age_days": 60, **fields})
        self._sandbox.add_artifact(task, "data")
        self._sandbox.add_debug_samples(task, 2)
        self._sandbox.add_model(task)
        return task

    @property
    def gone(self) -> set[str]:
        return (self.drafts | self.done | self.others) - set(self._sandbox.tasks)

    def files(self, tasks: set[str]) -> int:
        """How many files of these tasks lie on the disk: the id is in the path."""
        return sum(task in path for task in tasks for path in self._sandbox.files())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where agents keep what pip has built."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def assert_ready(task: dict[str, Any], checkout: Checkout) -> None:
    """It has what an agent needs, and says what each setting means."""
    assert task["script"]["repository"] == checkout.remote
    assert task["container"]["image"] == "python:3.12-bookworm"
    said = {name: item["description"] for name, item in task["hyperparams"]["General"].items()}
    assert said == descriptions()


def has_cleaned(sandbox: Sandbox, task: str) -> bool:
    return "last_cycle" in sandbox.tasks[task]["hyperparams"].get("properties", {})


def test_what_the_script_enqueues_runs_in_an_agents_own_environment_until_it_is_aborted(
    sandbox: Sandbox, checkout: Checkout, home: Path, tmp_path: Path
) -> None:
    queue = sandbox.add_queue("services")
    archive = Archive(sandbox)
    with service(sandbox, checkout.script, log=tmp_path / "local.log") as local:
        assert local.exit_code() == 0
    [task] = services(sandbox)
    page = f"{sandbox.web_url}/projects/{task['project']}/tasks/{task['id']}/output/log"
    assert f"Enqueuing \"Cleanup Service\" ({task['id']}) to queue 'services': {page}" in local.output
    assert task["status"] == "queued"
    assert [entry["task"] for entry in sandbox.queues[queue]["entries"]] == [task["id"]]
    assert archive.gone == set()

    assert_ready(task, checkout)
    script = task["script"]
    assert (script["version_num"], script["entry_point"]) == (checkout.commit, "cleanup_service.py")
    assert (script["working_dir"], script["diff"]) == (".", "")
    for package in ("clearml==", "requests==", "tqdm==", "boto3==", "azure-storage-blob=="):
        assert f"\n{package}" in script["requirements"]["pip"]

    with agent(sandbox, home, "execute", "--id", task["id"], log=tmp_path / "agent.log") as worker:
        worker.until(lambda: archive.gone == archive.drafts)
        worker.until(lambda: has_cleaned(sandbox, task["id"]))
        assert sandbox.tasks[task["id"]]["status"] == "in_progress"
        WebUI(sandbox).abort(task["id"])
        worker.exit_code(within=60)
    assert "Stopped as asked, between two requests" in worker.output
    assert sandbox.tasks[task["id"]]["status"] == "stopped"
    assert archive.gone == archive.drafts
    kept = archive.done | archive.others
    assert (archive.files(archive.drafts), archive.files(kept)) == (0, 4 * len(kept))


def test_clones_of_the_template_run_as_edited_on_an_agent_that_watches_the_queue(
    sandbox: Sandbox, checkout: Checkout, home: Path, tmp_path: Path
) -> None:
    queue = sandbox.add_queue("services")
    archive = Archive(sandbox)
    ui = WebUI(sandbox)
    with service(sandbox, checkout.script, "--template", log=tmp_path / "local.log") as local:
        assert local.exit_code() == 0
    [template] = services(sandbox)
    assert template["id"] in local.output
    assert (template["status"], template["name"]) == ("created", "Cleanup Service")
    assert sandbox.store.projects.get(template["project"])["name"] == "DevOps"
    assert sandbox.queues[queue]["entries"] == []
    assert_ready(template, checkout)

    wrong = ui.clone(template["id"], delete_threshold_days="9O", force_delete="True", run_as_service="False")
    once = ui.clone(template["id"], delete_threshold_days="7", force_delete="true", run_as_service="no")
    always = ui.clone(template["id"], cleanup_period_in_days="0")
    for clone in (wrong, once, always):
        ui.enqueue(clone, queue)

    with agent(sandbox, home, "daemon", "--queue", "services", "--foreground", log=tmp_path / "agent.log") as worker:
        worker.until(lambda: sandbox.tasks[wrong]["status"] == "failed")
        assert archive.gone == set()
        message = "Wrong settings, nothing was deleted: delete_threshold_days = '9O'"

        worker.until(lambda: sandbox.tasks[once]["status"] == "completed")
        assert sandbox.tasks[wrong]["status"] == "failed"
        assert sandbox.tasks[wrong]["status_message"].startswith(message)
        assert archive.gone == archive.drafts | archive.done
        assert (archive.files(archive.gone), archive.files(archive.others)) == (0, 4 * len(archive.others))

        worker.until(lambda: has_cleaned(sandbox, always))
        ui.abort(always)
        worker.until(lambda: sandbox.tasks[always]["status"] == "stopped", within=90)
        again = Archive(sandbox, each=1)
        following = ui.clone(always)
        ui.enqueue(following, queue)
        worker.until(lambda: again.gone == again.drafts)
        assert sandbox.tasks[following]["hyperparams"]["General"]["cleanup_period_in_days"]["value"] == "0"

        worker.signal(signal.SIGTERM)
        worker.exit_code(within=60)
    assert sandbox.tasks[following]["status"] in ("stopped", "in_progress")
    assert sandbox.tasks[template["id"]]["status"] == "created"
