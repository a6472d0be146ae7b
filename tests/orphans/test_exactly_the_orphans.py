"""Exactly the orphans go: what is found, what is looked at again, what is refused."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from cleanup.base.errors import CleanupError, CommandLineError
from cleanup.server.session import CleanupSession
from cleanup.storage import Answer, Listed, Location, Outcome
from tests.orphans.world import PROJECT, OrphanWorld


@pytest.mark.parametrize("store", ["disks", "minio", "gs", "azure"], indirect=True)
def test_exactly_the_orphans_go_and_the_first_step_deletes_nothing(orphans: OrphanWorld) -> None:
    before = orphans.store.held()
    found = orphans.find()
    assert orphans.store.held() == before
    assert {entry.task.id for entry in found.deleted} == set(orphans.orphans)
    assert found.files.deleted == len(orphans.going)
    done = orphans.delete()
    assert orphans.store.held() == before - orphans.going
    assert done.ok
    if orphans.store.name == "disks":  # the only one with folders
        emptied = {task for task, files in orphans.orphans.items() if len(files) > 1}
        assert not any(folder[-32:] in emptied for folder in orphans.sandbox.folders())
        assert PROJECT in orphans.sandbox.folders()
    assert (done.files.deleted, done.files.size) == (found.files.deleted, found.files.size)
    assert orphans.delete().files.gone == len(orphans.going)
    assert not orphans.find().deleted


def test_why_the_others_stay_is_said(orphans: OrphanWorld) -> None:
    found = orphans.find()
    said = {entry.task.name: entry.reason for entry in found.kept}
    assert said.pop("outer").endswith("lies in it or around it")
    assert said.pop("sub").endswith("lies in it or around it")
    needed = "all its files are needed"
    assert said == {"held": needed, "parent version": needed, "half uploaded": "a file in it is too new"}
    ids = {entry.task.name: entry.task.id for entry in [*found.kept, *found.deleted]}
    assert Counter((file.task, file.why.partition(" ")[0]) for file in found.kept_files) == {
        (ids["held"], "model"): 1,
        (ids["held"], "task"): 1,
        (ids["half held"], "model"): 1,
        (ids["parent version"], "dataset"): 2,
    }


def a_model_names_its_folder(world: OrphanWorld) -> None:
    uri = f"file:///elsewhere/run.{world.one.upper()}/"
    world.sandbox.add_model(None, "all of it", uri=uri, published=True)


def artifacts_link_into_it(world: OrphanWorld) -> None:
    user = world.sandbox.add_task("user")
    for number, path in enumerate(world.orphans[world.one]):
        world.sandbox.add_artifact(user, str(number), uri=f"{world.store.prefix}/{path}")


def upload_into_it(world: OrphanWorld) -> None:
    world.put(f"{PROJECT}/{world.file.parents[2].name}/inner.{world.living('inner')}")


def a_file_has_another_size(world: OrphanWorld) -> None:
    times = world.file.stat()
    world.file.write_bytes(b"more content")
    os.utime(world.file, ns=(times.st_atime_ns, times.st_mtime_ns))


def its_folder_becomes_a_link(world: OrphanWorld) -> None:
    folder = world.file.parents[2]
    folder.rename(world.store.has / "moved")
    folder.symlink_to(world.store.has / "moved")


CHANGES: dict[str, Callable[[OrphanWorld], object]] = {
    "a task with its id comes back": lambda world: world.sandbox.add_task("imported", task_id=world.one),
    "a task inside it comes back": lambda world: world.sandbox.add_task("imported", task_id=world.nested[1]),
    "a model names its folder": a_model_names_its_folder,
    "artifacts link into it": artifacts_link_into_it,
    "a living task uploads into it": upload_into_it,
    "a file is new": lambda world: world.file.with_name("data.csv.part").touch(),
    "a file is older": lambda world: os.utime(world.file, (1, 1)),
    "a file has another size": a_file_has_another_size,
    "its folder becomes a link": its_folder_becomes_a_link,
    "the server knows less": lambda world: [world.sandbox.remove_task(task) for task in world.sandbox.tasks],
}
"""The last: it was set up from an older backup. What lived when the manifest was written is not in that."""


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_between_the_steps_stays_and_is_listed(orphans: OrphanWorld, change: str) -> None:
    orphans.find()
    CHANGES[change](orphans)
    others = {"a task inside it comes back": {*orphans.nested}, "the server knows less": set()}
    stay = others.get(change, {orphans.one})
    before = orphans.store.held()
    done = orphans.delete()
    assert stay <= {entry.task.id for entry in done.kept} | {file.task for file in done.kept_files}
    assert before - orphans.store.held() == orphans.going - {path for task in stay for path in orphans.orphans[task]}


def test_what_changes_while_it_deletes_stays(orphans: OrphanWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cleanup.orphans.run.FILES_AT_ONCE", 1)
    orphans.find()
    asked = []

    def delete(files, real=orphans.store.storages.delete):
        if not asked:
            orphans.one = next(task for task in orphans.orphans if not any(task in file.path for file in files))
            a_model_names_its_folder(orphans)
        asked.extend(files)
        return real(files)

    monkeypatch.setattr(orphans.store.storages, "delete", delete)
    before = orphans.store.held()
    orphans.delete()
    assert before - orphans.store.held() == orphans.going - set(orphans.orphans[orphans.one])


def test_a_link_goes_what_it_points_to_stays_and_any_name_will_do(orphans: OrphanWorld) -> None:
    folder, odd = orphans.file.parent, os.fsdecode(b"caf\xe9")
    (folder / "link").symlink_to(next(orphans.store.has.glob(f"{PROJECT}/alive.*")))
    (folder / odd).touch()
    before = orphans.store.held()
    path = orphans.orphans[orphans.one][0]
    orphans.orphans[orphans.one] += [path.replace("data.csv", name) for name in ("link", odd)]
    orphans.find()
    orphans.delete()
    assert before - orphans.store.held() == orphans.going


@pytest.mark.parametrize("ahead", [0.0, 30 * 86_400.0])
def test_young_folders_stay_for_as_long_as_one_says(orphans: OrphanWorld, ahead, monkeypatch) -> None:
    """Also where the server's clock is ahead."""
    monkeypatch.setattr(CleanupSession, "_note_clock", lambda self, _: setattr(self, "clock_skew", ahead))
    assert not orphans.find(older_than_days="7").deleted
    week = 7 * 86_400
    for file in orphans.file.parents[2].rglob("*.*"):
        os.utime(file, (file.stat().st_mtime - week,) * 2)
    found = orphans.find(older_than_days="7")
    assert len(found.deleted) == 1


