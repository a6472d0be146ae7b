"""The settings: their defaults, every form that is accepted, every wrong value and what is said about it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cleanup.base.errors import SettingsError
from cleanup.settings import Settings, defaults, descriptions, readable

DEFAULTS = {
    "delete_threshold_days": 30.0,
    "cleanup_period_in_days": 1.0,
    "force_delete": False,
    "run_as_service": True,
    "dry_run": False,
    "services_queue": "services",
    "projects": "",
    "keep_tags": "",
    "archive_grace_days": 0.0,
    "max_tasks_per_cycle": 0,
    "ignore_file_errors": False,
    "delete_linked_files": False,
}
FLOATS = ["delete_threshold_days", "cleanup_period_in_days", "archive_grace_days"]
WHOLE = ["max_tasks_per_cycle", "parallel_requests"]
BOOLS = ["force_delete", "run_as_service", "dry_run", "ignore_file_errors", "delete_linked_files"]
TEXTS = ["services_queue", "projects", "keep_tags", "services_docker"]

NO_NUMBERS: list[Any] = [
    "9O", "l0", "seven", "7 days", "7,5", "1.000,5", "1 000", "--7", "+-7", "7-", "0x10", "1e", "e5", ".", "-", "+",
    "nan", "NaN", "inf", "-inf", "Infinity", "1e999", "9" * 400,
    "", " ", "\t", None,
    "1_000", "\uff13\uff10", "\u0663\u0660", "½", "³⁰", "30\u200b", "30\x00", "30\n31",
    "True", True, False, [], [30], {}, {"days": 30}, (), b"30", object(), float("nan"), float("inf"), 1j,
]  # fmt: skip
NO_BOOLS: list[Any] = [
    "", " ", None, "y", "n", "on", "off", "t", "f", "maybe", "Falsch", "nein", "None", "null", "2", "-1", "01", "0.0",
    "1.0", "truee", "yes no", "tru e", 2, -1, 0.5, [], {}, "Trüe", "\uff34\uff32\uff35\uff25",
]  # fmt: skip


def problems(**values: Any) -> tuple[str, ...]:
    """Return what is said about ``values``, which must be refused."""
    with pytest.raises(SettingsError) as caught:
        Settings.parse(values)
    assert caught.value.exit_code == 2
    for problem in caught.value.problems:
        assert problem in str(caught.value)
    return caught.value.problems


def one_problem(**values: Any) -> str:
    said = problems(**values)
    assert len(said) == 1
    return said[0]


def test_the_defaults_are_those_of_the_design() -> None:
    assert {name: defaults()[name] for name in DEFAULTS} == DEFAULTS
    assert set(defaults()) - set(DEFAULTS) == {"parallel_requests", "services_docker"}


def test_nothing_given_means_the_defaults() -> None:
    assert vars(Settings.parse({})) == defaults()
    assert vars(Settings.parse(defaults())) == defaults()


def test_the_defaults_as_text_mean_the_defaults() -> None:
    assert vars(Settings.parse({name: str(value) for name, value in defaults().items()})) == defaults()


def test_every_setting_has_a_description_that_ends_a_sentence() -> None:
    assert set(descriptions()) == set(defaults())
    assert all(re.fullmatch(r"[A-Z].{20,}\.", text) for text in descriptions().values())


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0), ("-0", 0.0), ("0.0", 0.0), ("7", 7.0), (" 7 ", 7.0), ("+7", 7.0), ("007", 7.0), ("0.5", 0.5),
        (".5", 0.5), ("7.", 7.0), ("1e3", 1000.0), ("1E-3", 0.001), ("3650000", 3_650_000.0), ("1e308", 1e308),
        (7, 7.0), (0, 0.0), (0.25, 0.25), (10**20, 1e20),
    ],
)  # fmt: skip
def test_a_number_of_days_is_read(name: str, text: Any, value: float) -> None:
    read = getattr(Settings.parse({name: text}), name)
    assert read == value
    assert type(read) is float


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("500", 500), ("500.0", 500), ("5e2", 500), (" 12 ", 12), (64, 64), (64.0, 64)]
)
def test_a_whole_number_is_read(text: Any, value: int) -> None:
    read = Settings.parse({"max_tasks_per_cycle": text}).max_tasks_per_cycle
    assert read == value
    assert type(read) is int


@pytest.mark.parametrize("name", BOOLS)
@pytest.mark.parametrize("spelt", ["true", "True", "TRUE", " true ", "yes", "YES", "Yes", "1", True, 1])
def test_yes_is_read_as_true(name: str, spelt: Any) -> None:
    assert getattr(Settings.parse({name: spelt}), name) is True


@pytest.mark.parametrize("name", BOOLS)
@pytest.mark.parametrize("spelt", ["false", "False", "FALSE", " false ", "no", "NO", "No", "0", False, 0])
def test_no_is_read_as_false(name: str, spelt: Any) -> None:
    assert getattr(Settings.parse({name: spelt}), name) is False


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_read_without_the_space_around_it(name: str) -> None:
    assert getattr(Settings.parse({name: "  a/b c, d  "}), name) == "a/b c, d"


@pytest.mark.parametrize("name", ["projects", "keep_tags", "services_docker"])
@pytest.mark.parametrize("empty", ["", "  ", None])
def test_an_empty_text_is_allowed_where_it_means_all_or_none(name: str, empty: Any) -> None:
    assert getattr(Settings.parse({name: empty}), name) == ""


@pytest.mark.parametrize("name", [*FLOATS, *WHOLE])
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_is_refused(name: str, value: Any) -> None:
    said = one_problem(**{name: value})
    assert said.startswith(f"{name} = ")
    assert f"allowed is a {'whole ' if name in WHOLE else ''}number, 0 or more, such as" in said
    shown = said.removeprefix(f"{name} = ").partition(": allowed")[0]
    assert shown[:20] == repr(value)[:20]


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", ["1.5", 1.5, "1e-1", "0.999"])
def test_a_part_of_a_task_is_refused(name: str, value: Any) -> None:
    assert one_problem(**{name: value}) == f"{name} = {value!r}: allowed is a whole number, 0 or more, such as 500"


@pytest.mark.parametrize("name", [*FLOATS, "max_tasks_per_cycle"])
@pytest.mark.parametrize("value", ["-1", -1, "-1e-9", "-1e308", -30.0])
def test_a_negative_number_is_refused(name: str, value: Any) -> None:
    if name == "max_tasks_per_cycle" and value == "-1e-9":
        value = "-5"
    said = one_problem(**{name: value})
    assert said.startswith(f"{name} = -")
    assert said.endswith("allowed is 0 or more")


@pytest.mark.parametrize("value", ["0", "65", "-1", "1000000"])
def test_requests_at_once_are_from_1_to_64(value: str) -> None:
    assert one_problem(parallel_requests=value) == f"parallel_requests = {value}: allowed is 1 to 64"
    assert Settings.parse({"parallel_requests": "1"}).parallel_requests == 1
    assert Settings.parse({"parallel_requests": "64"}).parallel_requests == 64


@pytest.mark.parametrize("name", BOOLS)
@pytest.mark.parametrize("value", NO_BOOLS)
def test_what_is_neither_yes_nor_no_is_refused(name: str, value: Any) -> None:
    assert one_problem(**{name: value}) == f"{name} = {value!r}: allowed is true, yes or 1, or false, no or 0"


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", [5, 0.5, True, ["team"], {"a": 1}, b"team"])
def test_what_is_no_text_is_refused(name: str, value: Any) -> None:
    assert one_problem(**{name: value}) == f"{name} = {value!r}: allowed is text"


def test_a_service_needs_the_name_of_a_queue_and_a_run_here_does_not() -> None:
    assert one_problem(services_queue=" ") == "services_queue = '': allowed is the name of a queue"
    assert Settings.parse({"services_queue": "", "run_as_service": "no"}).services_queue == ""


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("delete_treshold_days", "delete_threshold_days"),
        ("delete_threshold_day", "delete_threshold_days"),
        ("Force_Delete", "force_delete"),
        ("force-delete", "force_delete"),
        ("dryrun", "dry_run"),
        ("cleanup_period_days", "cleanup_period_in_days"),
        ("project", "projects"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_one_that_was_meant(name: str, meant: str) -> None:
    assert one_problem(**{name: "7"}) == f"unknown parameter {name!r}: did you mean {meant}?"


def test_a_name_like_none_is_refused_with_all_there_are() -> None:
    said = one_problem(zzz="7")
    assert said.startswith("unknown parameter 'zzz': allowed are ")
    assert all(name in said for name in defaults())


def test_all_that_is_wrong_is_said_at_once() -> None:
    said = problems(
        delete_threshold_days="9O", force_delete="maybe", max_tasks_per_cycle=-3, keeptags="a", projects="team"
    )
    assert len(said) == 4
    for name in ("delete_threshold_days = '9O'", "force_delete = 'maybe'", "max_tasks_per_cycle = -3", "'keeptags'"):
        assert sum(name in problem for problem in said) == 1


def test_the_message_says_that_nothing_was_deleted() -> None:
    with pytest.raises(SettingsError, match=r"^Wrong settings, nothing was deleted: "):
        Settings.parse({"dry_run": "perhaps"})


@pytest.mark.parametrize("name", ["delete_threshold_days", "dry_run", "x" * 5000, "a\nb\x1b[31m"])
def test_a_message_is_bounded_and_forges_no_line(name: str) -> None:
    (said,) = problems(**{name: "y\n\x1b[31mDeleted 0 tasks" + "y" * 5000})
    assert "\n" not in said
    assert "\x1b" not in said
    assert len(said) < 500


def test_names_are_taken_apart_at_commas() -> None:
    settings = Settings.parse({"projects": " team/a b ,,x, team ", "keep_tags": "keep,  best model ,"})
    assert settings.project_names == ("team/a b", "x", "team")
    assert settings.tags_to_keep == {"keep", "best model"}


@pytest.mark.parametrize("empty", ["", ",", " , ,"])
def test_no_name_between_commas_is_none(empty: str) -> None:
    settings = Settings.parse({"projects": empty, "keep_tags": empty})
    assert settings.project_names == ()
    assert settings.tags_to_keep == frozenset()


def test_what_can_be_read_is_shown_typed_and_the_rest_as_it_was_written() -> None:
    given = {
        "delete_threshold_days": "7", "max_tasks_per_cycle": "10", "dry_run": "yes", "projects": "team",
        "archive_grace_days": "9O", "force_delete": "maybe", "nonsense": "7", "parallel_requests": "1.5",
    }  # fmt: skip
    shown = readable(given)

    assert shown == {
        "delete_threshold_days": 7.0, "max_tasks_per_cycle": 10, "dry_run": True, "projects": "team",
        "archive_grace_days": "9O", "force_delete": "maybe", "nonsense": "7", "parallel_requests": "1.5",
    }  # fmt: skip
    assert list(shown) == list(given)
    assert type(shown["delete_threshold_days"]) is float


@pytest.mark.parametrize("value", ["9O", "", "maybe", "-1"])
def test_what_is_shown_as_it_was_written_is_refused_all_the_same(value: str) -> None:
    for name in [*FLOATS, *BOOLS]:
        assert one_problem(**readable({name: value})).startswith(f"{name} = ")


def test_settings_cannot_be_changed_after_the_check() -> None:
    with pytest.raises(AttributeError):
        Settings().force_delete = True  # type: ignore[misc]


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_every_setting_of_the_design_is_in_the_readme(name: str) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert f"`{name}`" in readme
