"""Random worlds: graphs of tasks, models and files, what others change meanwhile, faults, two services at once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from cleanup.sandbox import Fault
from tests.faults import service
from tests.faults.build import SPELLINGS, TITLES, Step
from tests.faults.moments import act_on
from tests.faults.rig import Rig
from tests.faults.runner import Attack
from tests.faults.street import Trial
from tests.faults.watch import Watch

SEEDS = 2000
STORAGES = ("files", "files", "s3", "disk")
OWN = ("as it is", "as it is", "as it is", "quoted less")
FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 500}, {"status": 503}, {"status": 400}, {"kind": "drop"}, {"kind": "truncated"}, {"kind": "malformed"},
    {"status": 500, "acted": True}, {"kind": "drop", "acted": True}, {"kind": "missing"},
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """A world, and what happens in it: ``changes`` by number of request, faults with a probability."""

    steps: tuple[Step, ...]
    batch: int = service.PLAIN
    force: bool = True
    services: int = 1
    rehearsed: bool = False
    archived_models: bool = False
    changes: tuple[tuple[int, str, str], ...] = ()
    faults: tuple[tuple[int, float], ...] = ()


def series(every: int) -> Iterator[Iterator[Attack]]:
    """Yield the worlds, each named by the number that it is drawn from."""
    yield (Attack(f"world {seed}.", partial(_world, seed)) for seed in range(SEEDS))


def _world(seed: int, rig: Rig) -> list[str]:
    plan = draw(random.Random(seed))
    broken = attempt(rig, plan)
    if not broken:
        return []
    if plan.faults or plan.services > 1 or "law" not in broken[0]:
        return [*broken, f"in {plan}"]
    smaller = shrunk(rig, plan, broken[0])
    return [*broken, f"smallest: {smaller}", *attempt(rig, smaller)]


def attempt(rig: Rig, plan: Plan) -> list[str]:
    """Build the world, run the service in it as planned, then a clean cycle; return the broken laws."""
    said = rig.said[-50:]
    rig.reset()
    rig.said.extend(said)
    trial = Trial(rig, plan.steps, force_delete=plan.force, archived_models=plan.archived_models)
    service.batches_of(plan.batch)
    broken = trial.rehearse() if plan.rehearsed else []
    if not plan.rehearsed:
        trial.built.spring()
    if plan.changes:
        # The name of what is changed says nothing of a world from which it was left out.
        acts = {n: (what, partial(act_on, trial.built, what, key, n)) for n, what, key in plan.changes}
        trial.watch = Watch(rig, acts)
    for number, probability in plan.faults:
        rig.sandbox.inject(Fault("*", times=None, probability=probability, **FAULTS[number]))
    rig.sandbox.reset_requests()
    with ThreadPoolExecutor(plan.services) as pool:
        results = list(pool.map(lambda _: trial.cycle(), range(plan.services)))
    clean = not plan.faults and plan.services == 1
    return broken + trial.judged(*results, clean=clean)


def shrunk(rig: Rig, plan: Plan, line: str) -> Plan:
    """Return the plan without what the law is broken without as well, as far as some tries lead."""
    law, tries = line[: line.index("law") + len("law 1")], 0
    for name in ("faults", "changes", "steps"):
        size = max(1, len(getattr(plan, name)) // 2)
        while size and tries < 120:
            start = 0
            while start < len(had := getattr(plan, name)):
                less = replace(plan, **{name: had[:start] + had[start + size :]})
                tries += 1
                if any(one.startswith(law) for one in attempt(rig, less)):
                    plan = less
                else:
                    start += size
            size //= 2
    return plan


def draw(chance: random.Random) -> Plan:
    """Return a random plan."""
    names = [f"t{number}" for number in range(chance.choice((2, 3, 4, 5, 6, 8, 12)))]
    steps = [step for name in names for step in _task(chance, name)]
    models = [step[1] for step in steps if step[0] == "model"]
    steps += [step for _ in range(chance.randint(0, 2 * len(names))) for step in _relation(chance, names, models)]
    steps += [("went", chance.choice(names)) for _ in range(chance.choice((0, 0, 0, 1, 2)))]
    steps += [("was_reset", chance.choice(names)) for _ in range(chance.choice((0, 0, 1)))]
    entries = [step[1] for step in steps if step[0] in {"model", "registers"}]
    steps += [step for name in entries if chance.random() < 0.3 for step in _shelved(chance, name)]
    plan = Plan(
        tuple(steps), archived_models=chance.random() < 0.6,
        batch=chance.choice((1, 2, 3, service.PLAIN)), force=chance.random() < 0.85,
        rehearsed=chance.random() < 0.2,
    )  # fmt: skip
    attack = chance.choice(("nothing", "nothing", "changes", "faults", "bad", "services"))
    if attack == "changes":
        plan = replace(plan, changes=tuple(_change(chance, names, models) for _ in range(chance.randint(1, 3))))
    elif attack == "faults":
        plan = replace(plan, faults=((chance.randrange(len(FAULTS)), chance.choice((0.03, 0.1, 0.3))),))
    elif attack == "bad":
        bad = [("bad", name, chance.choice(("files", "delete", "events"))) for name in names if chance.random() < 0.4]
        plan = replace(plan, steps=(*plan.steps, *bad))
    elif attack == "services":
        plan = replace(plan, services=2)
    return plan


def _task(chance: random.Random, name: str) -> Iterator[Step]:
    fields: dict[str, Any] = {"age_days": chance.choice((60.0, 31.0)) + chance.randint(0, 40) / 10}
    odd = chance.choice(("", "", "", "", "", "living", "young", "tagged", "draft", "running", "hidden", "published"))
    fields |= {
        "living": {"archived": False},
        "young": {"age_days": 1.0},
        "tagged": {"tags": ["keep"]},
        "draft": {"status": "created"},
        "running": {"status": "in_progress", "age_days": 0.0},
        "hidden": {"system_tags": ["hidden"]},
        "published": {"status": "published"},
    }.get(odd, {})
    yield "task", name, fields, chance.choice(STORAGES), chance.choice(("", "", *TITLES))
    for number in range(chance.choice((0, 1, 1, 2))):
        yield "artifact", name, f"a{number}"
    for number in range(chance.choice((0, 1, 1, 2))):
        yield "model", f"{name}m{number}", name, chance.random() < 0.15, chance.choice(OWN)
    if chance.random() < 0.3:
        yield "samples", name, chance.randint(1, 3)
    if chance.random() < 0.1:
        yield "plot", name
    if chance.random() < 0.3:
        yield "unnamed", name, "models/superseded.pt"
    if chance.random() < 0.1:
        yield "lost", f"{name}.a0"


def _relation(chance: random.Random, names: list[str], models: list[str]) -> Iterator[Step]:
    one, other = chance.choice(names), chance.choice(names)
    spelling = chance.choice(list(SPELLINGS))
    files = [*models, *(f"{name}.a0" for name in names), *(f"{name}.models/superseded.pt" for name in names)]
    kind = chance.choice(("uses", "uses", "uses", "registers", "links", "lists", "nested", "dataset", "pipeline"))
    if kind in {"uses", "lists"} and models:
        yield kind, one, chance.choice(models)
    elif kind == "registers":
        maker = chance.choice((one, one, ""))
        yield kind, f"again {chance.random():.9f}", maker, chance.choice(files), spelling, chance.random() < 0.2
    elif kind == "links":
        yield kind, one, chance.choice(files), spelling
    elif kind == "nested" and one != other:
        yield kind, one, other
    elif kind in {"dataset", "pipeline"} and one != other:
        if kind == "dataset":
            yield kind, other
        yield kind, one, other, chance.choice(names)


def _shelved(chance: random.Random, name: str) -> Iterator[Step]:
    odd: dict[str, Any] = chance.choice(({}, {}, {}, {"age_days": 1.0}, {"tags": ["keep"]}, {"company": ""}))
    yield "shelved", name, odd, chance.choice(("as it is", "as it is", "its folder", "the task's folder"))


def _change(chance: random.Random, names: list[str], models: list[str]) -> tuple[int, str, str]:
    what = chance.choice(
        ("un-archive", "tag", "reset", "re-enqueue", "delete", "publish", "restore", "a new entry", "a new user")
    )
    keys = models if what in {"publish", "restore", "a new user"} and models else names
    return chance.randint(2, 45), what, chance.choice(keys)
