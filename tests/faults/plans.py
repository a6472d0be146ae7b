"""Random worlds: what hypothesis draws, and how it is built on the rig."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.faults.rig import Rig

STATUSES = ("created", "queued", "in_progress", "stopped", "published", "publishing", "closed", "failed", "completed")
NAMES = ("plain", "a b+c", "100% ü", "q?x#y", "dots...", "quote'\"s", "-dash", "__$any")
PROJECTS = ("team", "team/vision", "other & co", "p.0123456789abcdef0123456789abcdef")
STORAGES = ("files", "s3", "disk")


@dataclass(frozen=True)
class TaskPlan:
    """One task. The numbers of other tasks are taken modulo the size of the world."""

    status: str
    archived: bool
    days: float
    name: str
    project: str
    storage: str
    tags: tuple[str, ...] = ()
    public: bool = False
    hidden: bool = False
    artifacts: int = 0
    samples: int = 0
    plot: bool = False
    models: tuple[bool, ...] = ()
    """For each model whether it is published."""
    uses: tuple[int, ...] = ()
    registers: tuple[int, ...] = ()
    links: tuple[int, ...] = ()
    lists: tuple[int, ...] = ()


@dataclass(frozen=True)
class Meddle:
    """Something that another user does when the given request arrives."""

    request: int
    action: str
    task: int


@dataclass(frozen=True)
class Plan:
    """A world, what happens in it while the cycle runs, and what goes wrong."""

    tasks: tuple[TaskPlan, ...]
    force: bool = True
    meddling: tuple[Meddle, ...] = ()
    faults: tuple[tuple[str, float], ...] = ()
    services: int = 1


@dataclass
class Built:
    """The ids of a plan's tasks, in their order, and of the models that each made."""

    tasks: list[str] = field(default_factory=list)
    models: list[list[str]] = field(default_factory=list)


_MANY = st.integers(0, 9)
_FEW = st.lists(_MANY, max_size=2).map(tuple)
_OFTEN = st.sampled_from((True, True, True, False))

TASKS = st.builds(
    TaskPlan,
    status=st.sampled_from(STATUSES),
    archived=_OFTEN,
    days=st.sampled_from((60.0, 60.0, 31.0, 29.0, 0.0)),
    name=st.sampled_from(NAMES),
    project=st.sampled_from(PROJECTS),
    storage=st.sampled_from(STORAGES),
    tags=st.sampled_from(((), (), (), ("keep",))),
    public=st.sampled_from((False, False, False, False, True)),
    hidden=st.booleans(),
    artifacts=st.integers(0, 2),
    samples=st.integers(0, 3),
    plot=st.booleans(),
    models=st.lists(st.sampled_from((False, False, True)), max_size=2).map(tuple),
    uses=_FEW,
    registers=_FEW,
    links=_FEW,
    lists=st.sampled_from(((), (), (), (1,), (2,))),
)
MEDDLING = st.builds(
    Meddle,
    request=st.integers(2, 40),
    action=st.sampled_from(("unarchive", "rerun", "remove", "archive")),
    task=_MANY,
)
KINDS = ("500", "503", "400", "drop", "truncated", "malformed", "missing", "acted 500", "acted drop")
FAULTS = st.tuples(st.sampled_from(KINDS), st.sampled_from((0.03, 0.1, 0.3)))
PLANS = st.builds(
    Plan,
    tasks=st.lists(TASKS, min_size=2, max_size=10).map(tuple),
    force=_OFTEN,
    meddling=st.lists(MEDDLING, max_size=3).map(tuple) | st.just(()),
    faults=st.lists(FAULTS, max_size=2).map(tuple) | st.just(()),
    services=st.sampled_from((1, 1, 1, 2)),
)


def build(rig: Rig, plan: Plan) -> Built:
    """Make the world of a plan."""
    built = Built()
    for one in plan.tasks:
        system_tags = ["hidden"] if one.hidden else []
        task = rig.sandbox.add_task(
            one.name, one.project, one.status, archived=one.archived, age_days=one.days,
            tags=one.tags, system_tags=system_tags, public=one.public,
        )  # fmt: skip
        built.tasks.append(task)
        built.models.append(_files(rig, one, task))
    _relations(rig, plan, built)
    return built


def _files(rig: Rig, one: TaskPlan, task: str) -> list[str]:
    sandbox = rig.sandbox
    folder = f"some/{one.name.replace('?', '').replace('#', '')}.{task}"

    def put(path: str) -> str | None:
        if one.storage == "files":
            return None
        return rig.s3.put(f"{folder}/{path}") if one.storage == "s3" else rig.put_local(f"{folder}/{path}")

    for number in range(one.artifacts):
        sandbox.add_artifact(task, f"a{number}", uri=put(f"artifacts/a{number}/a{number}.bin"))
    if one.samples:
        elsewhere = [put(f"metrics/m/v/{number}.png") for number in range(one.samples)]
        sandbox.add_debug_samples(task, one.samples, [uri for uri in elsewhere if uri] or None)
    if one.plot:
        sandbox.add_plot_image(task, put("metrics/plots/plot/plot_00.png"))
    return [
        sandbox.add_model(task, f"m{number}", uri=put(f"models/m{number}.pt"), published=published)
        for number, published in enumerate(one.models)
    ]


def _relations(rig: Rig, plan: Plan, built: Built) -> None:
    sandbox = rig.sandbox
    models = [model for made in built.models for model in made]
    first = dict(zip(built.tasks, built.models, strict=True))
    entries: dict[str, Any] = sandbox.models
    for one, task in zip(plan.tasks, built.tasks, strict=True):
        for number in one.uses if models else ():
            sandbox.use_model(task, models[number % len(models)])
        for number in one.registers if models else ():
            sandbox.add_model(task, f"again {number}", uri=entries[models[number % len(models)]]["uri"])
        for number in one.links:
            artifacts = sandbox.tasks[built.tasks[number % len(built.tasks)]]["execution"]["artifacts"]
            if artifacts:
                sandbox.add_artifact(task, f"link {number}", uri=artifacts[0]["uri"])
        for number in one.lists:
            other = built.tasks[number % len(built.tasks)]
            for model in first[other][:1] if other != task else ():
                output = [*sandbox.tasks[task]["models"]["output"], {"name": "theirs", "model": model}]
                sandbox.edit_task(task, **{"models.output": output})
