"""What spans the server: the addresses that tasks refer to, and who needs tasks as a whole."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from cleanup.server import Claim, References, Server
from tests.unit.api import Api

FIRST, SECOND, THIRD, RUN, OLD_RUN = (digit * 32 for digit in "12345")


def test_what_tasks_refer_to_is_their_artifacts_and_the_folder_they_upload_to(api: Api, server: Server) -> None:
    artifacts: list[Any] = [{"uri": "s3://b/x"}, {"uri": ""}, {"uri": ["odd"]}, {}, None]
    first = {"id": FIRST, "execution": {"artifacts": artifacts}, "output": {"destination": "s3://b/out"}}
    api.rows("tasks.get_all", [first], [{"id": SECOND, "execution": "junk"}, {"id": "../x"}])
    addresses = ("s3://b/x", ["odd"], f"s3://b/out/.{FIRST}")
    assert list(server.survey.references()) == [References(FIRST, addresses), References(SECOND, ())]
    body = api.bodies("tasks.get_all")[0]
    assert body["only_fields"] == ["id", "execution.artifacts", "output.destination", "report_assets"]
    assert (body["search_hidden"], "system_tags" in body) == (True, False)


def test_a_dataset_version_needs_all_versions_that_it_names_and_a_run_its_steps(api: Api, server: Server) -> None:
    dataset = {"Dataset": {"value": f'{{"{SECOND}": ["{FIRST}"], "{THIRD}": ["{SECOND}"]}}'}, "odd": None}
    pipeline = {"pipeline": {"value": f'{{"step": {{"job_id": "{FIRST}"}}}}'}, "Other": {"value": SECOND}}
    held = {
        "dataset": [{"id": THIRD, "configuration": dataset}, {"id": FIRST, "configuration": "junk"}, {"id": "-x"}],
        "pipeline": [{"id": RUN, "configuration": pipeline}],
        "controller": [{"id": OLD_RUN, "configuration": {"Pipeline": {"value": SECOND}}}],
    }
    api.on("tasks.get_all", lambda body: {"tasks": held.pop((body.get("system_tags") or body["type"])[0], [])})

    assert list(server.survey.claims()) == [
        Claim(THIRD, frozenset({FIRST, SECOND}), f"dataset version {THIRD} is built on it"),
        Claim(FIRST, frozenset(), f"dataset version {FIRST} is built on it"),
        Claim(RUN, frozenset({FIRST}), f"it is a step of pipeline run {RUN}"),
        Claim(OLD_RUN, frozenset({SECOND}), f"it is a step of pipeline run {OLD_RUN}"),
    ]
    assert all(body["search_hidden"] for body in api.bodies("tasks.get_all"))


def test_later_only_what_changed_since_is_read(api: Api, server: Server) -> None:
    api.rows("tasks.get_all")
    there = datetime(2026, 6, 15, 14, 30, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))
    for reading in (server.survey.references, server.survey.claims):
        for since, asked in ((None, None), (there, [">=2026-06-15T12:30:00.250000+00:00"])):
            api.requests.clear()
            assert list(reading(since)) == []
            assert {str(body.get("last_change")) for body in api.bodies("tasks.get_all")} == {str(asked)}
