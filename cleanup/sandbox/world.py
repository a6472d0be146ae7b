"""A small world for the demo: every kind of task, and for each what a cleanup has to do with it."""

from __future__ import annotations

from typing import Any

from cleanup.sandbox import kinship
from cleanup.sandbox.group import GOES, STAYS, YOUNG, Group
from cleanup.sandbox.sandbox import Sandbox

ENDED = ("completed", "failed", "stopped", "published")
PROJECTS = ("demo/vision", "demo/vision/detection", "demo/speech & language")
VISION, DRAFTS = "demo/vision", "demo/drafts"


def build(sandbox: Sandbox) -> list[Group]:
    """Fills the sandbox with about 300 tasks; what is expected is said here, not found out afterwards."""
    return [
        ended(Group(sandbox, "archived and old, every ended status", GOES), 60),
        drafts(Group(sandbox, "archived old drafts that never ran", GOES), 20),
        ended(Group(sandbox, "archived and old, hidden", GOES), 6, system_tags=["hidden"]),
        silent(sandbox),
        many_samples(sandbox),
        reset_drafts(sandbox),
        leftovers(sandbox),
        quoted_less(sandbox),
        *kinship.build(sandbox),
        reporting(sandbox),
        ended(Group(sandbox, "archived and old, public", STAYS), 4, public=True),
        ended(Group(sandbox, "archived, not past the threshold", STAYS), 30, age_days=YOUNG),
        drafts(Group(sandbox, "archived drafts, not past the threshold", STAYS), 10, age_days=YOUNG),
        ended(Group(sandbox, "not archived, old", STAYS), 50, archived=False),
        ended(Group(sandbox, "not archived, recent", STAYS), 25, archived=False, age_days=YOUNG),
        live(sandbox),
    ]


def ended(group: Group, count: int, **fields: Any) -> Group:
    sandbox = group.sandbox
    for number in range(count):
        status = ENDED[number % len(ENDED)]
        task = group.add(f"experiment {number}", PROJECTS[number % len(PROJECTS)], status, **fields)
        group.add_artifact(task, content=b"x" * (100 + number))
        group.files += sandbox.add_debug_samples(task, number % 4)
        if number % 3 == 0:
            group.files.append(sandbox.add_plot_image(task))
        if number % 2 == 0:
            group.add_model(task)
    return group


def drafts(group: Group, count: int, **fields: Any) -> Group:
    for number in range(count):
        group.add(f"draft {number}", DRAFTS, "created", **fields)
    return group


def silent(sandbox: Sandbox) -> Group:
    group = Group(sandbox, "archived, running or queued, silent for long", GOES)
    for status in ("in_progress", "queued") * 3:
        group.add_artifact(group.add("lost", VISION, status))
    return group


def reporting(sandbox: Sandbox) -> Group:
    group = Group(sandbox, "archived, running or queued, reporting", STAYS)
    for status in ("in_progress", "queued") * 2:
        group.add_artifact(group.add("alive", VISION, status, last_update=sandbox.store.now()))
    return group


def live(sandbox: Sandbox) -> Group:
    group = Group(sandbox, "running now", STAYS)
    for number in range(5):
        group.add_artifact(group.add(f"live {number}", VISION, "in_progress", archived=False, age_days=0.1))
    return group


def many_samples(sandbox: Sandbox) -> Group:
    """More than one page of events; all at iteration 0 in one of them, where the server's paging begins again."""
    group = Group(sandbox, "archived and old, many debug samples", GOES)
    for first, count in ((0, 700), (1000, 40)):
        group.files += sandbox.add_debug_samples(group.add("long run", VISION), count, first_iteration=first)
    task = group.add("one iteration", VISION)
    for number in range(60):
        group.files += sandbox.add_debug_samples(task, 1, metric="grid", variant=f"tile {number}")
    return group


def reset_drafts(sandbox: Sandbox) -> Group:
    """Drafts again after a run: these do have a last status change, and files that no record names."""
    group = Group(sandbox, "archived old drafts after a reset", GOES)
    for number in range(5):
        task = group.add(f"again {number}", DRAFTS, "created")
        sandbox.edit_task(task, status_changed=sandbox.task(task)["created"])
        group.files.append(sandbox.put_file(f"{sandbox.folder(task)}/artifacts/data/data.bin", b"of an earlier run"))
    return group


def leftovers(sandbox: Sandbox) -> Group:
    """An overwritten artifact and a superseded checkpoint beside what is still named."""
    group = Group(sandbox, "archived and old, files that nothing names", GOES)
    for number in range(3):
        task = group.add(f"many tries {number}", VISION)
        group.add_artifact(task)
        for path in ("artifacts/data/data.csv.gz", "models/epoch 1.bin"):
            group.files.append(sandbox.put_file(f"{sandbox.folder(task)}/{path}", b"superseded"))
    return group


def quoted_less(sandbox: Sandbox) -> Group:
    """Addresses as the SDK registers those of some files: as the path is on the file server."""
    group = Group(sandbox, "archived and old, addresses quoted once less", GOES)
    for number in range(3):
        task = group.add(f"lr:0.{number} 100%", VISION)
        uri = sandbox.put_file(f"{sandbox.folder(task)}/models/weights.bin", b"raw", raw=True)
        group.add_model(task, uri=uri)
    return group
