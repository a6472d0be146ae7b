"""A small world for the demo: every kind of task, and for each what a cleanup has to do with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from cleanup.sandbox.sandbox import Sandbox

GOES, STAYS = "goes", "stays"
OLD, YOUNG = 60.0, 5.0
ENDED = ("completed", "failed", "stopped", "published")
PROJECTS = ("vision", "vision/detection", "speech & language")


@dataclass
class Group:
    """Tasks of one kind, what becomes of them, and of their models and files."""

    what: str
    tasks: str
    expected: str = ""
    """Of the files and models; the same as of the tasks unless something else needs them."""
    ids: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    """Addresses on the file server."""

    def __post_init__(self) -> None:
        self.expected = self.expected or self.tasks


def build(sandbox: Sandbox) -> list[Group]:
    """Fills the sandbox with about 250 tasks; what is expected is said here, not found out afterwards."""
    return [
        ended(sandbox, "archived and old, every ended status", GOES, 60, archived=True, age_days=OLD),
        drafts(sandbox, "archived old drafts that never ran", GOES, 20, age_days=OLD),
        ended(sandbox, "archived and old, hidden", GOES, 6, archived=True, age_days=OLD, system_tags=["hidden"]),
        silent(sandbox),
        many_samples(sandbox),
        reset_drafts(sandbox),
        *links(sandbox),
        *models_in_use(sandbox),
        *published_models(sandbox),
        *shared_entries(sandbox),
        *family(sandbox),
        reporting(sandbox),
        ended(sandbox, "archived and old, public", STAYS, 4, archived=True, age_days=OLD, public=True),
        ended(sandbox, "archived, not past the threshold", STAYS, 30, archived=True, age_days=YOUNG),
        drafts(sandbox, "archived drafts, not past the threshold", STAYS, 10, age_days=YOUNG),
        ended(sandbox, "not archived, old", STAYS, 50, archived=False, age_days=OLD),
        ended(sandbox, "not archived, recent", STAYS, 25, archived=False, age_days=YOUNG),
        live(sandbox),
    ]


def ended(sandbox: Sandbox, what: str, fate: str, count: int, **fields: object) -> Group:
    group = Group(what, fate)
    for number in range(count):
        task = sandbox.add_task(
            f"experiment {number}",
            f"demo/{PROJECTS[number % len(PROJECTS)]}",
            ENDED[number % len(ENDED)],
            **fields,  # type: ignore[arg-type]
        )
        group.ids.append(task)
        group.files.append(sandbox.add_artifact(task, "data", b"x" * (100 + number)))
        group.files += sandbox.add_debug_samples(task, number % 4)
        if number % 3 == 0:
            group.files.append(sandbox.add_plot_image(task))
        if number % 2 == 0:
            group.models.append(sandbox.add_model(task, "weights"))
            group.files.append(uri_of(sandbox, group.models[-1]))
    return group


def uri_of(sandbox: Sandbox, model: str) -> str:
    return str(sandbox.models[model]["uri"])


def drafts(sandbox: Sandbox, what: str, fate: str, count: int, age_days: float) -> Group:
    ids = [sandbox.add_task(f"draft {n}", "demo/drafts", archived=True, age_days=age_days) for n in range(count)]
    return Group(what, fate, ids=ids)


def silent(sandbox: Sandbox) -> Group:
    group = Group("archived, running or queued, silent for long", GOES)
    for status in ("in_progress", "queued") * 3:
        group.ids.append(sandbox.add_task("lost", "demo/vision", status, archived=True, age_days=OLD))
        group.files.append(sandbox.add_artifact(group.ids[-1], "checkpoint", b"lost"))
    return group


def reporting(sandbox: Sandbox) -> Group:
    group = Group("archived, running or queued, reporting", STAYS)
    for status in ("in_progress", "queued") * 2:
        task = sandbox.add_task("alive", "demo/vision", status, archived=True, age_days=OLD)
        sandbox.edit_task(task, last_update=sandbox.store.now())
        group.ids.append(task)
        group.files.append(sandbox.add_artifact(task, "checkpoint", b"alive"))
    return group


def live(sandbox: Sandbox) -> Group:
    ids = [sandbox.add_task(f"live {n}", "demo/vision", "in_progress", age_days=0.1) for n in range(5)]
    files = [sandbox.add_artifact(task, "checkpoint", b"live") for task in ids]
    return Group("running now", STAYS, ids=ids, files=files)


def many_samples(sandbox: Sandbox) -> Group:
    """More than one page of events; all at iteration 0 in one of them, where the server's paging begins again."""
    group = Group("archived and old, many debug samples", GOES)
    for first, count in ((0, 700), (1000, 40)):
        task = sandbox.add_task("long run", "demo/vision", "completed", archived=True, age_days=OLD)
        group.ids.append(task)
        group.files += sandbox.add_debug_samples(task, count, first_iteration=first)
    task = sandbox.add_task("one iteration", "demo/vision", "completed", archived=True, age_days=OLD)
    group.ids.append(task)
    for number in range(60):
        group.files += sandbox.add_debug_samples(task, 1, metric="grid", variant=f"tile {number}")
    return group


