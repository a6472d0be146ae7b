"""Which files go with a task: law 4, case by case, over plain data."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanup.base.records import Artifact, Model, Task
from cleanup.files import LINKED, Evidence, Kind, TaskFiles, decide
from cleanup.storage import SdkConfig
from cleanup.storage.address import Addresses

T1, T2, T3 = ("1" * 32, "2" * 32, "3" * 32)
FILES = "https://files.test"
LOCATE = Addresses([FILES], SdkConfig({})).locate

OWN_FOLDERS = [FILES, "s3://bucket", "s3://minio:9000/bucket", "gs://bucket", "azure://account.blob/c", "/mnt/nfs"]


def own(task: str, rest: str = "artifacts/data/data.bin", base: str = FILES, name: str = "a") -> str:
    return f"{base}/team/{name}.{task}/{rest}"


def task(name: str = T1, *uris: object, uses: tuple[str, ...] = ()) -> Task:
    artifacts = tuple(Artifact(f"k{number}", uri, 10) for number, uri in enumerate(uris))
    return Task(name, archived=True, public=False, artifacts=artifacts, input_models=uses, artifacts_listed=True)


def model(name: str, uri: object, made_by: str = T1, published: bool = False) -> Model:
    return Model(name, uri, made_by, published)


def decided(evidence: Evidence, *, linked: bool = False) -> dict[str, TaskFiles]:
    return decide(evidence, LOCATE, delete_linked=linked)


def one(*tasks: Task, linked: bool = False, **evidence: Any) -> TaskFiles:
    """Return what is decided for the first of ``tasks``."""
    given = Evidence(tasks={each.id: each for each in tasks}, **evidence)
    return decided(given, linked=linked)[tasks[0].id]


def fate(files: TaskFiles) -> dict[str, str]:
    """Return why each file stays, an empty text where it goes."""
    return {file.address: file.keep for file in files.files}


@pytest.mark.parametrize("base", OWN_FOLDERS)
def test_all_that_a_task_wrote_goes_with_it(base: str) -> None:
    artifact, weights = own(T1, base=base), own(T1, "models/m.pt", base)
    sample, image = own(T1, "metrics/m/v/s.png", base), own(T1, "metrics/p/v/i.png", base)
    files = one(
        task(T1, artifact),
        own_models={T1: [model("m", weights)]},
        samples={T1: {sample}},
        plots={T1: {image}},
    )

    assert fate(files) == dict.fromkeys([artifact, weights, sample, image], "")
    assert [file.kind for file in files.files] == [Kind.ARTIFACT, Kind.MODEL, Kind.DEBUG_SAMPLE, Kind.PLOT_IMAGE]
    assert {file.task for file in files.files} == {T1}
    assert len(files.folders) == 1


@pytest.mark.parametrize(
    "address",
    [
        "s3://datasets/images/cats.zip",
        "https://example.com/data.csv",
        f"{FILES}/shared/data.bin",
        f"{FILES}/team/{T1}/data.bin",
        f"{FILES}/team/a-{T1}/data.bin",
        f"{FILES}/team/a.{T1}",
        f"{FILES}/team/x.{T1}0/data.bin",
        f"{FILES}/team/data.bin.{T1}",
        f"s3://bucket.{T1}/data.bin",
        f"https://files.{T1}/data.bin",
        "/mnt/nfs/data.bin",
    ],
)
@pytest.mark.parametrize("kind", ["artifact", "model", "sample", "plot"])
def test_what_was_only_linked_stays(address: str, kind: str) -> None:
    made = task(T1, *([address] if kind == "artifact" else []))
    files = one(
        made,
        own_models={T1: [model("m", address)]} if kind == "model" else {},
        samples={T1: {address}} if kind == "sample" else {},
        plots={T1: {address}} if kind == "plot" else {},
    )

    assert fate(files) == {address: LINKED}
    assert files.folders == set()


def test_what_was_only_linked_goes_if_asked_for() -> None:
    address = "s3://datasets/images/cats.zip"
    assert fate(one(task(T1, address), linked=True)) == {address: ""}


@pytest.mark.parametrize("linked", [False, True])
def test_a_file_that_another_task_wrote_stays_whatever_is_asked_for(linked: bool) -> None:
    address = own(T2)
    files = one(task(T1, address), task(T2, address), linked=linked)

    assert fate(files) == {address: f"{LINKED}, but by task {T2}"}


def test_a_file_below_two_tasks_folders_is_the_outer_ones() -> None:
    address = f"{FILES}/team/a.{T1}/artifacts/x.{T2}/data.bin"

    assert fate(one(task(T1, address))) == {address: ""}
    assert fate(one(task(T2, address))) == {address: f"{LINKED}, but by task {T1}"}


@pytest.mark.parametrize("linked", [False, True])
def test_the_file_of_a_published_model_stays(linked: bool) -> None:
    address = own(T1, "models/m.pt")
    files = one(task(), own_models={T1: [model("m", address, published=True)]}, linked=linked)

    assert fate(files) == {address: "published model m"}
    assert files.folders == set()
    assert files.waits_for == set()


@pytest.mark.parametrize("linked", [False, True])
def test_the_file_of_a_model_in_use_stays_and_says_by_whom(linked: bool) -> None:
    address = own(T1, "models/m.pt")
    files = one(task(), own_models={T1: [model("m", address)]}, users={"m": {T1, T3, T2}}, linked=linked)

    assert fate(files) == {address: f"model m is in use by task {T2}"}
    assert files.waits_for == {T2, T3}
    assert files.used_by_itself == []


def test_a_model_that_only_its_own_task_uses_goes_and_its_entry_with_it() -> None:
    address = own(T1, "models/m.pt")
    files = one(task(T1, uses=("m",)), own_models={T1: [model("m", address)]}, users={"m": {T1}})

    assert fate(files) == {address: ""}
    assert files.used_by_itself == ["m"]
    assert files.waits_for == set()


def test_a_published_model_that_its_own_task_uses_keeps_its_entry() -> None:
    files = one(
        task(T1, uses=("m",)),
        own_models={T1: [model("m", own(T1, "models/m.pt"), published=True)]},
        users={"m": {T1}},
    )

    assert files.used_by_itself == []
    assert list(fate(files).values()) == ["published model m"]


def test_two_entries_of_one_task_with_one_address_are_one_file_that_goes() -> None:
    address = own(T1, "models/m.pt")
    files = one(task(T1, address), own_models={T1: [model("m1", address), model("m2", address)]})

    assert fate(files) == {address: ""}
    assert len(files.going) == 1


def test_of_two_entries_of_one_task_the_published_one_keeps_the_file() -> None:
    address = own(T1, "models/m.pt")
    files = one(task(T1, address), own_models={T1: [model("m1", address), model("m2", address, published=True)]})

    assert fate(files) == {address: "published model m2"}


@pytest.mark.parametrize("kind", ["artifact", "model", "sample", "plot"])
@pytest.mark.parametrize("maker", [T2, ""])
def test_a_file_that_another_model_entry_has_too_stays(kind: str, maker: str) -> None:
    address = own(T1, "models/m.pt")
    files = one(
        task(T1, *([address] if kind == "artifact" else [])),
        own_models={T1: [model("m1", address)]} if kind == "model" else {},
        samples={T1: {address}} if kind == "sample" else {},
        plots={T1: {address}} if kind == "plot" else {},
        other_models=[model("m2", address, maker)],
    )

    assert fate(files) == {address: "also registered as model m2"}
    assert files.waits_for == ({maker} if maker else set())


def test_two_tasks_of_one_batch_with_one_address_wait_for_each_other() -> None:
    address = own(T1, "models/m.pt")
    files = decided(
        Evidence(
            tasks={T1: task(T1), T2: task(T2)},
            own_models={T1: [model("m1", address)], T2: [model("m2", address, T2)]},
        )
    )

    assert files[T1].waits_for == {T2}
    assert fate(files[T2]) == {address: f"{LINKED}, but by task {T1}"}
    assert files[T2].waits_for == set()


def test_a_published_entry_of_another_task_is_nothing_to_wait_for() -> None:
    address = own(T1, "models/m.pt")
    files = one(
        task(), own_models={T1: [model("m1", address)]}, other_models=[model("m2", address, T2, published=True)]
    )

    assert fate(files) == {address: "also registered as model m2"}
    assert files.waits_for == set()


def test_users_of_the_other_entry_are_waited_for_too() -> None:
    address = own(T1, "models/m.pt")
    files = one(
        task(),
        own_models={T1: [model("m1", address)]},
        other_models=[model("m2", address, T2)],
        users={"m2": {T3}},
    )

    assert files.waits_for == {T2, T3}


@pytest.mark.parametrize(
    "twin",
    [
        own(T1, "models/a%20b.pt"),
        own(T1, "models//a%20b.pt"),
        own(T1, "models/a%20b.pt").replace("files", "FILES"),
        own(T1, "models/a%20b.pt").replace(".test/", ".test:443/"),
        own(T1, "models/a b.pt"),
    ],
)
def test_one_file_written_in_two_ways_is_one(twin: str) -> None:
    address = own(T1, "models/a%20b.pt")
    files = one(task(T1, address, twin), other_models=[model("m2", twin, T2)])

    assert fate(files) == {address: "also registered as model m2"}


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize(
    "address",
    [
        own(T1, "../x.bin"), own(T1, "%2e%2e/x.bin"), own(T1, "..%2fx.bin"), own(T1, "%252e%252e/x.bin"), own(T1, ""),
        f"https://files.test/x?at=.{T1}/y", f"https://files.test/x#.{T1}/y", "x" * 5000, " ", "s3://", "https://", "://",
        5, 0, True, ["s3://b/x"], {"uri": "x"}, b"s3://b/x", 1.5,
    ],
)  # fmt: skip
def test_an_address_that_names_no_file_of_the_task_stays_and_says_why(address: Any, linked: bool) -> None:
    good = own(T1)
    files = one(task(T1, good, address), linked=linked)
    by_location = {bool(file.location): file for file in files.files}

    assert by_location[True].keep == ""
    assert by_location[False].keep.startswith("no address of a file that was uploaded: ")
    assert not files.refused
    assert len(files.files) == 2


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize(
    "address",
    [
        own(T1, "./x.bin"), own(T1, "artifacts/"), own(T1, "a?x=1"), own(T1, "a#x"), own(T1, "b/../x.bin"),
        own(T1).replace("://", "://user:pw@"), own(T1, "a\x00b"), own(T1, "a\nb"), own(T1, "\ud800"),
        "ftp" + own(T1)[5:], "relative/" + own(T1, base=""), "C:\\team\\a." + T1 + "\\x.bin",
        f"https://files.test/%252e%252e/a.{T1}/x.bin",
    ],
)  # fmt: skip
def test_a_file_of_the_task_that_no_storage_can_be_asked_for_is_an_error(address: Any, linked: bool) -> None:
    files = one(task(T1, own(T1), address), linked=linked)

    (refused,) = files.refused
    assert refused.error.startswith("no address of a file that was uploaded: ")
    assert refused not in files.going
    assert not files.folders


def test_an_unreadable_address_of_a_published_model_stays_for_that_reason() -> None:
    files = one(task(T1), own_models={T1: [model("m", own(T1, "a?x=1"), published=True)]})

    assert [file.keep for file in files.files] == ["published model m"]


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_artifact_without_an_address_is_no_file(nothing: Any) -> None:
    assert one(task(T1, nothing), own_models={T1: [model("m", nothing)]}).files == []


def test_a_task_without_any_file_has_none() -> None:
    assert one(task()) == TaskFiles(T1)


def test_addresses_are_shown_bounded_on_one_line_and_without_passwords() -> None:
    files = one(task(T1, "https://user:s3cr3tpassw0rd@files.test/x", own(T1, "a\nb" + "x" * 900)))

    for file in files.files:
        assert "s3cr3tpassw0rd" not in file.address + file.keep
        assert "\n" not in file.address
        assert len(file.address) <= 500


def test_a_file_referred_to_many_times_counts_once_with_its_size() -> None:
    address = own(T1)
    files = one(task(T1, address, address), own_models={T1: [model("m", address)]}, samples={T1: {address}})

    assert [(file.kind, file.size) for file in files.files] == [(Kind.ARTIFACT, 10)]


def test_claims_of_other_tasks_are_waited_for() -> None:
    assert one(task(), claims={T1: {T2: "dataset version is built on it"}}).waits_for == {T2}


def folders(files: TaskFiles) -> set[str]:
    return {folder.path for folder in files.folders}


def test_a_folder_out_of_which_every_file_goes_is_removed() -> None:
    files = one(task(T1, own(T1), own(T1, name="b"), "s3://elsewhere/x"), samples={T1: {own(T1, "metrics/s.png")}})

    assert folders(files) == {f"team/a.{T1}", f"team/b.{T1}"}


@pytest.mark.parametrize(
    "evidence",
    [
        {"own_models": {T1: [model("m", own(T1, "models/m.pt"), published=True)]}},
        {"own_models": {T1: [model("m", own(T1, "models/m.pt"))]}, "users": {"m": {T2}}},
        {"other_models": [model("m", own(T1, "models/m.pt"), T2)]},
        {"other_models": [model("m", own(T1, "models/m.pt").replace("models/m", "models%2Fm"), "")]},
    ],
)
def test_a_folder_in_which_anything_stays_is_not_removed(evidence: dict[str, Any]) -> None:
    files = one(task(T1, own(T1), own(T1, name="b")), **evidence)

    assert fate(files)[own(T1)] == ""
    assert folders(files) == {f"team/b.{T1}"}


PARTS = st.sampled_from(
    [
        "team",
        "a",
        f"a.{T1}",
        f"a.{T2}",
        T1,
        f".{T1}",
        "artifacts",
        "models",
        "..",
        ".",
        "%2e%2e",
        "%2F",
        "a%20b",
        "x.bin",
        "",
        "+",
        "ü",
    ]
)
BASES = st.sampled_from([FILES, f"{FILES}:443", "https://other.test", "s3://b", "gs://b", "file://", "", "ftp://x"])


@given(bases=st.lists(BASES, min_size=1, max_size=4), parts=st.lists(PARTS, max_size=7))
@settings(max_examples=120, deadline=None)
def test_nothing_outside_a_folder_of_the_task_ever_goes(bases: list[str], parts: list[str]) -> None:
    addresses = [f"{base}/{'/'.join(parts)}" for base in bases]
    for file in one(task(T1, *addresses)).going:
        assert file.location is not None
        parts = file.location.path.split("/")
        assert any(part.endswith(f".{T1}") for part in parts[:-1])
        assert not {"..", "."}.intersection(parts)


@given(st.text(max_size=60) | st.none() | st.integers() | st.binary(max_size=20))
@settings(max_examples=120, deadline=None)
def test_no_text_in_place_of_an_address_ends_the_decision(value: Any) -> None:
    files = one(task(T1, value, own(T1)), own_models={T1: [model("m", value)]}, samples={T1: {str(value)}}, linked=True)

    assert own(T1) in {file.address for file in files.going}
