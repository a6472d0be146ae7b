"""What spans the server: who links to whose files, and which tasks others need as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cleanup.files import places
from cleanup.server import Claim, References, Server

OVERLAP = timedelta(minutes=2)
"""So far before the last reading the next one begins: a change is stamped a moment before it can be read."""


@dataclass
class Surroundings:
    """Read once a cycle, whole; after that only what changed since is read again.

    Of all references only those are kept that point into another task's folder.
    """

    server: Server
    links_wanted: bool
    claims: dict[str, dict[str, str]] = field(default_factory=dict)
    """By task the tasks that need it as a whole, each with the reason."""
    _links: dict[str, list[object]] = field(default_factory=dict)
    _linked: dict[str, set[str]] = field(default_factory=dict)
    _claimed: dict[str, frozenset[str]] = field(default_factory=dict)
    _read_at: datetime | None = None

    def read(self, now: datetime) -> None:
        """Read all, or what changed since the last time. ``now`` (aware) is the server's time.

        Raises:
            ServerError: it could not be read, so nobody can tell what must stay.
        """
        since = self._read_at - OVERLAP if self._read_at else None
        for claim in self.server.survey.claims(since):
            self._take_claim(claim)
        if self.links_wanted:
            for references in self.server.survey.references(since):
                self._take_references(references)
        self._read_at = now

    def links_to(self, tasks: Iterable[str]) -> list[tuple[object, str]]:
        """Return the addresses in the folders of ``tasks`` that other tasks refer to, each with the other's id."""
        linkers = {linker for task in tasks for linker in self._linked.get(task, ())}
        return [(address, linker) for linker in sorted(linkers) for address in self._links[linker]]

    def claims_on(self, tasks: Iterable[str]) -> Mapping[str, dict[str, str]]:
        """Return which of ``tasks`` others need as a whole: the others' ids, and the reasons."""
        return {task: self.claims[task] for task in tasks if task in self.claims}

    def _take_claim(self, claim: Claim) -> None:
        for task in self._claimed.pop(claim.id, frozenset()):
            self.claims[task].pop(claim.id, None)
        if claim.needed:
            self._claimed[claim.id] = claim.needed
        for task in claim.needed:
            self.claims.setdefault(task, {})[claim.id] = claim.why

    def _take_references(self, references: References) -> None:
        for address in self._links.pop(references.id, ()):
            for place in places(address):
                self._linked.get(place.task, set()).discard(references.id)
        for address in references.addresses:
            others = {place.task for place in places(address)} - {references.id}
            if others:
                self._links.setdefault(references.id, []).append(address)
            for other in others:
                self._linked.setdefault(other, set()).add(references.id)
