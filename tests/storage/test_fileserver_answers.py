"""The file server's possible answers, each led back to the right path. Answers are made up here."""

from __future__ import annotations

import json

import pytest
import requests
import responses
from cleanup.storage.crew import Crew

from cleanup.storage import Outcome, wire
from cleanup.storage.fileserver import FileServer
from cleanup.storage.wire import Wire
from tests.storage.support import ODD_NAMES, OTHER, TASK

BASE = "https://files.example.com"
MANY = f"{BASE}/delete_many"
FOLDER = f"p/n.{TASK}"
A, B, C = (f"{FOLDER}/artifacts/{name}/{name}.pkl" for name in "abc")


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(wire, "BACKOFF", 0.0)
    crew = Crew(4)
    yield FileServer(BASE, Wire(BASE, lambda refused: "second-token" if refused else "first-token"), crew)
    crew.close()


@pytest.fixture
def answers():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


def many(deleted=(), **errors):
    return {"deleted": {name: name for name in deleted}, "errors": errors}


def outcome(result):
    return {path: answer.outcome.value for path, answer in result.items()}


def test_every_path_gets_its_own_answer(server, answers):
    answers.post(MANY, json=many([A], **{"Not found": [B], "Permission denied": [C]}))
    result = server.delete([A, B, C])
    assert outcome(result) == {A: "deleted", B: "gone", C: "failed"}
    assert "Permission denied" in result[C].error
    assert len(answers.calls) == 1


def test_a_path_that_the_answer_does_not_mention_failed(server, answers):
    answers.post(MANY, json=many([A], **{"Not found": ["somebody/else"]}))
    result = server.delete([A, B])
    assert outcome(result) == {A: "deleted", B: "failed"}
    assert "does not mention" in result[B].error


def test_a_path_in_both_lists_failed(server, answers):
    answers.post(MANY, json=many([A], **{"Permission denied": [A]}))
    assert outcome(server.delete([A])) == {A: "failed"}


@pytest.mark.parametrize("name", [*ODD_NAMES, "%22.txt"])
def test_names_are_percent_encoded_and_their_answers_matched_back(server, answers, name):
    path = f"{FOLDER}/models/{name}"

    def answer(request):
        (sent, *_) = json.loads(request.body)["files"]
        assert not set(sent) & set(" +?#\";'")
        assert sent.isascii()
        return 200, {}, json.dumps(many([sent], **{"Not found": json.loads(request.body)["files"][1:]}))

    answers.add_callback("POST", MANY, answer)
    assert outcome(server.delete([path])) == {path: "deleted"}


@pytest.mark.parametrize("status", [400, 413, 500])
def test_one_path_that_spoils_a_request_fails_alone(server, answers, status):
    paths = [f"{FOLDER}/artifacts/a/{n}.pkl" for n in range(1000)]

    def answer(request):
        sent = json.loads(request.body)["files"]
        return (status, {}, "no") if paths[700] in sent else (200, {}, json.dumps(many(sent)))

    answers.add_callback("POST", MANY, answer)
    result = server.delete(paths)
    assert [path for path, answer in result.items() if answer.outcome is not Outcome.DELETED] == [paths[700]]
    assert len(answers.calls) < 30


def test_a_server_that_fails_at_everything_is_not_asked_path_by_path(server, answers):
    answers.post(MANY, status=500)
    paths = [f"{FOLDER}/artifacts/a/{n}.pkl" for n in range(1000)]
    assert set(outcome(server.delete(paths)).values()) == {"failed"}
    assert len(answers.calls) < 100


@pytest.mark.parametrize("status", [404, 405])
def test_without_delete_many_files_go_one_by_one_and_that_is_remembered(server, answers, status):
    answers.post(MANY, status=status)
    answers.delete(f"{BASE}/{A}", body=f'"{A}"')
    answers.delete(f"{BASE}/{B}", status=404, body=f"File {B} not found")
    answers.delete(f"{BASE}/{C}", status=403)
    assert outcome(server.delete([A])) == {A: "deleted"}
    assert outcome(server.delete([A, B, C])) == {A: "deleted", B: "gone", C: "failed"}
    assert [call.request.method for call in answers.calls].count("POST") == 1


def test_a_page_to_log_in_is_not_taken_for_a_deletion(server, answers):
    answers.post(MANY, status=404)
    answers.delete(f"{BASE}/{A}", status=200, body="<html>please log in</html>")
    result = server.delete([A])
    assert outcome(result) == {A: "failed"}
    assert "not a file server's" in result[A].error


