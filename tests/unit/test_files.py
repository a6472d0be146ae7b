"""Law 4: which places an address names, who needs a file, which entries and tasks stay."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.base.records import Model, Task
from cleanup.files import (
    Holder,
    Holders,
    Place,
    View,
    holders,
    inner_tasks,
    lent,
    must_unlist,
    outlived_models,
    own_place,
    place_of,
    places,
    reason_task_stays,
    spared_models,
)

A, B, C, D = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)
FILE = f"http://files:8081/p/lr%3A0.1 run.{A}/models/w.bin"
HELD = Place(A, "models/w.bin")


def model(name: str, task: str = "", uri: object = FILE, *, published: bool = False) -> Model:
    return Model(name, uri, task, published)


def view(*models: Model, rows: tuple[Task, ...] = (Task(A),), **fields: Any) -> View:
    return View({row.id: row for row in rows}, {entry.id: entry for entry in models}, **fields)


@pytest.mark.parametrize(
    "address",
    [
        FILE,
        f"https://files.example.com/elsewhere/old name.{A}/models/w.bin",
        f"http://127.0.0.1:8081/p/lr%253A0.1%20run.{A}/models/w%2Ebin",
        f"http://files/p/lr:0.1 run.{A}/models/w.bin?download=1",
        f"http://files/p/x.{A}/models/w.bin#part",
        f"http://files/p/x.{A}/models/w.bin;v=1",
        f"S3://BUCKET/P/X.{A.upper()}/MODELS/W.BIN",
        f"file:///mnt//p/x.{A}//models/w.bin ",
        f"C:\\mnt\\x.{A}\\models\\w.bin",
        f"http://files/p%2Fx%2E{A}%2Fmodels%2Fw.bin",
        quote(quote(quote(FILE, safe=""), safe=""), safe=""),
        {"uri": f"/x.{A}/models/w.bin"}["uri"],
    ],
)
def test_every_spelling_of_an_address_names_the_same_file(address: object) -> None:
    assert HELD in places(address)


@pytest.mark.parametrize(
    "address",
    [
        f"s3://bucket/p/x.{A}",
        f"s3://bucket/p/x.{A}/",
        f"http://files/p/x.{A}?folder=1",
        f"http://files/p/x.{A}/models/../artifacts/w.bin",
        f"http://files/p/x.{A}/%ff%fe/w.bin",
        f"http://files/p/x.{A}/mod\x00els/w.bin",
        f"http://files/p/x.{A}/w%{'25' * 20}2Ebin",
        {"url": f"http://files/p/x.{A}"}["url"],
    ],
)
def test_what_names_the_folder_or_cannot_be_read_names_all_of_it(address: object) -> None:
    assert Place(A, "") in places(address)


@pytest.mark.parametrize(
    "address", ["", None, 5, "s3://bucket/data.tar", f"s3://b/{A}/w.bin", f"s3://b/checkpoint.{A}.pt", f"x.{A}0/w"]
)
def test_an_address_outside_tasks_folders_names_no_place(address: object) -> None:
    assert places(address) == frozenset()


@given(st.text(max_size=40), st.integers(0, 3))
def test_a_file_is_found_under_its_own_address_however_it_is_named_and_quoted(name: str, times: int) -> None:
    path = f"p/x.{A}/artifacts/{name or 'n'}/f.bin"
    address = f"http://files/{path}"
    for _ in range(times):
        address = quote(address, errors="replace")
    held = Holders()
    held.add(address, Holder("why", B))
    place = place_of(path, A)
    assert place is not None
    assert held.of(place) is not None


def test_a_holder_of_a_file_holds_it_and_the_folders_above_but_nothing_beside() -> None:
    held = Holders()
    held.add(f"s3://b/x.{A}/artifacts/data/d.bin", Holder("why", B))
    kept = ["artifacts/data/d.bin", "artifacts/data", "artifacts", "", "artifacts/data/d.bin/part"]
    free = ["artifacts/data/d.bin2", "artifacts/dat", "models/d.bin", "artifacts/other/d.bin"]
    assert [held.of(Place(A, rest)) is not None for rest in kept + free] == [True] * 5 + [False] * 4
    assert held.of(Place(B, "artifacts/data/d.bin")) is None


def test_a_task_does_not_hold_its_own_files_by_linking_to_them() -> None:
    linked = view(links=[(FILE, A), (FILE, B)])
    linked.links = [(FILE, A)]
    assert holders(linked, {C}).of(HELD) is None
    linked.links = [(FILE, B)]
    found = holders(linked, {C}).of(HELD)
    assert found
    assert found.id == B


def test_condemned_tasks_hold_nothing_and_lend() -> None:
    linked = view(model("m", A), users={"m": {B}}, links=[(FILE, C)])
    everyone = {A, B, C}
    assert holders(linked, everyone).of(HELD) is None
    assert lent(linked, everyone).of(HELD) is not None
    for spared in (B, C):
        assert holders(linked, everyone - {spared}).of(HELD) is not None


@pytest.mark.parametrize(
    "seen",
    [
        view(links=[(FILE, B)]),
        view(model("m", B)),
        view(model("m"), users={"m": {B}}),
        view(model("m"), listers={"m": {B}}),
    ],
)
def test_only_what_condemned_tasks_refer_to_is_lent_and_never_to_its_own_task(seen: View) -> None:
    assert lent(seen, {A, B}).of(HELD) is not None
    assert lent(seen, {A}).of(HELD) is None
    own = view(*(Model(name, entry.uri, A, False) for name, entry in seen.models.items()), links=[(FILE, A)])
    assert lent(own, {A, B}).of(HELD) is None


@pytest.mark.parametrize(
    ("entry", "fields", "stays"),
    [
        (model("m", A), {}, ""),
        (model("m", A, published=True), {}, "published model m"),
        (model("m", A), {"users": {"m": {A}}}, ""),
        (model("m", A), {"users": {"m": {B}}}, f"model m is in use by task {B}"),
        (model("m", A), {"listers": {"m": {B}}}, f"model m is in use by task {B}"),
        (model("m", B), {"existing": {B}}, f"model m is made by task {B}"),
        (model("m", B), {}, "model m, which no task made or uses"),
        (model("m"), {}, "model m, which no task made or uses"),
        (model("m", B), {"rows": (Task(A), Task(B))}, f"model m is made by task {B}"),
        (model("m"), {"users": {"m": {A}}}, ""),
        (model("m"), {"listers": {"m": {A}}}, ""),
    ],
)
def test_why_the_entry_of_a_model_stays(entry: Model, fields: dict[str, Any], stays: str) -> None:
    seen = view(entry, **fields)
    holder = seen.reason_to_stay(entry, {A})
    assert (holder.why if holder else "") == stays
    held = holders(seen, {A}).of(HELD)
    assert (held.why if held else "") == stays


def test_a_task_stays_with_its_model_among_the_outputs_of_one_that_stays() -> None:
    seen = view(model("m", A), listers={"m": {A, B}})
    assert B in reason_task_stays(A, seen, {A})
    assert reason_task_stays(A, seen, {A, B}) == ""
    for spared in (model("m", A, published=True), model("m", C)):
        assert reason_task_stays(A, view(spared, listers={"m": {B}}), {A}) == ""


def test_a_task_stays_while_one_that_stays_needs_it_as_a_whole() -> None:
    seen = view(claims={A: [(B, "why B"), (C, "why C")]})
    assert reason_task_stays(A, seen, {A, B}) == "why C"
    assert reason_task_stays(A, seen, {A, B, C}) == ""


@pytest.mark.parametrize(
    ("entry", "fields", "behind", "goes_with"),
    [
        (model("m", uri=FILE.replace(A, D)), {"users": {"m": {A}}}, set(), A),
        (model("m", C, uri=FILE.replace(A, D)), {"users": {"m": {A}}}, set(), A),
        (model("m", uri=FILE.replace(A, D)), {"listers": {"m": {A}}}, set(), A),
        (model("m", uri=FILE.replace(A, D)), {"users": {"m": {A, B}}}, set(), None),
        (model("m", uri=FILE.replace(A, D)), {"users": {"m": {A, B}}}, {B}, A),
        (model("m", uri=FILE.replace(A, D)), {"users": {"m": {A, C}}, "rows": (Task(A), Task(C))}, set(), None),
        (model("m", uri=FILE.replace(A, D)), {"users": {"m": {A}}, "existing": {D}}, set(), None),
        (model("m", C, uri=FILE.replace(A, D)), {"users": {"m": {A}}, "existing": {C}}, set(), None),
        (model("m", uri=FILE.replace(A, D), published=True), {"users": {"m": {A}}}, set(), None),
        (model("m", uri="s3://bucket/imported.bin"), {"users": {"m": {A}}}, set(), None),
        (model("m", uri=FILE.replace(A, D)), {}, set(), None),
    ],
)
def test_a_draft_that_outlived_its_maker_goes_with_its_last_user(
    entry: Model, fields: dict[str, Any], behind: set[str], goes_with: str | None
) -> None:
    found = outlived_models(view(entry, **fields), {A, B}, behind)
    assert found == ({goes_with: [entry]} if goes_with else {})


@pytest.mark.parametrize(
    ("entry", "unlist"), [(model("m", A), False), (model("m", B), True), (model("m", B, published=True), True)]
)
def test_what_another_task_made_is_taken_off_the_list_of_outputs(entry: Model, unlist: bool) -> None:
    task = Task(A, output_models=("m", "gone"))
    assert must_unlist(task, view(entry, rows=(task,))) is unlist


@pytest.mark.parametrize(
    ("entry", "users", "before", "spared"),
    [
        (model("m", A), set(), {A}, False),
        (model("m", A), {A}, set(), True),
        (model("m", A), {B}, {B}, False),
        (model("m", A), {B}, set(), True),
        (model("m", A), {D}, set(), False),
        (model("m", A, published=True), {B}, set(), False),
        (model("m", C), {B}, set(), False),
    ],
)
def test_an_entry_whose_users_are_still_there_would_be_left_behind(
    entry: Model, users: set[str], before: set[str], spared: bool
) -> None:
    assert spared_models(A, view(entry, users={"m": users}), {A, B}, before) == ([entry] if spared else [])


def test_a_file_in_another_tasks_folder_inside_is_that_tasks_own() -> None:
    path = f"p/x.{A}/artifacts/deep/y.{B}/models/w.bin"
    place = place_of(path, A)
    assert place
    assert inner_tasks(place) == {B}
    assert inner_tasks(Place(A, f"artifacts/y.{B}")) == set()
    assert place_of(f".{A}/models/w.bin", A) == HELD
    assert own_place(path, A, view(existing={B})) is None
    assert own_place(path, A, view(rows=(Task(A), Task(B)))) is None
    # The name of an artifact may end like a task's folder.
    assert own_place(path, A, view()) == place
    assert own_place(path, B, view()) is not None
    assert own_place(f"p/x.{A}", A, view()) is None
