"""The ClearML file server: the sandbox's, and answers made up that it does not give."""

from __future__ import annotations

import io
import json
import socket
import threading

import pytest
import requests
import responses
from clearml.storage.url import quote_url
from clearml.utilities.requests_toolbelt import MultipartEncoder

from cleanup.base.errors import Stopped
from cleanup.base.http import Network
from cleanup.sandbox import Fault
from cleanup.storage import DeletionStopped, Outcome, bulk
from tests.storage import stores
from tests.storage.support import (
    ODD_NAMES,
    OTHER,
    TASK,
    failures,
    files_of_tasks,
    folder_of,
    located,
    neighbours,
    outcomes,
    session_of,
)

BASE = "https://files.example.com"
MANY = f"{BASE}/delete_many"
FOLDER = f"p/n.{TASK}"
A, B, C = (f"{FOLDER}/artifacts/{name}/{name}.pkl" for name in "abc")


@pytest.fixture
def store():
    with stores.file_server() as opened:
        yield opened


def upload(store, name):
    """Upload as the SDK's storage helper does: one form field, named as the object."""
    form = MultipartEncoder(fields={name: (name, io.BytesIO(b"content"), "application/octet-stream")})
    token = session_of(store.has)("")
    headers = {"Content-Type": form.content_type, "Authorization": f"Bearer {token}"}
    assert requests.post(store.root, data=form, headers=headers, timeout=10).status_code == 200


def test_2500_files_and_their_50_folders_take_four_requests(store):
    store.put([*files_of_tasks(), *neighbours()])
    result = store.storages.delete(map(store.at, files_of_tasks()))
    result |= store.storages.remove_folders(store.at(folder_of(task)) for task in range(50))
    assert set(outcomes(result).values()) == {Outcome.DELETED}
    assert store.has.file_requests == 4
    assert store.held() == set(neighbours())
    left = {str(folder).split("/models")[0] for folder in store.has.folders()}
    assert not left & {folder_of(task) for task in range(50)}


def test_without_delete_many_files_go_one_by_one_and_folders_stay():
    with stores.file_server(delete_many_enabled=False) as store:
        store.put([*files_of_tasks(4), *neighbours()])
        result = store.storages.delete(map(store.at, files_of_tasks(4)))
        assert set(outcomes(result).values()) == {Outcome.DELETED}
        assert store.held() == set(neighbours())
        assert store.has.requests["files.DELETE"] == 200
        assert store.has.requests["files.delete_many"] <= 1
        assert store.has.peak_concurrency <= 4
        assert "switched off" in str(failures(store.storages.remove_folders([store.at(folder_of(0))])))


def test_one_file_that_the_server_fails_at_fails_alone(store):
    paths = files_of_tasks(20)
    store.put([*paths, *neighbours()])
    refused = paths[700].replace(" ", "%20")
    fault = Fault("files.delete_many", status=500, times=None, match=lambda body: refused in body["files"])
    store.has.inject(fault)
    assert list(failures(store.storages.delete(map(store.at, paths)))) == [paths[700]]
    assert store.held() == {paths[700], *neighbours()}
    assert store.has.file_requests < 30


@pytest.mark.parametrize("name", [*ODD_NAMES, "x" * 250 + ".txt"])
def test_what_the_sdk_uploads_goes_by_its_address_stored_quoted_or_as_it_is(store, name):
    path = f"project/100%25 a+b lr%3A0.1.{TASK}/models/{name}"
    for address in (quote_url(f"{store.root}/{path}"), f"{store.root}/{path}"):
        upload(store, f"/{path}")
        assert store.held() == {path}
        assert not failures(store.storages.delete(store.storages.locate(address)))
        assert store.held() == set()


def test_a_task_with_a_quotation_mark_in_its_name_leaves_no_file(store):
    folder = f"project/my%22task.{TASK}"  # what the SDK makes of the name my"task
    upload(store, f"/{folder}/models/x.pt")
    upload(store, f"/{folder}/models/unknown.pt")
    assert f'project/my"task.{TASK}/models/x.pt' in store.held()  # where the server's form parser puts it
    places = store.storages.locate(f"{store.root}/project/my%2522task.{TASK}/models/x.pt")
    assert not failures(store.storages.delete(places))
    store.storages.remove_folders(folder for place in places if (folder := place.folder_of(TASK)))
    assert store.held() == set()


def test_a_folder_is_not_deleted_as_a_file(store):
    store.put([f"{FOLDER}/artifacts/a/a.pkl", f"{FOLDER}/models/m/x.pt"])
    hostile = [FOLDER, f"{FOLDER}/artifacts", f"{FOLDER}/artifacts/a", f"{FOLDER}/models/m", "p"]
    assert set(outcomes(store.storages.delete(map(store.at, hostile))).values()) == {Outcome.GONE}
    assert len(store.held()) == 2


