"""One cycle of the cleanup: :func:`run_once`, and the record of what it did."""

from cleanup.cycle.approved import open_plan
from cleanup.cycle.result import CycleResult
from cleanup.cycle.run import run_once

__all__ = ["CycleResult", "open_plan", "run_once"]