def reset_drafts(sandbox: Sandbox) -> Group:
    """Drafts again after a run: these do have a last status change."""
    group = Group("archived old drafts after a reset", GOES)
    for number in range(5):
        task = sandbox.add_task(f"again {number}", "demo/drafts", archived=True, age_days=OLD)
        sandbox.edit_task(task, status_changed=sandbox.tasks[task]["created"])
        group.ids.append(task)
    return group


def links(sandbox: Sandbox) -> list[Group]:
    """Files that tasks only link: they lie outside of the tasks' own folders, or in another task's."""
    dataset = sandbox.put_file("datasets/shared/images.tar", b"dataset")
    owner = sandbox.add_task("owner of a linked file", "demo/vision", "completed", age_days=OLD)
    owned = sandbox.add_artifact(owner, "result", b"result")
    group = Group("archived and old, with linked files", GOES, STAYS, files=[dataset])
    for number in range(4):
        task = sandbox.add_task(f"linking {number}", "demo/vision", "completed", archived=True, age_days=OLD)
        sandbox.add_artifact(task, "dataset", uri=dataset)
        sandbox.add_artifact(task, "result of another", uri=owned)
        sandbox.add_artifact(task, "elsewhere", uri="s3://elsewhere/data.tar")
        group.ids.append(task)
    return [group, Group("not archived, files linked by others", STAYS, ids=[owner], files=[owned])]


def models_in_use(sandbox: Sandbox) -> list[Group]:
    makers = Group("archived and old, its model is in use", GOES, STAYS)
    users = Group("not archived, use models of others", STAYS)
    for number in range(4):
        maker = sandbox.add_task(f"maker {number}", "demo/speech", "completed", archived=True, age_days=OLD)
        user = sandbox.add_task(f"user {number}", "demo/speech", "completed", age_days=OLD)
        model = sandbox.add_model(maker, "backbone")
        sandbox.use_model(user, model)
        makers.ids.append(maker)
        makers.models.append(model)
        makers.files.append(uri_of(sandbox, model))
        users.ids.append(user)
    return [makers, users]


def published_models(sandbox: Sandbox) -> list[Group]:
    publishers = Group("archived and old, its model is published", GOES, STAYS)
    for number in range(3):
        task = sandbox.add_task(f"publisher {number}", "demo/speech", "published", archived=True, age_days=OLD)
        publishers.ids.append(task)
        publishers.models.append(sandbox.add_model(task, "released", published=True))
        publishers.files.append(uri_of(sandbox, publishers.models[-1]))
    return [publishers]


def shared_entries(sandbox: Sandbox) -> list[Group]:
    """Two model entries with one address: the file stays as long as one of them does."""
    first = sandbox.add_task("first entry", "demo/speech", "completed", archived=True, age_days=OLD)
    second = sandbox.add_task("second entry", "demo/speech", "completed", age_days=OLD)
    model = sandbox.add_model(first, "common")
    uri = uri_of(sandbox, model)
    other = sandbox.add_model(second, "common too", uri=uri)
    return [
        Group("archived and old, its model entry", GOES, ids=[first], models=[model]),
        Group("not archived, a second entry for its file", STAYS, ids=[second], models=[other], files=[uri]),
    ]


def family(sandbox: Sandbox) -> list[Group]:
    parents = Group("archived and old, with children", GOES)
    children = Group("not archived, children of archived tasks", STAYS)
    for number in range(3):
        parent = sandbox.add_task(f"parent {number}", "demo/vision", "completed", archived=True, age_days=OLD)
        parents.ids.append(parent)
        parents.files.append(sandbox.add_artifact(parent, "data", b"parent"))
        child = sandbox.add_task(f"child {number}", "demo/vision", "published", parent=parent, age_days=OLD)
        children.ids.append(child)
        children.files.append(sandbox.add_artifact(child, "data", b"child"))
    return [parents, children]
