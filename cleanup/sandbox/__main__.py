"""The command line: a demo of the cleanup, or a sandbox that stays up."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence

from cleanup.sandbox import demo
from cleanup.sandbox.sandbox import Sandbox
from cleanup.sandbox.world import build

QUEUES = ("default", "services")


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="python -m cleanup.sandbox",
        description="A disposable ClearML server on this machine. Without a command: a demo of the cleanup.",
    )
    commands = root.add_subparsers(dest="command")
    serve_parser = commands.add_parser("serve", help="stay up until SIGINT or SIGTERM")
    serve_parser.add_argument("--port", type=int, default=0, help="of the API; a free one if not given")
    serve_parser.add_argument("--files-port", type=int, default=0, help="of the file server; a free one if not given")
    serve_parser.add_argument("--empty", action="store_true", help="without the tasks of the demo")
    return root


def serve(port: int, files_port: int, empty: bool) -> int:
    stopping = (signal.SIGINT, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)
    try:
        sandbox = Sandbox(port=port, files_port=files_port)
    except OSError as error:
        print(f"cannot listen on these ports: {error}", file=sys.stderr)
        return 1
    with sandbox:
        if not empty:
            build(sandbox)
        for name in QUEUES:
            sandbox.add_queue(name)
        for name, value in sandbox.environment().items():
            print(f"export {name}={shlex.quote(value)}")
        sys.stdout.flush()
        signal.sigwait(stopping)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    if given.command == "serve":
        return serve(given.port, given.files_port, given.empty)
    return demo.run()


if __name__ == "__main__":
    sys.exit(main())
