"""What the sandbox answers beyond the recorded scenarios, as the server's source has it."""

from __future__ import annotations

import base64
import json
import random
import zlib
from typing import Any

import pytest

from cleanup.sandbox import Sandbox
from cleanup.sandbox.kinds import MODEL, TASK
from cleanup.sandbox.query import conditions_of, matching_ids, read_order
from cleanup.sandbox.values import days_ago
from tests.sandbox.conftest import Client


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def test_public_tasks_and_failing_ones_stay_and_an_unexpected_error_breaks_off(
    sandbox: Sandbox, client: Client
) -> None:
    public = sandbox.add_task("public", archived=True, public=True)
    one, two, three, four = (sandbox.add_task(f"t{n}") for n in range(4))
    assert client.codes("tasks.delete", task=public, force=True) == (403, 21)
    sandbox.task_failures[two] = (400, 123, "will not go")
    answer = client.call("tasks.delete_many", ids=[public, one, two], force=True)
    assert [item["id"] for item in answer["succeeded"]] == [one]
    failed = [(item["id"], item["error"]["codes"]) for item in answer["failed"]]
    assert failed == [(public, [403, 21]), (two, [400, 123])]
    sandbox.task_failures[three] = (500, 0, "out of luck")
    assert client.codes("tasks.delete_many", ids=[four, three, two]) == (500, 0)
    assert set(sandbox.tasks) == {public, two, three}


def test_a_deleted_task_takes_along_what_it_lists_whoever_made_it(sandbox: Sandbox, client: Client) -> None:
    """Drafts go unless a task uses them, then they lose their maker; published ones point to the deleted task."""
    maker, lister, user = (sandbox.add_task(name) for name in ("maker", "lister", "user"))
    draft, used = sandbox.add_model(maker, "draft"), sandbox.add_model(maker, "used")
    published = sandbox.add_model(maker, "published", published=True)
    sandbox.use_model(user, used)
    for model in (draft, used, published):
        sandbox.list_model(lister, model)
    client.call("tasks.delete", task=lister, force=True)
    assert set(sandbox.models) == {used, published}
    assert "task" not in sandbox.model(used)
    assert sandbox.model(published)["task"] == f"__DELETED__{lister}"


def test_artifacts_and_models_change_while_a_task_is_a_draft_or_runs(sandbox: Sandbox, client: Client) -> None:
    model = {"name": "m", "model": "0" * 32}
    for status, code in (("created", 200), ("in_progress", 200), ("completed", 400)):
        task = sandbox.add_task("t", status=status)
        answers = [
            client.codes("tasks.add_or_update_model", task=task, type="output", **model),
            client.codes("tasks.add_or_update_artifacts", task=task, artifacts=[{"key": "a", "type": "custom"}]),
            client.codes("tasks.delete_artifacts", task=task, artifacts=[{"key": "a"}]),
            client.codes("tasks.delete_models", task=task, models=[{"name": "m", "type": "output"}]),
        ]
        assert answers == [(code, 0 if code == 200 else 110)] * 4
        assert client.codes("tasks.edit", task=task, models={"output": [model]}, force=True) == (200, 0)
        assert sandbox.task(task)["models"] == {"input": [], "output": [model]}


def test_which_calls_are_a_sign_of_life_and_a_published_task_takes_none(sandbox: Sandbox, client: Client) -> None:
    for call, body, moved in (
        ("tasks.archive_many", {}, {"system_tags", "last_change"}),
        ("tasks.update", {"tags": ["a"], "status": "failed"}, {"tags", "last_change"}),
        ("tasks.edit", {"comment": "a", "force": True}, {"comment", "last_change"}),
        ("tasks.edit", {"runtime": {"a": 1}, "force": True}, {"runtime", "last_change", "last_update"}),
        ("tasks.ping", {}, {"last_change", "last_update"}),
        ("events.add", {"type": "log", "msg": "alive"}, {"last_change", "last_update"}),
    ):
        task = sandbox.add_task("t", status="completed", age_days=60)
        before, fields = sandbox.task(task), dict[str, Any](body)
        client.call(call, task=task, ids=[task], **fields)
        assert changed(before, sandbox.task(task)) == moved
    published = sandbox.add_task("t", status="published")
    assert client.codes("events.add", task=published, type="log", msg="alive") == (400, 131)


