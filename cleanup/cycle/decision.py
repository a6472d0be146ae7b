"""What becomes of the files of a batch, and of tasks that must stay: decided over what the last look showed."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Iterator
from dataclasses import dataclass, field

from cleanup.base.text import one_line
from cleanup.cycle.docket import File, shown
from cleanup.cycle.plan_file import Plan
from cleanup.cycle.result import KeptFile
from cleanup.cycle.search import Found, located
from cleanup.files import (
    LINKED,
    Holders,
    Kind,
    Place,
    View,
    Without,
    holders,
    is_this_servers,
    lent,
    outlived_models,
    own_place,
    places,
    reason_task_stays,
    tasks_of,
)
from cleanup.storage import BadAddress, Location, Storages


@dataclass(frozen=True)
class Refused:
    """A file of ``task`` that should go, and that no storage can be asked for."""

    task: str
    address: str
    error: str


@dataclass
class Decision:
    """``going``: the files that go; ``lent``: those of them to which another condemned task refers.

    ``stays``: tasks that must stay, each with the reason. ``kept`` and ``refused``: files that do not go.
    """

    going: list[File] = field(default_factory=list)
    lent: list[File] = field(default_factory=list)
    kept: list[KeptFile] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    stays: dict[str, str] = field(default_factory=dict)
    held: Holders = field(default_factory=Holders)


@dataclass
class Judge:
    """Decides about the files in ``storages``. With ``ignore_file_errors`` refused files keep no task.

    With an ``approved`` plan a task that has a file beside those that the plan has for it stays with all of them.
    """

    storages: Storages
    ignore_file_errors: bool
    is_handled: Callable[[Hashable], bool]
    approved: Plan | None = None

    def decide(self, view: View, found: Iterable[Found], condemned: Container[str], behind: Container[str]) -> Decision:
        """Return what becomes of ``found`` and of all files that the tasks' records name.

        A task that must stay holds from then on what it holds, so all is decided again without it.
        """
        spared: set[str] = set()
        stays: dict[str, str] = {}
        refused: list[Refused] = []
        found = list(found)
        while True:
            left = Without(condemned, spared)
            decision = self._decide(view, found, left, behind)
            decision.stays |= {
                task: why for task in view.rows if task in left if (why := reason_task_stays(task, view, left))
            }
            decision.stays |= self._unplanned(decision)
            # One that fails holds its own files from then on: they are not refused again, and it fails all the same.
            refused += [one for one in decision.refused if one not in refused]
            failing = set() if self.ignore_file_errors else {one.task for one in refused}
            if not (decision.stays.keys() | failing) - spared:
                decision.stays, decision.refused = stays, refused
                return decision
            stays |= decision.stays
            spared |= decision.stays.keys() | failing

    def _unplanned(self, decision: Decision) -> dict[str, str]:
        """Return the tasks with a file that would go and is not in the plan, each with the file."""
        if self.approved is None:
            return {}
        unknown = (
            file for file in (*decision.going, *decision.lent) if not self.approved.knows(file.task, file.locations)
        )
        return {file.task: f"the plan does not have its file {file.address}" for file in unknown}

    def _decide(
        self, view: View, found: Iterable[Found], condemned: Container[str], behind: Container[str]
    ) -> Decision:
        decision = Decision(held=holders(view, condemned))
        borrowed = lent(view, condemned)
        seen: set[Location] = set()
        going: set[Place] = set()
        refused: list[tuple[Refused, frozenset[Place]]] = []
        for item in [*_recorded(view, condemned, behind), *found]:
            if item.task not in view.rows or item.address in (None, ""):
                continue
            if item.by_other and self._is_listed(item.address):
                continue
            verdict = self.verdict(item, view, decision.held)
            if isinstance(verdict, KeptFile):
                decision.kept.append(verdict)
                continue
            if isinstance(verdict, Refused):
                if not item.by_other:
                    refused.append((verdict, places(item.address)))
                continue
            going.update(verdict.places)
            if not seen.issuperset(verdict.locations) and not self.is_handled(verdict.locations):
                seen.update(verdict.locations)
                is_lent = any(map(borrowed.of, verdict.places))
                (decision.lent if is_lent else decision.going).append(verdict)
        # A file that also goes by a name that its storage knows needs no other.
        decision.refused = [one for one, named in refused if not named or not named <= going]
        return decision

    def _is_listed(self, address: object) -> bool:
        """True if what lies at ``address`` is found in its folder, whoever names it."""
        return any(self.storages.can_list(at.root) for at in located(self.storages, address)[:1])

    def verdict(self, item: Found, view: View, held: Holders) -> File | KeptFile | Refused:
        """Return what becomes of one file, by law 4."""
        writer, address = item.writer or item.task, shown(item.address)
        try:
            locations = item.locations or self.storages.locate(item.address)
        except BadAddress as error:
            named = [place for place in places(item.address) if place.task == writer]
            kept = _first_held(item.task, address, named, held)
            if kept or item.writer or not named:
                return kept or KeptFile(item.task, address, LINKED)
            return Refused(item.task, address, f"no address of a file that was uploaded: {one_line(error, 120)}")
        own = tuple(at for at in locations if own_place(at.path, writer, view))
        if not own:
            return KeptFile(item.task, address, LINKED)
        # A folder inside another task's folder lies in both.
        named = [place for at in own for place in places(at.path)]
        kept = _first_held(item.task, address, named, held)
        if kept:
            return kept
        unusable = next(filter(None, map(self.storages.unusable, dict.fromkeys(at.root for at in own))), "")
        if unusable:
            gone = KeptFile(item.task, address, LINKED)
            return gone if item.writer else Refused(item.task, address, unusable)
        return File(item.task, item.kind, address, own, tuple(named), item.size)


def _first_held(task: str, address: str, named: Iterable[Place], held: Holders) -> KeptFile | None:
    holder = next(filter(None, map(held.of, named)), None)
    return KeptFile(task, address, holder.why, holder.id) if holder else None


def _recorded(view: View, condemned: Container[str], behind: Container[str]) -> Iterator[Found]:
    """Yield the files that the server's records name: artifacts, images of reports, models.

    What lies in the folder of a task that is gone outlived it because others used it, and goes with the last of them.
    What only another task's record names goes with the task in whose folder it lies.
    """
    for task in view.rows.values():
        for artifact in task.artifacts:
            writer = _gone_writer(artifact.uri, view)
            yield Found(task.id, Kind.ARTIFACT, artifact.uri, (), artifact.size, writer)
        for image in task.report_assets:
            yield Found(task.id, Kind.REPORT_IMAGE, image)
    for model in view.models.values():
        if model.task in view.rows:
            yield Found(model.task, Kind.MODEL, model.uri, writer=_gone_writer(model.uri, view))
        yield from _named_by_others(Kind.MODEL, model.uri, model.task, view)
    for address, linker in view.links:
        yield from _named_by_others(Kind.ARTIFACT, address, linker, view)
    for user, models in outlived_models(view, condemned, behind).items():
        for model in models:
            writers = tasks_of(model.uri)
            for writer in writers & view.rows.keys():
                yield Found(writer, Kind.MODEL, model.uri)
            if _are_gone(writers, view):
                yield Found(user, Kind.MODEL, model.uri, writer=min(writers))


def _named_by_others(kind: Kind, address: object, other: str, view: View) -> Iterator[Found]:
    writers = tasks_of(address)
    # The folder that a task uploads to is among its links, and no file.
    for writer in writers & view.rows.keys() if other not in writers else ():
        place = own_place(str(address), writer, view)
        if place and place.rest:
            yield Found(writer, kind, address, by_other=True)


def _gone_writer(address: object, view: View) -> str:
    """Return the task of this server that wrote the file at ``address`` and is gone, an empty text if there is none."""
    writers = tasks_of(address)
    return min(writers) if _are_gone(writers, view) and is_this_servers(address) else ""


def _are_gone(writers: set[str], view: View) -> bool:
    return bool(writers) and writers.isdisjoint(view.existing | view.rows.keys())
