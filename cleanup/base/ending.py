"""How a run of the service ends, for those who start it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ending:
    """How a run ends: the exit code (0, 1, 2 or 3), and unless that is 0, in one line why.

    ``said``: the report has told it already, on the console and as JSON. ``failed``: the status of the task is to be
    "failed"; a dry run that found a storage out of reach has done its work all the same.
    """

    code: int = 0
    message: str = ""
    said: bool = False
    failed: bool = True
