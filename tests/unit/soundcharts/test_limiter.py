"""The pace and the hand-out of slots, on a made-up clock; PostgreSQL's part is in tests/integration."""

from __future__ import annotations

import math
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.errors import NotConfigured, RateLimited, WarehouseUnavailable
from chartline.soundcharts.limiter import JITTER, USABLE, NoLimiter, Pace, SlotLimiter
from chartline.warehouse.budget import PostgresLimiter


class Clock:
    """Time that passes only when someone sleeps or lets it."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


class Bank:
    """The line of time as `api_budget` keeps it, on the made-up clock. `slow` seconds pass around each question."""

    def __init__(self, clock: Clock, pace: Pace) -> None:
        self.clock, self.pace = clock, pace
        self.next_free = self.blocked_until = -math.inf
        self.slow = (0.0, 0.0)
        self.asked = 0
        self.closed = False

    def take(self, slots: int) -> tuple[float, float]:
        self.asked += 1
        self.clock.now += self.slow[0]
        first = max(self.next_free, self.blocked_until, self.clock.now - self.pace.saved)
        self.next_free = first + slots * self.pace.interval
        now = self.clock.now
        self.clock.now += self.slow[1]
        return first - now, max(self.blocked_until, now) - now

    def block(self, seconds: float) -> None:
        self.blocked_until = max(self.blocked_until, self.clock.now + seconds)

    def close(self) -> None:
        self.closed = True


def fullest_window(times: list[float], width: float = 60.0) -> int:
    """The most calls that any half-open window of 60 s holds. `times` in order."""
    fullest, start = 0, 0
    for end, time in enumerate(times):
        while time - times[start] >= width:
            start += 1
        fullest = max(fullest, end - start + 1)
    return fullest


@given(st.integers(1, 20_000), st.integers(1, 50))
def test_burst_and_refill_make_up_the_limit(per_minute: int, block: int) -> None:
    pace = Pace.of(per_minute, block)
    stretch = 60 + USABLE + JITTER + pace.saved
    assert math.ceil(stretch / pace.interval - 1e-6) <= per_minute
    assert 1 <= pace.block <= block
    assert pace.block == 1 or pace.block * pace.interval <= USABLE


def test_the_pace_of_5000_a_minute_wastes_little() -> None:
    pace = Pace.of(5000)
    assert (pace.burst, pace.block) == (100, 4)
    assert 60 / pace.interval > 4700


@pytest.mark.parametrize("per_minute", [0, -1])
def test_a_limit_of_nothing_is_refused(per_minute: int) -> None:
    with pytest.raises(NotConfigured):
        Pace.of(per_minute)


@given(
    per_minute=st.integers(1, 400),
    idle=st.lists(st.floats(0, 90), max_size=300),
    slow=st.tuples(st.floats(0, 0.3), st.floats(0, 0.3)),
)
def test_no_window_ever_holds_more_than_the_limit(
    per_minute: int, idle: list[float], slow: tuple[float, float]
) -> None:
    """One caller that is now greedy, now idle, with a database that takes its time."""
    clock = Clock()
    pace = Pace.of(per_minute)
    bank = Bank(clock, pace)
    bank.slow = slow
    limiter = SlotLimiter(bank, pace, clock=clock, sleep=clock.sleep)
    times = []
    for wait in [*idle, *[0.0] * (2 * per_minute)]:
        clock.now += wait if wait > 45 else 0.0  # mostly greedy
        limiter.acquire()
        times.append(clock.now)
    assert fullest_window(times) <= per_minute


@given(per_minute=st.integers(10, 300), turns=st.lists(st.integers(0, 3), min_size=50, max_size=600))
def test_several_processes_share_one_limit(per_minute: int, turns: list[int]) -> None:
    """Each has slots in hand while the others take theirs; a slot kept too long is not used."""
    clock = Clock()
    pace = Pace.of(per_minute)
    bank = Bank(clock, pace)
    limiters = [SlotLimiter(bank, pace, clock=clock, sleep=clock.sleep) for _ in range(4)]
    times = []
    for turn in turns:
        limiters[turn].acquire()
        times.append(clock.now)
    assert fullest_window(times) <= per_minute


def slots(per_minute: int = 5000, **more: Any) -> tuple[SlotLimiter, Bank, Clock]:
    clock = Clock()
    pace = Pace.of(per_minute, **more)
    bank = Bank(clock, pace)
    return SlotLimiter(bank, pace, clock=clock, sleep=clock.sleep), bank, clock


def test_a_block_is_taken_once_for_several_calls() -> None:
    limiter, bank, _ = slots()
    for _ in range(8):
        limiter.acquire()
    assert bank.asked == 2


def test_saved_up_calls_go_at_once_then_the_pace_holds() -> None:
    limiter, bank, clock = slots()
    start = clock.now
    for _ in range(bank.pace.burst):
        limiter.acquire()
    assert clock.now == start
    for _ in range(1000):
        limiter.acquire()
    assert clock.now - start == pytest.approx(1000 * bank.pace.interval, abs=0.1)


def test_a_slot_that_was_not_used_within_a_second_is_thrown_away() -> None:
    limiter, bank, clock = slots()
    limiter.acquire()
    clock.now += USABLE + 0.01
    limiter.acquire()
    assert bank.asked == 2


def test_a_pause_holds_every_process_and_the_slots_in_hand() -> None:
    first, bank, clock = slots()
    second = SlotLimiter(bank, bank.pace, clock=clock, sleep=clock.sleep)
    first.acquire()
    start = clock.now
    first.pause(20)
    second.acquire()
    assert clock.now >= start + 20
    clock.now = start
    first.acquire()
    assert clock.now >= start + 20


def test_a_shorter_pause_never_ends_a_longer_one() -> None:
    limiter, _, clock = slots()
    start = clock.now
    limiter.pause(30)
    limiter.pause(5)
    limiter.acquire()
    assert clock.now >= start + 30


def test_a_pause_of_over_a_minute_hands_the_worker_back() -> None:
    limiter, bank, clock = slots()
    start = clock.now
    limiter.pause(100)
    with pytest.raises(RateLimited) as limited:
        limiter.acquire()
    assert limited.value.after == pytest.approx(100)
    assert clock.now == start
    clock.now += 90
    limiter.acquire()
    assert clock.now >= bank.blocked_until


@pytest.mark.parametrize("seconds", [60_000, 31_536_000, 1e300, math.inf])
def test_no_pause_outlives_two_minutes(seconds: float) -> None:
    limiter, bank, clock = slots()
    alone = NoLimiter(clock=clock, sleep=clock.sleep)
    limiter.pause(seconds)
    alone.pause(seconds)
    clock.now += 121
    start = clock.now
    limiter.acquire()
    alone.acquire()
    assert clock.now == start
    assert bank.blocked_until <= start


@pytest.mark.parametrize(
    ("remaining", "reset", "waits"),
    [(0, 12.0, 12), (-1, 12.0, 12), (0, 900.0, 60), (1, 12.0, 0), (0, None, 0), (None, 12.0, 0), (None, None, 0)],
)
def test_learning_that_nothing_is_left_pauses(remaining: int | None, reset: float | None, waits: int) -> None:
    for limiter, clock in ((slots()[0::2]), (lambda c: (NoLimiter(clock=c, sleep=c.sleep), c))(Clock())):
        start = clock.now
        limiter.learn(remaining, reset)
        limiter.acquire()
        assert clock.now - start == pytest.approx(waits, abs=0.01)


def test_a_database_that_is_too_slow_to_count_by_is_said() -> None:
    limiter, bank, _ = slots()
    bank.slow = (0.0, 2.0)
    with pytest.raises(WarehouseUnavailable, match="too slowly"):
        limiter.acquire()


def test_no_limiter_keeps_to_pauses_only() -> None:
    clock = Clock()
    limiter = NoLimiter(clock=clock, sleep=clock.sleep)
    start = clock.now
    for _ in range(1000):
        limiter.acquire()
    assert clock.now == start
    limiter.pause(3)
    limiter.acquire()
    assert clock.now == start + 3
    limiter.pause(61)
    with pytest.raises(RateLimited):
        limiter.acquire()
    limiter.close()


def test_an_address_that_cannot_be_read_is_said_without_its_password() -> None:
    with (
        closing(PostgresLimiter("host=127.0.0.1 nonsense=hidden-value password=hidden-value", "a", 100)) as limiter,
        pytest.raises(NotConfigured) as refused,
    ):
        limiter.acquire()
    assert "hidden-value" not in str(refused.value)
    assert refused.value.__context__ is None, "libpq's own text quotes what it cannot read"


def test_a_warehouse_that_is_down_is_said_with_what_to_do() -> None:
    with (
        closing(PostgresLimiter("host=127.0.0.1 port=1 password=hidden-value", "a", 100)) as limiter,
        pytest.raises(WarehouseUnavailable, match="Check that PostgreSQL runs") as down,
    ):
        limiter.acquire()
    assert "hidden-value" not in str(down.value)
