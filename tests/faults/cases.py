"""Worlds made by hand, one for each promise about tasks, files and models: exactly what is named is left.

Each runs as a dry run first, which changes nothing and tells what the cycle after it does. A new case goes here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.faults import service
from tests.faults.build import SPELLINGS, TITLES, Builder, Step
from tests.faults.judge import Case, broken_laws, kept_its_word
from tests.faults.rig import Rig, utc_now
from tests.faults.runner import Attack
from tests.faults.street import task
from tests.faults.world import Rules

LIVING = ("task", "living", {"archived": False})
USER = ("task", "user", {"age_days": 40.0})


@dataclass(frozen=True)
class Promise:
    """``tasks``, ``entries`` and ``files`` are left, by the steps' names, and nothing else.

    ``says``: how what the report says of some of them begins. ``batches``: how many tasks one may have.
    """

    name: str
    steps: tuple[Step, ...]
    tasks: set[str] = field(default_factory=set)
    entries: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    says: dict[str, str] = field(default_factory=dict)
    batches: tuple[int, ...] = (service.PLAIN,)
    settings: dict[str, Any] = field(default_factory=dict)


def series(every: int) -> Iterator[Iterator[Attack]]:
    """Yield the attacks."""
    for some in (_tasks(), _shared_files(), _users(), _spellings(), _claims(), _failures(), _archived_models()):
        yield (Attack(f"{one.name}, batches of {batch}", _kept(one, batch)) for one in some for batch in one.batches)


def _kept(promise: Promise, batch: int) -> Any:
    def run(rig: Rig) -> list[str]:
        built = Builder(rig, promise.steps)
        service.batches_of(batch)
        before, settings = rig.snapshot(), promise.settings
        rehearsal = rig.cycle({**settings, "dry_run": True})
        broken = [] if rig.snapshot() == before else ["law 6: a dry run changed something"]
        built.trap()
        rules, result = Rules(utc_now(), force=settings.get("force_delete", True)), rig.cycle(settings)
        case = Case(before, rig.snapshot(), rules, [result], clean=True, stuck=frozenset(built.stuck))
        broken += broken_laws(case)
        if rehearsal and result and not built.stuck:
            broken += kept_its_word(rehearsal, result)
        left = built.left()
        for what, names, wanted in zip(("tasks", "entries", "files"), left, _wanted(promise), strict=True):
            if names != wanted:
                broken.append(f"{what} left: {sorted(names)}, and not {sorted(wanted)}")
        for name, said in promise.says.items():
            told = case.told.get(built.tasks.get(name) or built.models[name], "nothing")
            if not told.startswith(said):
                broken.append(f"law 6: of {name!r} it says {told!r}")
        return broken

    return run


def _wanted(promise: Promise) -> tuple[set[str], set[str], set[str]]:
    return promise.tasks, promise.entries, promise.files


def _tasks() -> Iterator[Promise]:
    yield Promise("a task goes with all its files, named or not", (*task("a", more="amsu"), ("plot", "a")))
    yield Promise("tasks without files go", (("task", "bare"), ("task", "draft", {"status": "created"})))
    hidden = (*task("a", more="as", system_tags=["hidden"]), *task("b", more="a", system_tags=["hidden", "pipeline"]))
    yield Promise("hidden tasks go", hidden)
    tagged = tuple(task("a", more="am", tags=["keep"]))
    yield Promise("a tag keeps a task whole", tagged, {"a"}, {"a's"}, {"a.data", "a's"}, {"a": "has the tag keep"})
    yield Promise("what a reset task wrote goes", (*task("a", more="am"), ("was_reset", "a")))
    yield Promise("what is gone already counts as gone", (*task("a", more="am"), ("lost", "a.data")))
    for title in TITLES:
        steps = (*task("a", more="ams", title=title), *task("living", more="a", title=title, archived=False))
        yield Promise(f"a task called {title!r} and a living one", steps, {"living"}, files={"living.data"})
    for what in ("living.data", "s3://datasets/images/cats.zip", "https://example.com/data.csv"):
        for verb in ("links", "shows"):
            steps = (*task("living", more="a", archived=False), *task("a", more="a"), (verb, "a", what))
            yield Promise(f"{verb} {what}: a link stays", steps, {"living"}, files={"living.data"})
    steps = (*task("a", more="a"), LIVING, ("nested", "living", "a"))
    yield Promise("a folder of another task inside stays", steps, {"living"}, files={"living in a"})


def _shared_files() -> Iterator[Promise]:
    again = (*task("a", more="m"), LIVING)
    yield Promise("two entries of a task go with their file", (*again, ("registers", "b", "a", "a's")), {"living"})
    steps = (*again, *task("other"), ("registers", "b", "other", "a's"))
    yield Promise("entries of two tasks go with their file", steps, {"living"})
    for maker, who in (("living", "a living task"), ("", "nobody")):
        steps = (*again, ("registers", "b", maker, "a's"))
        yield Promise(f"an entry of {who} keeps the file", steps, {"living"}, {"b"}, {"a's"})
    steps = task("a", more="am", status="published")
    yield Promise("a published model stays, and nothing else", tuple(steps), set(), {"a's"}, {"a's"})
    nested = (*task("a"), ("unnamed", "a", "models/old.pt"), LIVING, ("nested", "living", "a"), *task("b"))
    for verb, told in {"registers": ("again", "b", "a.models/old.pt"), "links": ("b", "a.models/old.pt")}.items():
        name = f"what another alone {verb} goes though a folder inside stays"
        yield Promise(name, (*nested, (verb, *told)), {"living"}, files={"living in a"})
    named = (*task("a"), ("unnamed", "a", "models/old.pt"), *task("b"))
    named = (*named, ("registers", "again", "b", "a.models/old.pt", "a former host"))
    yield Promise("what another alone registers at a host that nobody knows goes with its folder", named)
    steps = (*task("living", more="a", archived=False), ("registers", "b", "", "living.data", "the task's folder"))
    steps = (*steps, *task("a"), ("nested", "a", "living"), ("unnamed", "a", "old.bin"))
    left = ({"living"}, {"b"}, {"living.data", "a in living"})
    yield Promise("its own folder goes though it wrote into one that stays whole", steps, *left)
    for published in (False, True):
        steps = (LIVING, ("model", "m", "living", published), *task("a", more="am"), ("lists", "a", "m"))
        yield Promise(f"what a living task made stays, {published=}", steps, {"living"}, {"m"}, {"m"})


def _users() -> Iterator[Promise]:
    """Models in use."""
    users: dict[str, dict[str, Any]] = {
        "a living one": {"archived": False}, "a hidden one": {"archived": False, "system_tags": ["hidden"]},
        "one archived lately": {"age_days": 1.0}, "one with a tag": {"tags": ["keep"]},
        "a draft": {"archived": False, "status": "created"},
    }  # fmt: skip
    for who, fields in users.items():
        steps = (*task("a", more="ams"), ("task", "user", fields), ("uses", "user", "a's"))
        yield Promise(f"a model in use by {who} stays", steps, {"user"}, {"a's"}, {"a's"})
    chain = [
        step for n in range(5) for step in (*task(f"{n}", more="m"), *([("uses", f"{n}", f"{n - 1}'s")] * (n > 0)))
    ]
    for order in ((0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 0, 4, 1, 3)):
        ages = tuple(("aged", f"{n}", 60.0 + age) for n, age in enumerate(order))
        yield Promise(f"a chain goes whole, {order}", (*chain, *ages), batches=(1, 2, service.PLAIN))
        stays = (*chain, *ages, LIVING, ("uses", "living", "4's"))
        yield Promise(f"the used end of a chain, {order}", stays, {"living"}, {"4's"}, {"4's"}, batches=(2,))
    yield Promise("a ring goes whole", (*chain, ("uses", "0", "4's")), batches=(1, 2, service.PLAIN))
    yield Promise("a model that its maker alone uses goes", (*task("a", more="m"), ("uses", "a", "a's")))
    went = (*task("maker", 70, more="m"), USER, ("uses", "user", "maker's"), ("went", "maker"))
    yield Promise("what outlived its maker goes with its user", went)
    more = (*went[:-1], *task("other", 45), ("uses", "other", "maker's"), ("went", "maker"))
    yield Promise("what outlived its maker goes with its last user", more, batches=(1, service.PLAIN))
    kept = (*more, ("task", "kept", {"tags": ["keep"]}), ("uses", "kept", "maker's"))
    yield Promise("it stays with a user", kept, {"kept"}, {"maker's"}, {"maker's"})
    steps = (*task("a", more="a"), ("registers", "m", "", "s3://bucket/pretrained.bin"), ("uses", "a", "m"))
    yield Promise("an imported model outlives its users", steps, set(), {"m"})


def _spellings() -> Iterator[Promise]:
    beside = ("model", "beside", "a")
    for spelling in SPELLINGS:
        held = {"a's"} | (
            {"beside"} if spelling.startswith(("its folder", "the task's folder")) or ".." in spelling else set()
        )
        held |= {"a.data"} if spelling in {"the task's folder", "with .."} else set()
        steps = (*task("a", more="am", title="lr:0.1 run"), LIVING, beside)
        entry = (*steps, ("registers", "b", "", "a's", spelling, True))
        yield Promise(f"a published entry names it, {spelling}", entry, {"living"}, {"b"}, held)
        link = (*steps, ("links", "living", "a's", spelling))
        yield Promise(f"an artifact names it, {spelling}", link, {"living"}, files=held)
    for published in (False, True):
        steps = (("task", "a", {}, "files", "lr:0.1 run"), ("model", "m", "a", published, "quoted less"))
        left = {"m"} if published else set()
        yield Promise(f"the SDK stored it raw, {published=}", steps, set(), left, left)


def _claims() -> Iterator[Promise]:
    """Tasks that others need as a whole."""
    living = (("task", "v2", {"archived": False}), *task("v1", more="ams"))
    whole = {"v1.data", "v1's", "v1.0", "v1.1"}
    for verb, why in (("dataset", "dataset version"), ("pipeline", "it is a step of pipeline run")):
        steps = (*living, (verb, "v2", "v1"), *task("other", more="ams"))
        yield Promise(f"a {verb} keeps", steps, {"v1", "v2"}, {"v1's"}, whole, {"v1": why})
        line = [step for n in range(3) for step in task(f"{n}", 90 - n, more="as")]
        line += [(verb, "2", "1", "0"), (verb, "1", "0"), ("lists", "2", "0's"), ("links", "2", "1.data")]
        yield Promise(f"a {verb} goes with all", tuple(line), batches=(1, service.PLAIN))
        steps = (*living, (verb, "v2", "v1"), *task("maker", 90, more="am"), ("uses", "v1", "maker's"))
        left = ({"v1", "v2"}, {"v1's", "maker's"}, whole | {"maker's"})
        yield Promise(f"what a task uses that a {verb} keeps", steps, *left)
    steps = (*living, ("lists", "v2", "v1's"))
    yield Promise("a monitored model", steps, {"v1", "v2"}, {"v1's"}, whole, {"v1": "its model"})


def _failures() -> Iterator[Promise]:
    """What cannot go keeps what it needs, and nothing else."""
    pair = (*task("maker", 90, more="ams"), *task("user", more="a"), ("uses", "user", "maker's"))
    own = {"maker.data", "maker's", "maker.0", "maker.1"}
    for how in ("elsewhere", "delete"):
        files = {"maker's"} | ({"user.data"} if how == "elsewhere" else set())
        steps = (*pair, ("bad", "user", how))
        # In one batch with its maker it would have lost what it uses, as its own files.
        batches = (1, service.PLAIN) if how == "elsewhere" else (1,)
        yield Promise(f"a user that is bad at {how}", steps, {"user"}, {"maker's"}, files, batches=batches)
    for how in ("elsewhere", "events"):
        yield Promise(
            f"a maker bad at {how} loses nothing", (*pair, ("bad", "maker", how)), {"maker"}, {"maker's"}, own
        )
    steps = (*pair, ("bad", "user", "files"))
    yield Promise("a user whose files are refused", steps, {"user"}, {"maker's"}, {"maker's", "user.data"})
    steps = (*pair, ("bad", "maker", "files"))
    yield Promise("a maker whose files are refused", steps, {"maker"}, {"maker's"}, own)


def _archived_models() -> Iterator[Promise]:
    made = (*task("maker", more="m", archived=False), ("shelved", "maker's"))
    published = (LIVING, ("model", "m", "living", True), ("shelved", "m"))
    yield Promise("an archived entry goes with its file", made, {"maker"})
    yield Promise("a published one, too", published, {"living"})
    held = ({"living"}, {"m"}, {"m"}, {"m": "published, and force_delete is False"})
    yield Promise("not without force", published, *held, settings={"force_delete": False})
    entry = {"maker's"}
    user = ("task", "user", {"archived": False})
    staying: dict[str, tuple[Any, str]] = {
        "is in use": ((user, ("uses", "user", "maker's")), "in use by task"),
        "is among the outputs of another": ((user, ("lists", "user", "maker's")), "among the outputs of task"),
        "has a tag": ((("shelved", "maker's", {"tags": ["keep"]}),), "has the tag keep"),
        "was changed lately": ((("shelved", "maker's", {"age_days": 1.0}),), "nothing"),
        "is not archived": ((("shelved", "maker's", {"system_tags": []}),), "nothing"),
    }
    for why, (steps, said) in staying.items():
        tasks = {"maker"} | ({"user"} if user in steps else set())
        yield Promise(f"an entry that {why} stays", (*made, *steps), tasks, entry, entry, {"maker's": said})
    kept = (*made, ("task", "user", {"tags": ["keep"]}), ("uses", "user", "maker's"))
    yield Promise("in use by an archived task that stays", kept, {"maker", "user"}, entry, entry)
    yield Promise("it goes after the task that used it", (*made, USER, ("uses", "user", "maker's")), {"maker"})
    link = (*made, LIVING, ("links", "living", "maker's", "quoted more"))
    yield Promise("an artifact names its file", link, {"maker", "living"}, files=entry)
    yield Promise(
        "its maker's artifact does", (*made, ("links", "maker", "maker's", "a query")), {"maker"}, files=entry
    )
    other = (*made, LIVING, ("registers", "b", "living", "maker's", "localhost"))
    yield Promise("another entry names its file", other, {"maker", "living"}, {"b"}, entry)
    twice = (*made, ("registers", "b", "maker", "maker's"), ("shelved", "b"))
    yield Promise("two of them go with their file", twice, {"maker"})
    for uri in ("s3://bucket/weights.bin", "https://elsewhere.test/w.bin", "file:///w.bin"):
        steps = (LIVING, ("registers", "m", "", uri), ("shelved", "m"))
        yield Promise(f"it only links to {uri}", steps, {"living"})
    gone = (*task("maker", more="m", status="published"), ("went", "maker"), ("shelved", "maker's"))
    yield Promise("its maker is gone", gone)
    public = (*task("maker", more="a", archived=False), ("registers", "m", "", "maker.data"))
    public = (*public, ("shelved", "m", {"company": ""}))
    yield Promise("a public one stays", public, {"maker"}, {"m"}, {"maker.data"}, {"m": "public model"})
