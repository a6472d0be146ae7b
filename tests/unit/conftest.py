"""What the unit tests share: a server made of prepared answers, and a client of it that does not wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses

from cleanup.server import Network, Server
from tests.unit.api import ACCESS, HOST, SECRET, Api


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the SDK to the prepared API, whatever an earlier test left behind."""
    for name in ("CLEARML_WEB_HOST", "CLEARML_FILES_HOST", "CLEARML_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLEARML_API_HOST", HOST)
    monkeypatch.setenv("CLEARML_API_ACCESS_KEY", ACCESS)
    monkeypatch.setenv("CLEARML_API_SECRET_KEY", SECRET)


@pytest.fixture
def mock(keys: None) -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def api(mock: responses.RequestsMock) -> Api:
    return Api(mock)


@pytest.fixture
def old_api(mock: responses.RequestsMock) -> Callable[[str], Api]:
    """Make an API of an older version."""
    return lambda version: Api(mock, version)


@pytest.fixture
def connect() -> Callable[..., Server]:
    """Log in, with no pauses between attempts unless the test says otherwise."""

    def connect(**network: Any) -> Server:
        return Server(Network(**{"attempts": 3, "backoff": 0.0, **network}))

    return connect


@pytest.fixture
def server(api: Api, connect: Callable[..., Server]) -> Server:
    """Return a client that sends each request once."""
    return connect(attempts=1)
