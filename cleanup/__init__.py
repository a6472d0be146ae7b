"""Deletes archived ClearML tasks past their time, with every file they wrote, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cleanup.cycle import run_once

__all__ = ["run_once"]


def __getattr__(name: str) -> Any:
    # The SDK takes a second to import; the sandbox and its server do without.
    if name == "run_once":
        from cleanup.cycle import run_once  # noqa: PLC0415

        return run_once
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
