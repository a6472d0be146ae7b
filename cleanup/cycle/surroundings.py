"""What spans the server: who links to whose files, and which tasks others need as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cleanup.base.begun import begun
from cleanup.files import tasks_of
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
    pool: Executor | None = None
    """Reads side by side."""
    claims: dict[str, list[Claim]] = field(default_factory=dict)
    """By task the claims of those that need it as a whole."""
    _links: dict[str, list[object]] = field(default_factory=dict)
    _linked: dict[str, set[str]] = field(default_factory=dict)
    _claimed: dict[str, frozenset[str]] = field(default_factory=dict)
    """What each claim needs, by its reason, which names who claims."""
    _read_at: datetime | None = None

    def read(self, now: datetime) -> None:
        """Read all, or what changed since the last time. ``now`` (aware) is the server's time.

        Raises:
            ServerError: it could not be read, so nobody can tell what must stay.
        """
        since = self._read_at - OVERLAP if self._read_at else None
        with begun(self.pool, lambda: [*self.server.survey.claims(since, self.pool)]) as claims:
            if self.links_wanted:
                for references in self.server.survey.references(since, self.pool):
                    self._take_references(references)
            for claim in claims():
                self._take_claim(claim)
        self._read_at = now

    def links_to(self, tasks: Iterable[str]) -> list[tuple[object, str]]:
        """Return the addresses in the folders of ``tasks`` that other tasks refer to, each with the other's id."""
        linkers = {linker for task in tasks for linker in self._linked.get(task, ())}
        return [(address, linker) for linker in sorted(linkers) for address in self._links[linker]]

    def claims_on(self, tasks: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
        """Return which of ``tasks`` others need as a whole: for each the others' ids, and the reasons."""
        found = {task: self.claims[task] for task in tasks if self.claims.get(task)}
        return {task: sorted((claim.id, claim.why) for claim in claims) for task, claims in found.items()}

    def _take_claim(self, claim: Claim) -> None:
        # A task can be a dataset version and a pipeline run at once: each says what it needs.
        for task in self._claimed.pop(claim.why, frozenset()):
            self.claims[task] = [other for other in self.claims[task] if other.why != claim.why]
        if claim.needed:
            self._claimed[claim.why] = claim.needed
        for task in claim.needed:
            self.claims.setdefault(task, []).append(claim)

    def _take_references(self, references: References) -> None:
        for address in self._links.pop(references.id, ()):
            for task in tasks_of(address):
                self._linked.get(task, set()).discard(references.id)
        for address in references.addresses:
            others = tasks_of(address) - {references.id}
            if others:
                self._links.setdefault(references.id, []).append(address)
            for other in others:
                self._linked.setdefault(other, set()).add(references.id)
