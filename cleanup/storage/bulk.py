"""Bulk requests that fail: asked again while the storage is busy, taken apart when one path spoils them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cleanup.storage.base import Answer, failed

WAITS = (0.5, 1.0, 2.0)
"""Seconds between the tries of one request."""

HALVINGS = 40
"""How often one request may be halved: enough to single out two or three paths of a thousand."""


@dataclass(frozen=True, slots=True)
class Busy:
    """A path that the storage could not answer for at this moment."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A request that failed as a whole because of what it holds, or, if ``busy``, because of the moment."""

    reason: str
    busy: bool = False


Answers = Mapping[str, "Answer | Busy"]


def patiently(
    ask: Callable[[Sequence[str]], Answers | Rejected], paths: Sequence[str], sleep: Callable[[float], None]
) -> dict[str, Answer] | Rejected:
    """Ask for ``paths``, and again for those that met a busy storage, at most four times in all."""
    settled: dict[str, Answer] = {}
    left, reasons = list(paths), dict.fromkeys(paths, "")
    for wait in (0.0, *WAITS):
        if wait:
            sleep(wait)
        given = ask(left)
        if isinstance(given, Rejected):
            if not given.busy and not settled:
                return given
            reasons |= dict.fromkeys(left, given.reason)
            if not given.busy:
                break
            continue
        settled |= {path: answer for path, answer in given.items() if isinstance(answer, Answer)}
        reasons |= {path: answer.reason for path, answer in given.items() if isinstance(answer, Busy)}
        left = [path for path in left if path not in settled]
        if not left:
            break
    return settled | {path: failed(reasons[path] or "the storage's answer does not mention it") for path in left}


def apart(ask: Callable[[Sequence[str]], Mapping[str, Answer] | Rejected], paths: Sequence[str]) -> dict[str, Answer]:
    """Ask for ``paths``; halve what is rejected until the path that spoils it stands alone."""
    answers: dict[str, Answer] = {}
    waiting, halvings = [paths], HALVINGS
    while waiting:
        part = waiting.pop()
        given = ask(part)
        if not isinstance(given, Rejected):
            answers |= given
        elif len(part) == 1 or not halvings:
            answers |= dict.fromkeys(part, failed(given.reason))
        else:
            halvings -= 1
            middle = len(part) // 2
            waiting += [part[middle:], part[:middle]]
    return answers