def pages(client: Client, task: str, size: int, limit: int = 20) -> list[list[str]]:
    found: list[list[str]] = []
    body = {"task": task, "event_type": "training_debug_image", "batch_size": size}
    while len(found) < limit and (answer := client.call("events.get_task_events", **body))["events"]:
        body["scroll_id"] = answer["scroll_id"]
        found.append([event["url"] for event in answer["events"]])
    return found


def test_events_come_in_whole_iterations_from_0_again_for_ever_and_long_plots_packed(
    sandbox: Sandbox, client: Client
) -> None:
    task, other = sandbox.add_task("t"), sandbox.add_task("other")
    for number in range(7):
        sandbox.add_debug_samples(task, 1, variant=f"v{number}", first_iteration=5)
    sandbox.add_debug_samples(task, 3, first_iteration=6)
    assert [len(page) for page in pages(client, task, 2)] == [7, 2, 1]
    uris = sandbox.add_debug_samples(other, 1)
    assert pages(client, other, 100, limit=3) == [uris] * 3

    plot = json.dumps({"layout": {"images": [{"source": "s3://b/plot.png"}]}, "data": ["x" * 100_000]})
    sandbox.add_event(task, {"type": "plot", "metric": "p", "variant": "v", "iter": 0, "plot_str": plot})
    (event,) = client.call("events.get_task_events", task=task, event_type="plot")["events"]
    assert zlib.decompress(base64.b64decode(event["plot_data"])).decode() == plot
    assert (event["source_urls"], "plot_str" in event) == (["s3://b/plot.png"], False)


def test_the_language_of_list_filters_and_patterns(sandbox: Sandbox, client: Client) -> None:
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

    lister = sandbox.add_task("lister")
    model = sandbox.add_model(lister, "m")
    assert len(client.ids(**{"models.output.model": [model]})) == 5, "an unknown filter is ignored"
    pattern = {"pattern": f"^({model.upper()}|none)$", "fields": ["models.output.model"]}
    assert client.ids(_any_=pattern) == [lister]
    assert client.codes("tasks.get_all", _any_={"fields": ["name"]}) == (400, 16)


def test_a_page_is_cut_to_500_and_what_has_no_time_comes_last_and_before_every_end(
    sandbox: Sandbox, client: Client
) -> None:
    draft, done = sandbox.add_task("draft", public=True), sandbox.add_task("done", status="completed", age_days=10)
    assert client.ids(status_changed=[None, days_ago(5)]) == [draft, done]
    assert client.ids(order_by=["status_changed"]) == client.ids(order_by=["-status_changed"]) == [done, draft]
    made = {draft, done, *(sandbox.add_task(f"t{n}") for n in range(508))}
    found = [client.ids(page=page, page_size=1000) for page in range(3)]
    assert ([len(page) for page in found], set().union(*found)) == ([500, 10, 0], made)


@pytest.mark.parametrize("pattern", ["\\.({})/", "(\\.|%[0-9a-f%]*[e5])({})", "^http.*({})", "({})?x", "[^a]({})|y"])
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
            tags, kind_of = chance.choice(([], ["archived"], ["a", "archived"])), chance.choice(("testing", "training"))
            sandbox.edit_task(task, system_tags=tags, type=kind_of)
        ids, listed = "|".join(chance.sample(tasks, 3)), "|".join(chance.sample(models, 3))
        if number % 5 == 4:
            sandbox.remove_task(tasks.pop())
        for kind, body in (
            (MODEL, {"_any_": {"pattern": pattern.replace("{}", ids), "fields": ["uri"]}}),
            (TASK, {"_any_": {"pattern": pattern.replace("{}", listed), "fields": ["models.output.model"]}}),
            (TASK, {"last_change": [f">={days_ago(chance.uniform(0, 90))}"], "order_by": ["created"]}),
            (TASK, {"system_tags": ["archived"], "order_by": ["-last_change"]}),
            (TASK, {"type": ["testing"], "system_tags": ["-a"]}),
            (TASK, {"status": ["completed"], "order_by": ["-last_change"]}),
        ):
            collection = sandbox.store.collection(kind)
            conditions = conditions_of(kind, body)[0]
            through_all = [item["id"] for item in collection.all() if all(fits(item) for fits in conditions)]
            expected = collection.ordered(through_all, read_order(kind, body))
            assert matching_ids(collection, kind, body) == expected
