"""The line to the file server: tokens, outages, time-outs and redirects. Answers are made up here."""

from __future__ import annotations

import threading

import pytest
import requests
import responses
from cleanup.storage.crew import Crew
from responses import matchers

from cleanup.storage import Outcome
from cleanup.storage.fileserver import FileServer
from cleanup.storage.wire import Wire
from tests.storage.support import TASK

BASE = "https://files.example.com"
MANY = f"{BASE}/delete_many"
FOLDER = f"p/n.{TASK}"
A, B, C = (f"{FOLDER}/artifacts/{name}/{name}.pkl" for name in "abc")
SECRET = "very-secret-token"


class Sleeps(list):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def sleeps():
    return Sleeps()


@pytest.fixture
def server(sleeps):
    crew = Crew(4)
    tokens = iter(["first-token", *["second-token"] * 99])
    held = [next(tokens)]

    def token(refresh: bool) -> str:
        if refresh:
            held[0] = next(tokens)
        return held[0]

    yield FileServer(BASE, Wire(BASE, token, timeout=5, sleep=sleeps), crew)
    crew.close()


@pytest.fixture
def answers():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


def many(deleted=(), **errors):
    return {"deleted": {name: name for name in deleted}, "errors": errors}


def outcome(result):
    return {path: answer.outcome.value for path, answer in result.items()}


def test_the_token_is_a_bearer_and_a_netrc_changes_nothing(server, answers, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine files.example.com login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    answers.post(MANY, json=many([A]), match=[matchers.header_matcher({"Authorization": "Bearer first-token"})])
    assert outcome(server.delete([A])) == {A: "deleted"}


def test_an_expired_token_is_renewed_once(server, answers):
    answers.post(MANY, status=401, match=[matchers.header_matcher({"Authorization": "Bearer first-token"})])
    renewed = [matchers.header_matcher({"Authorization": "Bearer second-token"})]
    answers.post(MANY, json=many([A]), match=renewed)
    assert outcome(server.delete([A])) == {A: "deleted"}


def test_a_refused_token_fails_every_path_without_asking_for_each(server, answers):
    answers.post(MANY, status=401)
    result = server.delete([A, B])
    assert outcome(result) == {A: "failed", B: "failed"}
    assert "401" in result[A].error
    assert len(answers.calls) == 2


def test_a_session_that_cannot_be_had_fails_with_its_reason_and_without_its_secrets(answers):
    def token(refresh: bool) -> str:
        raise ConnectionError(f"no login with token={SECRET}")

    crew = Crew(1)
    result = FileServer(BASE, Wire(BASE, token), crew).delete([A])
    crew.close()
    assert "no session" in result[A].error
    assert SECRET not in result[A].error
    assert not answers.calls


def test_an_outage_that_ends_is_waited_out(server, answers, sleeps):
    answers.post(MANY, body=requests.ConnectionError("dropped"))
    answers.post(MANY, status=503)
    answers.post(MANY, status=429, headers={"Retry-After": "3"})
    answers.post(MANY, json=many([A]))
    assert outcome(server.delete([A])) == {A: "deleted"}
    assert sleeps == [0.5, 1.0, 3.0]


@pytest.mark.parametrize(
    "body", [b'{"deleted": {"', b"<html>welcome</html>", b"[]", b'{"deleted": {}, "errors": []}', b""]
)
def test_an_answer_that_is_cut_off_or_not_a_file_servers_is_asked_for_again_and_then_fails(
    server, answers, body, sleeps
):
    answers.post(MANY, body=body)
    result = server.delete([A])
    assert outcome(result) == {A: "failed"}
    assert len(answers.calls) == 4
    assert sum(sleeps) < 10


def test_an_outage_that_lasts_fails_soon_and_every_path(server, answers, sleeps):
    answers.post(MANY, body=requests.ConnectionError("connection refused"))
    paths = [f"{FOLDER}/artifacts/a/{n}.pkl" for n in range(5000)]
    result = server.delete(paths)
    assert {answer.outcome for answer in result.values()} == {Outcome.FAILED}
    assert len(result) == 5000
    assert len(answers.calls) <= 4 * 4
    assert sum(sleeps) < 60


def test_a_silent_server_is_not_asked_again(server, answers):
    answers.post(MANY, body=requests.ReadTimeout("read timed out"))
    result = server.delete([A])
    assert "no answer within 5 seconds" in result[A].error
    assert len(answers.calls) == 1


def test_a_redirect_is_never_followed(server, answers):
    answers.post(MANY, status=307, headers={"Location": "https://evil.example.com/delete_many?token=x"})
    answers.post("https://evil.example.com/delete_many", json=many([A]))
    result = server.delete([A])
    assert outcome(result) == {A: "failed"}
    assert "https://evil.example.com" in result[A].error
    assert [call.request.url for call in answers.calls] == [MANY]


def test_threads_that_meet_an_expired_token_renew_it_once():
    renewals = []
    lock = threading.Lock()
    held = ["old"]

    def token(refresh: bool) -> str:
        if refresh:
            with lock:
                renewals.append(1)
                held[0] = "new"
        return held[0]

    crew = Crew(4)
    with responses.RequestsMock() as answers:
        answers.post(MANY, status=404)
        answers.add(
            responses.DELETE,
            f"{BASE}/{A}",
            status=401,
            match=[matchers.header_matcher({"Authorization": "Bearer old"})],
        )
        for path in (A, B, C):
            answers.add(
                responses.DELETE,
                f"{BASE}/{path}",
                json=path,
                match=[matchers.header_matcher({"Authorization": "Bearer new"})],
            )
            if path != A:
                answers.add(
                    responses.DELETE,
                    f"{BASE}/{path}",
                    status=401,
                    match=[matchers.header_matcher({"Authorization": "Bearer old"})],
                )
        answers.assert_all_requests_are_fired = False
        result = FileServer(BASE, Wire(BASE, token), crew).delete([A, B, C])
    crew.close()
    assert set(outcome(result).values()) == {"deleted"}
    assert renewals == [1]


@pytest.mark.parametrize(
    ("status", "reason"),
    [(200, ""), (404, "404"), (405, ""), (401, "refuses"), (403, "refuses"), (502, "502"), (302, "redirects")],
)
def test_check_tells_whether_the_server_lets_us_in(server, answers, status, reason):
    answers.get(f"{BASE}/", status=status, body="OK")
    assert reason in server.check()
    assert bool(server.check()) == bool(reason)
