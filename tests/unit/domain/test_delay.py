from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.domain.delay import LIVE, NEWEST, QUARTER, Observation, learned_delay
from chartline.domain.grid import Grid

DAILY = Grid("daily")
FIRST = date(2026, 6, 1)
BACKOFF = [timedelta(minutes=minutes) for minutes in (15, 30, 60, 120)]


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def seen(n: int, late: float, not_yet: float | None = None) -> Observation:
    """The n-th day, found so many minutes after its end and before asked for in vain."""
    day = FIRST + timedelta(days=n)
    end = DAILY.owner_end(day)
    return day, end + minutes(late), None if not_yet is None else end + minutes(not_yet)


@pytest.mark.parametrize(
    ("observations", "delay"),
    [
        ([], 0),
        ([seen(0, 14 * 60)], 0),  # a chart followed in the afternoon tells nothing of its publisher
        ([seen(0, 14 * 60), seen(1, 585, 465)], 585),
        ([seen(0, 541, 500)], 555),
        ([seen(0, 541, 500), seen(1, 556)], 555),
        ([seen(n, 540.5) for n in range(5)] + [seen(5, 1200, 1100)], 540),  # one bad day
        ([seen(n, 540.5) for n in range(5)] + [seen(5, 1200, 1100), seen(6, 1210, 1100)], 1200),
        ([seen(n, 120.5) for n in range(7)], 105),
        ([seen(n, 120.5) for n in range(6)] + [seen(6, 105.5)], 105),  # tried for a day
        ([seen(0, 700, 650)] + [seen(n, 480.5) for n in range(1, 8)], 450),  # 8 h: a sixteenth
        ([seen(n, 5) for n in range(10)], 0),
        ([seen(n, -300) for n in range(10)], 0),
        ([seen(n, 5000, 4900) for n in range(10)], 0),  # found by someone who looked for gaps
        ([seen(n, 100, 90) for n in range(5)] + [seen(n, 10) for n in range(5, 15)], 0),
    ],
)
def test_what_is_learned(observations: list[Observation], delay: float) -> None:
    assert learned_delay(observations, DAILY) == minutes(delay)
    assert learned_delay(reversed(observations), DAILY) == minutes(delay)


def test_it_counts_from_the_end_of_the_charts_own_interval() -> None:
    friday = date(2026, 11, 13)
    found = datetime(2026, 11, 14, 6, tzinfo=UTC)
    assert learned_delay([(friday, found, found - minutes(30))], Grid("weekly")) == timedelta(hours=6)
    assert learned_delay([(friday, found, found - minutes(30))], Grid("weekly", weekday=5)) == timedelta(0)


def follow(published: list[timedelta], queue: timedelta) -> tuple[list[int], list[timedelta]]:
    """Asks in vain and delay of each day, of a publisher who is so late and a task that waits so long for its turn."""
    known: list[Observation] = [seen(-1, 14 * 60)]
    vain, delays = [], []
    for n, late in enumerate(published):
        day = FIRST + timedelta(days=n)
        delay = learned_delay(known[-NEWEST:], DAILY)
        asked, tries = delay + queue, 0
        not_yet = None
        while asked < late:
            not_yet = asked
            asked += BACKOFF[min(tries, len(BACKOFF) - 1)] + timedelta(seconds=1)
            tries += 1
        end = DAILY.owner_end(day)
        known.append((day, end + asked, None if not_yet is None else end + not_yet))
        vain.append(tries)
        delays.append(delay)
    return vain, delays


hours = st.floats(0, 20).map(lambda number: timedelta(hours=number))
jitters = st.lists(st.floats(-1, 1), min_size=80, max_size=80)
queues = st.floats(0, 10).map(minutes)


@given(hours, hours, st.floats(0, 0.5), jitters, queues)
def test_asks_in_vain_become_few_whatever_the_publisher_does(
    before: timedelta, after: timedelta, jitter: float, noise: list[float], queue: timedelta
) -> None:
    published = [
        max(timedelta(0), (before if n < 40 else after) + timedelta(hours=jitter * part))
        for n, part in enumerate(noise)
    ]
    vain, delays = follow(published, queue)
    for start in (10, 50):  # ten days to learn, and to learn anew
        assert sum(vain[start : start + 30]) <= 30 * 0.5
    assert max(delays) <= max(published) + BACKOFF[-1] + 2 * QUARTER
    assert len({*map(str, delays[10:40])}) <= 10


@given(hours, queues)
def test_a_punctual_publisher_costs_about_one_ask_a_week(late: timedelta, queue: timedelta) -> None:
    vain, delays = follow([late] * 120, queue)
    assert sum(vain[10:]) <= 110 / 7 * 2
    assert sum(a != b for a, b in pairwise(delays[10:])) <= 110 / 7 * 3


@given(hours, st.floats(0, 48).map(lambda number: timedelta(hours=number)))
def test_runs_that_are_late_themselves_do_not_make_it_grow(late: timedelta, queue: timedelta) -> None:
    _, delays = follow([late] * 200, queue)
    assert max(delays) <= LIVE


@given(st.timedeltas(timedelta(hours=3), timedelta(hours=12)))
def test_an_earlier_publisher_is_noticed(late: timedelta) -> None:
    _, delays = follow([late] * 40 + [late - timedelta(hours=2)] * 60, timedelta(seconds=30))
    assert delays[-1] <= late - timedelta(hours=1)


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.floats(-3000, 9000), st.none() | st.floats(0, 600)),
        max_size=20,
        unique_by=lambda observation: observation[0],
    ),
    st.sampled_from([DAILY, Grid("weekly"), Grid("monthly", month_day=3), Grid("custom", hours=7)]),
)
def test_it_is_never_negative_and_in_quarters(observations: list[tuple[int, float, float | None]], grid: Grid) -> None:
    known = [seen(n, late, None if before is None else late - before) for n, late, before in observations]
    delay = learned_delay(known, grid)
    assert timedelta(0) <= delay <= LIVE
    assert delay % QUARTER == timedelta(0)
