"""The session with the API: which answers count, how each failure reads, logging in, the server's clock."""

from __future__ import annotations

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import jwt
import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from cleanup.base.errors import CredentialsError, ServerError, ServerUnreachable
from cleanup.server import Server
from tests.unit.api import ACCESS, HOST, SECRET, Api, Raw, Refusal, in_envelope

LOST = requests.ConnectionError(MaxRetryError(None, "/", NewConnectionError(object(), "Connection refused")))  # type: ignore[arg-type]
UNTRUSTED = requests.exceptions.SSLError("certificate verify failed")
REFUSED = Refusal(401, 30, "Invalid token")
ELSEWHERE = Raw(302, "", {"Location": "https://elsewhere.test/login"})


def list_tasks(server: Server) -> list[str]:
    return [row.data["id"] for row in server.client.tasks.get_all(page=0)]


@pytest.mark.parametrize(
    ("answer", "attempts", "kind", "message"),
    [
        (LOST, 3, ServerUnreachable, r"does not answer tasks\.get_all: Connection refused$"),
        (Raw(502, "<html>Bad Gateway</html>"), 3, ServerUnreachable, "HTTP 502 and no ClearML answer"),
        (Raw(200, '{"meta": {"result_code": 200}, "da'), 3, ServerUnreachable, "HTTP 200 and no ClearML answer"),
        (Raw(200, "[1, 2]"), 3, ServerUnreachable, "no ClearML answer"),
        (Raw(200, '{"meta": {"result_code": null}}'), 3, ServerUnreachable, "no ClearML answer"),
        (Refusal(429), 3, ServerUnreachable, "is too busy for"),
        (Refusal(503), 3, ServerUnreachable, "is too busy for"),
        (Raw(200, '{"meta": {"result_code": 200}, "data": null}'), 3, ServerError, "without its data"),
        ({"tasks": {"id": "x"}}, 3, ServerError, "without its tasks"),
        (UNTRUSTED, 1, ServerUnreachable, "its certificate is not trusted: see api.verify_certificate"),
        (ELSEWHERE, 1, ServerUnreachable, r"redirects.*api\.api_server"),
        (Refusal(400, 12, "Validation error"), 1, ServerError, "Validation error"),
        (Refusal(500, 100), 1, ServerError, r"refuses tasks\.get_all: General.*code 500/100"),
    ],
)
def test_an_answer_that_cannot_be_used_is_asked_for_again_while_that_can_help_and_then_an_error(
    api: Api, answer: Any, attempts: int, kind: type[ServerError], message: str
) -> None:
    server = api.connect()
    api.on("tasks.get_all", *[answer] * (attempts - 1), {"tasks": [{"id": "a"}]})
    assert list_tasks(server) == ["a"]
    api.on("tasks.get_all", answer)
    with pytest.raises(ServerError, match=message) as caught:
        list_tasks(server)
    assert (type(caught.value), HOST in str(caught.value)) == (kind, True)
    assert api.count("tasks.get_all") == 2 * attempts
    if isinstance(answer, Refusal):
        assert (caught.value.code, caught.value.subcode) == (answer.code, answer.subcode)


def test_calls_are_posts_and_only_the_login_carries_the_secret_key(api: Api) -> None:
    api.rows("tasks.get_all", [])
    list_tasks(api.connect())
    basic = "Basic " + base64.b64encode(f"{ACCESS}:{SECRET}".encode()).decode()
    sent = [(call, request.method, request.headers["Authorization"]) for call, _, request in api.requests]
    assert sent == [("auth.login", "POST", basic), ("tasks.get_all", "POST", f"Bearer {api.tokens[0]}")]
    assert str(api.requests[-1][2].url).startswith(f"{HOST}/v2.")


def test_threads_whose_token_is_refused_log_in_once_and_all_go_on(api: Api) -> None:
    server = api.connect()
    together = threading.Barrier(4)

    def answer(_: Any) -> Any:
        if api.requests[-1][2].headers["Authorization"].endswith(api.tokens[0]):
            together.wait(10)
            return REFUSED
        return {"tasks": [{"id": "a"}]}

    api.on("tasks.get_all", answer)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(list_tasks, [server] * 4)) == [["a"]] * 4
    assert api.count("auth.login") == 2
    assert server.session.token_for_files() == api.tokens[1]
    assert server.session.token_for_files(refused=api.tokens[1]) == api.tokens[2]


def test_threads_that_wait_for_a_login_share_its_failure(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, free = threading.Semaphore(0), threading.Lock()

    class Counted:
        def __enter__(self) -> None:
            waiting.release()
            free.acquire()

        def __exit__(self, *_: object) -> None:
            free.release()

    def once_all_wait(_: Any) -> Any:
        assert all(waiting.acquire(timeout=10) for _ in range(4))
        return LOST

    server = api.connect()
    monkeypatch.setattr(server.session, "_login_lock", Counted())
    api.on("auth.login", once_all_wait, LOST)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(server.session.token_for_files, api.tokens[0]) for _ in range(4)]
    assert [type(one.exception()) for one in asked] == [ServerUnreachable] * 4
    assert api.count("auth.login") == 1 + 3


