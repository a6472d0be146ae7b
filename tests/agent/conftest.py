"""The project on a remote, for all flows."""

from __future__ import annotations

import pytest

from tests.agent.repository import Checkout, published


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return published(tmp_path_factory.mktemp("repository"))
