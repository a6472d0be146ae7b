"""All storages behind one door: grouping, one bound, and no exception."""

from __future__ import annotations

import threading

from cleanup.storage import Answer, Location, Outcome, StorageUnavailable
from cleanup.storage.base import DELETED, GONE
from tests.storage.support import failures, outcomes
from tests.storage.support import storages as make_storages


class Fake:
    def __init__(self, name, act=None):
        self.name, self.act, self.calls, self.closed = name, act, [], False

    def delete(self, paths, keep=()):
        self.calls.append((list(paths), set(keep)))
        return self.act(paths) if self.act else dict.fromkeys(paths, DELETED)

    def remove_folders(self, paths):
        return dict.fromkeys(paths, GONE)

    def check(self):
        return ""

    def close(self):
        self.closed = True


def test_each_storage_gets_its_own_paths_once_and_what_must_stay():
    opened = {"a": Fake("a"), "b": Fake("b")}
    storages = make_storages(open_storage=opened.__getitem__)
    locations = [Location("a", "1"), Location("b", "1"), Location("a", "2"), Location("a", "1")]
    result = storages.delete(iter(locations), keep=[Location("a", "3")])
    assert set(result) == set(locations)
    assert opened["a"].calls == [(["1", "2"], {"3"})]
    assert opened["b"].calls == [(["1"], set())]
    storages.close()
    assert opened["a"].closed


def test_storages_work_side_by_side():
    meeting = threading.Barrier(3, timeout=10)

    def act(paths):
        meeting.wait()
        return dict.fromkeys(paths, DELETED)

    storages = make_storages(open_storage=lambda root: Fake(root, act))
    result = storages.delete([Location(root, "x") for root in "abc"])
    storages.close()
    assert not failures(result)


def test_a_storage_that_breaks_fails_alone_and_without_its_secrets():
    def broken(paths):
        raise RuntimeError("password=hunter2\nnext line")

    storages = make_storages(open_storage=lambda root: Fake(root, broken if root == "bad" else None))
    result = storages.delete([Location("bad", "x"), Location("good", "x")])
    storages.close()
    assert result[Location("good", "x")].outcome is Outcome.DELETED
    assert "RuntimeError" in result[Location("bad", "x")].error
    assert "hunter2" not in result[Location("bad", "x")].error
    assert "\n" not in result[Location("bad", "x")].error


def test_a_path_that_a_storage_forgets_failed():
    storages = make_storages(open_storage=lambda root: Fake(root, lambda paths: {paths[0]: DELETED}))
    result = storages.delete([Location("a", "1"), Location("a", "2")])
    storages.close()
    assert outcomes(result) == {"1": Outcome.DELETED, "2": Outcome.FAILED}


def test_a_storage_that_cannot_be_opened_is_tried_again_the_next_time():
    reasons = [StorageUnavailable("install it")]

    def open_storage(root):
        if reasons:
            raise reasons.pop()
        return Fake(root)

    storages = make_storages(open_storage=open_storage)
    location = Location("a", "1")
    assert storages.delete([location])[location] == Answer(Outcome.FAILED, "install it")
    assert storages.delete([location])[location] == DELETED
    storages.close()


def test_nothing_to_do_is_nothing_done():
    storages = make_storages(open_storage=Fake)
    assert storages.delete([]) == {}
    assert storages.remove_task_folders([]) == {}
    assert storages.check([]) == {}
    storages.close()


def test_check_survives_whatever_a_storage_raises():
    def broken(root):
        raise ValueError("secret=hunter2")

    storages = make_storages(open_storage=broken)
    reason = storages.check(["a"])["a"]
    storages.close()
    assert "ValueError" in reason
    assert "hunter2" not in reason


def test_an_unknown_root_fails():
    storages = make_storages()
    result = storages.delete([Location("ftp://x", "y")])
    storages.close()
    assert "unknown storage" in failures(result)["y"]
