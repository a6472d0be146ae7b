"""`get_all` matches, orders and pages like the real server."""

from __future__ import annotations

import random

import pytest

from cleanup.sandbox import Sandbox
from cleanup.sandbox.kinds import MODEL, TASK
from cleanup.sandbox.query import conditions_of, matching_ids, read_order
from cleanup.sandbox.values import days_ago
from tests.sandbox.conftest import Client


def test_a_page_is_cut_to_500_without_a_word(sandbox: Sandbox, client: Client) -> None:
    made = {sandbox.add_task(f"t{n}") for n in range(510)}
    pages = [client.ids(page=page, page_size=1000) for page in range(3)]
    assert [len(page) for page in pages] == [500, 10, 0]
    assert {task for page in pages for task in page} == made


def test_the_language_of_list_filters(sandbox: Sandbox, client: Client) -> None:
    for name, held in (("a", ["a"]), ("b", ["b"]), ("ab", ["a", "b"]), ("none", [])):
        sandbox.add_task(name, tags=held)
    for tags, expected in (
        (["a", "-b"], "a"),
        (["__$all", "a", "b"], "ab"),
        (["__$not", "a"], "b none"),
        ([None], "none"),
        (["__$any", "-a"], ""),
    ):
        found = client.call("tasks.get_all", tags=tags, only_fields=["name"])["tasks"]
        assert sorted(task["name"] for task in found) == expected.split(), tags
    for wrong in ("-", "__$sometimes", 5):
        assert client.codes("tasks.get_all", tags=[wrong])[0] == 400


def test_output_models_are_found_by_a_pattern_and_not_by_a_filter(sandbox: Sandbox, client: Client) -> None:
    lister, other = sandbox.add_task("lister"), sandbox.add_task("other")
    model = sandbox.add_model(lister, "m")
    assert client.ids(**{"models.output.model": [model]}) == [lister, other], "an unknown filter is ignored"
    pattern = {"pattern": f"^({model.upper()}|none)$", "fields": ["models.output.model"]}
    assert client.ids(_any_=pattern) == [lister]
    assert client.codes("tasks.get_all", _any_={"fields": ["name"]}) == (400, 16)


def test_what_has_no_time_comes_last_and_lies_before_all_upper_ends(sandbox: Sandbox, client: Client) -> None:
    draft, done = sandbox.add_task("draft", public=True), sandbox.add_task("done", status="completed", age_days=10)
    assert client.ids(status_changed=[None, days_ago(5)]) == [draft, done]
    assert client.ids(order_by=["status_changed"]) == client.ids(order_by=["-status_changed"]) == [done, draft]


@pytest.mark.parametrize(
    "pattern", ["\\.({})/", "(\\.|%[0-9a-f%]*[e5])({})", "^http.*({})", "({})?x", "[^a]({})|y", "({})*"]
)
def test_indexes_and_remembered_listings_find_what_a_search_through_all_finds(sandbox: Sandbox, pattern: str) -> None:
    chance = random.Random(pattern)
    tasks = [sandbox.add_task(f"t{n}", age_days=n) for n in range(60)]
    addresses = ("http://a/x.{}/m", "s3://a{}b0/{}", "plain", "http%3A//a%2ex.{}", "HTTP://A/X.{}/M")
    models = [sandbox.add_model(chance.choice(tasks), "m", uri="plain") for _ in range(80)]
    for number in range(20):
        for model in chance.sample(models, 5):
            uri = chance.choice(addresses).replace("{}", chance.choice(tasks))
            sandbox.edit_model(model, uri=uri.upper() if chance.random() < 0.2 else uri)
        for task in chance.sample(tasks, chance.choice((1, 3, 40))):
            sandbox.age(task, chance.uniform(0, 90))
            sandbox.edit_task(task, system_tags=chance.choice(([], ["archived"])))
        ids, listed = "|".join(chance.sample(tasks, 3)), "|".join(chance.sample(models, 3))
        if number % 5 == 4:
            sandbox.remove_task(tasks.pop())
        for kind, body in (
            (MODEL, {"_any_": {"pattern": pattern.replace("{}", ids), "fields": ["uri"]}}),
            (TASK, {"_any_": {"pattern": pattern.replace("{}", listed), "fields": ["models.output.model"]}}),
            (TASK, {"last_change": [f">={days_ago(chance.uniform(0, 90))}"], "order_by": ["created"]}),
            (TASK, {"system_tags": ["archived"], "order_by": ["-last_change"]}),
        ):
            collection = sandbox.store.collection(kind)
            conditions = conditions_of(kind, body)[0]
            through_all = [item["id"] for item in collection.all() if all(fits(item) for fits in conditions)]
            expected = collection.ordered(through_all, read_order(kind, body))
            assert matching_ids(collection, kind, body) == expected