def test_a_storage_that_looks_like_another_servers_is_refused(orphans: OrphanWorld) -> None:
    for number in range(200):
        orphans.gone(f"{PROJECT}/foreign {number}", orphan=False)
    with pytest.raises(
        CommandLineError, match=r"Of \d+ task folders in .* only \d belong .*, less than 5%.*--shared-with-no"
    ):
        orphans.find()
    assert not orphans.manifest.exists()
    assert len(orphans.find("--shared-with-no-other-server").deleted) == 200 + len(orphans.orphans)


def test_a_server_that_tells_of_fewer_tasks_than_it_counts_is_refused(
    orphans: OrphanWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphans.find()
    monkeypatch.setattr("cleanup.server.census._counted", lambda _: 1000)
    for step in (orphans.find, orphans.delete):
        with pytest.raises(CommandLineError, match=r"counts 1000 tasks, and lists \d+ of them"):
            step()
    assert orphans.going <= orphans.store.held()
    assert orphans.find("--shared-with-no-other-server").deleted


def lines_of(packed: bytes) -> list[Any]:
    return [json.loads(line) for line in gzip.decompress(packed).splitlines()]


def packed(lines: list[Any]) -> bytes:
    return gzip.compress("\n".join(map(json.dumps, lines)).encode())


def with_value(number: int, column: int, value: object) -> Callable[[bytes], bytes]:
    """Put ``value`` into a line of a manifest, with the storage of its header for {}."""

    def change(manifest: bytes) -> bytes:
        lines = lines_of(manifest)
        place = lines[0][3][0].removeprefix("file://")
        lines[number][column] = value.format(place) if isinstance(value, str) else value
        return packed(lines)

    return change


SOME = f"run.{'0' * 32}/artifacts/x"
WRONG: dict[str, Callable[[bytes], bytes]] = {
    "another server": with_value(0, 1, "http://128.0.0.1"),
    "another format": with_value(0, 0, "clearml orphans 1"),
    "no time": with_value(0, 2, "soon"),
    "a time without a zone": with_value(0, 2, "2026-01-01"),
    "no such storage": with_value(-1, 0, 1),
    "a storage from the end": with_value(-1, 0, -1),
    "a file elsewhere": with_value(-1, 1, f"/etc/{SOME}"),
    "a file that climbs": with_value(-1, 1, f"{{}}/../{SOME}"),
    "an odd time": with_value(-1, 3, "yesterday"),
    "a line cut short": lambda manifest: packed([*lines_of(manifest), [0]]),
    "no header": lambda manifest: packed(lines_of(manifest)[1:]),
    "empty": lambda _: b"",
    "not packed": gzip.decompress,
    "cut off": lambda manifest: manifest[:-40],
    "damaged": lambda manifest: manifest[:99] + b"\0\0\0\0" + manifest[103:],
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_manifest_that_is_wrong_anywhere_deletes_nothing(orphans: OrphanWorld, change) -> None:
    orphans.find()
    orphans.manifest.write_bytes(change(orphans.manifest.read_bytes()))
    with pytest.raises(CommandLineError, match=r"is no manifest, or damaged|another server"):
        orphans.delete()
    assert orphans.going <= orphans.store.held()


def test_what_is_written_into_a_manifest_by_hand_goes_only_if_it_is_an_orphan(orphans: OrphanWorld) -> None:
    orphans.find()
    before = orphans.store.held()
    header, *lines = lines_of(orphans.manifest.read_bytes())
    header[2] = "9999-12-31T00:00:00+00:00"
    known = {path for _, path, *_ in lines}
    for file in orphans.store.storages.list(orphans.store.at("team")):
        if file.location.path not in known:
            lines.append([0, file.location.path, file.size, str(file.modified), ""])
    orphans.manifest.write_bytes(packed([header, *lines]))
    orphans.delete()
    young = {path for path in before if "half uploaded" in path}
    assert before - orphans.store.held() == orphans.going | young


def test_a_storage_that_is_not_listed_in_full_gives_no_manifest(orphans: OrphanWorld) -> None:
    orphans.store.fail(2)
    with pytest.raises(CleanupError, match="cannot be listed in full: Permission denied"):
        orphans.find()
    assert not orphans.manifest.exists()


def test_files_that_cannot_be_deleted_are_listed_and_the_others_go(orphans: OrphanWorld) -> None:
    orphans.find()
    stuck = orphans.orphans[orphans.one][0]
    orphans.store.refuse(stuck)
    done = orphans.delete()
    assert [file.address for file in done.failed_files] == [orphans.store.at(stuck).path]
    assert not done.ok
    assert orphans.going & orphans.store.held() == {stuck}


@pytest.mark.parametrize("address", ["http://127.0.0.1:8081", "/no/such/folder", "ftp://x/y", "s3://", "/"])
def test_what_cannot_be_listed_is_no_storage(orphans: OrphanWorld, address: str) -> None:
    with pytest.raises(CommandLineError, match="^" + address.rstrip("/")):
        orphans.find(at=address)


def test_memory_does_not_grow_with_the_files_of_a_folder(orphans: OrphanWorld, monkeypatch) -> None:
    """The storage makes them up, and deletes none: failures are not kept for ever either."""
    monkeypatch.setattr("cleanup.orphans.run.FILES_AT_ONCE", 500)
    folder, then = orphans.store.at(f"{PROJECT}/long run.{'0' * 32}"), datetime(2024, 1, 1, tzinfo=timezone.utc)
    storages = orphans.store.storages
    monkeypatch.setattr(storages, "delete", lambda asked: dict.fromkeys(asked, Answer(Outcome.FAILED, "read-only")))

    def peaks(many: int) -> list[int]:
        found = []
        for step in (lambda: orphans.find("--shared-with-no-other-server"), orphans.delete):
            named = (folder.path + f"/metrics/sample_{number:08}.png" for number in range(many))
            listed = (Listed(Location(folder.root, path), 1, then) for path in named)
            monkeypatch.setattr(storages, "list", lambda _, listed=listed: listed)
            tracemalloc.start()
            result = step()
            found.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert result.files.deleted + result.files.failed == many
        return found

    _, few, many = peaks(1_000), peaks(1_000), peaks(6_000)  # the first loads modules, too
    assert all(more < 1.5 * less for less, more in zip(few, many, strict=True))


def test_a_manifest_names_its_server_by_the_id_that_this_has_under_every_address(orphans: OrphanWorld) -> None:
    orphans.find()
    header = json.loads(gzip.decompress(orphans.manifest.read_bytes()).splitlines()[0])
    assert header[1] == orphans.sandbox.store.company
