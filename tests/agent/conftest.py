"""The project on a remote, and a home for agents that keeps what pip has built, for all flows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.repository import Checkout, published


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return published(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="session")
def agents_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")
