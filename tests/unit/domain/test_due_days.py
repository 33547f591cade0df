"""The rhythm of a chart's rankings."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.domain import due_days
from chartline.domain.due_days import Rhythm
from chartline.domain.grid import own_month_day

DAY = timedelta(days=1)
FIRST = date(2026, 1, 1)
days = st.integers(0, 60).map(lambda count: FIRST + count * DAY)
any_day = st.dates(date(2000, 1, 1), date(2060, 1, 1))
rhythms = st.one_of(
    st.just(Rhythm("daily")),
    st.builds(Rhythm, st.just("weekly"), weekday=st.integers(0, 6)),
    st.builds(Rhythm, st.just("monthly"), month_day=st.integers(1, 31)),
)


def of_month(month: int, on: int) -> date:
    """The day `on` of the month that is so many after January 2026, or its last."""
    year, number = 2026 + month // 12, month % 12 + 1
    return date(year, number, min(on, monthrange(year, number)[1]))


@given(st.sets(days, min_size=2))
def test_absent_days_of_a_daily_chart_fill_every_hole(listed: set[date]) -> None:
    absent = due_days.absent("daily", sorted(listed))
    first, last = min(listed), max(listed)
    assert set(absent) | listed == {first + count * DAY for count in range((last - first).days + 1)}
    assert not set(absent) & listed


@given(st.integers(0, 6), st.sets(st.integers(0, 50), min_size=2), st.data())
def test_absent_days_of_a_weekly_chart_are_the_weeks_left_out(
    offset: int, weeks: set[int], data: st.DataObject
) -> None:
    """Also where a ranking is dated a day beside the chart's weekday."""
    listed = [FIRST + (offset + 7 * week + data.draw(st.integers(-1, 1))) * DAY for week in sorted(weeks)]
    assert len(due_days.absent("Weekly", listed)) == max(weeks) - min(weeks) + 1 - len(weeks)


@given(st.sets(st.integers(0, 40), min_size=2), st.integers(1, 31))
def test_absent_days_of_a_monthly_chart_are_the_months_left_out(months: set[int], on: int) -> None:
    absent = due_days.absent("monthly", [of_month(month, on) for month in sorted(months)])
    left_out = set(range(min(months), max(months) + 1)) - months
    assert [(day.year, day.month) for day in absent] == [(2026 + m // 12, m % 12 + 1) for m in sorted(left_out)]


def test_a_frequency_without_a_rhythm_lacks_nothing() -> None:
    assert due_days.absent("yearly", [FIRST, FIRST + 40 * DAY]) == []
    assert Rhythm.of("yearly", [FIRST]).lacking([FIRST], []) == []


@given(rhythms, any_day)
def test_each_day_stands_for_one_due_day_near_to_it(rhythm: Rhythm, day: date) -> None:
    due = rhythm.due(day)
    assert rhythm.due(due) == due
    assert rhythm.days(due, due) == [due]
    longest = {"daily": 0, "weekly": 6, "monthly": 30}[rhythm.frequency]
    assert -longest <= (due - day).days <= due_days.EARLY[rhythm.frequency]


@given(rhythms, any_day, st.integers(0, 400))
def test_due_days_are_exactly_those_that_stand_for_themselves(rhythm: Rhythm, first: date, length: int) -> None:
    every = [first + n * DAY for n in range(length)]
    assert rhythm.days(first, first + (length - 1) * DAY) == [day for day in every if rhythm.due(day) == day]


@given(rhythms, any_day)
def test_the_later_ranking_is_one_period_on(rhythm: Rhythm, day: date) -> None:
    later = rhythm.later(day)
    assert later is not None
    assert rhythm.days(rhythm.due(day), later) == [rhythm.due(day), later]
    apart = (later - rhythm.due(day)).days
    assert due_days.STEPS[rhythm.frequency] <= apart <= {"daily": 1, "weekly": 7, "monthly": 31}[rhythm.frequency]


@given(rhythms, any_day, st.integers(1, 400), st.data())
def test_one_due_day_is_lacking_for_each_ranking_that_is_missing(
    rhythm: Rhythm, first: date, length: int, data: st.DataObject
) -> None:
    every = [first + n * DAY for n in range(length)]
    due = rhythm.days(every[0], every[-1])
    missing = data.draw(st.sets(st.sampled_from(due))) if due else set()
    assert rhythm.lacking(every, set(due) - missing) == sorted(missing)


@given(st.integers(0, 400), st.integers(1, 31))
def test_the_month_after_a_months_end_is_its_end(month: int, on: int) -> None:
    """The 28th of February tells no 28th of March where January had a 31st."""
    known = [of_month(month + n, on) for n in range(3)]
    assert Rhythm.of("Monthly", known).later(known[-1]) == of_month(month + 3, on)


def test_a_month_end_chart_owes_the_end_of_march_after_that_of_february() -> None:
    rhythm = Rhythm.of("monthly", [date(2026, 2, 28), date(2026, 1, 31), date(2025, 12, 31)])
    assert rhythm.later(date(2026, 2, 28)) == date(2026, 3, 31)
    march = [date(2026, 3, 1) + n * DAY for n in range(31)]
    assert rhythm.expected(date(2026, 2, 28), march) == [date(2026, 3, 31)]


@pytest.mark.parametrize(
    ("known", "own"),
    [
        (["2026-02-28"], 31),
        (["2026-02-28", "2026-01-28"], 28),
        (["2026-02-28", "2026-01-30", "2025-12-30"], 30),
        (["2026-04-30", "2026-03-31"], 31),
        (["2026-03-01", "2026-02-03", "2026-01-01"], 1),
        (["2024-02-29"], 31),
        (["2026-03-15", "2026-02-14", "2026-01-13"], 15),
    ],
)
def test_a_charts_own_day_of_month_explains_most_of_the_newest_three(known: list[str], own: int) -> None:
    assert own_month_day([date.fromisoformat(day) for day in known]) == own


@pytest.mark.parametrize(
    ("day", "later"),
    [
        ("2026-11-20", "2026-11-27"),  # a Friday, as usual
        ("2026-11-19", "2026-11-27"),  # the day before, for a holiday: this Friday has had its ranking
        ("2026-11-23", "2026-11-27"),  # the Monday after: the next one is this week's
    ],
)
def test_a_ranking_beside_its_weekday_moves_no_other(day: str, later: str) -> None:
    fridays = [date(2026, 11, 13), date(2026, 11, 6)]
    assert Rhythm.of("weekly", [*fridays, date.fromisoformat(day)]).later(date.fromisoformat(day)) == (
        date.fromisoformat(later)
    )