def test_a_404_of_another_server_is_not_taken_for_a_file_that_is_gone(server, answers):
    answers.post(MANY, status=404, body="<html>nginx</html>")
    answers.add(responses.DELETE, f"{BASE}/{A}", status=404, body="<html>nginx</html>")
    answers.add(responses.DELETE, f"{BASE}/{B}", status=404, body="<html>nginx</html>")
    result = server.delete([A, B])
    assert outcome(result) == {A: "failed", B: "failed"}
    assert "api.files_server" in result[A].error


@pytest.mark.parametrize(
    "path",
    [
        f"{FOLDER}/artifacts",
        f"{FOLDER}/artifacts/data",
        f"{FOLDER}/artifacts/data.zip",
        f"{FOLDER}/artifacts/data/folder",
        f"{FOLDER}/models/checkpoint",
        f"{FOLDER}/metrics/title.a/series.b",
        f"{FOLDER}/other.d/file.txt",
        FOLDER,
        "p",
        "shared/data.zip",
    ],
)
def test_what_could_be_a_folder_never_goes_by_delete_many(server, answers, path):
    answers.delete(f"{BASE}/{path}", status=404, body=f"File {path} not found")
    assert outcome(server.delete([path])) == {path: "gone"}


def test_a_path_with_other_known_files_below_it_never_goes_by_delete_many(server, answers):
    folder, below, kept = f"{FOLDER}/models/m.d", f"{FOLDER}/models/m.d/x.pt", f"{FOLDER}/models/k.d/y.pt"
    for path in (folder, f"{FOLDER}/models/k.d"):
        answers.delete(f"{BASE}/{path}", status=404, body=f"File {path} not found")
    answers.delete(f"{BASE}/{below}", json=below)
    result = server.delete([folder, below, f"{FOLDER}/models/k.d"], keep=[kept])
    assert outcome(result) == {folder: "gone", below: "deleted", f"{FOLDER}/models/k.d": "gone"}


def test_a_request_holds_at_most_1000_paths_and_half_a_megabyte(server, answers):
    sizes = []

    def answer(request):
        sent = json.loads(request.body)["files"]
        sizes.append((len(sent), len(request.body)))
        return 200, {}, json.dumps(many(sent))

    answers.add_callback("POST", MANY, answer)
    server.delete([f"{FOLDER}/artifacts/a/{n}.pkl" for n in range(2500)])
    server.delete([f"{FOLDER}/artifacts/a/{'ф' * 400}{n}.pkl" for n in range(1000)])
    assert max(count for count, _ in sizes) == 1000
    assert max(size for _, size in sizes) < 600 * 1024
    assert [count for count, _ in sizes][:3] in ([1000, 1000, 500], [1000, 500, 1000], [500, 1000, 1000])


def test_task_folders_go_in_one_request_and_nothing_else_named_like_a_folder(server, answers):
    other = f"p/m.{OTHER}"
    answers.post(MANY, json=many([FOLDER, other]))
    result = server.remove_folders([FOLDER, other, "p", f"{FOLDER}/artifacts"])
    assert outcome(result) == {FOLDER: "deleted", other: "deleted", "p": "failed", f"{FOLDER}/artifacts": "failed"}
    assert json.loads(answers.calls[0].request.body) == {"files": [FOLDER, other]}


def test_without_delete_many_folders_stay(server, answers):
    answers.post(MANY, status=404)
    result = server.remove_folders([FOLDER])
    assert "switched off" in result[FOLDER].error


@pytest.mark.parametrize(("kind", "said"), [({"status": 401}, "401"), ({"body": requests.ConnectionError("no")}, "no")])
def test_trouble_with_the_whole_server_fails_every_path_without_asking_for_each(server, answers, kind, said):
    answers.post(MANY, **kind)
    result = server.delete([f"{FOLDER}/artifacts/a/{n}.pkl" for n in range(5000)])
    assert set(outcome(result).values()) == {"failed"}
    assert len(result) == 5000
    assert said in next(iter(result.values())).error
    assert len(answers.calls) <= 4 * 4


@pytest.mark.parametrize("body", [b'{"deleted": {"', b"<html>welcome</html>", b"[]", b'{"deleted": {}, "errors": []}'])
def test_an_answer_that_is_cut_off_or_not_a_file_servers_is_asked_for_again_and_then_fails(server, answers, body):
    answers.post(MANY, body=body)
    assert outcome(server.delete([A])) == {A: "failed"}
    assert len(answers.calls) == 4


@pytest.mark.parametrize(
    ("status", "reason"),
    [(200, ""), (404, "404"), (405, ""), (401, "refuses"), (403, "refuses"), (502, "502"), (302, "redirects")],
)
def test_check_tells_whether_the_server_lets_us_in(server, answers, status, reason):
    answers.get(f"{BASE}/", status=status, body="OK")
    assert reason in server.check()
    assert bool(server.check()) == bool(reason)
