"""What goes in and out at this room's door, and what a storage is: it says how to delete and lists; others repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from cleanup.base.chunks import chunks
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


class Unavailable(Exception):
    """A storage that cannot be opened; the message says what to install or which key of clearml.conf to set."""


class Unlistable(Exception):
    """A storage that does not list what lies in a folder; the message is its reason, without secrets."""


class DeletionStopped(Stopped):
    """A stop that came while files were being deleted. ``answers``: what is known of those asked for so far."""

    def __init__(self, answers: Mapping[Location, Answer]) -> None:
        self.answers = dict(answers)
        super().__init__("Stopped while files were being deleted")


class Then(Enum):
    """What to do after a failure: ask again later, ask for halves, ask for each path, or ask for nothing more."""

    AGAIN = "again"
    HALVE = "halve"
    EACH = "each"
    GIVE_UP = "give up"


class Failure(Exception):
    """Why a request failed as a whole, if raised, and what may help.

    Among the answers it stands for one path, which is asked for AGAIN.
    """

    def __init__(self, reason: str, then: Then = Then.AGAIN) -> None:
        self.reason, self.then = reason, then
        super().__init__(reason)


Answers = Mapping[str, "Answer | Failure"]


@dataclass(frozen=True, slots=True)
class Request:
    """Paths to delete at once. ``send`` blocks, is called from several threads, and may raise anything.

    ``due``: not to be sent before this time of the monotonic clock.
    """

    paths: Sequence[str]
    send: Callable[[Sequence[str]], Answers]
    tries: int = 1
    due: float = 0.0


class Storage:
    """One place that files are deleted from: a bucket, a container, a file server, this machine's disks.

    All but ``close`` may raise anything; ``failure`` says what it means.
    """

    most = 1000
    """Paths in one request."""

    secrets: tuple[str, ...] = ()
    """What must not be left in any error."""

    def parts(self, paths: Sequence[str]) -> Iterable[list[str]]:
        """Cut ``paths`` into what one request takes."""
        return chunks(paths, self.most)

    def deletions(self, paths: Sequence[str]) -> list[Request]:
        """Return the requests that delete these files, never a folder."""
        return [Request(part, self.delete) for part in self.parts(paths)]

    def removals(self, folders: Sequence[str]) -> list[Request]:
        """Return the requests that remove these folders, all named like a task's."""
        return [Request(part, self.remove) for part in self.parts(folders)]

    def delete(self, paths: Sequence[str]) -> Answers:
        """Delete files that are named exactly so, in one request."""
        raise NotImplementedError

    def remove(self, folders: Sequence[str]) -> Answers:
        """Remove task folders with all that is in them. GONE where that can be listed, and deleted by name."""
        return dict.fromkeys(folders, GONE)

    def pages(self, folder: str) -> Iterator[Sequence[Listed]]:
        """Yield the files below ``folder``, one request a page."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise why the storage cannot be reached with the credentials at hand. Changes nothing."""

    def close(self) -> None:
        """Let go of connections."""

    def failure(self, error: Exception) -> Failure:
        """Return why a request failed, without secrets, and what may help.

        One path may spoil a request (400, 413). Without a connection, or with wrong credentials, nothing else will do.
        """
        if isinstance(error, Failure):
            reason, then = error.reason, error.then
        else:
            reason, status = self.reason(error)
            then = Then.GIVE_UP if status in {0, 301, 401, 403, 404} else Then.AGAIN
            then = Then.HALVE if status in {400, 413} else then
        return Failure(failed(reason, *self.secrets).error, then)

    def reason(self, error: Exception) -> tuple[str, int | None]:
        """Return the storage's reason in ``error`` and its HTTP status: 0 without an answer, None if not about HTTP."""
        return f"{type(error).__name__}: {error}", None
