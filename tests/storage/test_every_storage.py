"""What all storages promise alike, each on its real implementation: S3, Google, Azure, file server and disks."""

from __future__ import annotations

import copy
import gc

import pytest

from cleanup.storage import Listed, Outcome, Unlistable
from tests.storage.support import ODD_NAMES, TASK, failures, files_of_tasks, folder_of, neighbours, outcomes


def test_named_and_unnamed_files_of_50_tasks_go_and_neighbours_and_held_files_stay(store):
    unnamed = [f"{folder_of(task)}/models/old/{n}.pt" for task in range(50) for n in range(20)]
    held = {f"{folder_of(7)}/models/old/3.pt", f"{folder_of(9)}/artifacts/a0/a0.pkl"}
    named = [path for path in files_of_tasks() if path not in held]
    store.put([*files_of_tasks(), *unnamed, *neighbours()])
    result = store.storages.delete(at for path in named for at in store.storages.locate(store.address(path))[:1])
    assert failures(result) == {}
    assert [*outcomes(result).values()] == [Outcome.DELETED] * 2499
    if store.storages.can_list(store.root):
        left = [path for task in range(50) for path in store.listed(folder_of(task))]
        assert set(left) == {*unnamed, *held}
        result = store.storages.delete(store.at(path) for path in left if path not in held)
        assert len(result) == 999
    else:
        result = store.storages.remove_folders(store.at(folder_of(task)) for task in range(50) if task not in (7, 9))
        held |= {path for path in unnamed if path.startswith((folder_of(7), folder_of(9)))}
    assert not failures(result)
    assert store.held() == {*neighbours(), *held}


def test_whatever_a_file_is_named_it_is_deleted_by_its_address_and_by_its_listing(store):
    odd = [*ODD_NAMES, "a&<b>'.txt", "x" * 200 + ".txt", "%2E%2E.txt"]
    # Azure addresses of the SDK hold no "?" and "#"; listed, such a blob has its name.
    by_address = [name for name in odd if store.name != "azure" or not set("?#") & set(name)]
    paths = [f"p/n.{TASK}/models/{name}" for name in odd]
    store.put([*paths, *neighbours()])
    if store.storages.can_list(store.root):
        assert store.listed(f"p/n.{TASK}") == set(paths)
        listed = [listed.location for listed in store.storages.list(store.at(f"p/n.{TASK}"))]
        assert not failures(store.storages.delete(listed))
        assert store.held() == set(neighbours())
        paths = [f"p/n.{TASK}/models/{name}" for name in by_address]
        store.put(paths)
    for path in paths:
        assert not failures(store.storages.delete(store.storages.locate(store.address(path))))
    assert store.held() == set(neighbours())


def test_what_is_not_there_is_no_failure_and_no_folder_lists_nothing(store):
    store.put(neighbours())
    result = store.storages.delete([*map(store.at, files_of_tasks(2, 3)), store.at(neighbours()[0])])
    can_tell = store.name not in {"s3", "minio"}
    assert [*outcomes(result).values()] == [Outcome.GONE if can_tell else Outcome.DELETED] * 6 + [Outcome.DELETED]
    if store.storages.can_list(store.root):
        assert store.listed(folder_of(3)) == set()
    else:
        with pytest.raises(Unlistable):
            next(store.storages.list(store.at(folder_of(3))))
    assert store.held() == set(neighbours()[1:])


def test_a_storage_can_be_tried_and_checked_and_that_changes_nothing(store):
    store.put(neighbours())
    assert store.storages.unusable(store.root) == ""
    assert store.storages.check([store.root]) == {store.root: ""}
    assert store.storages.name(store.root) == ("local files" if store.name == "disks" else store.root)
    assert store.held() == set(neighbours())


