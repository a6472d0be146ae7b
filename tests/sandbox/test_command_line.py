"""`python -m cleanup.sandbox`: the demo, and a sandbox that stays up."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys

import pytest
import requests

COMMAND = [sys.executable, "-m", "cleanup.sandbox"]


@pytest.mark.parametrize(("stopped_by", "empty"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_serve_says_how_to_reach_it_and_stops_on_a_signal(stopped_by: signal.Signals, empty: bool) -> None:
    command = [*COMMAND, "serve", *(["--empty"] if empty else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said: dict[str, str] = {}
        while "no_proxy" not in said:
            word, assignment = shlex.split(process.stdout.readline())
            assert word == "export"
            said.update([assignment.split("=", 1)])
        api, auth = said["CLEARML_API_HOST"], (said["CLEARML_API_ACCESS_KEY"], said["CLEARML_API_SECRET_KEY"])
        tasks, queues = (
            requests.get(f"{api}/{service}.get_all", auth=auth, timeout=10).json()["data"][service]
            for service in ("tasks", "queues")
        )
        assert (tasks == []) is empty
        assert [queue["name"] for queue in queues] == ["default", "services"]
        port = api.rpartition(":")[2]
        second = subprocess.run([*COMMAND, "serve", "--port", port], capture_output=True, text=True, check=False)
        assert (second.returncode, "Address already in use" in second.stderr) == (1, True)
        assert "Traceback" not in second.stderr
        process.send_signal(stopped_by)
        assert process.wait(10) == 0


@pytest.mark.slow
def test_the_demo_cleans_its_world_and_finds_nothing_else_touched() -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing else was touched" in done.stdout


@pytest.mark.slow
def test_the_demo_sees_when_the_service_did_nothing() -> None:
    """Its check is its own: with a service that only says that all is well, it fails."""
    code = "from cleanup.sandbox import demo; demo.COMMAND = ('-c', 'print(\"all is well\")'); print(demo.run())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.endswith("1\n")
    assert "left, but each of them goes" in done.stderr
    assert "file left behind" in done.stderr
