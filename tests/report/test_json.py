"""`--output json`: stdout holds one JSON document and nothing else, however the run ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cleanup.sandbox import Sandbox
from tests.agent.repository import published
from tests.report.runs import run


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        made.add_queue("services")
        yield made


@pytest.mark.parametrize(
    ("flags", "environment", "code", "words"),
    [
        (["--projects", "nowhere"], {}, 2, "nowhere"),
        (["--no-such-flag"], {}, 2, "unrecognized arguments: --no-such-flag"),
        ([], {"CLEARML_API_SECRET_KEY": "wrong"}, 3, "credentials"),
    ],
)
def test_what_cannot_start_is_a_document_a_message_a_code_and_no_task(
    flags: list[str], environment: dict[str, str], code: int, words: str, sandbox: Sandbox
) -> None:
    done = run(sandbox, "--no-run-as-service", "--output", "json", *flags, **environment)
    document = json.loads(done.out)
    assert (done.code, document["ok"], done.task) == (code, False, {})
    assert words in document["error"]
    assert f"No cleanup: {document['error']}" in done.err


@pytest.mark.slow
def test_what_is_enqueued_has_no_result_here_and_leaves_stdout_empty(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run(sandbox, "--output", "json", script=published(tmp_path).script)
    assert (done.code, done.out, done.task["status"]) == (0, "", "queued")
    assert "Enqueuing" in done.err
