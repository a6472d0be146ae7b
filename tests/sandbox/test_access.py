"""Who reaches the sandbox, and how far; the recorded scenarios say the rest."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import requests

from cleanup.sandbox import Sandbox
from tests.sandbox.conftest import Client


def test_it_listens_on_loopback_only_and_knows_its_own_credentials_alone(sandbox: Sandbox) -> None:
    assert {urlsplit(url).hostname for url in (sandbox.api_url, sandbox.files_url)} == {"127.0.0.1"}
    with Sandbox() as other:
        others = str(Client(other).session.headers["Authorization"])
    for header in ("", others, "Basic d3Jvbmc6d3Jvbmc=", "Bearer x.y.z", "Digest abc"):
        for call in ("tasks.delete_many", "debug.ping", "no.such_call"):
            url, headers = f"{sandbox.api_url}/v2.23/{call}", {"Authorization": header}
            assert requests.post(url, json={}, headers=headers, timeout=10).status_code == 401


def test_an_expired_token_is_refused_and_a_new_one_is_given() -> None:
    with Sandbox(token_seconds=-1) as sandbox:
        client = Client(sandbox)
        assert client.codes("tasks.get_all") == (401, 30)
        sandbox._authority.token_seconds = 60
        client.log_in()
        assert client.codes("tasks.get_all") == (200, 0)


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


def test_delete_many_takes_dots_for_what_they_mean(sandbox: Sandbox, client: Client) -> None:
    """The real server deletes the whole root for `a/..`: a client must never send that."""
    sandbox.put_file("a/b")
    client.file("POST", "delete_many", json={"files": ["a/.."]})
    assert sandbox.files() == set()
    assert sandbox.put_file("again").endswith("/again")


def test_nothing_is_left_after_the_sandbox() -> None:
    with Sandbox() as made:
        made.put_file("a")
        with pytest.raises(OSError, match="in use"):
            Sandbox(files_port=int(made.files_url.rpartition(":")[2]))
        assert made.files() == {"a"}
    assert not made.files_root.parent.exists()
    with pytest.raises(requests.ConnectionError):
        requests.get(made.api_url, timeout=10)
