"""The sandbox answers as the real server did, in every recorded step."""

from __future__ import annotations

from cleanup.sandbox import Sandbox
from tests.contract.replay import Player, differences, scenarios


def test_the_sandbox_agrees_with_the_real_server_in_all_305_recorded_steps() -> None:
    assert sum(map(len, scenarios().values())) == 305
    for name, steps in scenarios().items():
        with Sandbox() as sandbox:
            player = Player(sandbox.api_url, sandbox.files_url, sandbox.access_key, sandbox.secret_key)
            assert (name, differences(player, steps)) == (name, [])
