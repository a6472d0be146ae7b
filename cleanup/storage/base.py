"""What goes in and out at this room's door: locations, what is listed, and what became of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from cleanup.base.errors import Stopped
from cleanup.base.text import without_secrets


@dataclass(frozen=True, slots=True)
class Location:
    """Where a file lies: in which storage, and its exact name there, with nothing left to decode.

    Local paths begin with "/".
    """

    root: str
    path: str

    def folder_of(self, task: str) -> Location | None:
        """Return the folder strictly above this file whose name ends in ``.<task>``, or None if there is none."""
        parts = self.path.split("/")
        for depth, part in enumerate(parts[:-1], 1):
            if part.endswith(f".{task}"):
                return Location(self.root, "/".join(parts[:depth]))
        return None


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that a storage lists: its size in bytes and the time of its last change (aware), None if not known."""

    location: Location
    size: int | None = None
    modified: datetime | None = None


class Outcome(str, Enum):
    """What became of one path. GONE: it was not there."""

    DELETED = "deleted"
    GONE = "gone"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """A storage's answer for one path.

    ``error`` is empty unless FAILED: then the storage's own reason and, where that helps, what to configure or
    install, on one line of bounded length, without secrets.
    """

    outcome: Outcome
    error: str = ""


DELETED = Answer(Outcome.DELETED)
GONE = Answer(Outcome.GONE)


def failed(reason: object, *secrets: str) -> Answer:
    """Return a FAILED answer for ``reason``: masked, on one line; none of ``secrets`` is left in it."""
    text = str(reason)
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return Answer(Outcome.FAILED, without_secrets(text) or "no reason given")


class StorageUnavailable(Exception):
    """A storage that cannot be opened; the message says what to install or which key of clearml.conf to set."""


class Unlistable(Exception):
    """A storage that does not list what lies in a folder; the message is its reason, without secrets."""


class DeletionStopped(Stopped):
    """A stop that came while files were being deleted. ``answers``: what is known of those asked for so far."""

    def __init__(self, answers: Mapping[Location, Answer]) -> None:
        self.answers = dict(answers)
        super().__init__("Stopped while files were being deleted")
