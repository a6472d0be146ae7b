"""A sandbox, and a client that speaks to it without the SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from cleanup.sandbox import Sandbox


class Client:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.session = sandbox, requests.Session()
        self.session.trust_env = False
        login = f"{sandbox.api_url}/auth.login"
        answer = self.session.post(login, auth=(sandbox.access_key, sandbox.secret_key), timeout=10)
        self.session.headers["Authorization"] = f"Bearer {answer.json()['data']['token']}"

    def ask(self, endpoint: str, **body: Any) -> requests.Response:
        url = f"{self.sandbox.api_url}/v2.23/{endpoint}"
        return self.session.post(url, json=body, timeout=10, allow_redirects=False)

    def call(self, endpoint: str, **body: Any) -> dict[str, Any]:
        answer = self.ask(endpoint, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def codes(self, endpoint: str, **body: Any) -> tuple[int, int]:
        """The result code and subcode of a call."""
        meta = self.ask(endpoint, **body).json()["meta"]
        return meta["result_code"], meta["result_subcode"]

    def ids(self, **body: Any) -> list[str]:
        return [task["id"] for task in self.call("tasks.get_all", **body)["tasks"]]

    def file(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, f"{self.sandbox.files_url}/{path}", timeout=10, **more)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox)
