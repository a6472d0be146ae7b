"""The settings: their defaults, every form that is accepted, every wrong value and what is said about it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cleanup.base.errors import SettingsError
from cleanup.settings import REMOVED, Settings, defaults, descriptions

DEFAULTS = {
    "delete_threshold_days": 30.0, "cleanup_period_in_days": 1.0, "force_delete": False, "run_as_service": True,
    "dry_run": False, "plan": "", "archived_models": False, "services_queue": "services",
    "services_docker": "python:3.12-bookworm", "projects": "", "keep_tags": "", "archive_grace_days": 0.0,
    "max_tasks_per_cycle": 0, "ignore_file_errors": False, "check_links": True, "parallel_requests": 8,
}  # fmt: skip
SPELLINGS: list[tuple[Any, list[Any]]] = [
    (0.0, ["0", "-0", 0]),
    (7.0, [" 7 ", "+7", "007", "7.", "70e-1", "0.7E1", 7]),
    (0.5, [".5", 0.5]),
    (1e20, ["1e20", 10**20]),
    (12, ["12", " 12 ", "12.0", "1.2e1", 12, 12.0]),
    (True, ["true", " TRUE ", "Yes", "1", True, 1]),
    (False, ["false", " FALSE ", "No", "0", False, 0]),
    ("a/b c, d", ["a/b c, d", "  a/b c, d "]),
]
WRONG: list[tuple[type, str, list[Any]]] = [
    (float, "a number, 0 or more, such as 7 or 0.5", ["9O", "7,5", "0x10", "1e", ".", "nan", "1e999", "", None]),
    (float, "a number, 0 or more, such as 7 or 0.5", ["1_000", "\uff13\uff10", "30\n31", True, [30]]),
    (int, "a whole number, 0 or more, such as 500", ["9O", None, "nan", True, "1.5", 1.5]),
    (bool, "true, yes or 1, or false, no or 0", ["", None, "on", "0.0", "truee", 2, [], "\uff34\uff32\uff35\uff25"]),
    (str, "text", [5, True, ["team"], b"team"]),
]


def names(kind: type) -> list[str]:
    return [name for name, value in DEFAULTS.items() if type(value) is kind]


def problems(**values: Any) -> tuple[str, ...]:
    """What is said about ``values``, which must be refused."""
    with pytest.raises(SettingsError, match=r"^Wrong settings, nothing was deleted: ") as caught:
        Settings.parse(values)
    assert caught.value.exit_code == 2
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    return caught.value.problems


def test_the_defaults_are_those_of_the_design_however_they_are_given() -> None:
    assert defaults() == DEFAULTS
    for given in ({}, DEFAULTS, {name: str(value) for name, value in DEFAULTS.items()}):
        assert vars(Settings.parse(given)) == DEFAULTS
    assert set(descriptions()) == set(DEFAULTS)
    assert all(re.fullmatch(r"[A-Z].{20,}\.", text) for text in descriptions().values())
    with pytest.raises(AttributeError):
        Settings().force_delete = True  # type: ignore[misc]


def test_a_value_is_read_in_every_spelling_and_a_wrong_one_is_refused_with_what_is_allowed() -> None:
    for value, spellings in SPELLINGS:
        for name in names(type(value)):
            read = [getattr(Settings.parse({name: spelt}), name) for spelt in spellings]
            assert [(one, type(one)) for one in read] == [(value, type(value))] * len(spellings)
    for kind, allowed, wrong in WRONG:
        for name in names(kind):
            for value in wrong:
                assert problems(**{name: value}) == (f"{name} = {value!r}: allowed is {allowed}",)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"delete_threshold_days": "-1"}, "delete_threshold_days = -1.0: allowed is 0 or more"),
        ({"max_tasks_per_cycle": -1}, "max_tasks_per_cycle = -1: allowed is 0 or more"),
        ({"parallel_requests": "0"}, "parallel_requests = 0: allowed is 1 to 64"),
        ({"parallel_requests": "65"}, "parallel_requests = 65: allowed is 1 to 64"),
        ({"services_queue": " "}, "services_queue = '': allowed is the name of a queue"),
        ({"delete_treshold_days": 7}, "unknown parameter 'delete_treshold_days': did you mean delete_threshold_days?"),
        ({"zzz": "7"}, f"unknown parameter 'zzz': allowed are {', '.join(defaults())}"),
        ({"delete_linked_files": False}, f"unknown parameter 'delete_linked_files': {REMOVED['delete_linked_files']}"),
    ],
)
def test_every_other_mistake_is_refused_in_words(values: dict[str, Any], said: str) -> None:
    assert problems(**values) == (said,)


def test_what_is_just_allowed_is_read_and_names_are_taken_apart_at_commas() -> None:
    assert [Settings.parse({"parallel_requests": value}).parallel_requests for value in ("1", "64")] == [1, 64]
    for empty in ("", "  ", None):
        settings = Settings.parse({"services_queue": empty, "run_as_service": "no", "projects": empty})
        assert (settings.services_queue, settings.projects) == ("", "")
    settings = Settings.parse({"projects": " team/a b ,,x, team ", "keep_tags": "keep,  best model ,"})
    assert (settings.project_names, settings.tags_to_keep) == (("team/a b", "x", "team"), {"keep", "best model"})
    assert Settings.parse({"projects": " , ,"}).project_names == ()


def test_all_that_is_wrong_is_said_at_once() -> None:
    said = problems(delete_threshold_days="9O", dry_run="maybe", max_tasks_per_cycle=-3, keeptags="a", projects="team")
    assert len(said) == 4
    for name in ("delete_threshold_days = '9O'", "dry_run = 'maybe'", "max_tasks_per_cycle = -3", "'keeptags'"):
        assert sum(name in problem for problem in said) == 1


def test_a_message_is_bounded_and_forges_no_line() -> None:
    for name in ("delete_threshold_days", "x" * 5000, "a\nb\x1b[31m"):
        (said,) = problems(**{name: "y\n\x1b[31mDeleted 0 tasks" + "y" * 5000})
        assert (said.isprintable(), len(said) < 500) == (True, True)
