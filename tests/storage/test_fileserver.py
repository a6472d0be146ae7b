"""The ClearML file server: the sandbox's, and answers made up that it does not give."""

from __future__ import annotations

import io
import json
import socket
import threading
from contextlib import closing

import pytest
import requests
import responses
from clearml.storage.url import quote_url
from clearml.utilities.requests_toolbelt import MultipartEncoder

from cleanup.base.errors import Stopped
from cleanup.base.http import Network
from cleanup.sandbox import Fault
from cleanup.storage import DeletionStopped, bulk
from tests.storage import stores
from tests.storage.stores import ODD_NAMES, OTHER, TASK, failures, files_of_tasks, located, neighbours, token_of, told
from tests.storage.stores import storages as opened

BASE = "https://files.example.com"
MANY = f"{BASE}/delete_many"
FOLDER = f"p/n.{TASK}"
A, B, C = (f"{FOLDER}/artifacts/{name}/{name}.pkl" for name in "abc")


@pytest.fixture
def store():
    with stores.file_server() as opened:
        yield opened


def test_what_the_sdk_uploads_goes_by_its_address_stored_quoted_or_as_it_is(store):
    folder = f"project/100%25 a+b lr%3A0.1.{TASK}/models"
    for name in (*ODD_NAMES, "x" * 250 + ".txt"):
        for address in (quote_url(f"{store.root}/{folder}/{name}"), f"{store.root}/{folder}/{name}"):
            upload(store, f"/{folder}/{name}")
            assert store.held() == {f"{folder}/{name}"}
            store.storages.delete(store.storages.locate(address))
            assert store.held() == set()


def upload(store, name):
    """Upload as the SDK's storage helper does: one form field, named as the object."""
    form = MultipartEncoder(fields={name: (name, io.BytesIO(b"content"), "application/octet-stream")})
    headers = {"Content-Type": form.content_type, "Authorization": f"Bearer {token_of(store.has)('')}"}
    assert requests.post(store.root, data=form, headers=headers, timeout=10).status_code == 200


def test_a_task_with_a_quotation_mark_in_its_name_leaves_no_file(store):
    folder = f"project/my%22task.{TASK}"  # what the SDK makes of the name my"task
    upload(store, f"/{folder}/models/x.pt")
    upload(store, f"/{folder}/models/unknown.pt")
    assert f'project/my"task.{TASK}/models/x.pt' in store.held()  # where the server's form parser puts it
    places = store.storages.locate(f"{store.root}/project/my%2522task.{TASK}/models/x.pt")
    assert not failures(store.storages.delete(places))
    store.storages.remove_folders(folder for place in places if (folder := place.folder_of(TASK)))
    assert store.held() == set()


def test_a_server_that_stalls_fails_in_time(store):
    store.put(files_of_tasks(2, 3))
    store.has.inject(Fault("files.delete_many", kind="stall", times=None))
    with closing(opened(store.root, token=token_of(store.has), timeout=0.3)) as impatient:
        assert len(failures(impatient.delete(map(store.at, files_of_tasks(2, 3))))) == 6
    assert len(store.held()) == 6


def test_a_wrong_token_is_renewed_once_and_else_fails_everything(store):
    store.put(neighbours())
    right = token_of(store.has)
    with closing(opened(store.root, token=lambda refused: right("") if refused else "stale")) as renewing:
        assert not failures(renewing.delete([store.at(neighbours()[0])]))
    with closing(opened(store.root, token=lambda refused: "wrong")) as wrong:
        assert "refuses" in wrong.check([store.root])[store.root]
        assert len(failures(wrong.delete(map(store.at, neighbours())))) == len(neighbours())
    assert store.held() == set(neighbours()[1:])


def test_another_http_server_is_unusable_and_gets_no_request_and_no_token(store):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        root = f"http://127.0.0.1:{listener.getsockname()[1]}"
        (location,) = store.storages.locate(f"{root}/p/n.{TASK}/models/x.pt")
        assert "api.files_server" in store.storages.unusable(root)
        assert "api.files_server" in store.storages.delete([location])[location].error
        assert root in store.storages.check([root])[root]
        with pytest.raises(BlockingIOError):
            listener.accept()


# Made-up answers


@pytest.fixture
def answers(monkeypatch):
    monkeypatch.setattr(Network, "pause", lambda network, seconds: None)
    monkeypatch.setattr(bulk, "WAITS", (0.0,) * 3)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


@pytest.fixture
def server(answers):
    with closing(opened(BASE)) as made:
        yield made


@pytest.fixture
def delete(server):
    """Delete paths of one file server, and return what became of them."""
    return lambda *paths: told(server.delete(located(BASE, paths)))


def many(deleted=(), **errors):
    return {"deleted": {name: name for name in deleted}, "errors": errors}


def asked(answers):
    """Return the paths of each request to delete_many."""
    return [json.loads(call.request.body)["files"] for call in answers.calls]


def test_made_up_answers_are_matched_to_their_paths(delete, answers):
    unsaid = f"{FOLDER}/models/m.pt"
    answers.post(MANY, json=many([A, C], **{"Not found": [B, "somebody/else"], "Permission denied": [C]}))
    silence = "the storage's answer does not mention it"
    assert delete(A, B, C, unsaid) == {A: "deleted", B: "gone", C: "Permission denied", unsaid: silence}


