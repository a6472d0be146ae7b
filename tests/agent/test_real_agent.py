"""The way of issue 4 with the real clearml-agent: the script enqueues or leaves a template, an agent runs it."""

from __future__ import annotations

import signal
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


def assert_ready(task: dict[str, Any], checkout: Checkout) -> None:
    """It has what an agent needs, and says what each setting means."""
    assert task["script"]["repository"] == checkout.remote
    assert task["container"]["image"] == "python:3.12-bookworm"
    said = {name: item["description"] for name, item in task["hyperparams"]["General"].items()}
    assert said == descriptions()


def test_an_agent_runs_what_the_script_enqueued_until_it_is_aborted_and_clones_of_the_template_as_edited(
    checkout: Checkout, tmp_path: Path
) -> None:
    with Sandbox() as sandbox:
        queue, ui = sandbox.add_queue("services"), WebUI(sandbox)
        archive = Archive(sandbox)
        with service(sandbox, checkout.script, log=tmp_path / "local.log") as local:
            assert local.exit_code() == 0
        [first] = services(sandbox)
        page = f"{sandbox.web_url}/projects/{first['project']}/tasks/{first['id']}/output/log"
        assert f"Enqueuing \"Cleanup Service\" ({first['id']}) to queue 'services': {page}" in local.output
        assert first["status"] == "queued"
        assert_ready(first, checkout)
        script = first["script"]
        assert (script["version_num"], script["entry_point"]) == (checkout.commit, "cleanup_service.py")
        assert (script["working_dir"], script["diff"]) == (".", "")
        for package in ("clearml==", "requests==", "tqdm==", "boto3==", "azure-storage-blob=="):
            assert f"\n{package}" in script["requirements"]["pip"]

        with service(sandbox, checkout.script, "--template", log=tmp_path / "local.log") as local:
            assert local.exit_code() == 0
        [_, template] = services(sandbox)
        assert template["id"] in local.output
        assert (template["status"], template["name"]) == ("created", "Cleanup Service")
        assert sandbox.store.projects.get(template["project"])["name"] == "DevOps"
        assert_ready(template, checkout)
        assert [entry["task"] for entry in sandbox.queues[queue]["entries"]] == [first["id"]]
        assert archive.gone == set()

        def status(task: str) -> str:
            return str(sandbox.tasks[task]["status"])

        def has_cleaned(task: str) -> bool:
            return "last_cycle" in sandbox.tasks[task]["hyperparams"].get("properties", {})

        command = ("daemon", "--queue", "services", "--foreground")
        with agent(sandbox, tmp_path, *command, log=tmp_path / "agent.log") as worker:
            worker.until(lambda: archive.gone == archive.drafts)
            worker.until(lambda: has_cleaned(first["id"]))
            assert status(first["id"]) == "in_progress"
            kept = archive.done | archive.others
            assert (archive.files(archive.drafts), archive.files(kept)) == (0, 4 * len(kept))
            ui.abort(first["id"])
            worker.until(lambda: status(first["id"]) == "stopped", within=90)

            wrong = ui.clone(template["id"], delete_threshold_days="9O", force_delete="True", run_as_service="False")
            ui.enqueue(wrong, queue)
            worker.until(lambda: status(wrong) == "failed")
            message = "Wrong settings, nothing was deleted: delete_threshold_days = '9O'"
            assert sandbox.tasks[wrong]["status_message"].startswith(message)
            assert archive.gone == archive.drafts

            once = ui.clone(template["id"], delete_threshold_days="7", force_delete="true", run_as_service="no")
            ui.enqueue(once, queue)
            worker.until(lambda: status(once) == "completed")
            assert archive.gone == archive.drafts | archive.done
            assert (archive.files(archive.gone), archive.files(archive.others)) == (0, 4 * len(archive.others))

            again = Archive(sandbox, each=1)
            following = ui.clone(first["id"], cleanup_period_in_days="0")
            ui.enqueue(following, queue)
            worker.until(lambda: again.gone == again.drafts)
            assert sandbox.tasks[following]["hyperparams"]["General"]["cleanup_period_in_days"]["value"] == "0"
            assert (status(wrong), status(template["id"])) == ("failed", "created")

            worker.signal(signal.SIGTERM)
            worker.exit_code(within=60)
        assert status(following) in ("stopped", "in_progress")