@pytest.mark.parametrize("kind", ["drop", "truncated", "malformed"])
def test_a_request_that_breaks_once_is_made_up_for(store, kind):
    store.put([*files_of_tasks(2, 3), *neighbours()])
    store.has.inject(Fault("files.delete_many", kind=kind, acted=True))
    assert not failures(store.storages.delete(map(store.at, files_of_tasks(2, 3))))
    assert store.held() == set(neighbours())


def test_a_server_that_stalls_fails_in_time(store):
    store.put(files_of_tasks(2, 3))
    store.has.inject(Fault("files.delete_many", kind="stall", times=None))
    with stores.opened({}, store.root, session_of(store.has), timeout=0.3) as storages:
        assert len(failures(storages.delete(map(store.at, files_of_tasks(2, 3))))) == 6
    assert len(store.held()) == 6


def test_a_wrong_token_is_renewed_once_and_else_fails_everything(store):
    store.put(neighbours())
    right = session_of(store.has)
    with stores.opened({}, store.root, lambda refused: right("") if refused else "stale") as storages:
        assert not failures(storages.delete([store.at(neighbours()[0])]))
    with stores.opened({}, store.root, lambda refused: "wrong") as storages:
        assert "refuses" in storages.check([store.root])[store.root]
        assert len(failures(storages.delete(map(store.at, neighbours())))) == len(neighbours())
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
def answers():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


@pytest.fixture
def no_backoff(monkeypatch):
    monkeypatch.setattr(Network, "pause", lambda network, seconds: None)


@pytest.fixture
def delete():
    """Delete paths of one file server, and return what became of them."""
    with stores.opened({}, BASE, lambda _: "token", timeout=5.0) as storages:
        yield lambda *paths: {
            location.path: answer for location, answer in storages.delete(located(BASE, paths)).items()
        }


def kinds(result):
    return {path: answer.outcome.value for path, answer in result.items()}


def many(deleted=(), **errors):
    return {"deleted": {name: name for name in deleted}, "errors": errors}


def test_made_up_answers_are_matched_to_their_paths(delete, answers):
    unsaid = f"{FOLDER}/models/m.pt"
    answers.post(MANY, json=many([A, C], **{"Not found": [B, "somebody/else"], "Permission denied": [C]}))
    result = delete(A, B, C, unsaid)
    assert kinds(result) == {A: "deleted", B: "gone", C: "failed", unsaid: "failed"}
    assert "Permission denied" in result[C].error
    assert "does not mention" in result[unsaid].error


@pytest.mark.parametrize("reason", ["No such file or directory", "Not a file or folder"])
def test_what_another_deletes_at_the_same_moment_is_asked_for_again(answers, monkeypatch, reason):
    """Of a folder a part may still be there; a file is then not found."""
    monkeypatch.setattr(bulk, "WAITS", (0.0,) * 3)
    answers.post(MANY, json=many(**{reason: [A, B]}))
    answers.post(MANY, json=many(**{"Not found": [A], reason: [B]}))
    with stores.opened({}, BASE, timeout=5.0) as storages:
        result = storages.delete(located(BASE, [A, B]))
        asked = [json.loads(call.request.body)["files"] for call in answers.calls]
        assert asked == [[A, B], [A, B], [B], [B]]
        assert list(outcomes(result).values()) == [Outcome.GONE, Outcome.FAILED]
        assert failures(result) == {B: reason}
        answers.reset()
        answers.post(MANY, json=many(**{reason: [FOLDER]}))
        answers.post(MANY, json=many([FOLDER]))
        assert set(outcomes(storages.remove_folders(located(BASE, [FOLDER]))).values()) == {Outcome.DELETED}


@pytest.mark.parametrize(
    ("kind", "paths", "calls"),
    [
        ({"body": requests.ConnectionError("dropped")}, [A, B], 4),
        ({"status": 503}, [A, B], 4),
        ({"status": 500}, [A, B], 9),  # each alone, four times
        ({"status": 500}, [A], 4),
        ({"status": 418}, [A, B], 1),
    ],
)
def test_what_can_pass_is_asked_for_again_and_told_after_all_attempts(delete, answers, no_backoff, kind, paths, calls):
    answers.post(MANY, **kind)
    assert set(kinds(delete(*paths)).values()) == {"failed"}
    assert len(answers.calls) == calls

    answers.reset()
    answers.post(MANY, **kind)
    answers.post(MANY, json=many(paths))
    assert set(kinds(delete(*paths)).values()) == {"deleted" if calls > 1 else "failed"}