def test_a_storage_that_can_list_removes_no_folder_with_a_file_in_it(listing):
    listing.put(files_of_tasks(1, 3))
    expected = Outcome.FAILED if listing.name == "disks" else Outcome.GONE
    assert [*outcomes(listing.storages.remove_folders([listing.at(folder_of(0))])).values()] == [expected]
    assert listing.held() == set(files_of_tasks(1, 3))


def test_1001_files_are_listed_over_the_end_of_a_page_with_size_and_time(listing):
    paths = [f"{folder_of(0)}/metrics/{n}.jpeg" for n in range(1001)]
    listing.put([*paths, *neighbours()])
    found = list(listing.storages.list(listing.at(folder_of(0))))
    assert sorted(at.location.path for at in found) == sorted(listing.at(path).path for path in paths)
    assert {at.size for at in found} == {len(b"content")}
    assert all(at.modified and at.modified.tzinfo for at in found)


def test_a_listing_that_is_refused_in_the_middle_says_so_and_keeps_what_came(listing):
    listing.put(f"{folder_of(0)}/metrics/{n}.jpeg" for n in range(1200))
    # On disks a page is a folder: the task's, "metrics", and one that may not be read.
    listing.put([f"{folder_of(0)}/metrics/deeper/x.jpeg"])
    listing.fail(2 if listing.name == "disks" else 1)
    found = []
    with pytest.raises(Unlistable, match=r"(?i)denied|access|permission"):
        found.extend(at.location.path for at in listing.storages.list(listing.at(folder_of(0))) if not found.append(at))
    assert len([at for at in found if isinstance(at, Listed)]) >= 1000


def test_a_storage_that_may_not_be_listed_still_deletes_and_is_reached(listing):
    listing.put(files_of_tasks(1, 3))
    listing.fail(0)
    with pytest.raises(Unlistable, match=r"(?i)denied|access|permission"):
        list(listing.storages.list(listing.at(folder_of(0))))
    assert listing.storages.check([listing.root]) == {listing.root: ""}
    assert not failures(listing.storages.delete(map(listing.at, files_of_tasks(1, 3))))


@pytest.mark.parametrize("listing", ["s3"], indirect=True)
@pytest.mark.parametrize("cut", [{}, {"IsTruncated": True}, {"Contents": []}])
def test_a_listing_that_does_not_say_that_it_is_whole_is_none(listing, monkeypatch, cut):
    bucket = listing.storages.open(listing.root)
    monkeypatch.setattr(bucket._client, "list_objects_v2", lambda **_: cut)
    listing.storages.open = lambda root: bucket
    with pytest.raises(Unlistable, match="whole"):
        list(listing.storages.list(listing.at(folder_of(0))))


@pytest.mark.slow
@pytest.mark.parametrize("listing", ["disks", "s3"], indirect=True)
def test_100000_files_are_listed_in_bounded_memory(listing, monkeypatch):
    if listing.name == "s3":
        listing.put([f"{folder_of(0)}/x"])
        monkeypatch.setattr(listing.moto, "list_objects_v2", endless_pages(listing.moto, folder_of(0)))
    else:
        listing.put(f"{folder_of(0)}/metrics/{n % 100}/{n}" for n in range(100_000))
    most = count = 0
    for count, _ in enumerate(listing.storages.list(listing.at(folder_of(0))), 1):
        if count % 10_000 == 500:
            most = max(most, sum(isinstance(thing, Listed) for thing in gc.get_objects()))
    assert count == 100_000
    assert 0 < most <= 5000


def endless_pages(moto, folder):
    """Return a listing of 100,000 keys for moto, which takes minutes over as many of its own."""
    key = moto.get_object("bucket", f"{folder}/x")

    def pages(continuation_token=None, **_):
        start = int(continuation_token or 0)
        keys = []
        for n in range(start, start + 1000):
            keys.append(copy.copy(key))
            keys[-1].name = f"{folder}/metrics/{n}"
        more = start + 1000 < 100_000
        return keys, more, str(start + 1000) if more else None

    return pages
