"""Text from elsewhere is one line, bounded, without secrets; what was seen is remembered in little memory."""

from __future__ import annotations

import random
import tracemalloc

from cleanup.base.seen import Seen
from cleanup.base.text import address_of, one_line, plural, without_secrets

KEY = "wJalrXUtnFEMI0123456789"


def test_text_is_shown_on_one_line_without_control_characters_and_cut_where_it_is_long() -> None:
    shown = {
        "a\nb\r\nc\td": "a b c d",
        "\x1b[31mred\x1b[0m": "[31mred [0m",
        "a\u202eb\u2028c\u200bd": "a b c d",
        "  many   spaces ": "many spaces",
        None: "None",
        "\ud800": "",
        "naïve файл": "naïve файл",
    }
    assert {given: one_line(given) for given in shown} == shown
    for length in (10, 300):
        assert one_line("x" * 100_000, length) == "x" * (length - 1) + "…"
        assert one_line("x" * length, length) == "x" * length


def test_what_looks_like_a_secret_is_masked_and_no_cut_leaves_a_part_of_it() -> None:
    for text in (
        f"Bearer {KEY}",
        f"Authorization: Basic {KEY}",
        f"https://user:{KEY}@host/path",
        f"https://user:12345{KEY}@host",
        f"https://user:{KEY}",
        f"s3://:{KEY}@host/path",
        f"secret_key = '{KEY}'",
        f"{{'aws_secret_access_key': '{KEY}'}}",
        f"?X-Amz-Signature={KEY}&X-Amz-Credential={KEY}",
        f"?sv=2020&sig={KEY}",
        f"AccountKey={KEY};EndpointSuffix=x",
        f"password: {KEY}",
        f'"token": "{KEY}"',
    ):
        shown = without_secrets(f"before {text} after")
        assert (KEY in shown, shown[:7], shown[-6:]) == (False, "before ", " after")
        assert not [limit for limit in range(10, 60) if KEY[:4] in without_secrets(text, limit)]


def test_what_is_no_secret_is_shown_and_a_password_of_digits_is_no_port() -> None:
    for text in (
        "a: b",
        "https://host:8081/team/a.b/c@2.bin",
        "https://host:8081 does not answer",
        "https://host:8081: refused",
        "http://[::1]:8081/a",
        "s3://bucket/token_counts/secret.bin",
    ):
        assert without_secrets(text) == text
    assert without_secrets("https://user:12345@host/a") == "https://user:***@host/a"


def test_an_address_is_shown_without_credentials() -> None:
    assert address_of("http://host:8008") == "http://host:8008"
    for user in (f"user:{KEY}", f"us@er:{KEY}"):
        assert address_of(f"https://{user}@host/api") == "https://host/api"


def test_one_is_singular_and_all_else_plural() -> None:
    assert [plural(count, "task") for count in (0, 1, 2)] == ["0 tasks", "1 task", "2 tasks"]


def test_it_remembers_as_a_set_does() -> None:
    seen, known, chance = Seen(), set[tuple[str, int]](), random.Random(1)
    for _ in range(20_000):
        thing = (chance.choice(("a", "b")), chance.randrange(8_000))
        assert (thing in seen, seen.add(thing)) == (thing in known, thing not in known)
        known.add(thing)
        assert len(seen) == len(known)


def test_a_hundred_thousand_take_less_than_three_megabytes() -> None:
    tracemalloc.start()
    seen = Seen()
    for number in range(100_000):
        seen.add(("file", number))
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(seen), held < 2_500_000, peak < 5_000_000) == (100_000, True, True)
