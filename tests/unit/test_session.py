"""Logging in and sending requests: what is tried again, how often, and how each failure reads."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from cleanup.base.errors import CredentialsError, ServerError, ServerUnreachable, Stopped
from cleanup.server import Network, Server
from tests.unit.api import ACCESS, HOST, SECRET, Api, Raw, Refusal, in_envelope

Connect = Callable[..., Server]

LOST = [
    pytest.param(requests.ConnectionError("Connection refused"), id="no connection"),
    pytest.param(requests.exceptions.SSLError("certificate verify failed"), id="TLS"),
    pytest.param(requests.ReadTimeout("Read timed out."), id="no answer in time"),
    pytest.param(requests.exceptions.ChunkedEncodingError("IncompleteRead(3 bytes read)"), id="cut off"),
]
BROKEN = [
    pytest.param(Raw(200, "<html>It works!</html>"), "HTTP 200 and no ClearML answer", id="HTML"),
    pytest.param(Raw(502, "<html>Bad Gateway</html>"), "HTTP 502 and no ClearML answer", id="HTML of a proxy"),
    pytest.param(Raw(200, '{"meta": {"result_code": 200}, "da'), "no ClearML answer", id="truncated JSON"),
    pytest.param(Raw(200, ""), "no ClearML answer", id="empty"),
    pytest.param(Raw(200, "[1, 2]"), "no ClearML answer", id="JSON of another kind"),
    pytest.param(Raw(200, '{"data": {"tasks": []}}'), "no ClearML answer", id="no meta"),
    pytest.param(Raw(200, '{"meta": {"result_code": 200}}'), "without its data", id="no data"),
    pytest.param(Raw(200, '{"meta": {"result_code": 200}, "data": null}'), "without its data", id="data null"),
    pytest.param({}, "without its tasks", id="no list"),
    pytest.param({"tasks": None}, "without its tasks", id="list null"),
    pytest.param({"tasks": {"id": "x"}}, "without its tasks", id="no list but a mapping"),
    pytest.param(Refusal(500, 0, "General server error"), r"refuses tasks.get_all.*code 500", id="500"),
]


def list_tasks(server: Server) -> list[Any]:
    return list(server.tasks.archived(statuses=(), changed_before=None, projects=None))


def all_said(error: BaseException) -> str:
    """Return every text that a log could show of ``error`` and of the errors before it."""
    said = ""
    shown: BaseException | None = error
    while shown is not None:
        said += f"{shown} {shown!r} {vars(shown)} "
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)
    return said


@pytest.mark.parametrize("failure", LOST)
def test_a_lost_request_is_sent_again_and_its_answer_counts(api: Api, connect: Connect, failure: Exception) -> None:
    api.on("tasks.get_all", failure, failure, {"tasks": [{"id": "a"}]}, {"tasks": []})

    assert [task.id for task in list_tasks(connect())] == ["a"]


@pytest.mark.parametrize("failure", LOST)
@pytest.mark.parametrize("attempts", [1, 4])
def test_after_every_attempt_a_lost_server_is_one_error(
    api: Api, connect: Connect, failure: Exception, attempts: int
) -> None:
    api.on("tasks.get_all", failure)
    server = connect(attempts=attempts)

    with pytest.raises(ServerUnreachable, match=rf"{HOST} does not answer tasks\.get_all: .*{failure.args[0][:8]}"):
        list_tasks(server)
    assert api.count("tasks.get_all") == attempts


@pytest.mark.parametrize(("answer", "message"), BROKEN)
def test_an_answer_that_is_none_is_an_error_and_never_the_end_of_the_list(
    api: Api, connect: Connect, answer: Any, message: str
) -> None:
    api.on("tasks.get_all", answer)

    with pytest.raises(ServerError, match=message) as caught:
        list_tasks(connect())
    assert HOST in str(caught.value)
    assert api.count("tasks.get_all") == 3


@pytest.mark.parametrize(("answer", "message"), BROKEN)
def test_a_broken_answer_is_asked_for_again(api: Api, connect: Connect, answer: Any, message: str) -> None:
    api.on("tasks.get_all", answer, {"tasks": [{"id": "a"}]}, {"tasks": []})

    assert [task.id for task in list_tasks(connect())] == ["a"]


@pytest.mark.parametrize("code", [400, 403, 404])
def test_a_refusal_is_final_at_once_and_tells_the_servers_codes(api: Api, connect: Connect, code: int) -> None:
    api.on("tasks.get_all", Refusal(code, 12, "Validation error"))

    with pytest.raises(ServerError, match="Validation error") as caught:
        list_tasks(connect())
    assert (caught.value.code, caught.value.subcode) == (code, 12)
    assert api.count("tasks.get_all") == 1


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_an_overloaded_server_is_asked_again(api: Api, connect: Connect, code: int) -> None:
    api.on("tasks.get_all", Refusal(code), {"tasks": []})

    assert list_tasks(connect()) == []
    assert api.count("tasks.get_all") == 2


@pytest.mark.parametrize("call", ["delete", "delete_many"])
def test_a_deletion_is_sent_once_by_the_session(api: Api, connect: Connect, call: str) -> None:
    api.on(f"tasks.{call}", Refusal(500))
    server = connect()

    with pytest.raises(ServerError):
        getattr(server.client.tasks, call)(**({"task": "a"} if call == "delete" else {"ids": ["a"]}))
    assert api.count(f"tasks.{call}") == 1


def test_a_redirect_is_not_followed_but_explained(api: Api, connect: Connect) -> None:
    api.on("tasks.get_all", Raw(302, "", {"Location": "https://elsewhere.test/login"}))

    with pytest.raises(ServerError, match=r"redirects tasks\.get_all elsewhere: is api\.api_server its API address"):
        list_tasks(connect())
    assert {str(request.url).split("/")[2] for _, _, request in api.requests} == {"api.clearml.test"}


def test_pauses_grow_and_are_bounded(api: Api, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(Network, "pause", lambda _, seconds: pauses.append(seconds))
    api.on("tasks.get_all", Refusal(503))
    server = connect(attempts=8, backoff=0.5, backoff_max=4.0)
    pauses.clear()

    with pytest.raises(ServerError):
        list_tasks(server)
    waits = [seconds for seconds in pauses if seconds]
    assert len(waits) == 7
    assert waits == sorted(waits)
    assert 0 < waits[0] <= 0.5 < waits[-1] <= 4.0


def test_a_stop_ends_the_waiting_at_once(api: Api, connect: Connect) -> None:
    stop = threading.Event()

    def stopping(_: Any) -> Refusal:
        stop.set()
        return Refusal(503)

    api.on("tasks.get_all", stopping)
    server = connect(attempts=100, backoff=60.0, backoff_max=60.0, stop=stop)
    begun = time.monotonic()

    with pytest.raises(Stopped):
        list_tasks(server)
    assert time.monotonic() - begun < 5
    assert api.count("tasks.get_all") == 1


def test_an_expired_token_means_one_new_login_and_the_same_request_again(api: Api, connect: Connect) -> None:
    api.on("tasks.get_all", Refusal(401, 30, "Invalid token"), {"tasks": [{"id": "a"}]}, {"tasks": []})
    server = connect()

    assert [task.id for task in list_tasks(server)] == ["a"]
    assert api.count("auth.login") == 2
    sent = [request.headers["Authorization"] for call, _, request in api.requests if call == "tasks.get_all"]
    assert sent == [f"Bearer {api.tokens[0]}", f"Bearer {api.tokens[1]}", f"Bearer {api.tokens[1]}"]


def test_credentials_that_stay_refused_are_an_error_and_no_loop(api: Api, connect: Connect) -> None:
    api.on("tasks.get_all", Refusal(401, 30, "Invalid token"))
    server = connect()

    with pytest.raises(CredentialsError, match="code 401/30"):
        list_tasks(server)
    assert api.count("tasks.get_all") == 2
    assert api.count("auth.login") == 2


def test_credentials_revoked_in_the_middle_say_what_to_check(api: Api, connect: Connect) -> None:
    api.on("tasks.get_all", Refusal(401, 30, "Invalid token"))
    server = connect()
    api.on("auth.login", Refusal(401, 22, "Unauthorized (invalid credentials)"))

    with pytest.raises(CredentialsError, match=r"invalid credentials.*Check api\.api_server and api\.credentials"):
        list_tasks(server)


def test_threads_whose_token_expired_together_log_in_once(api: Api, connect: Connect) -> None:
    server = connect()
    old = f"Bearer {api.tokens[0]}"

    def answer(_: Any) -> Any:
        asked = api.requests[-1][2].headers["Authorization"]
        return Refusal(401, 30, "Invalid token") if asked == old else {"tasks": []}

    api.on("tasks.get_all", answer)
    refused = server.session.raw_token
    server.session._renew(refused)
    server.session._renew(refused)

    assert api.count("auth.login") == 2


def test_calls_are_posts_with_a_body_to_the_versioned_address(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all", [])
    list_tasks(connect())

    _, body, request = api.requests[-1]
    assert request.method == "POST"
    assert body["system_tags"] == ["archived"]
    assert str(request.url).startswith(f"{HOST}/v2.")


def test_the_secret_key_goes_to_the_login_alone(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all", [])
    list_tasks(connect())

    basic = "Basic " + base64.b64encode(f"{ACCESS}:{SECRET}".encode()).decode()
    sent = [(call, request.headers["Authorization"] == basic) for call, _, request in api.requests]
    assert sent == [("auth.login", True), ("tasks.get_all", False)]


@pytest.mark.parametrize("failure", LOST)
def test_login_without_a_server_says_so(api: Api, connect: Connect, failure: Exception) -> None:
    api.on("auth.login", failure)

    with pytest.raises(ServerUnreachable, match=f"{HOST} does not answer auth.login") as caught:
        connect()
    assert caught.value.exit_code == 3
    assert api.count("auth.login") == 3


@pytest.mark.parametrize("answer", [Raw(200, "<html>welcome</html>"), Raw(404, "not here"), Refusal(500)])
def test_login_at_something_else_than_an_api_server_is_one_clear_error(api: Api, connect: Connect, answer: Any) -> None:
    api.on("auth.login", answer)

    with pytest.raises(ServerError, match=HOST) as caught:
        connect()
    assert "auth.login" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [{}, {"token": None}, {"token": 7}, {"token": "no.jwt"}])
def test_login_with_an_unusable_token_is_an_error_of_the_package(api: Api, connect: Connect, data: Any) -> None:
    api.on("auth.login", data)
    api.on("tasks.get_all", Refusal(401, 30, "Invalid token"))

    with pytest.raises(ServerError):
        list_tasks(connect())


def test_wrong_credentials_are_refused_once_and_say_what_to_check(api: Api, connect: Connect) -> None:
    api.on("auth.login", Refusal(401, 22, "Unauthorized (invalid credentials)"))

    with pytest.raises(CredentialsError) as caught:
        connect()
    said = str(caught.value)
    assert "invalid credentials" in said
    for advice in ("api.credentials", "clearml.conf", "CLEARML_API_HOST", "CLEARML_API_ACCESS_KEY"):
        assert advice in said
    assert caught.value.exit_code == 3
    assert api.count("auth.login") == 1


def test_no_configuration_at_all_says_what_to_set(api: Api, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLEARML_API_HOST", "CLEARML_API_ACCESS_KEY", "CLEARML_API_SECRET_KEY"):
        monkeypatch.delenv(name)

    with pytest.raises(CredentialsError, match="CLEARML_API_ACCESS_KEY and CLEARML_API_SECRET_KEY"):
        connect()
    assert api.requests == []


def test_a_server_address_that_is_none_is_an_error_of_the_package(
    api: Api, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARML_API_HOST", "not an address")

    with pytest.raises(ServerUnreachable, match="not an address"):
        connect()


@pytest.mark.parametrize(
    "answer",
    [
        Refusal(401, 22, f"Unauthorized: {ACCESS}:{SECRET} token={SECRET}"),
        Refusal(400, 12, f'bad request {{"secret": "{SECRET}", "Authorization": "Bearer {SECRET}"}}'),
        requests.ConnectionError(f"cannot reach https://{ACCESS}:{SECRET}@api.clearml.test/"),
        Raw(200, SECRET),
        Raw(302, SECRET, {"Location": f"https://x.test/?token={SECRET}"}),
    ],
)
@pytest.mark.parametrize("call", ["auth.login", "tasks.get_all"])
def test_no_secret_and_no_token_is_in_any_error(
    api: Api, connect: Connect, monkeypatch: pytest.MonkeyPatch, answer: Any, call: str
) -> None:
    monkeypatch.setenv("CLEARML_API_HOST", HOST.replace("://", f"://user:{SECRET}@"))
    api.on(call, answer)

    with pytest.raises(ServerError) as caught:
        list_tasks(connect())
    said = all_said(caught.value)
    assert SECRET not in said
    assert not any(token in said for token in api.tokens)


def test_the_innermost_cause_is_told_without_object_names(api: Api, connect: Connect) -> None:
    refused = NewConnectionError(object(), "Failed to establish a new connection: Connection refused")  # type: ignore[arg-type]
    api.on("auth.login", requests.ConnectionError(MaxRetryError(None, "/auth.login", refused)))  # type: ignore[arg-type]

    with pytest.raises(ServerUnreachable) as caught:
        connect()
    assert str(caught.value).endswith("Failed to establish a new connection: Connection refused")


@pytest.mark.parametrize(("ahead", "expected"), [(-3600, -3600), (3600, 3600), (1, 0)])
def test_the_servers_clock_is_compared_with_this_machines(
    api: Api, connect: Connect, ahead: int, expected: int
) -> None:
    def dated(body: Any) -> Raw:
        there = datetime.now(timezone.utc) + timedelta(seconds=ahead)
        answer = json.dumps(in_envelope({"token": api.new_token()}))
        return Raw(200, answer, {"Date": format_datetime(there, usegmt=True)})

    api.on("auth.login", dated)

    assert connect().session.clock_skew == pytest.approx(expected, abs=3)


@pytest.mark.parametrize("date", ["yesterday", "", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_a_date_that_is_none_leaves_the_clocks_alone(api: Api, connect: Connect, date: str) -> None:
    api.on("projects.get_all", Raw(200, '{"meta": {"result_code": 200}, "data": {"projects": []}}', {"Date": date}))
    server = connect()

    assert server.alive()
    assert server.session.clock_skew == 0.0


def test_a_server_that_answers_is_alive_and_one_that_does_not_is_not(api: Api, connect: Connect) -> None:
    api.on("projects.get_all", {"projects": []})
    server = connect()
    assert server.alive()

    api.on("projects.get_all", requests.ConnectionError("gone"))
    assert not server.alive()


def test_the_file_server_gets_a_new_token_on_request(api: Api, connect: Connect) -> None:
    server = connect()

    assert server.session.token_for_files(False) == api.tokens[0]
    assert server.session.token_for_files(True) == api.tokens[1]
    assert api.count("auth.login") == 2
