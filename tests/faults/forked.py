"""Cycles in processes that can be killed: one that has imported everything forks another for each cycle.

`python -m tests.faults.forked` reads commands: "fork" answers the new process's id, "go" lets it run its cycle and
answers how it ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
from types import TracebackType
from typing import Any


class Forker:
    """The caller's side. The environment of this process must point to the sandbox already."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forked"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def __enter__(self) -> Forker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def fork(self) -> int:
        """Return the id of a process that waits for :meth:`go`."""
        return int(self._ask("fork"))

    def go(self) -> int:
        """Let the process run its cycle; return how it ended, as ``os.waitstatus_to_exitcode`` says it."""
        return int(self._ask("go"))

    def _ask(self, command: str) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(command, file=self._process.stdin, flush=True)
        return self._process.stdout.readline()


def serve(cycle: Any) -> None:
    """Answer commands until they end."""
    while sys.stdin.readline():
        gate, opener = os.pipe()
        child = os.fork()
        if not child:
            os.read(gate, 1)
            cycle()
            os._exit(0)
        os.close(gate)
        print(child, flush=True)
        sys.stdin.readline()
        os.write(opener, b"!")
        os.close(opener)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    from tests.faults.rig import prepare, run_cycle

    prepare()
    serve(lambda: run_cycle({}))
