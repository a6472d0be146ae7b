"""`get_all` matches, orders and pages like the real server."""

from __future__ import annotations

import random

import pytest

from cleanup.sandbox import Sandbox
from cleanup.sandbox.values import days_ago
from tests.sandbox.conftest import Client


def test_a_page_is_cut_to_500_without_a_word(sandbox: Sandbox, client: Client) -> None:
    made = {sandbox.add_task(f"t{n}") for n in range(510)}
    pages = [client.ids(page=page, page_size=1000) for page in range(3)]
    assert [len(page) for page in pages] == [500, 10, 0]
    assert {task for page in pages for task in page} == made


def test_start_and_size_are_not_cut(sandbox: Sandbox, client: Client) -> None:
    for number in range(510):
        sandbox.add_task(f"t{number}")
    assert len(client.ids(start=0, size=1000)) == 510


def test_a_scroll_goes_through_all(sandbox: Sandbox, client: Client) -> None:
    made = [sandbox.add_task(f"t{n}") for n in range(5)]
    seen: list[str] = []
    scroll = None
    while True:
        answer = client.call("tasks.get_all", scroll_id=scroll, size=2)
        if not answer["tasks"]:
            break
        scroll = answer["scroll_id"]
        seen += [task["id"] for task in answer["tasks"]]
    assert seen == made


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["a"], "a ab"),
        (["a", "b"], "a ab b"),
        (["-a"], "b none"),
        (["a", "-b"], "a"),
        (["__$all", "a", "b"], "ab"),
        (["__$any", "a", "b"], "a ab b"),
        (["__$not", "a"], "b none"),
        (["__$all", "a", "__$not", "b"], "a"),
        ([None], "none"),
        ([], "a ab b none"),
        (["__$any", "-a"], ""),
    ],
)
def test_the_language_of_list_filters(sandbox: Sandbox, client: Client, tags: list[str], expected: str) -> None:
    for name, held in (("a", ["a"]), ("b", ["b"]), ("ab", ["a", "b"]), ("none", [])):
        sandbox.add_task(name, tags=held)
    found = client.call("tasks.get_all", tags=tags, only_fields=["name"])["tasks"]
    assert sorted(task["name"] for task in found) == expected.split()


@pytest.mark.parametrize("value", ["-", "__$sometimes", 5])
def test_wrong_values_of_list_filters_are_refused(client: Client, value: object) -> None:
    assert client.codes("tasks.get_all", tags=[value])[0] == 400


def test_an_address_with_a_leading_dash_turns_the_filter_round(sandbox: Sandbox, client: Client) -> None:
    sandbox.add_model(None, "plain", uri="odd")
    odd = sandbox.add_model(None, "odd", uri="-odd")
    other = sandbox.add_model(None, "other", uri="s3://b/other")
    assert client.ids("models", uri=["-odd"]) == [odd, other]
    assert client.ids("models", uri=["__$any", "-odd"]) == [odd]


def test_public_tasks_are_listed_and_hidden_ones_on_request(sandbox: Sandbox, client: Client) -> None:
    public = sandbox.add_task("public", public=True)
    hidden = sandbox.add_task("hidden", system_tags=["hidden"])
    assert client.ids() == [public]
    assert client.ids(search_hidden=True) == [public, hidden]
    assert client.ids(id=[hidden]) == [hidden]


def test_last_change_filters_too(sandbox: Sandbox, client: Client) -> None:
    old = sandbox.add_task("old", age_days=10)
    sandbox.add_task("new", age_days=1)
    assert client.ids(last_change=[f"<{days_ago(5)}"]) == [old]


def test_a_range_of_times_includes_those_without_one_when_it_has_no_lower_end(sandbox: Sandbox, client: Client) -> None:
    draft, done = sandbox.add_task("draft"), sandbox.add_task("done", status="completed", age_days=10)
    assert client.ids(status_changed=[None, days_ago(5)]) == [draft, done]


@pytest.mark.parametrize("order", ["status_changed", "-status_changed"])
def test_tasks_without_the_field_to_sort_by_come_last(sandbox: Sandbox, client: Client, order: str) -> None:
    draft = sandbox.add_task("draft")
    sandbox.add_task("done", status="completed")
    assert client.ids(order_by=[order])[-1] == draft


def test_the_project_filter_does_not_reach_sub_projects(sandbox: Sandbox, client: Client) -> None:
    above = sandbox.add_task("above", "team")
    sandbox.add_task("below", "team/vision")
    (project,) = client.ids("projects", name="^team$")
    assert client.ids(project=[project]) == [above]
    assert len(client.ids("projects", name="^team(/|$)")) == 2


def test_get_with_a_body_is_the_same_as_post(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t", tags=["wanted"])
    sandbox.add_task("other")
    url = f"{sandbox.api_url}/v2.23/tasks.get_all"
    answer = client.session.get(url, json={"tags": ["wanted"]}, timeout=10).json()
    assert [row["id"] for row in answer["data"]["tasks"]] == [task]


def test_remembered_listings_follow_every_change(sandbox: Sandbox, client: Client) -> None:
    """The same question, asked again after random changes, is answered as if it were asked for the first time."""
    chance = random.Random(7)
    query = {"system_tags": ["archived"], "order_by": ["-status_changed"]}
    ids = [sandbox.add_task(f"t{n}", status="completed", archived=n % 2 == 0, age_days=n) for n in range(60)]
    for round_ in range(30):
        for _ in range(chance.choice((1, 3, 80))):
            task = chance.choice(ids)
            if task not in sandbox.store.tasks:
                ids.append(sandbox.add_task("more", status="completed", archived=True, age_days=chance.random()))
            elif chance.random() < 0.1:
                sandbox.remove_task(task)
            elif chance.random() < 0.5:
                sandbox.age(task, chance.uniform(0, 90))
            else:
                sandbox.edit_task(task, system_tags=chance.choice(([], ["archived"])))
        fresh = {**query, "ignored": round_}
        assert client.ids(**query) == client.ids(**fresh)


def test_nested_fields_are_cut_out(sandbox: Sandbox, client: Client) -> None:
    task = sandbox.add_task("t")
    model = sandbox.add_model(task, "m")
    (row,) = client.call("tasks.get_all", only_fields=["id", "models.output.model"])["tasks"]
    assert row == {"id": task, "models": {"output": [{"model": model}]}}
