from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.domain.grid import Grid, check_cron

CRONS = [
    "0 0 * * *",
    "*/7 3-5 * * *",
    "30 4 * * 1-5",
    "0 12 1,15 * *",
    "5 4 31 * *",
    "0 0 29 2 *",
    "0 6 13 * 5",
    "15 10 * * 1#2",
    "0 0 * * sun",
    "@monthly",
]

moments = st.datetimes(datetime(1999, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
delays = st.timedeltas(timedelta(0), timedelta(days=3))
grids = st.one_of(
    st.builds(Grid, st.just("daily"), publication_delay=delays),
    st.builds(Grid, st.just("weekly"), weekday=st.integers(0, 6), publication_delay=delays),
    st.builds(Grid, st.just("monthly"), month_day=st.none() | st.integers(1, 31), publication_delay=delays),
    st.builds(Grid, st.just("custom"), hours=st.integers(1, 8760), publication_delay=delays),
    st.builds(Grid, st.just("custom"), cron=st.sampled_from(CRONS), publication_delay=delays),
)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


@given(grids, moments)
def test_every_moment_has_exactly_one_interval(grid: Grid, moment: datetime) -> None:
    start, end = grid.floor(moment), grid.next(moment)
    assert start <= moment < end
    assert grid.next(start) == end
    assert grid.floor(end - timedelta(microseconds=1)) == start
    assert grid.floor(start) == grid.ceil(start) == start


@given(grids, moments)
def test_intervals_follow_one_another_without_hole_or_overlap_in_both_directions(grid: Grid, moment: datetime) -> None:
    boundary = grid.floor(moment)
    for _ in range(20):
        after = grid.next(boundary)
        assert after > boundary
        assert grid.previous(after) == boundary
        assert grid.floor(after) == after
        boundary = after


@given(grids, moments, st.integers(0, 40))
def test_so_many_periods_on_or_back_are_so_many_single_steps(grid: Grid, moment: datetime, periods: int) -> None:
    on = back = moment
    for _ in range(periods):
        on, back = grid.next(on), grid.previous(back)
    assert grid.advance(moment, periods) == on
    assert grid.back(moment, periods) == back


@given(grids, st.dates(date(1999, 1, 1), date(2040, 1, 1)))
def test_each_day_has_exactly_one_owner(grid: Grid, day: date) -> None:
    end = grid.owner_end(day)
    assert day in grid.days(grid.previous(end), end)
    assert day not in grid.days(end, grid.next(end))
    before = grid.previous(end)
    assert day not in grid.days(grid.previous(before), before)


@given(grids, moments, st.integers(1, 40))
def test_days_of_following_intervals_are_all_days_once(grid: Grid, moment: datetime, periods: int) -> None:
    start = boundary = grid.floor(moment)
    found: list[date] = []
    for _ in range(periods):
        found += grid.days(boundary, grid.next(boundary))
        boundary = grid.next(boundary)
    assert found == grid.days(start, boundary)
    assert all(start < midnight_after(day) <= boundary for day in found)
    assert len(found) == (boundary.date() - start.date()).days


def midnight_after(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


@given(st.integers(0, 6), st.dates(date(1999, 1, 1), date(2040, 1, 1)))
def test_a_weekly_interval_ends_with_the_charts_own_day(weekday: int, day: date) -> None:
    end = Grid("weekly", weekday=weekday).owner_end(day)
    assert (end - timedelta(days=1)).weekday() == weekday
    assert midnight_after(day) <= end < midnight_after(day) + timedelta(days=7)


@given(st.integers(1, 28), st.dates(date(1999, 1, 1), date(2040, 1, 1)))
def test_a_monthly_interval_ends_with_the_charts_own_day(month_day: int, day: date) -> None:
    grid = Grid("monthly", month_day=month_day)
    end = grid.owner_end(day)
    assert (end - timedelta(days=1)).day == month_day
    assert len({(d.year, d.month) for d in grid.days(grid.previous(end), end) if d.day == month_day}) == 1


@given(grids, moments)
def test_the_latest_complete_interval_is_published_and_the_one_after_it_is_not(grid: Grid, now: datetime) -> None:
    end = grid.next(grid.latest_complete(now))
    assert end + grid.publication_delay <= now
    assert grid.next(end) + grid.publication_delay > now


@given(grids, moments, st.integers(-14, 14))
def test_the_zone_in_which_a_moment_is_written_does_not_matter(grid: Grid, moment: datetime, hours: int) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(hours=hours)))
    assert grid.floor(elsewhere) == grid.floor(moment)
    assert grid.next(elsewhere).utcoffset() == timedelta(0)


@given(grids)
def test_as_json_and_back_is_the_same(grid: Grid) -> None:
    assert Grid.from_json(json.loads(json.dumps(grid.to_json()))) == grid


@pytest.mark.parametrize(
    ("grid", "start", "end", "text"),
    [
        (Grid("daily"), utc(2026, 11, 20), utc(2026, 11, 21), "daily"),
        (Grid("weekly"), utc(2026, 11, 14), utc(2026, 11, 21), "weekly, Fridays"),
        (Grid("weekly", weekday=3), utc(2026, 11, 20), utc(2026, 11, 27), "weekly, Thursdays"),
        (Grid("monthly", month_day=15), utc(2026, 11, 16), utc(2026, 12, 16), "monthly, day 15"),
        (Grid("monthly", month_day=30), utc(2026, 11, 1), utc(2026, 12, 1), "monthly"),
        (Grid("monthly"), utc(2026, 11, 1), utc(2026, 12, 1), "monthly"),
        (Grid("custom", hours=6), utc(2026, 11, 20, 12), utc(2026, 11, 20, 18), "every 6 hours"),
        (Grid("custom", hours=1), utc(2026, 11, 20, 15), utc(2026, 11, 20, 16), "every hour"),
        (Grid("custom", cron="0 9 * * 1"), utc(2026, 11, 16, 9), utc(2026, 11, 23, 9), "cron 0 9 * * 1"),
    ],
)
def test_the_interval_of_a_friday_afternoon(grid: Grid, start: datetime, end: datetime, text: str) -> None:
    moment = utc(2026, 11, 20, 15, 4, 5).replace(microsecond=6)
    assert (grid.floor(moment), grid.next(moment), grid.text()) == (start, end, text)


def test_february_and_leap_years_of_a_monthly_grid() -> None:
    assert grid_months(utc(2028, 1, 31, 23)) == [utc(2028, 2, 1), utc(2028, 3, 1), utc(2028, 4, 1)]


def grid_months(moment: datetime) -> list[datetime]:
    found = []
    for _ in range(3):
        moment = Grid("monthly").next(moment)
        found.append(moment)
    return found


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        Grid("daily").floor(datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"frequency": "hourly"}, "frequency must be one of"),
        ({"frequency": "weekly", "weekday": 7}, "weekday must be 0"),
        ({"frequency": "monthly", "month_day": 0}, "month_day must be 1"),
        ({"frequency": "monthly", "month_day": 32}, "month_day must be 1"),
        ({"frequency": "custom"}, "one of the two"),
        ({"frequency": "custom", "hours": 6, "cron": "@daily"}, "one of the two"),
        ({"frequency": "daily", "hours": 6}, "nothing else"),
        ({"frequency": "custom", "hours": 0}, "hours must be 1 to 8760"),
        ({"frequency": "custom", "hours": 8761}, "hours must be 1 to 8760"),
        ({"frequency": "custom", "cron": "x"}, "five fields"),
        ({"frequency": "daily", "publication_delay": timedelta(hours=-1)}, "must not be negative"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Grid(**arguments)


@pytest.mark.parametrize("expression", CRONS)
def test_a_good_cron_is_kept(expression: str) -> None:
    assert check_cron(f"  {expression.replace(' ', '  ')} ") == expression


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "five fields"),
        ("0 0 * *", "five fields"),
        ("0 0 0 * * *", "five fields"),
        ("0 24 * * *", "ever comes"),
        ("61 0 * * *", "ever comes"),
        ("0 0 31 2 *", "ever comes"),
        ("0 0 * * nope", "ever comes"),
        ("R 0 * * *", "random"),
        ("h h * * *", "random"),
        ("@reboot", "no name of a cron"),
    ],
)
def test_a_bad_cron_is_refused_with_the_reason(expression: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_cron(expression)
