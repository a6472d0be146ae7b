"""The errors that the cleanup raises, each message made for people, and how a run ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class CleanupError(Exception):
    """Base of all errors of this package. The message says what, where and what to do."""

    exit_code = 1


class SettingsError(CleanupError):
    """Settings that must not run: ``problems`` names each parameter, its value and what is allowed."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("Wrong settings, nothing was deleted: " + "; ".join(self.problems))


class CommandLineError(CleanupError):
    """A command line that cannot be read."""

    exit_code = 2


class ConfigurationError(CleanupError):
    """The SDK's configuration cannot be used: the message names the key, where it stands, and what is allowed."""

    exit_code = 2


class ServerError(CleanupError):
    """A call that the ClearML server answered with an error: ``code`` and ``subcode`` are the server's."""

    def __init__(self, message: str, code: int = 0, subcode: int = 0) -> None:
        self.code, self.subcode = code, subcode
        super().__init__(message)


class ServerUnreachable(ServerError):
    """No usable answer from the ClearML server, after every retry: it is away, or too busy."""

    exit_code = 3


class CredentialsError(ServerError):
    """The server refuses the credentials, or there are none."""

    exit_code = 3


class Stopped(CleanupError):
    """A stop was asked for (a signal, or an abort in the UI) while waiting or between two requests."""


@dataclass(frozen=True)
class Ending:
    """How a run ends: the exit code (0, 1, 2 or 3), and unless that is 0, in one line why.

    ``said``: the report has told it already, on the console and as JSON. ``failed``: the status of the task is to be
    "failed"; a dry run that found a storage out of reach has done its work all the same.
    """

    code: int = 0
    message: str = ""
    said: bool = False
    failed: bool = True
