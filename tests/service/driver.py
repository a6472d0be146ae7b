"""The script with short waits: `python -m tests.service.driver SECONDS ...` takes the arguments of cleanup_service.py.

`SECONDS` are what each step that the SDK takes may last; the machine may be slow, so only what hangs is given few.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import cleanup_service
from cleanup.launch import configuration, guard


def shorten(set_up: float) -> None:
    guard.LEAVING, guard.LAST_WORDS, guard.HEED, guard.HEED_SDK = 8.0, 4.0, 4.0, 1.0
    check, setting_up, patient = configuration.check, guard.Guard.setting_up, guard.SET_UP

    def next_step(self: guard.Guard, what: str, *, sdk: bool = True) -> None:
        guard.SET_UP = set_up if sdk else patient
        setting_up(self, what, sdk=sdk)

    def checked() -> None:
        check()
        # Only now: it imports the SDK, which must not read a wrong configuration before that was looked through.
        from cleanup import service
        from cleanup.launch import lifecycle

        network: Any = lifecycle.Network

        @dataclass
        class Short(network):
            attempts: int = 2
            backoff: float = 0.01
            connect_timeout: float = 2.0
            read_timeout: float = 2.0
            total: float = 4.0
            grace: float = 0.5

        service.SHORTEST_PERIOD = 0.0
        vars(lifecycle).update(Network=Short, FIRST_ATTEMPTS=2)

    vars(configuration)["check"] = checked
    guard.Guard.setting_up = next_step


if __name__ == "__main__":
    shorten(float(sys.argv[1]))
    sys.exit(cleanup_service.main(sys.argv[2:]))
