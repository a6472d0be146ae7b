"""Files on disks: unlinked and listed by path, never through a link; folders only when empty."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cleanup.storage import LOCAL, Location, Outcome, Unlistable
from tests.storage.support import (
    OTHER,
    TASK,
    failures,
    files_of_tasks,
    located,
    neighbours,
    outcomes,
    task_id,
)
from tests.storage.support import storages as make_storages

FOLDER = f"p/n.{TASK}"


@pytest.fixture
def storages():
    opened = make_storages()
    yield opened
    opened.close()


def put(root, paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"content")


def at(root, paths):
    return located(LOCAL, [f"{root}/{path}" for path in paths])


def held(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() or path.is_symlink()}


def test_a_file_that_is_gone_is_gone_if_its_project_is_there(storages, tmp_path):
    put(tmp_path, ["p/x"])
    result = storages.delete(at(tmp_path, [f"{FOLDER}/models/x.pt"]))
    assert set(outcomes(result).values()) == {Outcome.GONE}


def test_a_file_whose_project_is_missing_failed_because_the_storage_may_not_be_mounted(storages, tmp_path):
    result = storages.delete(at(tmp_path, [f"{FOLDER}/models/x.pt", "linked/data.csv"]))
    assert len(failures(result)) == 2
    assert all("mounted" in error for error in failures(result).values())


def test_a_file_that_the_system_refuses_to_delete_fails_alone(storages, tmp_path, monkeypatch):
    paths = [*files_of_tasks(3), f"{FOLDER}/models/forbidden.pt"]
    put(tmp_path, [*paths, *neighbours()])
    unlink = os.unlink

    def refusing(name, **where):
        if name == "forbidden.pt":
            raise PermissionError(1, "Operation not permitted", name)
        unlink(name, **where)

    monkeypatch.setattr(os, "unlink", refusing)
    result = storages.delete(at(tmp_path, paths))
    assert list(failures(result)) == [f"{tmp_path}/{FOLDER}/models/forbidden.pt"]
    assert "may not delete" in failures(result)[f"{tmp_path}/{FOLDER}/models/forbidden.pt"]
    assert held(tmp_path) == {f"{FOLDER}/models/forbidden.pt", *neighbours()}


def test_a_folder_is_no_file_and_stays(storages, tmp_path):
    put(tmp_path, [f"{FOLDER}/models/m.d/x.pt", f"{FOLDER}/artifacts/a/a.pkl"])
    before = held(tmp_path)
    (tmp_path / FOLDER / "empty").mkdir()
    hostile = [f"{FOLDER}/models/m.d", f"{FOLDER}/artifacts", FOLDER, "p", f"{FOLDER}/empty"]
    result = storages.delete(at(tmp_path, hostile))
    assert list(outcomes(result).values()) == [Outcome.GONE] * 5
    assert held(tmp_path) == before
    assert (tmp_path / FOLDER / "empty").is_dir()


def test_a_link_to_a_folder_below_the_task_is_not_followed(storages, tmp_path):
    put(tmp_path, ["outside/x.pt", f"p/other.{OTHER}/models/y.pt"])
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / "models").symlink_to(tmp_path / "outside")
    (tmp_path / f"p/linked.{task_id(7)}").symlink_to(tmp_path / f"p/other.{OTHER}")
    result = storages.delete(at(tmp_path, [f"{FOLDER}/models/x.pt", f"p/linked.{task_id(7)}/models/y.pt"]))
    assert len(failures(result)) == 2
    assert (tmp_path / "outside/x.pt").exists()
    assert (tmp_path / f"p/other.{OTHER}/models/y.pt").exists()


def test_of_a_link_only_the_link_goes(storages, tmp_path):
    put(tmp_path, ["outside/x.pt"])
    (tmp_path / FOLDER / "models").mkdir(parents=True)
    (tmp_path / FOLDER / "models/x.pt").symlink_to(tmp_path / "outside/x.pt")
    (tmp_path / FOLDER / "models/nowhere").symlink_to(tmp_path / "nowhere")
    result = storages.delete(at(tmp_path, [f"{FOLDER}/models/x.pt", f"{FOLDER}/models/nowhere"]))
    assert set(outcomes(result).values()) == {Outcome.DELETED}
    assert held(tmp_path) == {"outside/x.pt"}


def test_links_above_the_tasks_folder_are_followed(storages, tmp_path):
    put(tmp_path, [f"disk/{FOLDER}/models/x.pt"])
    (tmp_path / "mount").symlink_to(tmp_path / "disk")
    result = storages.delete(at(tmp_path / "mount", [f"{FOLDER}/models/x.pt"]))
    assert set(outcomes(result).values()) == {Outcome.DELETED}
    assert held(tmp_path / "disk") == set()


def test_a_linked_file_outside_any_tasks_folder_can_be_deleted(storages, tmp_path):
    put(tmp_path, ["shared/data.csv", "shared/more.csv"])
    result = storages.delete(at(tmp_path, ["shared/data.csv", "shared/gone.csv"]))
    assert list(outcomes(result).values()) == [Outcome.DELETED, Outcome.GONE]
    assert held(tmp_path) == {"shared/more.csv"}


def test_a_file_where_a_folder_should_be_fails(storages, tmp_path):
    put(tmp_path, [f"{FOLDER}/models"])
    assert len(failures(storages.delete(at(tmp_path, [f"{FOLDER}/models/x.pt"])))) == 1


def test_listing_follows_no_link_and_lists_links_as_files(storages, tmp_path):
    put(tmp_path, ["outside/x.pt", f"{FOLDER}/models/m.pt", f"{FOLDER}/deep/er/y"])
    (tmp_path / FOLDER / "link").symlink_to(tmp_path / "outside")
    (tmp_path / FOLDER / "loop").symlink_to(tmp_path / FOLDER)
    (tmp_path / FOLDER / "nowhere").symlink_to(tmp_path / "nowhere")
    (tmp_path / f"p/l.{OTHER}").symlink_to(tmp_path / "outside")
    found = [listed.location for listed in storages.list(*at(tmp_path, [FOLDER]))]
    own = ["models/m.pt", "deep/er/y", "link", "loop", "nowhere"]
    assert set(found) == set(at(tmp_path, [f"{FOLDER}/{name}" for name in own]))
    assert not failures(storages.delete(found))
    assert held(tmp_path) == {"outside/x.pt", f"p/l.{OTHER}"}
    with pytest.raises(Unlistable, match="link"):
        list(storages.list(*at(tmp_path, [f"p/l.{OTHER}"])))


def test_a_folder_that_is_not_there_is_empty_unless_its_disk_looks_unmounted(storages, tmp_path):
    assert list(storages.list(*at(tmp_path, [FOLDER]))) == []
    with pytest.raises(Unlistable, match="mounted"):
        list(storages.list(*at(tmp_path, [f"missing/{FOLDER}"])))


def test_emptied_folders_go_and_the_projects_stays(storages, tmp_path):
    for path in (f"root/a/b/n.{task_id(1)}/models/x", f"root/a/n.{task_id(2)}"):
        (tmp_path / path).mkdir(parents=True)
    put(tmp_path, [f"root/a/n.{OTHER}/kept"])
    folders = [f"root/a/b/n.{task_id(1)}", f"root/a/n.{task_id(2)}", f"root/a/n.{OTHER}", "root/a"]
    result = storages.remove_folders(at(tmp_path, folders))
    assert [answer.outcome.value for answer in result.values()] == ["deleted"] * 2 + ["failed"] * 2
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_dir()}
    assert left == {"root", "root/a", "root/a/b", f"root/a/n.{OTHER}"}


def test_removing_folders_follows_no_link(storages, tmp_path):
    (tmp_path / "outside/empty").mkdir(parents=True)
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / "link").symlink_to(tmp_path / "outside")
    (tmp_path / f"p/l.{OTHER}").symlink_to(tmp_path / "outside")
    result = storages.remove_folders(at(tmp_path, [FOLDER, f"p/l.{OTHER}"]))
    assert {answer.outcome for answer in result.values()} == {Outcome.FAILED}
    assert (tmp_path / "outside/empty").is_dir()


def test_no_descriptor_is_left_open(storages, tmp_path):
    put(tmp_path, files_of_tasks(2, 3))
    storages.delete([])
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    storages.delete([*at(tmp_path, files_of_tasks(2, 6)), Location(LOCAL, f"/nowhere/{FOLDER}/x")])
    storages.remove_folders(at(tmp_path, [f"project/some task.{task_id(0)}"]))
    list(storages.list(Location(LOCAL, str(tmp_path))))
    after = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    assert after <= before
