"""All storages behind one door: grouping, one bound, one way to repeat, a stop that is heard, and no exception."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from cleanup import storage as door
from cleanup.storage import Answer, DeletionStopped, Listed, Location, Outcome, SdkConfig, Unavailable, bulk
from cleanup.storage.base import DELETED, Failure, Storage, Then
from tests.storage.support import failures, located
from tests.storage.support import storages as make_storages


class Fake(Storage):
    """A storage of ``most`` paths a request; ``act`` answers one."""

    def __init__(self, act=None, most=1000):
        self.act, self.most, self.calls, self.closed = act, most, [], False

    def delete(self, paths):
        self.calls.append(list(paths))
        answer = self.act(paths) if self.act else dict.fromkeys(paths, DELETED)
        if isinstance(answer, Failure):
            raise answer
        return answer

    def pages(self, folder):
        for page in range(3):
            self.calls.append(page)
            yield [Listed(Location("a", f"{folder}/{page}{n}")) for n in range(2)]

    def close(self):
        self.closed = True


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    monkeypatch.setattr(bulk, "WAITS", (0.0, 0.0, 0.0))


@pytest.fixture
def stop():
    return threading.Event()


@pytest.fixture
def opened(stop):
    """Return Storages whose roots are opened by a mapping or callable."""
    made = []

    def make(how, **settings):
        storages = make_storages(stop=stop, **settings)
        storages.open = how if callable(how) else how.__getitem__
        made.append(storages)
        return storages

    yield make
    for storages in made:
        storages.close()


def test_each_storage_gets_its_own_paths_once(opened):
    fakes = {"a": Fake(), "b": Fake()}
    storages = opened(fakes)
    locations = [Location("a", "1"), Location("b", "1"), Location("a", "2"), Location("a", "1")]
    assert list(storages.delete(iter(locations))) == [Location("a", "1"), Location("a", "2"), Location("b", "1")]
    assert fakes["a"].calls == [["1", "2"]]
    assert fakes["b"].calls == [["1"]]
    assert (storages.delete([]), storages.remove_folders([]), storages.check([])) == ({}, {}, {})
    storages.close()
    assert fakes["a"].closed


def test_storages_work_side_by_side_and_one_that_is_slow_leaves_room_for_the_others(opened):
    others_done, slow_left = threading.Event(), []

    def slow(paths):
        slow_left.append(others_done.wait(10))
        return dict.fromkeys(paths, DELETED)

    def quick(paths):
        if paths[0] == "49":
            others_done.set()
        return dict.fromkeys(paths, DELETED)

    storages = opened({"slow": Fake(slow, most=1), "quick": Fake(quick, most=1)}, bound=2)
    locations = [Location(root, f"{n}") for root in ("slow", "quick") for n in range(50)]
    assert not failures(storages.delete(locations))
    assert all(slow_left)


def test_no_more_requests_are_open_than_the_bound_over_all_storages_and_callers(opened):
    lock, meeting, open_now, most = threading.Lock(), threading.Barrier(3, timeout=30), [0], [0]

    def act(paths):
        with lock:
            open_now[0] += 1
            most[0] = max(most[0], open_now[0])
        meeting.wait()
        with lock:
            open_now[0] -= 1
        return dict.fromkeys(paths, DELETED)

    storages = opened(lambda root: Fake(act, most=1), bound=3)
    callers = [threading.Thread(target=storages.delete, args=(located(root, map(str, range(40))),)) for root in "abc"]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert most[0] == 3


def test_a_storage_that_breaks_fails_alone_and_without_its_secrets(opened):
    def broken(paths):
        raise RuntimeError("password=hunter2\nnext line")

    storages = opened({"bad": Fake(broken), "good": Fake()})
    result = storages.delete([Location("bad", "x"), Location("good", "y")])
    assert list(failures(result)) == ["x"]
    assert "RuntimeError" in failures(result)["x"]
    assert "hunter2" not in failures(result)["x"]
    assert "\n" not in failures(result)["x"]


@pytest.mark.parametrize(
    ("first", "requests"),
    [
        ({"0": DELETED, "1": Failure("busy"), "3": DELETED}, 2),  # 2 is not mentioned
        (Failure("busy"), 2),
        (Failure("one of them is odd", Then.HALVE), 3),
        (Failure("no bulk", Then.EACH), 5),
    ],
)
def test_a_failure_says_what_is_asked_next(opened, first, requests):
    replies = [first]
    fake = Fake(lambda paths: replies.pop() if replies else dict.fromkeys(paths, DELETED))
    answers = opened({"a": fake}, bound=1).delete(located("a", "0123"))
    assert set(answers.values()) == {DELETED}
    assert len(fake.calls) == requests


def test_what_stays_busy_or_unsaid_fails_after_four_tries_and_a_spoiler_alone(opened):
    busy = Fake(lambda paths: dict.fromkeys(paths[:-1], Failure("busy")))
    result = failures(opened({"a": busy}).delete(located("a", "01")))
    assert result == {"0": "busy", "1": "the storage's answer does not mention it"}
    assert len(busy.calls) == 4
    odd = Fake(lambda paths: Failure("odd", Then.HALVE) if "700" in paths else dict.fromkeys(paths, DELETED))
    assert failures(opened({"a": odd}).delete(located("a", map(str, range(1000))))) == {"700": "odd"}
    assert len(odd.calls) < 30
    hopeless = Fake(lambda paths: Failure("odd", Then.HALVE))
    assert len(failures(opened({"a": hopeless}).delete(located("a", map(str, range(1000)))))) == 1000
    assert len(hopeless.calls) < 100


def test_a_storage_that_gives_up_is_not_asked_for_the_rest(opened):
    lost = Fake(lambda paths: Failure("no connection", Then.GIVE_UP), most=1)
    result = opened({"a": lost}, bound=1).delete(located("a", map(str, range(50))))
    assert set(failures(result).values()) == {"no connection"}
    assert len(result) == 50
    assert len(lost.calls) == 1


def test_a_stop_ends_a_deletion_before_the_next_request_and_keeps_the_answers(opened, stop):
    def act(paths):
        if paths == ["5"]:
            stop.set()
        return dict.fromkeys(paths, DELETED)

    fake = Fake(act, most=1)
    with pytest.raises(DeletionStopped) as stopped:
        opened({"a": fake}, bound=1).delete(located("a", map(str, range(5000))))
    assert stopped.value.answers == dict.fromkeys(located("a", map(str, range(6))), DELETED)
    assert len(fake.calls) == 6


def test_a_stop_does_not_wait_for_a_request_that_hangs_nor_for_a_pause(opened, stop, monkeypatch):
    monkeypatch.setattr(bulk, "GRACE", 0.01)
    monkeypatch.setattr(bulk, "WAITS", (1000.0,))
    hangs, released = threading.Event(), threading.Event()

    def act(paths):
        hangs.set()
        released.wait(30)
        return dict.fromkeys(paths, DELETED)

    storages = opened({"slow": Fake(act), "busy": Fake(lambda paths: Failure("busy")), "a": Fake()}, bound=3)
    threading.Thread(target=lambda: hangs.wait() and stop.set(), daemon=True).start()
    with pytest.raises(DeletionStopped) as stopped:
        storages.delete([Location(root, "x") for root in ("a", "slow", "busy")])
    assert not released.is_set()
    assert set(stopped.value.answers) <= {Location("a", "x")}
    released.set()


def test_a_listing_asks_page_by_page_and_hears_the_stop_between_them(opened, stop):
    fake = Fake()
    found = opened({"a": fake}).list(Location("a", "p"))
    assert [next(found).location.path for _ in range(2)] == ["p/00", "p/01"]
    assert fake.calls == [0]
    assert next(found).location.path == "p/10"
    stop.set()
    with pytest.raises(door.Stopped):
        list(found)
    assert fake.calls == [0, 1]


def test_a_stop_ends_a_check(opened, stop):
    fake, released = Fake(), threading.Event()
    fake.check = lambda: (stop.set(), released.wait(30))[0]
    with pytest.raises(door.Stopped):
        opened({"a": fake}).check(["a"])
    released.set()


def test_a_storage_that_cannot_be_opened_is_unusable_and_tried_again_later_only(opened, monkeypatch):
    tries = []

    def open_storage(root):
        tries.append(root)
        if len(tries) == 1:
            raise Unavailable("install it")
        return Fake()

    storages = opened(open_storage)
    (location,) = located("a", "1")
    assert storages.unusable("a") == "install it"
    assert storages.delete([location])[location] == Answer(Outcome.FAILED, "install it")
    assert storages.check(["a"]) == {"a": "install it"}
    with pytest.raises(door.Unlistable, match="install it"):
        list(storages.list(location))
    assert tries == ["a"]
    monkeypatch.setattr(door, "REOPEN", -1.0)
    assert storages.unusable("a") == ""
    assert storages.delete([location])[location] == DELETED


def test_whatever_opening_and_checking_raise_is_the_reason_without_secrets(opened):
    def broken(*_):
        raise ValueError("secret=hunter2")

    fake = Fake()
    fake.check = broken
    for storages in (opened(broken), opened({"a": fake})):
        assert "ValueError" in storages.check(["a"])["a"]
        assert "hunter2" not in storages.check(["a"])["a"] + storages.unusable("a")


def test_an_unknown_root_is_unusable():
    assert "unknown storage ftp://x" in make_storages().unusable("ftp://x")


ROOTS = [
    ("s3://bucket", "boto3", "boto3", {"aws": {"s3": {"key": "k", "secret": "s"}}}, "sdk.aws.s3.credentials"),
    ("gs://bucket", "google.cloud", "google-cloud-storage", {}, "sdk.google.storage.credentials"),
    (
        "azure://acct.blob.core.windows.net/box",
        "azure.storage",
        "azure-storage-blob",
        {"azure": {"storage": {"containers": [{"account_name": "acct", "account_key": "a2V5"}]}}},
        "the account acct to sdk.azure.storage.containers",
    ),
]


@pytest.mark.parametrize("root, module, package, sdk, _", ROOTS)
def test_without_its_client_a_storage_is_unusable_and_says_what_to_install(monkeypatch, root, module, package, sdk, _):
    real = builtins.__import__

    def missing(name, *rest, **more):
        if name == module or name.startswith(f"{module}."):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    config = SdkConfig(sdk)
    for by_agent, cure in ((False, f"pip install {package}"), (True, f"add {package} to EXECUTION > PYTHON PACKAGES")):
        storages = door.Storages([], lambda _: "", sdk=replace(config, by_agent=by_agent))
        assert root in storages.unusable(root)
        assert cure in storages.unusable(root)
        assert ("pip install" in storages.unusable(root)) is not by_agent
        assert cure in failures(storages.delete(located(root, "a")))["a"]


@pytest.mark.parametrize("root, module, package, sdk, setting", ROOTS)
def test_without_credentials_a_storage_is_unusable_and_says_what_to_set(
    monkeypatch, tmp_path, root, module, package, sdk, setting
):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_ACCOUNT", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    storages = make_storages()
    assert f"no credentials for {root}" in storages.unusable(root)
    assert setting in storages.unusable(root)
    assert storages.check([root]) == {root: storages.unusable(root)}


CONFIGURATION = """
api { files_server: "http://files.example.com:8081", verify_certificate: false }
sdk { storage.http.legacy_fileservers: ["https://old.example.com"], aws.boto3.signature_version: "s3v4" }
"""
SHOW = """
from cleanup.storage import known_file_servers
from cleanup.storage.sdk import load
print(known_file_servers(), load().verify, load().boto3["signature_version"])
"""


def test_the_settings_of_clearml_conf_are_those_that_count(tmp_path):
    """For buckets see tests/report/test_example_configuration.py."""
    (tmp_path / "clearml.conf").write_text(CONFIGURATION)
    environment = {**os.environ, "CLEARML_CONFIG_FILE": str(tmp_path / "clearml.conf")}
    command = [sys.executable, "-c", SHOW]
    run = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=60)
    expected = "['http://files.example.com:8081', 'https://old.example.com'] False s3v4"
    assert run.stdout.splitlines() == [expected], run.stderr
