"""Processes that can be killed: one that has imported everything forks another for each run.

`python -m tests.faults.forked` reads what the new process is to do, `cycle` or the arguments of the script as JSON, and
answers its id; after another line lets it begin, and answers how it ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "cleanup_service.py"


class Forker:
    """The caller's side. The environment of this process must point to the sandbox already."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.faults.forked"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def fork(self, *script: str) -> int:
        """Return the id of a process that waits for :meth:`go` with a cycle, or a run of the script."""
        return int(self._ask(json.dumps(script)))

    def go(self) -> int:
        """Let the process run; return how it ended, as ``os.waitstatus_to_exitcode`` says it."""
        return int(self._ask("go"))

    def _ask(self, command: str) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(command, file=self._process.stdin, flush=True)
        return self._process.stdout.readline()


def serve() -> None:
    """Answer commands until they end."""
    for line in iter(sys.stdin.readline, ""):
        gate, opener = os.pipe()
        child = os.fork()
        if not child:
            os.read(gate, 1)
            _run(json.loads(line))
        os.close(gate)
        print(child, flush=True)
        sys.stdin.readline()
        os.write(opener, b"!")
        os.close(opener)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(script: list[str]) -> None:
    """Do the work and end the process."""
    from tests.faults import service

    code = 0
    # Its output would be taken for an answer.
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        if script:
            sys.argv = [str(SCRIPT), *script]
            try:
                runpy.run_path(str(SCRIPT), run_name="__main__")
            except SystemExit as left:
                code = int(left.code or 0)
        else:
            service.run_cycle({})
    if script:
        sys.exit(code)
    os._exit(code)


if __name__ == "__main__":
    from tests.faults.service import prepare

    prepare()
    serve()
