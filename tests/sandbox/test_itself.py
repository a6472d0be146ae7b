"""The sandbox as a program: who reaches it, what it leaves, `python -m cleanup.sandbox`."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys

import pytest
import requests

from cleanup.sandbox import Sandbox
from tests.sandbox.conftest import Client

COMMAND = [sys.executable, "-m", "cleanup.sandbox"]


def test_it_listens_on_loopback_to_its_own_credentials_alone_and_leaves_nothing(sandbox: Sandbox) -> None:
    with Sandbox() as made:
        others = str(Client(made).session.headers["Authorization"])
        made.put_file("a")
        with pytest.raises(OSError, match="in use"):
            Sandbox(files_port=int(made.files_url.rpartition(":")[2]))
        assert made.files() == {"a"}
    assert not made.files_root.parent.exists()
    with pytest.raises(requests.ConnectionError):
        requests.get(made.api_url, timeout=10)

    for url in (sandbox.api_url, sandbox.files_url):
        assert url.startswith("http://127.0.0.1:")
    for header in (others, "Bearer x.y.z", "Digest abc"):
        answer = requests.post(f"{sandbox.api_url}/debug.ping", headers={"Authorization": header}, timeout=10)
        assert answer.status_code == 401


@pytest.mark.parametrize("path", ["a/../../outside", "link/secret", "%2e%2e/outside"])
def test_the_file_server_cannot_be_climbed_out_of(sandbox: Sandbox, client: Client, path: str) -> None:
    outside, elsewhere = (sandbox.files_root.parent / name for name in ("outside", "elsewhere"))
    elsewhere.mkdir()
    for secret in (outside, elsewhere / "secret"):
        secret.write_bytes(b"secret")
    (sandbox.files_root / "link").symlink_to(elsewhere)
    prepared = client.session.prepare_request(requests.Request("GET", sandbox.files_url))
    for method in ("GET", "DELETE"):
        prepared.method, prepared.url = method, f"{sandbox.files_url}/{path}"
        assert client.session.send(prepared, timeout=10).status_code == 404
    assert client.file("POST", "delete_many", json={"files": [path]}).json()["deleted"] == {}
    client.file("POST", "", files={path: b"overwritten"})
    assert outside.read_bytes() == (elsewhere / "secret").read_bytes() == b"secret"

    # Inside, `a/..` is the whole root, as on the real server: a client must never send that.
    client.file("POST", "delete_many", json={"files": ["a/.."]})
    assert sandbox.files() == set()


def test_serve_says_how_to_reach_it_and_stops_on_a_signal() -> None:
    with subprocess.Popen([*COMMAND, "serve", "--empty"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said: dict[str, str] = {}
        while "no_proxy" not in said:
            said.update([shlex.split(process.stdout.readline().removeprefix("export "))[0].split("=", 1)])
        api, auth = said["CLEARML_API_HOST"], (said["CLEARML_API_ACCESS_KEY"], said["CLEARML_API_SECRET_KEY"])
        answers = [requests.get(f"{api}/{name}.get_all", auth=auth, timeout=10).json() for name in ("tasks", "queues")]
        assert answers[0]["data"]["tasks"] == []
        assert [queue["name"] for queue in answers[1]["data"]["queues"]] == ["default", "services"]
        second = [*COMMAND, "serve", "--port", api.rpartition(":")[2]]
        refused = subprocess.run(second, capture_output=True, text=True, check=False)
        assert refused.returncode == 1
        assert ("Address already in use" in refused.stderr, "Traceback" in refused.stderr) == (True, False)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


@pytest.mark.slow
def test_the_demo_sees_when_the_service_did_nothing() -> None:
    """Its check is its own: with a service that only says that all is well, it fails."""
    code = "from cleanup.sandbox import demo; demo.COMMAND = ('-c', 'print(\"all is well\")'); print(demo.run())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.endswith("1\n")
    assert "left, but each of them goes" in done.stderr
    assert "file left behind" in done.stderr
