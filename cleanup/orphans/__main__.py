"""The command line: find the files whose tasks are gone and write a manifest, or delete what a manifest lists."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from cleanup.base.errors import Ending
from cleanup.launch import configuration
from cleanup.launch.guard import Guard, json_on_stdout


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line. Ends the process with 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m cleanup.orphans",
        description="Writes down the files of tasks that are gone; with --delete, deletes those still as they were.",
        epilog="Exit codes: 0 all done or stopped, 1 some failed, 2 wrong or refused, 3 no server or credentials.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("storages", nargs="*", metavar="STORAGE", help="s3://bucket/prefix, gs://, azure://, or a folder")
    add("--output", type=Path, default=Path("orphans.jsonl.gz"), metavar="MANIFEST", help="default: %(default)s")
    add("--delete", type=Path, metavar="MANIFEST", help="delete what it lists, after asking all of it again")
    text = "leave out folders with a younger file; default: %(default)s"
    add("--older-than-days", type=float, default=7.0, metavar="DAYS", help=text)
    text = "go on where a storage looks like another server's, or the server hides tasks"
    add("--shared-with-no-other-server", action="store_true", help=text)
    add("--json", action="store_true", help="the result as JSON on stdout; all else goes to stderr")
    given = parser.parse_args(arguments)
    if bool(given.storages) == bool(given.delete):
        parser.error("name a STORAGE to look through, or a manifest to --delete")
    if not 0 <= given.older_than_days < math.inf:
        parser.error(f"--older-than-days {given.older_than_days}: allowed is a number, 0 or more")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; return the exit code."""
    given = parse(arguments)
    with json_on_stdout(given.json) as json_to:
        guard = Guard(json_to, "")

        def script() -> Ending:
            # The SDK reads its configuration when it is imported: what is wrong with that is for the guard to say.
            configuration.check()
            from cleanup.orphans.run import run  # noqa: PLC0415

            return run(guard, given)

        return guard.watch(script)


if __name__ == "__main__":
    sys.exit(main())
