"""Deletes files, or in a dry run asks their storages whether they could, and counts what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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

    def _ask(self, files: Iterable[File], answers: dict[Location, Answer]) -> None:
        """Ask for each file under its likeliest name, and under the next one where there is none of that name."""
        number = 0
        while files := [file for file in files if number < len(file.locations) and not _joint(file, answers)]:
            wanted = [at for file in files if (at := file.locations[number]) not in answers]
            try:
                answers |= self._pretend(wanted) if self._dry_run else self._storages.delete(wanted)
            except DeletionStopped as error:
                answers |= error.answers
                raise
            number += 1

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


def _joint(file: File, answers: Mapping[Location, Answer]) -> Answer | None:
    """Return what became of a file, None as long as it may be there under a name that was not asked for."""
    given = [answers[at] for at in file.locations if at in answers]
    found = [answer for answer in given if answer.outcome is not Outcome.GONE]
    if found:
        return found[0]
    return given[0] if len(given) == len(file.locations) else None
