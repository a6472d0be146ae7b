"""All storages behind one door: grouping, one bound, one way to repeat, a stop that is heard, and no exception."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
import threading
from contextlib import ExitStack, closing

import pytest

from cleanup import storage as door
from cleanup.storage import Answer, DeletionStopped, Listed, Location, Outcome, SdkConfig, Unavailable, bulk
from cleanup.storage.base import DELETED, Failure, Storage, Then
from tests.storage.stores import failures, located, storages


class Fake(Storage):
    """A storage of ``most`` paths a request; ``act`` answers one."""

    def __init__(self, act=None, most=1000):
        self.act, self.most, self.calls, self.closed = act or deleted, most, [], False

    def delete(self, paths):
        self.calls.append(list(paths))
        answer = self.act(paths)
        if isinstance(answer, Failure):
            raise answer
        return answer

    def pages(self, folder):
        for page in range(3):
            self.calls.append(page)
            yield [Listed(Location("a", f"{folder}/{page}{n}")) for n in range(2)]

    def close(self):
        self.closed = True


def deleted(paths):
    return dict.fromkeys(paths, DELETED)


def numbered(root, many):
    return located(root, map(str, range(many)))


@pytest.fixture
def stop():
    return threading.Event()


@pytest.fixture
def opened(stop, monkeypatch):
    """Return Storages whose roots are opened by a mapping or callable, and which hardly wait."""
    monkeypatch.setattr(bulk, "WAITS", (0.01, 0.01, 0.01))
    monkeypatch.setattr(bulk, "LOOK", 0.01)
    with ExitStack() as stack:

        def make(how, **settings):
            made = stack.enter_context(closing(storages(stop=stop, **settings)))
            made.open = how if callable(how) else how.__getitem__
            return made

        yield make


def test_each_storage_gets_its_own_paths_once(opened):
    fakes = {"a": Fake(), "b": Fake()}
    both = opened(fakes)
    locations = [Location("a", "1"), Location("b", "1"), Location("a", "2"), Location("a", "1")]
    assert list(both.delete(iter(locations))) == [Location("a", "1"), Location("a", "2"), Location("b", "1")]
    assert (fakes["a"].calls, fakes["b"].calls) == ([["1", "2"]], [["1"]])
    assert (both.delete([]), both.remove_folders([]), both.check([])) == ({}, {}, {})
    both.close()
    assert fakes["a"].closed


def test_storages_work_side_by_side_and_one_that_is_slow_leaves_room_for_the_others(opened):
    others_done, slow_left = threading.Event(), []

    def slow(paths):
        slow_left.append(others_done.wait(10))
        return deleted(paths)

    def quick(paths):
        if paths[0] == "49":
            others_done.set()
        return deleted(paths)

    both = opened({"slow": Fake(slow, most=1), "quick": Fake(quick, most=1)}, bound=2)
    assert not failures(both.delete([*numbered("slow", 50), *numbered("quick", 50)]))
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
        return deleted(paths)

    bounded = opened(lambda root: Fake(act, most=1), bound=3)
    callers = [threading.Thread(target=bounded.delete, args=(numbered(root, 40),)) for root in "abc"]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert most[0] == 3


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
    fake = Fake(lambda paths: replies.pop() if replies else deleted(paths))
    answers = opened({"a": fake}, bound=1).delete(numbered("a", 4))
    assert set(answers.values()) == {DELETED}
    assert len(fake.calls) == requests


def test_what_does_not_pass_is_given_up_after_few_requests(opened):
    def asked(act, many, **how):
        fake = Fake(act, **how)
        return failures(opened({"a": fake}, bound=1).delete(numbered("a", many))), len(fake.calls)

    busy, requests = asked(lambda paths: dict.fromkeys(paths[:-1], Failure("busy")), 2)
    assert busy == {"0": "busy", "1": "the storage's answer does not mention it"}
    assert requests == 4
    odd = {str(number) for number in range(0, 1000, 111)}
    spoilers, requests = asked(lambda paths: Failure("odd", Then.HALVE) if odd & {*paths} else deleted(paths), 1000)
    assert spoilers == dict.fromkeys(odd, "odd")
    assert requests < 200
    hopeless, requests = asked(lambda paths: Failure("odd", Then.HALVE), 1000)
    assert len(hopeless) == 1000
    assert requests < 100
    lost, requests = asked(lambda paths: Failure("no connection", Then.GIVE_UP), 50, most=1)
    assert [*lost.values()] == ["no connection"] * 50
    assert requests == 1


def test_a_stop_ends_a_deletion_before_the_next_request_and_keeps_the_answers(opened, stop):
    def act(paths):
        if paths == ["5"]:
            stop.set()
        return deleted(paths)

    fake = Fake(act, most=1)
    with pytest.raises(DeletionStopped) as stopped:
        opened({"a": fake}, bound=1).delete(numbered("a", 5000))
    assert stopped.value.answers == deleted(numbered("a", 6))
    assert len(fake.calls) == 6


def test_a_stop_does_not_wait_for_a_request_that_hangs_nor_for_a_pause(opened, stop, monkeypatch):
    monkeypatch.setattr(bulk, "GRACE", 0.01)
    monkeypatch.setattr(bulk, "WAITS", (1000.0,))
    hangs, released = threading.Event(), threading.Event()

    def act(paths):
        hangs.set()
        released.wait(30)
        return deleted(paths)

    fakes = {"slow": Fake(act), "busy": Fake(lambda paths: Failure("busy")), "a": Fake()}
    threading.Thread(target=lambda: hangs.wait() and stop.set(), daemon=True).start()
    with pytest.raises(DeletionStopped) as stopped:
        opened(fakes, bound=3).delete([Location(root, "x") for root in ("a", "slow", "busy")])
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

    here = opened(open_storage)
    location = Location("a", "1")
    assert here.unusable("a") == "install it"
    assert here.delete([location])[location] == Answer(Outcome.FAILED, "install it")
    assert here.check(["a"]) == {"a": "install it"}
    with pytest.raises(door.Unlistable, match="install it"):
        list(here.list(location))
    assert tries == ["a"]
    monkeypatch.setattr(door, "REOPEN", -1.0)
    assert here.unusable("a") == ""
    assert here.delete([location])[location] == DELETED
    assert "unknown storage ftp://x" in storages().unusable("ftp://x")


def test_whatever_a_storage_raises_is_the_reason_on_one_line_without_secrets_and_it_fails_alone(opened):
    def broken(*_):
        raise ValueError("password=hunter2\nnext line")

    bad = Fake(broken)
    bad.check = broken
    here = opened({"bad": bad, "good": Fake()})
    result = failures(here.delete([Location("bad", "x"), Location("good", "y")]))
    assert list(result) == ["x"]
    unopened = opened(broken)
    for reason in (result["x"], here.check(["bad"])["bad"], unopened.check(["a"])["a"], unopened.unusable("a")):
        assert "ValueError" in reason
        assert "hunter2" not in reason and "\n" not in reason


@pytest.mark.parametrize(
    ("root", "module", "package", "sdk", "setting"),
    [
        ("s3://bucket", "boto3", "boto3", {"aws": {"s3": {"key": "k", "secret": "s"}}}, "sdk.aws.s3.credentials"),
        ("gs://bucket", "google.cloud", "google-cloud-storage", {}, "sdk.google.storage.credentials"),
        (
            "azure://acct.blob.core.windows.net/box",
            "azure.storage",
            "azure-storage-blob",
            {"azure": {"storage": {"containers": [{"account_name": "acct", "account_key": "a2V5"}]}}},
            "the account acct to sdk.azure.storage.containers",
        ),
    ],
)
def test_without_credentials_or_its_client_a_storage_is_unusable_and_says_what_to_do(
    monkeypatch, tmp_path, root, module, package, sdk, setting
):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_ACCOUNT", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    without = storages()
    assert f"no credentials for {root}" in without.unusable(root)
    assert setting in without.unusable(root)
    assert without.check([root]) == {root: without.unusable(root)}

    real = builtins.__import__

    def missing(name, *rest, **more):
        if name == module or name.startswith(f"{module}."):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    for by_agent, cure in ((False, f"pip install {package}"), (True, f"add {package} to EXECUTION > PYTHON PACKAGES")):
        without = door.Storages([], lambda _: "", sdk=SdkConfig(sdk, by_agent=by_agent))
        assert root in without.unusable(root)
        assert cure in without.unusable(root)
        assert ("pip install" in without.unusable(root)) is not by_agent
        assert cure in failures(without.delete(located(root, "a")))["a"]


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
