"""What all storages promise alike, each on its real implementation: S3, Google, Azure, file server and disks."""

from __future__ import annotations

import pytest

from cleanup.storage import Location, Unlistable
from tests.storage.stores import ODD_NAMES, TASK, failures, files_of_tasks, folder_of, neighbours


def test_named_and_unnamed_files_of_50_tasks_go_and_neighbours_and_held_files_stay(store):
    unnamed = [f"{folder_of(task)}/models/old/{n}.pt" for task in range(50) for n in range(20)]
    held = {f"{folder_of(7)}/models/old/3.pt", f"{folder_of(9)}/artifacts/a0/a0.pkl"}
    named = [path for path in files_of_tasks() if path not in held]
    store.put([*files_of_tasks(), *unnamed, *neighbours()])
    assert store.storages.unusable(store.root) == ""
    assert store.storages.check([store.root]) == {store.root: ""}
    assert store.storages.name(store.root) == ("local files" if store.name == "disks" else store.root)
    # A storage may only be opened, and looked at, without a change.
    assert len(store.held()) == 3500 + len(neighbours())
    if store.name == "file server":
        store.has.reset_requests()
    places = [at for path in named for at in store.storages.locate(store.address(path))[:1]]
    assert store.delete(*(at.path.removeprefix(store.top) for at in places)) == dict.fromkeys(named, "deleted")
    if store.storages.can_list(store.root):
        left = [path for task in range(50) for path in store.listed(folder_of(task))]
        assert set(left) == {*unnamed, *held}
        assert set(store.delete(*(path for path in left if path not in held)).values()) == {"deleted"}
    else:
        assert set(store.remove(*(folder_of(task) for task in range(50) if task not in (7, 9)))) == {"deleted"}
        held |= {path for path in unnamed if path.startswith((folder_of(7), folder_of(9)))}
        assert store.has.file_requests == 4
        folders = {str(folder).split("/models")[0] for folder in store.has.folders()}
        assert {task for task in range(50) if folder_of(task) in folders} == {7, 9}
    assert store.held() == {*neighbours(), *held}


def test_whatever_a_file_is_named_it_is_deleted_by_its_address_and_by_its_listing(store):
    odd = [*ODD_NAMES, "a&<b>'.txt", "x" * 200 + ".txt", "%2E%2E.txt"]
    # Azure addresses of the SDK hold no "?" and "#"; listed, such a blob has its name.
    by_address = [name for name in odd if store.name != "azure" or not set("?#") & set(name)]
    paths = [f"p/n.{TASK}/models/{name}" for name in odd]
    store.put([*paths, *neighbours()])
    if store.storages.can_list(store.root):
        assert store.listed(f"p/n.{TASK}") == set(paths)
        assert set(store.delete(*paths).values()) == {"deleted"}
        assert store.held() == set(neighbours())
        paths = [f"p/n.{TASK}/models/{name}" for name in by_address]
        store.put(paths)
    for path in paths:
        assert not failures(store.storages.delete(store.storages.locate(store.address(path))))
    assert store.held() == set(neighbours())


def test_what_is_not_there_is_no_failure_and_a_folder_is_no_file(store):
    store.put([*files_of_tasks(1, 3), *neighbours()])
    gone = [f"{folder_of(1)}/models/m0.pt", f"{folder_of(0)}/artifacts/gone/gone.pkl", "project/gone.txt"]
    folders = ["project", folder_of(0), f"{folder_of(0)}/artifacts", f"{folder_of(0)}/artifacts/a0"]
    said = "deleted" if store.name in {"s3", "minio"} else "gone"  # S3 cannot tell
    assert store.delete(*gone, *folders, neighbours()[0]) == {
        **dict.fromkeys([*gone, *folders], said), neighbours()[0]: "deleted"
    }  # fmt: skip
    if store.storages.can_list(store.root):
        assert store.listed(folder_of(3)) == set()
        assert store.remove(folder_of(0)) == ["it still holds files" if store.name == "disks" else "gone"]
    else:
        with pytest.raises(Unlistable):
            next(store.storages.list(store.at(folder_of(3))))
    assert store.held() == {*files_of_tasks(1, 3), *neighbours()[1:]}


def test_a_file_that_the_storage_refuses_to_delete_fails_alone(store):
    paths = files_of_tasks(25)
    store.put([*paths, *neighbours()])
    reason = store.refuse(paths[700])
    ((path, error),) = failures(store.storages.delete(map(store.at, paths))).items()
    assert path == store.at(paths[700]).path
    assert reason in error
    assert store.held() == {paths[700], *neighbours()}


def test_1001_files_are_listed_over_the_end_of_a_page_with_size_and_time(listing):
    paths = [f"{folder_of(0)}/metrics/{n}.jpeg" for n in range(1001)]
    listing.put([*paths, *neighbours()])
    found = list(listing.storages.list(listing.at(folder_of(0))))
    assert sorted(at.location.path for at in found) == sorted(listing.at(path).path for path in paths)
    assert {at.size for at in found} == {len(b"content")}
    assert all(at.modified and at.modified.tzinfo for at in found)


def test_a_listing_refused_in_the_middle_says_so_after_what_came_page_by_page_and_files_go_all_the_same(listing):
    # On disks a page is a folder: the task's, "metrics", and one that may not be read.
    listing.put(f"{folder_of(0)}/metrics/{n}.jpeg" for n in range(1200))
    listing.put([f"{folder_of(0)}/metrics/deeper/x.jpeg"])
    listing.fail(2 if listing.name == "disks" else 1)
    found = []
    with pytest.raises(Unlistable, match=r"(?i)denied|access|permission"):
        found.extend(at for at in listing.storages.list(listing.at(folder_of(0))) if not found.append(at))
    assert len(found) >= 1000
    assert listing.storages.check([listing.root]) == {listing.root: ""}
    assert set(listing.delete(*(f"{folder_of(0)}/metrics/{n}.jpeg" for n in range(3))).values()) == {"deleted"}


@pytest.mark.parametrize("listing", ["s3", "azure"], indirect=True)
def test_a_bucket_that_does_not_exist_is_named_as_the_reason_with_what_to_look_at(listing):
    missing = listing.root.replace("box", "missing").replace("bucket", "missing")
    reason, setting = {
        "s3": ("NoSuchBucket", "sdk.aws.s3"),
        "azure": ("ContainerNotFound", "sdk.azure.storage"),
    }[listing.name]
    result = failures(listing.storages.delete([Location(missing, "a"), Location(missing, "b")]))
    assert [reason in error for error in result.values()] == [True, True]
    with pytest.raises(Unlistable, match=f"{reason}.*{setting}"):
        list(listing.storages.list(Location(missing, folder_of(0))))
    assert setting in listing.storages.check([missing])[missing]
