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
        with begun(pool, meet) as name:
            both.wait()
            assert name().startswith("another")
        with begun(pool, lambda: 1 / 0) as number, pytest.raises(ZeroDivisionError):
            number()


def test_what_no_thread_begins_is_done_once_by_who_waits_for_it() -> None:
    done: list[str] = []

    def note() -> int:
        done.append(threading.current_thread().name)
        return len(done)

    def in_the_only_thread() -> int:
        with begun(pool, note) as noted:
            return noted()

    with ThreadPoolExecutor(1, thread_name_prefix="only") as pool:
        assert pool.submit(in_the_only_thread).result(10) == 1
    with begun(None, note) as noted:
        assert noted() == 2
    assert (done[0].startswith("only"), done[1]) == (True, threading.current_thread().name)


def test_nothing_of_a_call_goes_on_behind_the_block_even_if_that_fails() -> None:
    started, failing, done = threading.Event(), threading.Event(), list[int]()

    def work() -> None:
        started.set()
        failing.wait(10)
        # Long enough for who does not wait for it to be gone.
        done.append(sum(range(1_000_000)))

    def fail() -> None:
        assert started.wait(10)
        failing.set()
        raise ValueError

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(ValueError), begun(pool, work):
            fail()
        assert done
        # And what nobody began is not begun any more.
        failing.clear()
        started.clear()
        busy = pool.submit(work)
        assert started.wait(10)
        with begun(pool, lambda: done.append(0)):
            pass
        failing.set()
        busy.result(10)
    assert 0 not in done
