"""Who reaches the sandbox, and how far."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlsplit

import pytest
import requests

from cleanup.sandbox import Sandbox
from tests.sandbox.conftest import Client

CALLS = ("tasks.get_all", "tasks.delete_many", "projects.get_all", "workers.get_all", "debug.ping", "no.such_call")


def test_it_listens_on_loopback_only(sandbox: Sandbox) -> None:
    assert {urlsplit(url).hostname for url in (sandbox.api_url, sandbox.files_url)} == {"127.0.0.1"}


def test_credentials_are_made_for_each_run() -> None:
    with Sandbox() as one, Sandbox() as other:
        assert one.access_key != other.access_key
        assert one.secret_key != other.secret_key
        token = Client(one).session.headers["Authorization"]
        answer = requests.get(f"{other.api_url}/debug.ping", headers={"Authorization": token}, timeout=10)
        assert answer.status_code == 401


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("header", [None, "Basic d3Jvbmc6d3Jvbmc=", "Bearer x.y.z", "Bearer ", "Digest abc"])
def test_every_call_checks_credentials(sandbox: Sandbox, call: str, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    answer = requests.post(f"{sandbox.api_url}/v2.23/{call}", json={}, headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["meta"]["result_code"]) == (401, 401)


@pytest.mark.parametrize(("method", "path"), [("GET", "a"), ("DELETE", "a"), ("POST", "delete_many"), ("POST", "")])
@pytest.mark.parametrize("with_credentials", [False, True])
def test_the_file_server_takes_a_session_token_and_nothing_else(
    sandbox: Sandbox, method: str, path: str, with_credentials: bool
) -> None:
    sandbox.put_file("a", b"a")
    auth = (sandbox.access_key, sandbox.secret_key) if with_credentials else None
    url = f"{sandbox.files_url}/{path}"
    answer = requests.request(method, url, json={"files": ["a"]}, auth=auth, timeout=10)
    assert answer.status_code == 401
    assert sandbox.files() == {"a"}


def test_a_token_carries_the_claims_that_the_sdk_reads(client: Client) -> None:
    token = str(client.session.headers["Authorization"]).removeprefix("Bearer ")
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["api_version"] == "2.31"
    assert claims["feature_set"] == "basic"
    assert set(claims["identity"]) == {"user", "company", "role", "user_name", "company_name"}


def test_an_expired_token_is_refused_and_a_new_one_is_given() -> None:
    with Sandbox(token_seconds=-1) as sandbox:
        client = Client(sandbox)
        assert client.codes("tasks.get_all") == (401, 30)
        sandbox._authority.token_seconds = 60
        client.log_in()
        assert client.codes("tasks.get_all") == (200, 0)


@pytest.mark.parametrize("path", ["../outside", "..%2Foutside", "a/../../outside", "link/secret", "%2e%2e/outside"])
def test_the_file_server_cannot_be_climbed_out_of(sandbox: Sandbox, client: Client, path: str) -> None:
    outside = sandbox.files_root.parent / "outside"
    outside.write_bytes(b"secret")
    elsewhere = sandbox.files_root.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret").write_bytes(b"secret")
    (sandbox.files_root / "link").symlink_to(elsewhere)
    prepared = client.session.prepare_request(requests.Request("GET", sandbox.files_url))
    for method in ("GET", "DELETE"):
        prepared.method, prepared.url = method, f"{sandbox.files_url}/{path}"
        assert client.session.send(prepared, timeout=10).status_code == 404
    answer = client.file("POST", "delete_many", json={"files": [path]})
    assert answer.json()["deleted"] == {}
    client.file("POST", "", files={path: b"overwritten"})
    assert outside.read_bytes() == b"secret"
    assert (elsewhere / "secret").read_bytes() == b"secret"


def test_delete_many_takes_a_folder_and_dots_for_what_they_mean(sandbox: Sandbox, client: Client) -> None:
    """The real server deletes the whole root for `a/..`: a client must never send that."""
    sandbox.put_file("a/b/c")
    sandbox.put_file("d")
    assert client.file("POST", "delete_many", json={"files": ["a/b"]}).json()["deleted"] == {"a/b": "a/b"}
    assert sandbox.files() == {"d"}
    client.file("POST", "delete_many", json={"files": ["a/.."]})
    assert sandbox.files() == set()
    assert sandbox.put_file("again").endswith("/again")


def test_delete_many_can_be_switched_off() -> None:
    with Sandbox(delete_many_enabled=False) as sandbox:
        sandbox.put_file("a")
        assert Client(sandbox).file("POST", "delete_many", json={"files": ["a"]}).status_code == 404
        assert sandbox.files() == {"a"}


def test_nothing_is_left_after_the_sandbox(sandbox: Sandbox) -> None:
    with Sandbox() as made:
        made.put_file("a")
        folder = made.files_root.parent
    assert not folder.exists()
    with pytest.raises(requests.ConnectionError):
        requests.get(made.api_url, timeout=10)


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing(sandbox: Sandbox) -> None:
    port = int(sandbox.files_url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        Sandbox(files_port=port)
    assert sandbox.put_file("still there") == f"{sandbox.files_url}/still%20there"
