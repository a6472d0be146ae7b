"""What was seen is remembered as a set would, in a quarter of its memory."""

from __future__ import annotations

import random
import tracemalloc

from cleanup.base.seen import Seen


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
