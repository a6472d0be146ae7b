"""What a storage is: it says with which requests it deletes, and lists page by page; others send, repeat and wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from cleanup.storage.base import GONE, Answer, Listed


class Then(Enum):
    """What to do after a failure: ask again later, ask for halves, ask for each path, or ask for nothing more."""

    AGAIN = "again"
    HALVE = "halve"
    EACH = "each"
    GIVE_UP = "give up"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed as a whole (or one path of it, which can only be asked for AGAIN), and what may help."""

    reason: str
    then: Then = Then.AGAIN


def failure(reason: str, status: int | None) -> Failure:
    """Return what to do after a request that failed as a whole, by its HTTP status: None or 0 if there was no answer.

    One path may spoil a request (400, 413). Without a connection, or with wrong credentials, nothing else will do.
    """
    if status in {400, 413}:
        return Failure(reason, Then.HALVE)
    return Failure(reason, Then.GIVE_UP if status in {None, 0, 301, 401, 403, 404} else Then.AGAIN)


Reply = Mapping[str, Answer | Failure] | Failure


@dataclass(frozen=True, slots=True)
class Request:
    """Paths to delete at once. ``send`` blocks, and is called from several threads.

    ``due``: not to be sent before this time of the monotonic clock.
    """

    paths: Sequence[str]
    send: Callable[[Sequence[str]], Reply]
    tries: int = 1
    due: float = 0.0


class Storage(Protocol):
    """One place that files are deleted from: a bucket, a container, a file server, this machine's disks."""

    def deletions(self, paths: Sequence[str]) -> list[Request]:
        """Return the requests that delete these files, never a folder."""
        ...

    def removals(self, folders: Sequence[str]) -> list[Request]:
        """Return the requests that remove task folders with all that is in them, where nothing can be listed."""
        ...

    def pages(self, folder: str) -> Iterator[Sequence[Listed]]:
        """Yield the files below ``folder``, one request a page. Raises Unlistable."""
        ...

    def check(self) -> str:
        """Return "" if the storage can be reached with the credentials at hand, else why not. Changes nothing."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def no_removals(folders: Sequence[str]) -> list[Request]:
    """Answer GONE for every folder: what is in it can be listed, and deleted by name."""
    return [Request(folders, lambda paths: dict.fromkeys(paths, GONE))]
