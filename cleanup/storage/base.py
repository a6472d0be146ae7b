"""What every storage is and answers: outcomes, answers, the protocol, and the storage that cannot be opened."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar

from cleanup.base.text import without_secrets

T = TypeVar("T")


class Outcome(str, Enum):
    """What became of one path."""

    DELETED = "deleted"
    GONE = "gone"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """A storage's answer for one path. ``error`` is empty unless ``outcome`` is FAILED.

    The error is the storage's own reason and, where that helps, what to configure or install: one line of bounded
    length, without secrets.
    """

    outcome: Outcome
    error: str = ""


DELETED = Answer(Outcome.DELETED)
GONE = Answer(Outcome.GONE)


def failed(reason: object, *secrets: str) -> Answer:
    """Return a FAILED answer for ``reason``: masked, on one line; none of ``secrets`` is left in it."""
    text = str(reason)
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return Answer(Outcome.FAILED, without_secrets(text) or "no reason given")


class StorageUnavailable(Exception):
    """A storage that cannot be opened; the message says what to install or which key of clearml.conf to set."""


class Storage(Protocol):
    """One place that files are deleted from: a bucket, a container, a file server, this machine's folders."""

    name: str
    """For people: ``s3://bucket``, ``https://files.example.com``, ``local files``. Never holds a secret."""

    def delete(self, paths: Sequence[str], keep: Collection[str] = ()) -> dict[str, Answer]:
        """Delete files, never folders, and answer for every path. Never raises.

        ``keep`` names files of this storage that must stay whatever ``paths`` asks for: a path that is the folder
        of one of them is not deleted as a whole.
        """
        ...

    def remove_folders(self, paths: Sequence[str]) -> dict[str, Answer]:
        """Remove emptied task folders, and answer for each. Never raises. Object stores have no folders: GONE."""
        ...

    def check(self) -> str:
        """Return "" if the storage can be reached with the credentials at hand, else why not. Changes nothing."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Unavailable:
    """A storage that could not be opened: it sends nothing, and every path fails with the reason."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self._answer = failed(reason)

    def delete(self, paths: Sequence[str], keep: Collection[str] = ()) -> dict[str, Answer]:  # noqa: ARG002
        """Answer FAILED with the reason for every path."""
        return dict.fromkeys(paths, self._answer)

    def remove_folders(self, paths: Sequence[str]) -> dict[str, Answer]:
        """Answer FAILED with the reason for every path."""
        return dict.fromkeys(paths, self._answer)

    def check(self) -> str:
        """Return the reason."""
        return self._answer.error

    def close(self) -> None:
        """Nothing is held open."""


def chunks(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    """Yield ``items`` in their order, at most ``size`` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
