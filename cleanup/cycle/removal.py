"""Deletes files, or in a dry run asks their storages whether they could, and counts what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cleanup.base.errors import Stopped
from cleanup.cycle.docket import Docket, File
from cleanup.storage import Answer, Location, Outcome, Storages


class Removal:
    """Deletes files of what stands in ``docket``."""

    def __init__(self, storages: Storages, docket: Docket, *, dry_run: bool) -> None:
        self._storages, self._docket, self._dry_run = storages, docket, dry_run
        self._reach: dict[str, str] = {}

    def delete(self, files: Sequence[File]) -> None:
        """Delete ``files`` and count them. Raises Stopped, with all counted that is known by then."""
        wanted = [location for file in files for location in file.locations]
        stopped: Stopped | None = None
        try:
            answers = self._pretend(wanted) if self._dry_run else self._storages.delete(wanted)
        except Stopped as error:
            stopped, answers = error, getattr(error, "answers", {})
        counted: set[Location] = set()
        for file in files:
            given = {location: answers[location] for location in file.locations if location in answers}
            if not given:
                continue
            joint = _joint([*given.values()])
            went = {location for location, answer in given.items() if answer.outcome is joint.outcome}
            # Two spellings, or two entries, may name one file, which goes once.
            if joint.outcome is not Outcome.FAILED and not counted.isdisjoint(went):
                self._docket.count_no_more(file)
            else:
                self._docket.count(file, joint, self._storages.name(file.locations[0].root))
            counted |= went
        if stopped:
            raise stopped

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


def _joint(answers: Sequence[Answer]) -> Answer:
    """Return what became of a file that was asked for under several names."""
    order = (Outcome.FAILED, Outcome.DELETED, Outcome.GONE)
    return min(answers, key=lambda answer: order.index(answer.outcome))
