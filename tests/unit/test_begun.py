"""Calls that are begun ahead come to their end in every pool, with their result or their error."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cleanup.base.begun import begun


def test_a_call_goes_on_beside_who_began_it_and_gives_its_result_or_its_error() -> None:
    both = threading.Barrier(2, timeout=10)

    def meet() -> str:
        both.wait()
        return threading.current_thread().name

    with ThreadPoolExecutor(1, thread_name_prefix="another") as pool:
        name = begun(pool, meet)
        both.wait()
        assert name().startswith("another")
        with pytest.raises(ZeroDivisionError):
            begun(pool, lambda: 1 / 0)()


def test_what_no_thread_begins_is_done_once_by_who_waits_for_it() -> None:
    done: list[str] = []

    def note() -> int:
        done.append(threading.current_thread().name)
        return len(done)

    with ThreadPoolExecutor(1, thread_name_prefix="only") as pool:

        def in_the_only_thread() -> int:
            return begun(pool, note)()

        assert pool.submit(in_the_only_thread).result(10) == 1
        assert begun(None, note)() == 2
    assert (done[0].startswith("only"), done[1]) == (True, threading.current_thread().name)
