"""What the file server's line adds to how requests are sent: which answers count, what is said, no error but a stop."""

from __future__ import annotations

import threading

import pytest
import requests
import responses
from responses import matchers

from cleanup.base.errors import Stopped
from cleanup.base.http import Network
from cleanup.storage.fileserver import FileServer

BASE = "https://files.example.com"
MANY = f"{BASE}/delete_many"
SECRET = "very-secret-token"


@pytest.fixture
def answers():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


def ask(token=lambda refused: "t", usable=lambda _: True, patient=True, **network):
    return FileServer(BASE, token, Network(backoff=0.0, **network)).send(
        "POST", "/delete_many", {"files": ["a"]}, usable, patient
    )


@pytest.mark.parametrize(
    ("kind", "patient", "calls"),
    [
        ({"body": requests.ConnectionError("dropped")}, True, 4),
        ({"status": 503}, False, 4),
        ({"status": 500}, True, 4),
        ({"status": 500}, False, 1),
        ({"body": "cut o"}, True, 4),
        ({"status": 404}, True, 1),
    ],
)
def test_what_can_pass_is_asked_for_again_and_told_after_all_attempts(answers, kind, patient, calls):
    def good(reply):
        return reply.body == b"good"

    answers.post(MANY, **kind)
    last = ask(usable=good, patient=patient)
    assert last.error or last.status == kind["status"]
    assert len(answers.calls) == calls

    answers.reset()
    answers.post(MANY, **kind)
    answers.post(MANY, body="good")
    assert good(ask(usable=good, patient=patient)) is (calls > 1)


def test_a_redirect_is_never_followed_and_said_without_its_query(answers):
    answers.post(MANY, status=307, headers={"Location": "https://evil.example.com/delete_many?token=x"})
    reply = ask()
    assert reply.error == "it redirects to https://evil.example.com: set api.files_server to the final address"
    assert [call.request.url for call in answers.calls] == [MANY]


def test_a_token_that_has_run_out_is_renewed(answers):
    for token, status in (("t", 401), ("tt", 200)):
        answers.post(MANY, status=status, match=[matchers.header_matcher({"Authorization": f"Bearer {token}"})])
    assert ask(lambda refused: f"{refused}t").status == 200


def test_a_session_that_cannot_be_had_is_told_without_its_secrets_and_a_stop_goes_on(answers):
    def refuse(refused):
        raise error

    error = ConnectionError(f"no login with token={SECRET}")
    reply = ask(refuse)
    assert "no session" in reply.error
    assert SECRET not in reply.error

    error = Stopped("as asked")
    stop = threading.Event()
    stop.set()
    for stopped in ({"token": refuse}, {"stop": stop}):
        with pytest.raises(Stopped):
            ask(**stopped)
    assert not answers.calls
