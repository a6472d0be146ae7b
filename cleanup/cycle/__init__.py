"""One cycle of the cleanup: :func:`run_once`, and the record of what it did."""

from cleanup.cycle.run import run_once

__all__ = ["run_once"]
