"""Deletes files, or in a dry run asks their storages whether they could, and counts what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote

from cleanup.base.errors import Stopped
from cleanup.cycle.docket import Docket, File
from cleanup.storage import Answer, DeletionStopped, Location, Outcome, Storages


class Removal:
    """Deletes files of what stands in ``docket``."""

    def __init__(self, storages: Storages, docket: Docket, *, dry_run: bool) -> None:
        self._storages, self._docket, self._dry_run = storages, docket, dry_run
        self._reach: dict[str, str] = {}

    def delete(self, files: Sequence[File]) -> None:
        """Delete ``files`` and count them. Raises Stopped, with all counted that is known by then."""
        stopped: Stopped | None = None
        answers: dict[Location, Answer] = {}
        try:
            self._ask(files, answers)
        except Stopped as error:
            stopped = error
        counted: set[Location] = set()
        for file in files:
            joint = _joint(file, answers)
            if joint is None:
                continue
            went = {at for at in file.locations if at in answers and answers[at].outcome is joint.outcome}
            # Two spellings, or two entries, may name one file, which goes once.
            if joint.outcome is not Outcome.FAILED and not counted.isdisjoint(went):
                self._docket.count_no_more(file)
            else:
                self._docket.count(file, joint, self._storages.name(file.locations[0].root))
            counted |= went
        if stopped:
            raise stopped

    def _ask(self, files: Sequence[File], answers: dict[Location, Answer]) -> None:
        """Ask for each file under its likeliest name, and under the others as far as those can be files, too."""
        for number in range(max((len(file.locations) for file in files), default=0)):
            names = [at for file in files for at in file.locations[number : number + 1] if _is_open(at, file, answers)]
            try:
                if names:
                    answers |= self._pretend(names) if self._dry_run else self._storages.delete(names)
            except DeletionStopped as error:
                answers |= error.answers
                raise

    def _pretend(self, locations: Iterable[Location]) -> dict[Location, Answer]:
        locations = list(locations)
        new = {location.root for location in locations} - self._reach.keys()
        self._reach |= self._storages.check(sorted(new))
        for root, why in self._reach.items():
            if why:
                self._docket.result.unreachable[self._storages.name(root)] = why
        return {
            location: Answer(Outcome.FAILED, why) if (why := self._reach[location.root]) else Answer(Outcome.DELETED)
            for location in locations
        }


def _is_open(name: Location, file: File, answers: Mapping[Location, Answer]) -> bool:
    """True if ``name`` was not asked for and is no other quoting of a name under which there was a file.

    With a query or a fragment it is one more file, and not one more spelling.
    """
    there = (at for at in file.locations if at in answers and answers[at].outcome is not Outcome.GONE)
    return name not in answers and all(unquote(name.path) != unquote(at.path) for at in there)


def _joint(file: File, answers: Mapping[Location, Answer]) -> Answer | None:
    """Return what became of a file, None as long as it may be there under a name that was not asked for."""
    order = (Outcome.FAILED, Outcome.DELETED, Outcome.GONE)
    given = sorted((answers[at] for at in file.locations if at in answers), key=lambda one: order.index(one.outcome))
    if given and (given[0].outcome is not Outcome.GONE or len(given) == len(file.locations)):
        return given[0]
    return None
