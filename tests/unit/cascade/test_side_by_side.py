"""The one worker loop: what comes is given out once, nobody runs ahead of what is stored, and every thread ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chartline.cascade.side_by_side import SideBySide

PATIENCE = 10.0


def threads_at_work() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("fetch-")]


@pytest.fixture(autouse=True)
def all_threads_end() -> Iterator[None]:
    yield
    assert threads_at_work() == []


def in_a_while(holds: Any) -> bool:
    until = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.001)
    return True


def test_one_thread_keeps_the_order() -> None:
    with SideBySide(lambda n: n * n, range(20), 1) as work:
        assert list(work) == [(n, n * n) for n in range(20)]


@settings(max_examples=50, deadline=None)
@given(items=st.integers(0, 30), count=st.integers(1, 6), together=st.booleans())
def test_whatever_the_number_of_threads_each_thing_is_given_out_once(items: int, count: int, together: bool) -> None:
    with SideBySide(lambda n: -n, range(items), count) as work:
        groups = list(work.gather()) if together else [[one] for one in work]
    assert all(0 < len(group) <= count for group in groups)
    assert sorted(one for group in groups for one in group) == [(n, -n) for n in range(items)]


def test_what_lies_ready_is_given_out_together() -> None:
    all_at_it = threading.Barrier(4)

    def ask(n: int) -> int:
        if n < 4:
            all_at_it.wait(PATIENCE)
        return n

    with SideBySide(ask, range(8), 4) as work:
        groups = work.gather()
        first = next(groups)  # while it is stored, the others hand in
        assert in_a_while(lambda: work._done.qsize() == 4 - len(first))
        assert len(next(groups)) >= 4 - len(first)
        list(groups)


@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
def test_no_thread_asks_again_before_its_own_is_stored(together: bool) -> None:
    begun: list[tuple[str, int]] = []
    stored: set[int] = set()

    def ask(n: int) -> int:
        mine = [number for name, number in begun if name == threading.current_thread().name]
        assert set(mine) <= stored
        begun.append((threading.current_thread().name, n))
        return n

    with SideBySide(ask, range(40), 4) as work:
        for group in work.gather() if together else ([one] for one in work):
            assert len(begun) - len(stored) <= 4
            time.sleep(0.001)
            stored |= {n for n, _ in group}
    assert len(stored) == 40


@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
def test_halted_it_takes_no_new_item_and_hands_in_what_is_under_way(together: bool) -> None:
    begun: list[int] = []

    def ask(n: int) -> int:
        begun.append(n)
        return n

    with SideBySide(ask, range(100), 3) as work:
        seen = []
        for group in work.gather() if together else ([one] for one in work):
            seen += [n for n, _ in group]
            work.halt()
    assert sorted(seen) == sorted(begun)
    assert 0 < len(begun) <= 2 * 3


@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
@pytest.mark.parametrize("raised", [ValueError("odd"), SystemExit()], ids=lambda error: type(error).__name__)
def test_what_work_raises_halts_the_others_once_all_under_way_was_given_out(
    together: bool, raised: BaseException
) -> None:
    seen: list[int] = []
    begun: list[int] = []
    gate = threading.Event()

    def ask(n: int) -> int:
        begun.append(n)
        if n == 0:
            raise raised
        gate.wait(PATIENCE)
        return n

    def open_once_halted(work: SideBySide[int, int]) -> None:
        if in_a_while(work._halted.is_set):
            gate.set()

    def go() -> None:
        with SideBySide(ask, range(100), 4) as work:
            assert in_a_while(lambda: len(begun) == 4)
            threading.Thread(target=open_once_halted, args=[work], name="opener").start()
            for group in work.gather() if together else ([one] for one in work):
                seen.extend(n for n, _ in group)

    with pytest.raises(type(raised)):
        go()
    assert sorted(seen) == [1, 2, 3] == sorted(begun)[1:]


@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
def test_a_failure_to_store_ends_all_threads_and_gives_back_what_nobody_took(together: bool) -> None:
    given_out: list[int] = []
    begun: list[int] = []
    left: list[int] = []
    failed = threading.Event()

    def ask(n: int) -> int:
        begun.append(n)
        if n:
            failed.wait(PATIENCE)
        return n

    def go() -> None:
        with SideBySide(ask, range(100), 4, left.extend) as work:
            for group in work.gather() if together else ([one] for one in work):
                given_out.extend(n for n, _ in group)
                assert in_a_while(lambda: len(begun) == 4)
                failed.set()
                raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        go()
    assert given_out == [0]
    assert sorted(left) == [1, 2, 3]
    assert sorted(begun) == [0, 1, 2, 3]


def test_threads_that_nobody_listens_to_any_more_end() -> None:
    gate = threading.Event()
    with SideBySide(lambda n: gate.wait(5) or n, range(20), 3) as work:
        gate.set()
        assert len([item for item, _ in zip(work, range(2), strict=False)]) == 2


def test_nothing_to_do_starts_no_thread() -> None:
    with SideBySide(str, list[int](), 3) as work:
        assert threads_at_work() == []
        assert list(work.gather()) == []
