"""The command line: find the files whose tasks are gone and write a manifest, or delete what a manifest lists."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from cleanup.base.ending import Ending
from cleanup.launch import configuration
from cleanup.launch.guard import Guard


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line. Ends the process with 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m cleanup.orphans",
        description="Finds the files of tasks that are gone, and writes them into a manifest. A second run deletes "
        "those that are still as they were: --delete MANIFEST.",
        epilog="Exit codes: 0 all done or stopped, 1 some files failed, 2 wrong command line, or refused as unsafe, 3 "
        "no server or credentials.",
        allow_abbrev=False,
    )
    text = "s3://bucket/prefix, gs://bucket, azure://account.blob.core.windows.net/container, or a folder"
    parser.add_argument("storages", nargs="*", metavar="STORAGE", help=text)
    parser.add_argument("--output", type=Path, default=Path("orphans.jsonl.gz"), help="the manifest to write")
    parser.add_argument("--delete", type=Path, metavar="MANIFEST", help="delete what it lists, all asked again")
    text = "leave out folders with a file that is younger. Default: 7"
    parser.add_argument("--older-than-days", type=float, default=7.0, metavar="DAYS", help=text)
    text = "go on although the storage looks like another server's, or the server does not tell of all its tasks"
    parser.add_argument("--shared-with-no-other-server", action="store_true", help=text)
    parser.add_argument("--json", action="store_true", help="print the result as JSON; all else goes to stderr")
    given = parser.parse_args(arguments)
    if bool(given.storages) == bool(given.delete):
        parser.error("name a STORAGE to look through, or a manifest to --delete")
    if not 0 <= given.older_than_days < math.inf:
        parser.error(f"--older-than-days {given.older_than_days}: allowed is a number, 0 or more")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; return the exit code."""
    given = parse(arguments)
    real = sys.stdout
    with contextlib.redirect_stdout(sys.stderr if given.json else real):
        guard = Guard(real if given.json else None, "")

        def script() -> Ending:
            # The SDK reads its configuration when it is imported: what is wrong with that is for the guard to say.
            configuration.check()
            from cleanup.orphans.run import run  # noqa: PLC0415

            return run(guard, given)

        return guard.watch(script)


if __name__ == "__main__":
    sys.exit(main())
