"""Exactly the orphans go: what is found, what is looked at again, what is refused."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from cleanup.base.errors import CleanupError, CommandLineError
from tests.orphans.world import PROJECT, OrphanWorld


@pytest.mark.parametrize("store", ["disks", "s3", "gs", "azure"], indirect=True)
def test_exactly_the_orphans_go_and_the_first_step_deletes_nothing(orphans: OrphanWorld) -> None:
    before = orphans.store.held()
    found = orphans.find()
    assert orphans.store.held() == before
    assert {entry.task.id for entry in found.deleted} == set(orphans.orphans)
    assert found.files.deleted == len(orphans.going)
    done = orphans.delete()
    assert orphans.store.held() == before - orphans.going
    assert done.ok
    assert (done.files.deleted, done.files.size) == (found.files.deleted, found.files.size)
    assert orphans.delete().files.gone == len(orphans.going)
    assert not orphans.find().deleted


def test_why_the_others_stay_is_said(orphans: OrphanWorld) -> None:
    found = orphans.find()
    said = {entry.task.name: entry.reason for entry in found.kept}
    assert said == {
        "held": "all its files are needed",
        "parent version": "all its files are needed",
        "outer": said["outer"],
        "sub": said["sub"],
        "half uploaded": "a file in it is too new",
    }
    assert said["outer"].endswith("lies in it or around it")
    assert sorted(file.why.partition(" ")[0] for file in found.kept_files) == sorted(
        ["model", "model", "task", "dataset", "dataset"]
    )


def a_task_with_its_id_comes_back(orphans: OrphanWorld, task: str) -> None:
    orphans.sandbox.add_task("imported", task_id=task)


def a_model_names_its_folder(orphans: OrphanWorld, task: str) -> None:
    orphans.sandbox.add_model(None, "all of it", uri=f"file:///elsewhere/run.{task}/", published=True)


def an_artifact_links_into_it(orphans: OrphanWorld, task: str) -> None:
    user = orphans.sandbox.add_task("user")
    for number, path in enumerate(orphans.orphans[task]):
        orphans.sandbox.add_artifact(user, str(number), uri=f"{orphans.store.prefix}/{path}")


def a_file_is_new(orphans: OrphanWorld, task: str) -> None:
    orphans.store.put([orphans.orphans[task][0] + ".part"])


def a_file_is_younger(orphans: OrphanWorld, task: str) -> None:
    os.utime(orphans.store.has / orphans.orphans[task][0], (1, 1))


def a_file_has_another_size(orphans: OrphanWorld, task: str) -> None:
    path = orphans.store.has / orphans.orphans[task][0]
    times = path.stat()
    path.write_bytes(b"more content")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


CHANGES = [
    a_task_with_its_id_comes_back,
    a_model_names_its_folder,
    an_artifact_links_into_it,
    a_file_is_new,
    a_file_is_younger,
    a_file_has_another_size,
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_between_the_steps_stays_and_is_listed(orphans: OrphanWorld, change) -> None:
    orphans.find()
    changed = next(iter(orphans.orphans))
    change(orphans, changed)
    before = orphans.store.held()
    done = orphans.delete()
    kept = {entry.task.id for entry in done.kept} | {file.task for file in done.kept_files}
    assert changed in kept
    assert before - orphans.store.held() == orphans.going - set(orphans.orphans[changed])


def test_what_changes_while_it_deletes_stays(orphans: OrphanWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cleanup.orphans.run.FILES_AT_ONCE", 1)
    orphans.find()
    named = []

    def delete(files, real=orphans.store.storages.delete):
        if not named:
            named.append(next(task for task in orphans.orphans if not any(task in file.path for file in files)))
            a_model_names_its_folder(orphans, named[0])
        return real(files)

    monkeypatch.setattr(orphans.store.storages, "delete", delete)
    before = orphans.store.held()
    orphans.delete()
    assert before - orphans.store.held() == orphans.going - set(orphans.orphans[named[0]])


def test_emptied_folders_of_tasks_go_and_those_of_projects_stay(orphans: OrphanWorld) -> None:
    orphans.find()
    orphans.delete()
    left = orphans.sandbox.folders()
    assert not any(task in folder for folder in left for task, files in orphans.orphans.items() if len(files) == 2)
    assert PROJECT in left
    assert orphans.sandbox.files_root.is_dir()


def test_young_folders_stay_for_as_long_as_one_says(orphans: OrphanWorld) -> None:
    assert not orphans.step("find", orphans.store.prefix, "--output", str(orphans.manifest)).deleted
    week = 7 * 86_400
    path = orphans.store.has / orphans.orphans[next(iter(orphans.orphans))][0]
    for file in path.parents[2].rglob("*.*"):
        os.utime(file, (file.stat().st_mtime - week,) * 2)
    found = orphans.step("find", orphans.store.prefix, "--output", str(orphans.manifest))
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


def test_a_manifest_of_another_server_or_none_at_all_deletes_nothing(orphans: OrphanWorld, tmp_path) -> None:
    orphans.find()
    lines = gzip.decompress(orphans.manifest.read_bytes())
    for damaged in (
        gzip.compress(lines.replace(b"http://127", b"http://128")),
        orphans.manifest.read_bytes()[:-40],
        lines,
        gzip.compress(b"{}\n"),
        gzip.compress(lines.splitlines(keepends=True)[0] + lines.replace(b'"size"', b"")[-50:]),
    ):
        orphans.manifest.write_bytes(damaged)
        with pytest.raises(CommandLineError, match=r"manifest|another server"):
            orphans.delete()
    orphans.manifest.unlink()
    with pytest.raises(CommandLineError, match=r"orphans\.jsonl\.gz"):
        orphans.delete()
    assert orphans.going <= orphans.store.held()


@pytest.mark.parametrize("store", ["s3"], indirect=True)
def test_a_storage_that_is_not_listed_in_full_gives_no_manifest(orphans: OrphanWorld) -> None:
    orphans.store.fail(0)
    with pytest.raises(CleanupError, match=r"cannot be listed in full.*AccessDenied"):
        orphans.find()
    assert not orphans.manifest.exists()


def test_files_that_cannot_be_deleted_are_listed_and_the_others_go(orphans: OrphanWorld, monkeypatch) -> None:
    orphans.find()
    stuck = str(orphans.store.has / orphans.orphans[next(iter(orphans.orphans))][0])
    real = os.unlink

    def unlink(path, *, dir_fd=None):
        if path == "data.csv" and Path(f"/proc/self/fd/{dir_fd}").resolve() == Path(stuck).parent:
            raise PermissionError(13, "Permission denied")
        real(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", unlink)
    done = orphans.delete()
    assert [file.address for file in done.failed_files] == [stuck]
    assert not done.ok
    assert orphans.going & orphans.store.held() == {stuck.removeprefix(f"{orphans.store.has}/")}


@pytest.mark.parametrize("address", ["http://127.0.0.1:8081", "/no/such/folder", "ftp://x/y", "s3://", "/"])
def test_what_cannot_be_listed_is_no_storage(orphans: OrphanWorld, address: str) -> None:
    with pytest.raises(CommandLineError, match="^" + address.rstrip("/")):
        orphans.step("find", address, "--output", str(orphans.manifest))
