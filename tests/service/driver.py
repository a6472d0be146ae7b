"""The script with short waits: `python -m tests.service.driver ...` takes the arguments of cleanup_service.py."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import cleanup_service
from cleanup.launch import guard

SET_UP = 6.0


def shorten() -> None:
    guard.SET_UP, guard.LEAVING, guard.LAST_WORDS, guard.HEED, guard.HEED_SDK = SET_UP, 6.0, 3.0, 3.0, 1.0
    check = guard.configuration.check

    def checked() -> None:
        check()
        # Only now: importing it imports the SDK, which must not read a wrong configuration before it is looked through.
        from cleanup.launch import lifecycle

        network: Any = lifecycle.Network

        @dataclass
        class Short(network):  # type: ignore[misc]
            attempts: int = 2
            backoff: float = 0.01
            connect_timeout: float = 1.0
            read_timeout: float = 2.0
            total: float = 4.0
            grace: float = 0.5

        lifecycle.Network = Short  # type: ignore[misc]

    guard.configuration.check = checked


if __name__ == "__main__":
    shorten()
    sys.exit(cleanup_service.main())
