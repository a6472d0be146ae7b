"""`python -m cleanup.sandbox`: the demo, and a sandbox that stays up."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys

import pytest
import requests

COMMAND = [sys.executable, "-m", "cleanup.sandbox"]


def exports(line: str) -> tuple[str, str]:
    word, assignment = shlex.split(line)
    assert word == "export"
    name, _, value = assignment.partition("=")
    return name, value


@pytest.mark.parametrize("stopped_by", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("empty", [True, False])
def test_serve_says_how_to_reach_it_and_stops_on_a_signal(stopped_by: signal.Signals, empty: bool) -> None:
    command = [*COMMAND, "serve", *(["--empty"] if empty else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = {}
        for line in process.stdout:
            name, value = exports(line)
            said[name] = value
            if name == "no_proxy":
                break
        auth = (said["CLEARML_API_ACCESS_KEY"], said["CLEARML_API_SECRET_KEY"])
        answer = requests.get(f"{said['CLEARML_API_HOST']}/tasks.get_all", auth=auth, timeout=10).json()
        assert (answer["data"]["tasks"] == []) is empty
        queues = requests.get(f"{said['CLEARML_API_HOST']}/queues.get_all", auth=auth, timeout=10).json()
        assert [queue["name"] for queue in queues["data"]["queues"]] == ["default", "services"]
        process.send_signal(stopped_by)
        assert process.wait(10) == 0


def test_a_port_in_use_is_said() -> None:
    with subprocess.Popen([*COMMAND, "serve", "--empty"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        _, url = exports(process.stdout.readline())
        port = url.rpartition(":")[2]
        command = [*COMMAND, "serve", "--port", port]
        second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        process.terminate()
    assert second.returncode == 1
    assert "Address already in use" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.slow
def test_the_demo_cleans_its_world_and_finds_nothing_else_touched() -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing else was touched" in done.stdout


@pytest.mark.slow
def test_the_demo_sees_when_the_service_did_nothing() -> None:
    """Its check is its own: with a service that only says that all is well, it fails."""
    code = (
        "import sys; from cleanup.sandbox import demo; "
        "demo.COMMAND = ('-c', 'print(\"all is well\")'); sys.exit(demo.run())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "left, but each of them goes" in done.stderr
    assert "file left behind" in done.stderr
    assert "all is well" in done.stdout
