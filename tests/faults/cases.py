"""Worlds made by hand, one for each promise about tasks, files and models: exactly what is named is left.

Each runs as a dry run first, which changes nothing and tells what the cycle after it does. A new case goes here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cleanup.sandbox.values import days_ago
from tests.faults import service
from tests.faults.build import SPELLINGS, TITLES, Step
from tests.faults.moments import act_on
from tests.faults.rig import Rig
from tests.faults.runner import Attack
from tests.faults.street import Trial, task
from tests.faults.watch import Watch, When

LIVING = ("task", "living", {"archived": False})
USER = ("task", "user", {"age_days": 40.0})
GRACE = {"archive_grace_days": 7.0}
WHEN: dict[str, When] = {
    "the batch is read": lambda endpoint, body: "execution.artifacts" in body.get("only_fields", ()) and "id" in body,
    "files go": lambda endpoint, body: endpoint.startswith("files."),
    "lists are cleared": lambda endpoint, body: endpoint == "tasks.edit",
    "tasks go": lambda endpoint, body: endpoint.startswith("tasks.delete"),
    "entries are read": lambda endpoint, body: endpoint == "models.get_all" and "id" in body,
}


@dataclass(frozen=True)
class Promise:
    """``tasks``, ``entries`` and ``files`` are left, by the steps' names, and nothing else.

    ``says``: how what the report says of some of them begins. ``batches``: how many tasks one may have.
    ``meanwhile``: what somebody else does to a task or an entry when a request arrives: (one of WHEN, what, which).
    ``since``: what happened since the dry run, of a task called so, whose plan the cycle gets.
    """

    name: str
    steps: tuple[Step, ...]
    tasks: set[str] = field(default_factory=set)
    entries: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    says: dict[str, str] = field(default_factory=dict)
    batches: tuple[int, ...] = (service.PLAIN,)
    settings: dict[str, Any] = field(default_factory=dict)
    meanwhile: tuple[str, str, str] | None = None
    since: tuple[Step, ...] = ()


def series(every: int) -> Iterator[Iterator[Attack]]:
    for some in (
        _tasks(), _shared_files(), _users(), _spellings(), _claims(), _failures(), _others(), _meanwhile(), _plans(),
        _archived_models(),
    ):  # fmt: skip
        yield (Attack(f"{one.name}, batches of {n}", partial(_kept, one, n)) for one in some for n in one.batches)


def _kept(promise: Promise, batch: int, rig: Rig) -> list[str]:
    trial = Trial(rig, promise.steps, **promise.settings)
    built, also, wanted = trial.built, {}, (promise.tasks, promise.entries, promise.files)
    names = {**built.models, **built.tasks}
    service.batches_of(batch)
    broken = trial.rehearse(own_task=built.tasks.get("dry run"))
    if promise.since:
        plan, trial.rehearsal = trial.rehearsal, None
        assert plan
        also["plan"] = str(plan.plan)
        built.take(promise.since)
        names |= {**built.models, **built.tasks}
        trial.before = rig.snapshot()
        built.stuck.update(names[name] for name in promise.tasks)
    if promise.meanwhile:
        when, what, which = promise.meanwhile
        trial.watch = Watch(rig, {WHEN[when]: (what, partial(act_on, built, what, which, 0))})
    broken += trial.broken(trial.cycle(also), clean=True)
    if trial.watch.plans:
        broken.append(f"never came: {promise.meanwhile}")
    for kind, left, wished in zip(("tasks", "entries", "files"), built.left(), wanted, strict=True):
        if left != wished:
            broken.append(f"{kind} left: {sorted(left)}, and not {sorted(wished)}")
    for name, said in promise.says.items():
        told = trial.case.told.get(names[name], "nothing")
        if not told.startswith(said):
            broken.append(f"law 6: of {name!r} it says {told!r}")
    return broken


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
    sample = "sub/inner.{living}/metrics/a/b/sample.png"
    steps = (*task("a", more="as"), LIVING, ("nested", "living", "a"), ("unnamed", "a", sample))
    yield Promise("a folder of another task inside stays", steps, {"living"}, files={"living in a", f"a.{sample}"})
    whole = {"a"}, {"a's"}, {"a.data", "a's"}
    for status in ("created", "completed"):
        public = tuple(task("a", more="am", public=True, status=status))
        yield Promise(f"a public task stays, {status}", public, *whole, {"a": "public task"})
    lately = (*task("a", more="am", last_change=days_ago(2.0)), *task("archived long ago", more="am"))
    yield Promise("in grace a task stays", lately, *whole, {"a": "changed within archive_grace_days"}, settings=GRACE)
    steps = (*task("a", more="am"), *task("draft", more="as", status="created"))
    yield Promise("without force only drafts go", steps, *whole, settings={"force_delete": False})


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
    spelled = (("task", "a", {}, "files", "100% ü"), ("model", "m", "a", False, "quoted less"), ("links", "a", "m"))
    yield Promise("a file with two spellings counts once", spelled)
    inside = (("task", "a", {}, "disk"), ("task", "b", {"age_days": 40.0}), ("nested", "b", "a"))
    yield Promise("a file in two folders counts once", inside, batches=(1,))
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


def _others() -> Iterator[Promise]:
    """Whose a file is: only its own goes, as far as anybody can tell."""
    held = "models/superseded.pt"
    around = (*task("newer", more="amsu"), *task("older", 90.0), ("nested", "older", "newer"))
    yield Promise("a folder around an older task's goes with that", around, batches=(1, service.PLAIN))
    best = (*around, ("registers", "best", "newer", f"newer.{held}", "as it is", True))
    yield Promise("but for what stays in it", best, set(), {"best"}, {f"newer.{held}"}, batches=(1, service.PLAIN))
    two = ("models/ckpt.pt", "models/ckpt.pt#2")
    steps = (*task("a"), ("model", "best", "a", True), *(("unnamed", "a", path) for path in two))
    steps = (*steps, *(("registers", path, "a", f"{{files}}/team/vision/a.{{a}}/{path}") for path in two))
    yield Promise("what a fragment may begin is a file, too", steps, set(), {"best"}, {"best"})
    user, imported = (*task("a", more="am"), ("theirs", "best.pt")), {"comment": "Imported by task id: x"}
    steps = (*user, ("registers", "m", "", "best.pt"), ("edits", "m", imported), ("uses", "a", "m"))
    yield Promise("a file of another server's task that was imported", steps, set(), {"m"}, {"best.pt"})
    steps = (*user, ("links", "a", "best.pt"))
    yield Promise("one that was linked", steps, files={"best.pt"})
    steps = (*user, ("registers", "m", "a", "best.pt"), ("edits", "m", {"comment": "Created by task id: x"}))
    yield Promise("one that was registered", steps, files={"best.pt"})
    steps = (("theirs", "best.pt"), ("registers", "m", "", "best.pt"), ("edits", "m", imported), ("shelved", "m"))
    yield Promise("an imported entry of the archive", steps, files={"best.pt"})
    went = (*task("maker", 70, more="m"), USER, ("uses", "user", "maker's"), ("went", "maker"))
    public = (*went, ("edits", "maker's", {"company": ""}))
    yield Promise("a public model outlives its user", public, set(), {"maker's"}, {"maker's"})
    public = (*task("a", more="a"), ("registers", "m", "", "a.data"), ("edits", "m", {"company": ""}))
    yield Promise("and keeps its file", (*public, ("uses", "a", "m")), set(), {"m"}, {"a.data"})
    reset = (*task("maker", more="m"), ("uses", "maker", "maker's"), ("edits", "maker's", {"task": None}))
    reset = (*reset, ("edits", "maker", {"models.output": []}), ("bad", "maker", "files"))
    yield Promise("a reset maker whose model is refused", reset, {"maker"}, {"maker's"}, {"maker's"})
    newer = (("task", "user", {"age_days": 90.0}), *task("maker", more="m"), ("uses", "user", "maker's"))
    yield Promise("a maker newer than its user", newer, batches=(1,))
    steps = (LIVING, ("model", "m", "living"), ("task", "a", {"status": "created"}), ("lists", "a", "m"))
    yield Promise("a draft that lists a model of another goes", steps, {"living"}, {"m"}, {"m"})
    beside = "x.{a}y/artifacts/a/a.bin"
    steps = (*task("a", more="as"), LIVING, ("unnamed", "living", beside))
    yield Promise("a folder named almost as a task's own", steps, {"living"}, files={f"living.{beside}"})
    steps = (*task("a", more="a"), LIVING, ("links", "living", "a.data"))
    yield Promise("links are not looked for if unwanted", steps, {"living"}, settings={"check_links": False})
    odd = ("links", "a", "{files}/team/gone.{gone}/../x")
    yield Promise("an odd link to a task that is gone", (*task("a", more="a"), ("task", "gone"), odd, ("went", "gone")))
    failed, left = {"a": "2 files could not be deleted, so the task stays"}, ({"a"}, {"a's"}, {"a.data", "a's"})
    climbs = (*task("a", more="am", project="%2e%2e"), *task("other", more="am"), ("bad", "a", "itself"))
    yield Promise("no address can name its files", climbs, *left, failed)
    climbs = (*task("a", more="am"), ("registers", "m", "a", "{files}/team/vision/a.{a}/../x"), ("bad", "a", "itself"))
    yield Promise("an own model climbs", climbs, {"a"}, {"a's", "m"}, left[2], {"a": "1 file could not be deleted"})
    stuck = (*task("a", more="am"), *task("b", more="am"), ("bad", "a", "elsewhere"))
    yield Promise("a file out of reach keeps its task", stuck, *left, {"a": "1 file could not be deleted"})
    yield Promise("unless that is ignored", stuck, settings={"ignore_file_errors": True})


def _meanwhile() -> Iterator[Promise]:
    """What somebody else does while the cycle works counts until the last look before each step."""
    three, changed = tuple(step for name in "abc" for step in task(name, more="ams")), "changed since it was listed: "
    whole = {"a"}, {"a's"}, {"a.data", "a's", "a.0", "a.1"}
    changes = {
        "un-archive": f"{changed}not archived", "re-enqueue": f"{changed}not past the threshold",
        "tag": "has the tag keep", "make public": "public task of the server, not of this company",
    }  # fmt: skip
    for what, said in changes.items():
        early, late = ("the batch is read", what, "a"), ("files go", what, "a")
        yield Promise(f"{what} before its files go", three, *whole, {"a": said}, meanwhile=early)
        lost = {"a": f"{said}, after 4 files of it had been deleted"}
        yield Promise(f"{what} while they go", three, {"a"}, {"a's"}, says=lost, meanwhile=late)
    gone, early = {"a": "already gone when its turn came"}, ("the batch is read", "delete", "a")
    link = (*task("a", more="a"), LIVING, ("links", "living", "a.data"))
    yield Promise("a link to it goes, as the batch is read", link, {"living"}, meanwhile=(early[0], "reset", "living"))
    yield Promise("deleted by others, listed", three, files=whole[2], says=gone, meanwhile=early)
    yield Promise("deleted by others, at last", three, meanwhile=("tasks go", "delete", "a"))
    listing = (LIVING, ("model", "m", "living"), *three, *(("lists", name, "m") for name in "abc"))
    left = {"a", "living"}, {"a's", "m"}, {"m"}
    yield Promise("un-archived as lists go", listing, *left, meanwhile=("lists are cleared", "un-archive", "a"))
    older = (("task", "user", {"age_days": 90.0}), *task("maker", more="m"), ("uses", "user", "maker's"))
    left, early = ({"user"}, {"maker's"}, {"maker's"}), ("the batch is read", "un-archive", "user")
    yield Promise("un-archived, a user of a later batch", older, *left, batches=(1,), meanwhile=early)
    made, entry = (*task("maker", more="m", archived=False), ("shelved", "maker's"), LIVING), {"maker's"}
    left = {"maker", "living"}, entry, entry, {"maker's": "in use by task"}
    yield Promise("an entry used lately", made, *left, meanwhile=("entries are read", "a new user", "maker's"))
    lost = {"maker's": f"{changed}not archived, after 1 file of it had been deleted"}
    restored = ("files go", "restore", "maker's")
    yield Promise("restored as its file goes", made, {"maker", "living"}, entry, says=lost, meanwhile=restored)


def _plans() -> Iterator[Promise]:
    """A plan lets nothing beyond it go, and what it has is checked again."""
    dry, unknown = ("task", "dry run", {"archived": False}), "the plan does not have its file"
    two, left = (*task("a", more="ams"), *task("b", 90, more="am"), dry), {"dry run"}
    later, said = tuple(task("later", more="a")), {"later": "not in the plan", "s": "not in the plan"}
    stuck, stay = (*two, *task("s"), ("bad", "s", "elsewhere")), (left | {"later", "s"}, set(), {"later.data"})
    yield Promise("what is planned goes and nothing else", stuck, *stay, said, since=later)
    spelled = (("task", "a", {}, "files", "100% ü"), ("model", "m", "a", False, "quoted less"), ("links", "a", "m"))
    unplanned = left | {"later"}, set(), {"later.data"}
    yield Promise("a plan has all names of a file", (*spelled, dry), *unplanned, since=later)
    twice = (*task("maker", more="m", archived=False), ("registers", "b", "maker", "maker's"), dry)
    twice = (*twice, ("shelved", "maker's"), ("shelved", "b"))
    kept = left | {"maker", "later"}, set(), {"later.data"}
    yield Promise("a plan has a file for each entry of it", twice, *kept, since=later)
    went = {"a": "already gone when its turn came"}
    yield Promise("planned and gone since", two, left, says=went, since=(("went", "a"),))
    changed: tuple[tuple[Step, str, set[str]], ...] = (
        (("edits", "a", {"system_tags": []}), "in the plan, but not archived", set()),
        (("aged", "a", 1.0), "in the plan, but not past the threshold", set()),
        (("edits", "a", {"last_change": days_ago(1.0)}), "changed within archive_grace_days", set()),
        (("artifact", "a", "new"), unknown, {"a.new"}),
        (("samples", "a", 3), unknown, {"a.2"}),
        (("model", "new", "a"), unknown, {"new"}),
    )
    for step, why, more in changed:
        stays = left | {"a"}, {"a's"} | ({"new"} & more), {"a.data", "a's", "a.0", "a.1"} | more, {"a": why}
        yield Promise(f"since the plan: {step[0]} {step[2]}", two, *stays, settings=GRACE, since=(step,))
    living, model = (*two, LIVING), {"a's"}
    used = left | {"living"}, model, model
    yield Promise("a model used since the plan stays", living, *used, since=(("uses", "living", "a's"),))
    stays = left | {"a"}, model, {"a.data", "a's", "a.0", "a.1"}, {"a": unknown}
    freed = (*living, ("uses", "living", "a's"))
    yield Promise("one that could go now keeps its maker", freed, *stays, since=(("went", "living"),))


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
    refused = (*twice, ("bad", "maker", "files"))
    yield Promise("two of them stay if that is refused", refused, {"maker"}, {"maker's", "b"}, entry)
    for uri in ("s3://bucket/weights.bin", "https://elsewhere.test/w.bin", "file:///w.bin"):
        steps = (LIVING, ("registers", "m", "", uri), ("shelved", "m"))
        yield Promise(f"it only links to {uri}", steps, {"living"})
    failed = "1 file could not be deleted, so the model stays"
    listing = (*task("maker", more="m", status="published"), *task("user", more="a"), ("lists", "user", "maker's"))
    listing = (*listing, ("went", "maker"), ("shelved", "maker's"), ("bad", "user", "delete"))
    yield Promise("a task that cannot go lists it", listing, {"user"}, entry, entry, batches=(1, service.PLAIN))
    own = (*task("maker", more="m"), ("uses", "maker", "maker's"), ("shelved", "maker's"), ("bad", "maker", "delete"))
    yield Promise("it goes with a maker that cannot go", own, {"maker"}, says={"maker": "http"})
    good = (*task("other", more="m", archived=False), ("shelved", "other's"))
    refused = (*made, *good, ("bad", "maker", "files"))
    yield Promise("its file is refused", refused, {"maker", "other"}, entry, entry, {"maker's": failed})
    refused = (*made, *good, ("bad", "maker's", "models.delete"))
    yield Promise("the server fails at it", refused, {"maker", "other"}, entry, says={"maker's": "http"})
    odd = (LIVING, ("registers", "m", "living", "https://nowhere.test/x.{living}/w.bin"), ("shelved", "m"))
    yield Promise("nobody can ask for its file", (*odd, ("bad", "m", "itself")), {"living"}, {"m"}, says={"m": failed})
    grace = "changed within archive_grace_days"
    for setting, value, said in (
        ("archived_models", False, "nothing"), ("delete_threshold_days", 90.0, "nothing"),
        ("archive_grace_days", 90.0, grace),
    ):  # fmt: skip
        left = {"maker"}, entry, entry, {"maker's": said}
        yield Promise(f"an entry stays by {setting}", made, *left, settings={setting: value})
    gone = (*task("maker", more="m", status="published"), ("went", "maker"), ("shelved", "maker's"))
    yield Promise("its maker is gone", gone)
    public = (*task("maker", more="a", archived=False), ("registers", "m", "", "maker.data"))
    public = (*public, ("shelved", "m", {"company": ""}))
    yield Promise("a public one stays", public, {"maker"}, {"m"}, {"maker.data"}, {"m": "public model"})
