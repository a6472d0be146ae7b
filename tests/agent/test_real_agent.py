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
from tests.agent.world import WebUI, filled, general, services

pytestmark = pytest.mark.slow


def described(task: dict[str, Any]) -> dict[str, str]:
    return {name: item["description"] for name, item in task["hyperparams"]["General"].items()}


def test_what_the_script_enqueues_runs_in_an_agents_own_environment_until_it_is_aborted(
    checkout: Checkout, agents_home: Path, tmp_path: Path
) -> None:
    with Sandbox() as sandbox:
        queue = sandbox.add_queue("services")
        archive = filled(sandbox)
        with service(sandbox, checkout.script, log=tmp_path / "local.log") as local:
            assert local.exit_code() == 0
        [task] = services(sandbox)
        page = f"{sandbox.web_url}/projects/{task['project']}/tasks/{task['id']}/output/log"
        assert f"Enqueuing \"Cleanup Service\" ({task['id']}) to queue 'services': {page}" in local.output
        assert task["status"] == "queued"
        assert [entry["task"] for entry in sandbox.queues[queue]["entries"]] == [task["id"]]
        assert archive.gone == set()

        script = task["script"]
        assert (script["repository"], script["version_num"]) == (checkout.remote, checkout.commit)
        assert (script["entry_point"], script["working_dir"], script["diff"]) == ("cleanup_service.py", ".", "")
        for package in ("clearml==", "requests==", "tqdm==", "boto3==", "azure-storage-blob=="):
            assert f"\n{package}" in script["requirements"]["pip"]
        assert task["container"]["image"] == "python:3.12-bookworm"
        assert described(task) == descriptions()

        with agent(sandbox, agents_home, "execute", "--id", task["id"], log=tmp_path / "agent.log") as worker:
            worker.until(lambda: archive.gone == archive.drafts)
            worker.until(lambda: "last_cycle" in sandbox.tasks[task["id"]]["hyperparams"].get("properties", {}))
            assert sandbox.tasks[task["id"]]["status"] == "in_progress"
            WebUI(sandbox).abort(task["id"])
            worker.exit_code(within=60)
        assert "Stopped as asked, between two requests" in worker.output
        assert sandbox.tasks[task["id"]]["status"] == "stopped"
        assert archive.gone == archive.drafts
        kept = archive.done | archive.others
        assert (archive.files(archive.drafts), archive.files(kept)) == (0, 4 * len(kept))


def test_clones_of_the_template_run_as_edited_on_an_agent_that_watches_the_queue(
    checkout: Checkout, agents_home: Path, tmp_path: Path
) -> None:
    with Sandbox() as sandbox:
        queue = sandbox.add_queue("services")
        archive = filled(sandbox)
        ui = WebUI(sandbox)
        with service(sandbox, checkout.script, "--template", log=tmp_path / "local.log") as local:
            assert local.exit_code() == 0
        [template] = services(sandbox)
        assert template["id"] in local.output
        assert (template["status"], template["name"]) == ("created", "Cleanup Service")
        assert sandbox.store.projects.get(template["project"])["name"] == "DevOps"
        assert sandbox.queues[queue]["entries"] == []
        assert template["script"]["repository"] == checkout.remote
        assert template["container"]["image"] == "python:3.12-bookworm"
        assert described(template) == descriptions()

        wrong = ui.clone(template["id"], delete_threshold_days="9O", force_delete="True", run_as_service="False")
        once = ui.clone(template["id"], delete_threshold_days="7", force_delete="true", run_as_service="no")
        always = ui.clone(template["id"], cleanup_period_in_days="0")
        for clone in (wrong, once, always):
            ui.enqueue(clone, queue)

        command = ("daemon", "--queue", "services", "--foreground")
        with agent(sandbox, agents_home, *command, log=tmp_path / "agent.log") as worker:
            worker.until(lambda: sandbox.tasks[wrong]["status"] == "failed")
            assert archive.gone == set()
            message = "Wrong settings, nothing was deleted: delete_threshold_days = '9O'"

            worker.until(lambda: sandbox.tasks[once]["status"] == "completed")
            assert sandbox.tasks[wrong]["status"] == "failed"
            assert sandbox.tasks[wrong]["status_message"].startswith(message)
            assert archive.gone == archive.drafts | archive.done
            assert (archive.files(archive.gone), archive.files(archive.others)) == (0, 4 * len(archive.others))

            worker.until(lambda: "last_cycle" in sandbox.tasks[always]["hyperparams"].get("properties", {}))
            ui.abort(always)
            worker.until(lambda: sandbox.tasks[always]["status"] == "stopped", within=90)
            again = filled(sandbox, each=1)
            following = ui.clone(always)
            ui.enqueue(following, queue)
            worker.until(lambda: again.gone == again.drafts)
            assert general(sandbox.tasks[following])["cleanup_period_in_days"] == "0"

            worker.signal(signal.SIGTERM)
            worker.exit_code(within=60)
        assert sandbox.tasks[following]["status"] in ("stopped", "in_progress")
        assert sandbox.tasks[template["id"]]["status"] == "created"
