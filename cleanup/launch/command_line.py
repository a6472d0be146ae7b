"""The command line of cleanup_service.py: every setting is a flag, what it says goes into the General section."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NoReturn

from cleanup.base.errors import CommandLineError
from cleanup.settings import defaults, descriptions


@dataclass(frozen=True)
class CommandLine:
    """What was asked for: the settings that were named, and what is no setting of the task."""

    settings: dict[str, object]
    template: bool = False


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CommandLineError(f"{message}; {self.prog} --help explains all flags")


def wants_json(arguments: Sequence[str]) -> bool:
    """True if ``arguments`` ask for JSON, which must be known even where they are wrong."""
    return "--output=json" in arguments or ("--output", "json") in pairwise(arguments)


def parse(arguments: Sequence[str]) -> CommandLine:
    """Read ``arguments``.

    Values are not checked here but where an agent's are as well: by ``Settings.parse``.

    Raises:
        CommandLineError: a flag that there is not.
    """
    parser = _Parser(
        prog="cleanup_service.py",
        description="Deletes archived ClearML tasks past their time, with every file they wrote, and nothing else.",
        epilog="Exit codes: 0 all done or stopped, 1 some tasks or files failed, 2 wrong settings or configuration, or "
        "code that an agent could not run, 3 no server or credentials, or the server is busy.",
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
    return CommandLine(settings, given["template"])
