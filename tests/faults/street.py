"""A small world with every kind of task and file, and the trial of an attack: a cycle in it, then a clean one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from cleanup.cycle.result import CycleResult
from tests.faults.build import ODD, Builder, Step
from tests.faults.judge import Case, broken_laws, kept_its_word
from tests.faults.rig import Rig
from tests.faults.watch import Watch
from tests.faults.world import Rules, utc_now

_CHANGING = re.compile(r"\..*(delete|edit|update|archive|add|create|reset|stop|enqueue|publish|post|put)")


def task(
    name: str, days: float = 60.0, more: str = "", storage: str = "files", title: str = "", **fields: Any
) -> Iterator[Step]:
    """Yield a task and what it wrote: ``more`` has an ``a`` for an artifact, ``m`` a model, ``s`` samples, ``u``
    a file that nothing names any more."""
    yield "task", name, {"age_days": days, **fields}, storage, title
    yield from (("artifact", name, "data") for letter in more if letter == "a")
    yield from (("model", f"{name}'s", name, fields.get("status") == "published") for letter in more if letter == "m")
    yield from (("samples", name, 2) for letter in more if letter == "s")
    yield from (("unnamed", name, "models/superseded.pt") for letter in more if letter == "u")


STREET: tuple[Step, ...] = (
    # What must not be touched.
    *task("living", 60, "ams", archived=False),
    *task("young", 1, "a"),
    *task("tagged", 60, "a", tags=["keep"]),
    *task("public", 60, "a", public=True),
    *task("running", 0, "a", status="in_progress"),
    # What goes whole.
    *task("draft", 58, "a", status="created"),
    *task("full", 57, "amsu", title=ODD),
    ("plot", "full"),
    *task("empty", 56, status="failed"),
    *task("dead run", 55, "s", status="in_progress"),
    *task("linking", 54, "a", status="stopped"),
    ("links", "linking", "living.data"),
    ("artifact", "linking", "lost"),
    ("lost", "linking.lost"),
    *task("reset", 53, "a"),
    ("was_reset", "reset"),
    *task("on s3", 45, "amsu", "s3"),
    *task("on disk", 44, "amu", "disk"),
    # What others use: a ring over three storages, a link, and a model that outlived its maker.
    *task("published", 52, "am", status="published"),
    *task("maker", 51, "m"),
    ("uses", "living", "maker's"),
    *task("ring 1", 50, "m"),
    *task("ring 2", 49, "m", "s3"),
    *task("ring 3", 48, "m", "disk"),
    ("uses", "ring 2", "ring 1's"),
    ("uses", "ring 3", "ring 2's"),
    ("uses", "ring 1", "ring 3's"),
    *task("linked", 47, "a"),
    ("artifact", "linked", "other"),
    ("links", "living", "linked.data", "localhost"),
    *task("ancestor", 70, "m"),
    *task("heir", 46),
    ("uses", "heir", "ancestor's"),
    ("went", "ancestor"),
    # Entries in the archive: one goes with its file, one without, since another names it; one stays, being in use; one
    # goes after the task that uses it; one is too young; one names an artifact of the task, which stays.
    *task("keeper", 60, "a", archived=False),
    *(("model", f"shelved {name}", "keeper") for name in ("alone", "named", "in use", "used by full", "young")),
    ("registers", "another name", "", "shelved named", "localhost"),
    ("uses", "living", "shelved in use"),
    ("uses", "full", "shelved used by full"),
    *(("shelved", f"shelved {name}") for name in ("alone", "named", "in use", "used by full")),
    ("shelved", "shelved young", {"age_days": 1.0}),
    ("registers", "shelved for nobody", "", "keeper.data"),
    ("shelved", "shelved for nobody"),
)


class Trial:
    """Builds a world, and judges what became of it. ``settings``: of its cycles, as far as the judge knows them."""

    def __init__(self, rig: Rig, steps: Iterable[Step] = STREET, **settings: Any) -> None:
        self.rig, self.settings, self.watch = rig, settings, Watch()
        self.built = Builder(rig, steps)
        self.before, self.rules = rig.snapshot(), Rules(utc_now(), **settings)
        self.rehearsal: CycleResult | None = None

    def cycle(self, also: dict[str, Any] | None = None, **more: Any) -> CycleResult | None:
        """Run a cycle; ``also``: settings that the judge does not know."""
        return self.rig.cycle({**self.settings, **(also or {})}, **more)

    def rehearse(self, **more: Any) -> list[str]:
        """Make a dry run, of which the cycle after it must not differ; then what is bad begins to fail."""
        self.rig.sandbox.reset_requests()
        self.rehearsal = self.cycle({"dry_run": True}, **more)
        broken = ["law 6: a dry run changed something"] if self.rig.snapshot() != self.before else []
        broken += [
            f"law 6: a dry run asked for {name}" for name in self.rig.sandbox.requests if _CHANGING.search(name.lower())
        ]
        self.built.spring()
        return broken

    def broken(self, *results: CycleResult | None, clean: bool = False) -> list[str]:
        """Return the laws that these cycles broke; ``case`` holds what they are judged by."""
        self.rig.sandbox.on_request = None
        stuck = frozenset(self.built.stuck)
        self.case = Case(self.before, self.rig.snapshot(), self.rules, results, self.watch, clean, stuck)
        broken = broken_laws(self.case)
        if self.rehearsal and clean and not self.built.traps and not self.watch.log:
            broken += kept_its_word(self.rehearsal, results[0])
        return broken

    def judged(self, *results: CycleResult | None, clean: bool = False) -> list[str]:
        """Return the laws that these cycles broke, and what one without faults breaks then or leaves unfinished."""
        broken = self.broken(*results, clean=clean)
        self.rig.calm()
        result = self.cycle()
        after = Case(self.case.after, self.rig.snapshot(), Rules(utc_now(), **self.settings), [result], clean=True)
        last = broken_laws(after) if result else [f"law 5: it could not begin: {self.rig.said[-1][:300]}"]
        return broken + [f"then clean: {line}" for line in last]
