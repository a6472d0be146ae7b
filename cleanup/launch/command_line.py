"""The command line of cleanup_service.py: every setting is a flag, what it says goes into the General section."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from cleanup.settings import defaults, descriptions, readable


@dataclass(frozen=True)
class CommandLine:
    """What was asked for: the settings that were named, and what is no setting of the task."""

    settings: dict[str, object]
    json_output: bool = False
    template: bool = False


def parse(arguments: Sequence[str] | None = None) -> CommandLine:
    """Read ``arguments`` (those of the process if None).

    Values are not checked here: they are recorded under General as they are written, and refused from there, so that
    the task shows what was wrong. An unknown flag ends the process with exit code 2, before there is a task.
    """
    parser = argparse.ArgumentParser(
        prog="cleanup_service.py",
        description="Deletes archived ClearML tasks past their time, with every file they wrote, and nothing else.",
        epilog="Exit codes: 0 all done, 1 some tasks or files failed, 2 wrong settings, 3 no server or credentials.",
        allow_abbrev=False,
    )
    for name, default in defaults().items():
        flag = f"--{name.replace('_', '-')}"
        text = f"{descriptions()[name]} Default: {default if default != '' else '(empty)'}"
        if isinstance(default, bool):
            parser.add_argument(flag, dest=name, nargs="?", const="True", metavar="BOOL", help=text)
            parser.add_argument(flag.replace("--", "--no-", 1), dest=name, action="store_const", const="False")
        else:
            parser.add_argument(flag, dest=name, metavar=type(default).__name__.upper(), help=text)
    parser.add_argument(
        "--output", choices=("text", "json"), default="text", help="json: only the last cycle's result, on stdout"
    )
    parser.add_argument(
        "--template", action="store_true", help='leave a draft "Cleanup Service" to clone and enqueue; run nothing'
    )
    given = vars(parser.parse_args(arguments))
    settings = {name: given[name] for name in defaults() if given[name] is not None}
    return CommandLine(readable(settings), given["output"] == "json", given["template"])