def test_a_redirect_is_never_followed_and_said_without_its_query(delete, answers):
    answers.post(MANY, status=307, headers={"Location": "https://evil.example.com/delete_many?token=x"})
    reason = "it redirects to https://evil.example.com: set api.files_server to the final address"
    assert [answer.error for answer in delete(A, B).values()] == [reason] * 2
    assert [call.request.url for call in answers.calls] == [MANY]


def test_a_session_that_cannot_be_had_is_told_without_its_secrets_and_a_stop_goes_on(answers):
    def refuse(refused):
        raise error

    error = ConnectionError("no login with token=very-secret")
    with stores.opened({}, BASE, refuse) as storages:
        (told,) = failures(storages.delete(located(BASE, [A]))).values()
        assert "no session" in told and "very-secret" not in told
    error = Stopped("as asked")
    stop = threading.Event()
    with (
        stores.opened({}, BASE, lambda refused: (stop.set(), refuse(refused)), stop=stop) as storages,
        pytest.raises(DeletionStopped) as stopped,
    ):
        storages.delete(located(BASE, [A]))
    assert (stopped.value.answers, len(answers.calls)) == ({}, 0)


def test_without_delete_many_each_answer_counts_and_the_lack_is_remembered(delete, answers):
    answers.post(MANY, status=405)
    answers.delete(f"{BASE}/{A}", body=f'"{A}"')
    answers.delete(f"{BASE}/{B}", status=404, body=f"File {B} not found")
    answers.delete(f"{BASE}/{C}", status=403)
    assert kinds(delete(A)) == {A: "deleted"}
    assert kinds(delete(A, B, C)) == {A: "deleted", B: "gone", C: "failed"}
    assert [call.request.method for call in answers.calls].count("POST") == 1


@pytest.mark.parametrize("body", ["<html>please log in</html>", "null", "", '{"ok": true}', '"another/file.pkl"'])
def test_what_another_server_says_is_no_deletion(delete, answers, no_backoff, body):
    answers.post(MANY, status=404, body="<html>nginx</html>")
    answers.delete(f"{BASE}/{A}", body=body)
    assert "not a file server's" in delete(A)[A].error  # which repeats the path
    answers.replace("DELETE", f"{BASE}/{A}", status=404, body=body)
    assert "api.files_server" in delete(A)[A].error


def test_what_could_be_a_folder_never_goes_by_delete_many(delete, answers):
    inside = ["artifacts", "artifacts/data", "artifacts/data.zip", "models/point", "metrics/t.a/s.b", "other.d/f.txt"]
    above_another = f"{FOLDER}/models/m.d"
    paths = [*(f"{FOLDER}/{name}" for name in inside), FOLDER, "p", "shared/data.zip", above_another]
    for path in paths:
        answers.delete(f"{BASE}/{path}", status=404, body=f"File {path} not found")
    answers.delete(f"{BASE}/{above_another}/x.pt", json=f"{above_another}/x.pt")
    result = kinds(delete(*paths, f"{above_another}/x.pt"))
    assert result == {**dict.fromkeys(paths, "gone"), f"{above_another}/x.pt": "deleted"}


def test_a_request_holds_at_most_1000_paths_and_half_a_megabyte(delete, answers):
    sizes = []

    def answer(request):
        sent = json.loads(request.body)["files"]
        sizes.append((len(sent), len(request.body)))
        return 200, {}, json.dumps(many(sent))

    answers.add_callback("POST", MANY, answer)
    delete(*(f"{FOLDER}/artifacts/a/{n}.pkl" for n in range(2500)))
    assert sorted(count for count, _ in sizes) == [500, 1000, 1000]
    delete(*(f"{FOLDER}/artifacts/a/{'ф' * 400}{n}.pkl" for n in range(1000)))
    assert max(size for _, size in sizes) < 600 * 1024


def test_only_what_is_named_like_a_tasks_folder_goes_as_a_whole(answers):
    other = f"p/m.{OTHER}"
    answers.post(MANY, json=many([FOLDER, other]))
    with stores.opened({}, BASE) as storages:
        result = storages.remove_folders(located(BASE, [FOLDER, other, "p", f"{FOLDER}/artifacts"]))
    expected = [Outcome.DELETED, Outcome.DELETED, Outcome.FAILED, Outcome.FAILED]
    assert list(outcomes(result).values()) == expected
    assert json.loads(answers.calls[0].request.body) == {"files": [FOLDER, other]}
