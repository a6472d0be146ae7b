"""The sandbox answers as the real server did, in every recorded step."""

from __future__ import annotations

import pytest

from cleanup.sandbox import Sandbox
from tests.contract.replay import Player, differences, scenarios


@pytest.mark.parametrize("name", scenarios())
def test_the_sandbox_agrees_with_the_real_server(name: str) -> None:
    steps = scenarios()[name]
    with Sandbox() as sandbox:
        player = Player(sandbox.api_url, sandbox.files_url, sandbox.access_key, sandbox.secret_key)
        assert differences(player, steps) == []


def test_all_305_recorded_steps_are_played() -> None:
    assert sum(len(steps) for steps in scenarios().values()) == 305