@pytest.mark.parametrize("reason", ["No such file or directory", "Not a file or folder"])
def test_what_another_deletes_at_the_same_moment_is_asked_for_again(server, delete, answers, reason):
    """Of a folder a part may still be there; a file is then not found."""
    answers.post(MANY, json=many(**{reason: [A, B]}))
    answers.post(MANY, json=many(**{"Not found": [A], reason: [B]}))
    assert delete(A, B) == {A: "gone", B: reason}
    assert asked(answers) == [[A, B], [A, B], [B], [B]]
    answers.reset()
    answers.post(MANY, json=many(**{reason: [FOLDER]}))
    answers.post(MANY, json=many([FOLDER]))
    assert told(server.remove_folders(located(BASE, [FOLDER]))) == {FOLDER: "deleted"}


@pytest.mark.parametrize(
    ("kind", "paths", "calls"),
    [
        ({"body": requests.ConnectionError("dropped")}, [A, B], 4),
        ({"status": 503}, [A, B], 4),
        ({"body": '{"deleted": {"'}, [A, B], 4),
        ({"json": {"deleted": {A: A, B: B}}}, [A, B], 4),
        ({"status": 500}, [A, B], 9),  # each alone, four times
        ({"status": 500}, [A], 4),
        ({"status": 418}, [A, B], 1),
    ],
)
def test_what_can_pass_is_asked_for_again_and_told_after_all_attempts(server, delete, answers, kind, paths, calls):
    answers.post(MANY, **kind)
    assert len(failures(server.delete(located(BASE, paths)))) == len(paths)
    assert len(answers.calls) == calls
    answers.reset()
    answers.post(MANY, **kind)
    answers.post(MANY, json=many(paths))
    assert (set(delete(*paths).values()) == {"deleted"}) is (calls > 1)


def test_a_redirect_is_never_followed_and_said_without_its_query(delete, answers):
    answers.post(MANY, status=307, headers={"Location": "https://evil.example.com/delete_many?token=x"})
    reason = "it redirects to https://evil.example.com: set api.files_server to the final address"
    assert delete(A, B) == {A: reason, B: reason}
    assert [call.request.url for call in answers.calls] == [MANY]


def test_a_session_that_cannot_be_had_is_told_without_its_secrets_and_a_stop_goes_on(answers):
    def refuse(refused):
        raise ConnectionError("no login with token=very-secret")

    with closing(opened(BASE, token=refuse)) as without:
        (error,) = failures(without.delete(located(BASE, [A]))).values()
    assert "no session" in error and "very-secret" not in error

    def stopped(refused):
        stop.set()
        raise Stopped("as asked")

    stop = threading.Event()
    with closing(opened(BASE, token=stopped, stop=stop)) as stopping, pytest.raises(DeletionStopped) as raised:
        stopping.delete(located(BASE, [A]))
    assert (raised.value.answers, len(answers.calls)) == ({}, 0)


def test_without_delete_many_each_answer_counts_folders_stay_and_the_lack_is_remembered(server, delete, answers):
    answers.post(MANY, status=405)
    answers.delete(f"{BASE}/{A}", body=f'"{A}"')
    answers.delete(f"{BASE}/{B}", status=404, body=f"File {B} not found")
    answers.delete(f"{BASE}/{C}", status=403)
    assert delete(A) == {A: "deleted"}
    assert delete(A, B, C) == {A: "deleted", B: "gone", C: "it refuses the session of this ClearML user (403)"}
    assert "switched off" in told(server.remove_folders(located(BASE, [FOLDER])))[FOLDER]
    assert [call.request.method for call in answers.calls].count("POST") == 1


@pytest.mark.parametrize("body", ["<html>please log in</html>", "null", "", '"another/file.pkl"'])
def test_what_another_server_says_is_no_deletion(delete, answers, body):
    answers.post(MANY, status=404, body="<html>nginx</html>")
    answers.delete(f"{BASE}/{A}", body=body)
    assert "not a file server's" in delete(A)[A]  # which repeats the path
    answers.replace("DELETE", f"{BASE}/{A}", status=404, body=body)
    assert "api.files_server" in delete(A)[A]


def test_what_could_be_a_folder_never_goes_by_delete_many(delete, answers):
    inside = ["artifacts", "artifacts/data", "artifacts/data.zip", "models/point", "metrics/t.a/s.b", "other.d/f.txt"]
    above_another = f"{FOLDER}/models/m.d"
    paths = [*(f"{FOLDER}/{name}" for name in inside), FOLDER, "p", "shared/data.zip", above_another]
    for path in paths:
        answers.delete(f"{BASE}/{path}", status=404, body=f"File {path} not found")
    answers.delete(f"{BASE}/{above_another}/x.pt", json=f"{above_another}/x.pt")
    result = delete(*paths, f"{above_another}/x.pt")
    assert result == {**dict.fromkeys(paths, "gone"), f"{above_another}/x.pt": "deleted"}


def test_a_request_holds_at_most_1000_paths_and_half_a_megabyte(delete, answers):
    answers.add_callback("POST", MANY, lambda request: (200, {}, json.dumps(many(json.loads(request.body)["files"]))))
    delete(*(f"{FOLDER}/artifacts/a/{n}.pkl" for n in range(2500)))
    assert sorted(map(len, asked(answers))) == [500, 1000, 1000]
    delete(*(f"{FOLDER}/artifacts/a/{'ф' * 400}{n}.pkl" for n in range(1000)))
    assert max(len(call.request.body) for call in answers.calls) < 600 * 1024


def test_only_what_is_named_like_a_tasks_folder_goes_as_a_whole(server, answers):
    folders = [FOLDER, f"p/m.{OTHER}"]
    answers.post(MANY, json=many(folders))
    result = told(server.remove_folders(located(BASE, [*folders, "p", f"{FOLDER}/artifacts"])))
    refused = "not named like a task's folder"
    assert [*result.values()] == ["deleted", "deleted", refused, refused]
    assert asked(answers) == [folders]
