"""Files on disks: unlinked and listed by path, never through a link; folders only when empty."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cleanup.storage import LOCAL, Location, Outcome, Unlistable
from tests.storage import stores
from tests.storage.support import OTHER, TASK, failures, files_of_tasks, located, neighbours, outcomes, task_id

FOLDER = f"p/n.{TASK}"


@pytest.fixture
def disk(tmp_path, monkeypatch):
    with stores.disks(tmp_path, monkeypatch) as opened:
        yield opened


def delete(disk, *paths):
    return disk.storages.delete(map(disk.at, paths))


def remove(disk, *folders):
    return list(outcomes(disk.storages.remove_folders(map(disk.at, folders))).values())


def test_a_file_that_is_gone_is_gone_if_the_folder_above_its_tasks_is_there(disk):
    disk.put(["p/x", "shared/data.csv", "shared/more.csv"])
    result = delete(disk, f"{FOLDER}/models/x.pt", "shared/data.csv", "shared/gone.csv")
    assert list(outcomes(result).values()) == [Outcome.GONE, Outcome.DELETED, Outcome.GONE]
    assert disk.held() == {"p/x", "shared/more.csv"}


def test_a_file_whose_project_is_missing_failed_because_the_storage_may_not_be_mounted(disk):
    result = delete(disk, f"{FOLDER}/models/x.pt", "linked/data.csv")
    assert len(failures(result)) == 2
    assert all("mounted" in error for error in failures(result).values())


def test_a_file_that_the_system_refuses_to_delete_fails_alone(disk, monkeypatch):
    forbidden = f"{FOLDER}/models/forbidden.pt"
    disk.put([*files_of_tasks(3), forbidden, *neighbours()])
    unlink = os.unlink

    def refusing(name, **where):
        if name == "forbidden.pt":
            raise PermissionError(1, "Operation not permitted", name)
        unlink(name, **where)

    monkeypatch.setattr(os, "unlink", refusing)
    ((path, error),) = failures(delete(disk, *files_of_tasks(3), forbidden)).items()
    assert path == disk.at(forbidden).path
    assert "may not delete" in error
    assert disk.held() == {forbidden, *neighbours()}


def test_a_folder_is_no_file_and_stays(disk):
    disk.put([f"{FOLDER}/models/m.d/x.pt", f"{FOLDER}/artifacts/a/a.pkl"])
    before = disk.held()
    (disk.has / FOLDER / "empty").mkdir()
    result = delete(disk, f"{FOLDER}/models/m.d", f"{FOLDER}/artifacts", FOLDER, "p", f"{FOLDER}/empty")
    assert list(outcomes(result).values()) == [Outcome.GONE] * 5
    assert disk.held() == before
    assert (disk.has / FOLDER / "empty").is_dir()


def test_no_link_to_a_folder_and_no_file_is_taken_for_a_folder_below_the_tasks(disk):
    disk.put(["outside/x.pt", f"p/other.{OTHER}/models/y.pt", f"p/file.{task_id(8)}/models"])
    (disk.has / FOLDER).mkdir(parents=True)
    (disk.has / FOLDER / "models").symlink_to(disk.has / "outside")
    (disk.has / f"p/linked.{task_id(7)}").symlink_to(disk.has / f"p/other.{OTHER}")
    before = disk.held()
    paths = [f"{FOLDER}/models/x.pt", f"p/linked.{task_id(7)}/models/y.pt", f"p/file.{task_id(8)}/models/x.pt"]
    assert len(failures(delete(disk, *paths))) == 3
    assert disk.held() == before


def test_of_a_link_only_the_link_goes(disk):
    disk.put(["outside/x.pt"])
    (disk.has / FOLDER / "models").mkdir(parents=True)
    (disk.has / FOLDER / "models/x.pt").symlink_to(disk.has / "outside/x.pt")
    (disk.has / FOLDER / "models/nowhere").symlink_to(disk.has / "nowhere")
    result = delete(disk, f"{FOLDER}/models/x.pt", f"{FOLDER}/models/nowhere")
    assert set(outcomes(result).values()) == {Outcome.DELETED}
    assert disk.held() == {"outside/x.pt"}


def test_links_above_the_tasks_folder_are_followed(disk):
    disk.put([f"disk/{FOLDER}/models/x.pt"])
    (disk.has / "mount").symlink_to(disk.has / "disk")
    assert set(outcomes(delete(disk, f"mount/{FOLDER}/models/x.pt")).values()) == {Outcome.DELETED}
    assert disk.held() == {"mount"}


def test_listing_follows_no_link_and_lists_links_as_files(disk):
    disk.put(["outside/x.pt", f"{FOLDER}/models/m.pt", f"{FOLDER}/deep/er/y"])
    (disk.has / FOLDER / "link").symlink_to(disk.has / "outside")
    (disk.has / FOLDER / "loop").symlink_to(disk.has / FOLDER)
    (disk.has / FOLDER / "nowhere").symlink_to(disk.has / "nowhere")
    (disk.has / f"p/l.{OTHER}").symlink_to(disk.has / "outside")
    own = {f"{FOLDER}/{name}" for name in ("models/m.pt", "deep/er/y", "link", "loop", "nowhere")}
    assert disk.listed(FOLDER) == own
    assert not failures(delete(disk, *own))
    assert disk.held() == {"outside/x.pt", f"p/l.{OTHER}"}
    with pytest.raises(Unlistable, match="link"):
        disk.listed(f"p/l.{OTHER}")


def test_a_folder_that_is_not_there_is_empty_unless_its_disk_looks_unmounted(disk):
    assert disk.listed(FOLDER) == set()
    with pytest.raises(Unlistable, match="mounted"):
        disk.listed(f"missing/{FOLDER}")


def test_emptied_folders_go_and_the_projects_stays(disk):
    for path in (f"root/a/b/n.{task_id(1)}/models/x", f"root/a/n.{task_id(2)}"):
        (disk.has / path).mkdir(parents=True)
    disk.put([f"root/a/n.{OTHER}/kept"])
    folders = [f"root/a/b/n.{task_id(1)}", f"root/a/n.{task_id(2)}", f"root/a/n.{OTHER}", "root/a"]
    assert remove(disk, *folders) == [Outcome.DELETED] * 2 + [Outcome.FAILED] * 2
    left = {str(path.relative_to(disk.has)) for path in disk.has.rglob("*") if path.is_dir()}
    assert left == {"root", "root/a", "root/a/b", f"root/a/n.{OTHER}"}


def test_removing_folders_follows_no_link(disk):
    (disk.has / "outside/empty").mkdir(parents=True)
    (disk.has / FOLDER).mkdir(parents=True)
    (disk.has / FOLDER / "link").symlink_to(disk.has / "outside")
    (disk.has / f"p/l.{OTHER}").symlink_to(disk.has / "outside")
    assert remove(disk, FOLDER, f"p/l.{OTHER}") == [Outcome.FAILED] * 2
    assert (disk.has / "outside/empty").is_dir()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells which descriptors are open")
def test_no_descriptor_is_left_open(disk):
    disk.put(files_of_tasks(2, 3))
    disk.storages.delete([])
    before = len(list(Path("/proc/self/fd").iterdir()))
    disk.storages.delete([*map(disk.at, files_of_tasks(2, 6)), *located(LOCAL, [f"/nowhere/{FOLDER}/x"])])
    remove(disk, f"project/some task.{task_id(0)}")
    list(disk.storages.list(Location(LOCAL, str(disk.has))))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
