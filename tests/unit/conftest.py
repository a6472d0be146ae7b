"""What the unit tests share: a server made of prepared answers, and a client of it that does not wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import responses

from cleanup.server import Server
from tests.unit.api import ACCESS, HOST, SECRET, Api


@pytest.fixture
def mock(monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    """No request leaves the process, and the SDK is pointed to the prepared API, whatever an earlier test left."""
    for name in ("CLEARML_WEB_HOST", "CLEARML_FILES_HOST", "CLEARML_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("HOST", HOST), ("ACCESS_KEY", ACCESS), ("SECRET_KEY", SECRET)):
        monkeypatch.setenv(f"CLEARML_API_{name}", value)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def api(mock: responses.RequestsMock) -> Api:
    return Api(mock)


@pytest.fixture
def server(api: Api) -> Server:
    """A client that sends each request once."""
    return api.connect(attempts=1)
