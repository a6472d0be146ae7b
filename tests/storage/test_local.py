"""Files on disks: unlinked and listed by path, never through a link; folders only when empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from cleanup.storage import LOCAL, Location, Unlistable
from tests.storage import stores
from tests.storage.stores import OTHER, TASK, files_of_tasks, located, task_id

FOLDER = f"p/n.{TASK}"


@pytest.fixture
def disk(tmp_path, monkeypatch):
    with stores.disks(tmp_path, monkeypatch) as opened:
        yield opened


def test_what_is_not_there_is_gone_unless_its_disk_looks_unmounted(disk):
    disk.put(["p/x", "shared/more.csv"])
    assert disk.delete(f"{FOLDER}/models/x.pt", "shared/gone.csv") == {
        f"{FOLDER}/models/x.pt": "gone", "shared/gone.csv": "gone"
    }  # fmt: skip
    assert disk.listed(FOLDER) == set()
    unmounted = disk.delete(f"missing/{FOLDER}/models/x.pt", "missing/data.csv")
    assert ["mounted" in error for error in unmounted.values()] == [True, True]
    with pytest.raises(Unlistable, match="mounted"):
        disk.listed(f"missing/{FOLDER}")


def test_a_name_longer_than_a_disk_takes_is_gone_and_holds_up_no_other(disk):
    short, long = f"{FOLDER}/models/x.pt", f"{FOLDER}/models/{'x' * 300}.pt"
    disk.put([short])
    assert disk.delete(long, short) == {long: "gone", short: "deleted"}
    assert ["mounted" in error for error in disk.delete(f"missing/{long}").values()] == [True]


def test_no_link_to_a_folder_and_no_file_is_taken_for_a_folder_below_the_tasks(disk):
    disk.put(["outside/x.pt", f"p/other.{OTHER}/models/y.pt", f"p/file.{task_id(8)}/models"])
    (disk.has / FOLDER).mkdir(parents=True)
    (disk.has / FOLDER / "models").symlink_to(disk.has / "outside")
    (disk.has / f"p/linked.{task_id(7)}").symlink_to(disk.has / f"p/other.{OTHER}")
    before = disk.held()
    paths = [f"{FOLDER}/models/x.pt", f"p/linked.{task_id(7)}/models/y.pt", f"p/file.{task_id(8)}/models/x.pt"]
    assert ["a link or a file" in error for error in disk.delete(*paths).values()] == [True] * 3
    assert disk.held() == before


def test_links_above_the_tasks_folder_are_followed(disk):
    disk.put([f"disk/{FOLDER}/models/x.pt"])
    (disk.has / "mount").symlink_to(disk.has / "disk")
    assert set(disk.delete(f"mount/{FOLDER}/models/x.pt").values()) == {"deleted"}
    assert disk.held() == {"mount"}


def test_listing_follows_no_link_and_of_a_link_only_the_link_goes(disk):
    disk.put(["outside/x.pt", f"{FOLDER}/models/m.pt", f"{FOLDER}/deep/er/y"])
    links = {"link": "outside", "file": "outside/x.pt", "loop": FOLDER, "nowhere": "nowhere"}
    for name, target in links.items():
        (disk.has / FOLDER / name).symlink_to(disk.has / target)
    (disk.has / f"p/l.{OTHER}").symlink_to(disk.has / "outside")
    own = {f"{FOLDER}/{name}" for name in ("models/m.pt", "deep/er/y", *links)}
    assert disk.listed(FOLDER) == own
    assert disk.delete(*own) == dict.fromkeys(own, "deleted")
    assert disk.held() == {"outside/x.pt", f"p/l.{OTHER}"}
    with pytest.raises(Unlistable, match="link"):
        disk.listed(f"p/l.{OTHER}")


def test_emptied_folders_of_tasks_go_and_no_other_and_nothing_behind_a_link(disk):
    emptied = [f"root/a/b/n.{task_id(1)}", f"root/a/n.{task_id(2)}"]
    for path in (f"{emptied[0]}/models/x", emptied[1], "outside/empty", f"root/a/n.{TASK}"):
        (disk.has / path).mkdir(parents=True)
    disk.put([f"root/a/n.{OTHER}/kept"])
    (disk.has / f"root/a/n.{TASK}/link").symlink_to(disk.has / "outside")
    (disk.has / f"root/l.{task_id(3)}").symlink_to(disk.has / "outside")
    staying = {
        f"root/a/n.{OTHER}": "it still holds files",
        f"root/a/n.{TASK}": "it still holds files",
        f"root/l.{task_id(3)}": "a link or a file stands where one of its folders should be",
        "root/a": "not named like a task's folder",
    }
    assert disk.remove(*emptied, f"root/n.{task_id(4)}", *staying) == ["deleted", "deleted", "gone", *staying.values()]
    left = {str(path.relative_to(disk.has)) for path in disk.has.rglob("*") if path.is_dir()}
    assert left == {*staying, "root", "root/a/b", f"root/a/n.{TASK}/link", "outside", "outside/empty"}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells which descriptors are open")
def test_no_descriptor_is_left_open(disk):
    disk.put(files_of_tasks(2, 3))
    disk.delete()
    before = len(list(Path("/proc/self/fd").iterdir()))
    disk.delete(*files_of_tasks(2, 6))
    disk.storages.delete(located(LOCAL, [f"/nowhere/{FOLDER}/x"]))
    disk.remove(f"project/some task.{task_id(0)}")
    list(disk.storages.list(Location(LOCAL, str(disk.has))))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
