"""One process of the harness: `python -m tests.faults.worker kind most part parts only`."""

from __future__ import annotations

import sys

from tests.faults.runner import work

if __name__ == "__main__":
    kind, most, part, parts, only = sys.argv[1:]
    work(kind, int(most), int(part), int(parts), only)
