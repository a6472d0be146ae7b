"""Law 4 at its edges: which places an address names, who holds a file, which entries and tasks stay.

Whole worlds of tasks that use, list, link and claim: tests/faults/cases.py.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup import files
from cleanup.base.records import Model, Task
from cleanup.files import Holder, Holders, Place, View, holders, lent, own_place, place_of, places

A, B, C, D = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)
FILE = f"http://files:8081/p/lr%3A0.1 run.{A}/models/w.bin"
HELD = Place(A, "models/w.bin")


def model(task: str = "", uri: object = FILE, *, published: bool = False) -> Model:
    return Model("m", uri, task, published)


def view(*models: Model, rows: tuple[Task, ...] = (Task(A),), **fields: Any) -> View:
    return View({row.id: row for row in rows}, {entry.id: entry for entry in models}, **fields)


SAME_FILE = [
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
]
WHOLE_FOLDER = [
    f"s3://bucket/p/x.{A}",
    f"s3://bucket/p/x.{A}/",
    f"http://files/p/x.{A}?folder=1",
    f"http://files/p/x.{A}/models/../artifacts/w.bin",
    f"http://files/p/x.{A}/%ff%fe/w.bin",
    f"http://files/p/x.{A}/mod\x00els/w.bin",
    f"http://files/p/x.{A}/w%{'25' * 20}2Ebin",
]
NO_PLACE = ["", None, 5, "s3://bucket/data.tar", f"s3://b/{A}/w.bin", f"s3://b/checkpoint.{A}.pt", f"x.{A}0/w"]


def test_every_spelling_names_the_same_file_and_what_cannot_be_read_the_whole_folder() -> None:
    assert [address for address in SAME_FILE if HELD not in places(address)] == []
    assert [address for address in WHOLE_FOLDER if Place(A, "") not in places(address)] == []
    assert [address for address in NO_PLACE if places(address)] == []


@given(st.text(max_size=40), st.integers(0, 3))
def test_a_file_is_found_under_its_own_address_however_it_is_named_and_quoted(name: str, times: int) -> None:
    path = f"p/x.{A}/artifacts/{name or 'n'}/f.bin"
    address = f"http://files/{path}"
    for _ in range(times):
        address = quote(address, errors="replace")
    held = Holders()
    held.add(address, Holder("why", B))
    place = place_of(path, A)
    assert place
    assert held.of(place) is not None


def test_a_holder_of_a_file_holds_it_and_the_folders_above_but_nothing_beside() -> None:
    held = Holders()
    held.add(f"s3://b/x.{A}/artifacts/data/d.bin", Holder("why", B))
    kept = ["artifacts/data/d.bin", "artifacts/data", "artifacts", "", "artifacts/data/d.bin/part"]
    free = ["artifacts/data/d.bin2", "artifacts/dat", "models/d.bin", "artifacts/other/d.bin"]
    assert [rest for rest in kept + free if held.of(Place(A, rest))] == kept
    assert held.of(Place(B, "artifacts/data/d.bin")) is None


def test_what_stays_holds_what_it_refers_to_and_what_goes_lends_it_but_never_to_its_own_task() -> None:
    linked = view(model(A), users={"m": {B}}, links=[(FILE, C)])
    assert holders(linked, {A, B, C}).of(HELD) is None
    for condemned in ({A, C}, {A, B}):
        assert holders(linked, condemned).of(HELD) is not None
    assert holders(view(links=[(FILE, A)]), {C}).of(HELD) is None
    by_entry = ({"users": {"m": {B}}}, {"listers": {"m": {B}}})
    for seen in (view(links=[(FILE, B)]), view(model(B)), *(view(model(), **fields) for fields in by_entry)):
        assert lent(seen, {A, B}).of(HELD) is not None
        assert lent(seen, {A}).of(HELD) is None
    assert lent(view(model(A), links=[(FILE, A)]), {A, B}).of(HELD) is None


@pytest.mark.parametrize(
    ("entry", "fields", "stays"),
    [
        (model(A), {}, ""),
        (model(A, published=True), {}, "published model m"),
        (model(A), {"users": {"m": {A}}}, ""),
        (model(A), {"users": {"m": {B}}}, f"model m is in use by task {B}"),
        (model(A), {"listers": {"m": {B}}}, f"model m is in use by task {B}"),
        (model(B), {"existing": {B}}, f"model m is made by task {B}"),
        (model(B), {"rows": (Task(A), Task(B))}, f"model m is made by task {B}"),
        (model(B), {}, "model m, which no task made or uses"),
        (model(), {"users": {"m": {A}}}, ""),
        (model(), {"listers": {"m": {A}}}, ""),
    ],
)
def test_why_the_entry_of_a_model_stays(entry: Model, fields: dict[str, Any], stays: str) -> None:
    seen = view(entry, **fields)
    for holder in (seen.reason_to_stay(entry, {A}), holders(seen, {A}).of(HELD)):
        assert (holder.why if holder else "") == stays


def test_a_task_stays_while_one_that_stays_lists_its_draft_or_needs_it_as_a_whole() -> None:
    seen = view(model(A), listers={"m": {A, B}})
    assert B in files.reason_task_stays(A, seen, {A})
    assert files.reason_task_stays(A, seen, {A, B}) == ""
    for spared in (model(A, published=True), model(C)):
        assert files.reason_task_stays(A, view(spared, listers={"m": {B}}), {A}) == ""
    claimed = view(claims={A: [(B, "why B"), (C, "why C")]})
    assert files.reason_task_stays(A, claimed, {A, B}) == "why C"
    assert files.reason_task_stays(A, claimed, {A, B, C}) == ""


ORPHAN = FILE.replace(A, D)


@pytest.mark.parametrize(
    ("entry", "fields", "behind", "goes_with"),
    [
        (model(C, uri=ORPHAN), {"users": {"m": {A}}}, set(), A),
        (model(uri=ORPHAN), {"listers": {"m": {A}}}, set(), A),
        (model(uri=ORPHAN), {"users": {"m": {A, B}}}, set(), None),
        (model(uri=ORPHAN), {"users": {"m": {A, B}}}, {B}, A),
        (model(uri=ORPHAN), {"users": {"m": {A, C}}, "rows": (Task(A), Task(C))}, set(), None),
        (model(uri=ORPHAN), {"users": {"m": {A}}, "existing": {D}}, set(), None),
        (model(C, uri=ORPHAN), {"users": {"m": {A}}, "existing": {C}}, set(), None),
        (model(uri=ORPHAN, published=True), {"users": {"m": {A}}}, set(), None),
        (model(uri=ORPHAN), {}, set(), None),
    ],
)
def test_a_draft_that_outlived_its_maker_goes_with_its_last_user(
    entry: Model, fields: dict[str, Any], behind: set[str], goes_with: str | None
) -> None:
    found = files.outlived_models(view(entry, **fields), {A, B}, behind)
    assert found == ({goes_with: [entry]} if goes_with else {})


def test_a_file_in_another_tasks_folder_inside_is_that_tasks_own() -> None:
    path = f"p/x.{A}/artifacts/deep/y.{B}/models/w.bin"
    place = place_of(path, A)
    assert place
    assert files.inner_tasks(place) == {B}
    assert files.inner_tasks(Place(A, f"artifacts/y.{B}")) == set()
    assert place_of(f".{A}/models/w.bin", A) == HELD
    assert own_place(path, A, view(existing={B})) is own_place(path, A, view(rows=(Task(A), Task(B)))) is None
    # The name of an artifact may end like a task's folder.
    assert own_place(path, A, view()) == place
    assert own_place(path, B, view()) is not None
    assert own_place(f"p/x.{A}", A, view()) is None