def test_credentials_that_stay_refused_are_an_error_and_no_loop(api: Api) -> None:
    api.on("tasks.get_all", REFUSED)
    server = api.connect()
    with pytest.raises(CredentialsError, match="code 401/30"):
        list_tasks(server)
    assert (api.count("tasks.get_all"), api.count("auth.login")) == (2, 2)
    api.on("auth.login", Refusal(401, 22, "Unauthorized (invalid credentials)"))
    for revoked_or_wrong in (lambda: list_tasks(server), api.connect):
        with pytest.raises(CredentialsError, match=r"invalid credentials.*Check api\.api_server and api\.credentials"):
            revoked_or_wrong()
    assert api.count("auth.login") == 4


def test_an_address_that_is_not_the_api_servers_is_named_as_the_mistake_at_once(api: Api) -> None:
    answers = (Raw(200, "<html>welcome</html>"), ELSEWHERE, Raw(204), Raw(404, "not here"), Raw(405, '"no"'))
    for count, answer in enumerate(answers, 1):
        api.on("auth.login", answer)
        with pytest.raises(
            ServerUnreachable, match=r"web or files address.*CLEARML_API_HOST.*API server.*8008"
        ) as error:
            api.connect()
        assert (error.value.exit_code, api.count("auth.login")) == (3, count)


def test_a_login_that_gives_no_usable_token_is_one_error_of_the_package(api: Api) -> None:
    tokens: tuple[Any, ...] = (None, 7, "no.jwt", jwt.encode({"exp": "soon"}, SECRET))
    broken = (Refusal(500), Refusal(429), Refusal(403, 10, "Forbidden"), Raw(200, '{"meta": {"resu'), {})
    api.on("tasks.get_all", REFUSED)
    for answer in (*broken, *({"token": token} for token in tokens)):
        api.on("auth.login", answer)
        with pytest.raises(ServerError, match=HOST) as caught:
            list_tasks(api.connect())
        assert (caught.value.exit_code, "\n" in str(caught.value)) == (3, False)


def test_no_server_and_no_configuration_say_what_to_set(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.on("auth.login", LOST)
    with pytest.raises(ServerUnreachable, match=f"{HOST} does not answer auth.login"):
        api.connect()

    monkeypatch.setenv("CLEARML_API_HOST", "not an address")
    asked = api.count("auth.login")
    with pytest.raises(ServerUnreachable, match="not an address"):
        api.connect()
    assert api.count("auth.login") == asked

    for name in ("CLEARML_API_HOST", "CLEARML_API_ACCESS_KEY", "CLEARML_API_SECRET_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(CredentialsError, match="CLEARML_API_ACCESS_KEY and CLEARML_API_SECRET_KEY"):
        api.connect()


@pytest.mark.parametrize("call", ["auth.login", "tasks.get_all"])
@pytest.mark.parametrize(
    "answer",
    [
        Refusal(401, 22, f"Unauthorized: {ACCESS}:{SECRET} token={SECRET}"),
        Refusal(400, 12, f'bad request {{"secret": "{SECRET}", "Authorization": "Bearer {SECRET}"}}'),
        requests.ConnectionError(f"cannot reach https://{ACCESS}:{SECRET}@api.clearml.test/"),
        Raw(302, SECRET, {"Location": f"https://x.test/?token={SECRET}"}),
    ],
)
def test_no_secret_and_no_token_is_in_any_error(
    api: Api, monkeypatch: pytest.MonkeyPatch, answer: Any, call: str
) -> None:
    monkeypatch.setenv("CLEARML_API_HOST", HOST.replace("://", f"://user:{SECRET}@"))
    api.on(call, answer)
    with pytest.raises(ServerError) as caught:
        list_tasks(api.connect())
    said, shown = "", caught.value.__cause__ or caught.value
    while shown is not None:
        said += f"{shown} {shown!r} {vars(shown)} "
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)  # type: ignore[assignment]
    assert not any(secret in said for secret in (SECRET, *api.tokens))


def test_the_servers_clock_is_compared_with_every_answer(api: Api) -> None:
    server = api.connect()
    skews = []
    for ahead in (0, -3600, 3600, 3600, 5):
        there = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=ahead), usegmt=True)
        for date in (there, "yesterday", "", "Mon, 99 Foo 2026 00:00:00 GMT"):
            api.on("tasks.get_all", Raw(200, json.dumps(in_envelope({"tasks": []})), {"Date": date}))
            list_tasks(server)
        skews.append(server.session.clock_skew)
    assert skews == pytest.approx([0, -3600, 3600, 3600, 5], abs=3)


@pytest.mark.parametrize(
    ("answer", "alive"),
    [({"projects": []}, True), (REFUSED, True), (LOST, False), (Raw(502), False), (Refusal(500), False)],
)
def test_a_server_that_answers_one_small_call_is_alive(api: Api, answer: Any, alive: bool) -> None:
    server = api.connect()
    api.on("projects.get_all", answer)
    assert server.session.alive() is alive
    assert (api.count("projects.get_all"), api.count("auth.login")) == (1, 1)
