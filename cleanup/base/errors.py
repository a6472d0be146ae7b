"""The errors that the cleanup raises: one small hierarchy, each message made for people."""

from __future__ import annotations

from collections.abc import Sequence


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
