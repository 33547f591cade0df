"""The present: the latest ranking, waited for when it is late, and what was missed before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.cascade import ranking, report, tracks
from chartline.cascade.run import Run
from chartline.domain import due_days
from chartline.domain.delay import learned_delay
from chartline.domain.due_days import Rhythm
from chartline.domain.grid import Grid
from chartline.errors import NotYet

from .conftest import Cascade

CHART = "demo-global-daily"
LATE = "demo-france-daily"
FIRST = date(2026, 10, 1)
NOTHING: dict[str, Any] = {"steps": []}
Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def world() -> dict[str, Any]:
    """Ranked until midnight; CHART is out then, LATE three hours later."""
    return {
        "entries": 20,
        "charts": 5,
        "artists": 30,
        "missing_share": 0,
        "publication_hours": {CHART: 24, LATE: 27},
        "missing_days": {CHART: [date(2026, 10, 4)]},
    }


def midnight_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)


def at(cascade: Cascade, moment: datetime) -> None:
    cascade.server.service.clock.set(moment, frozen=True)


def opened(cascade: Cascade, slug: str, *days: date, run_id: str = "") -> Run:
    return cascade.open(slug, run_id or f"{slug} {days[-1]}", interval=(days, True), **NOTHING)


def waited(cascade: Cascade, run: Run) -> list[str]:
    """As Airflow does: put off as long as the step says, by the simulator's clock."""
    while True:
        try:
            return ranking.fetch_ranking(run)
        except NotYet as wait:
            at(cascade, cascade.server.service.clock.now() + timedelta(seconds=wait.after))


def done(cascade: Cascade, run: Run) -> dict[str, Any]:
    tracks.upsert_tracks(run, waited(cascade, run))
    return report.report_run(run, [])


def made(cascade: Cascade) -> Counter[str]:
    return Counter(call.endpoint for call in cascade.server.calls())


def test_a_ranking_three_hours_late_is_waited_for_and_the_delay_is_learned(cascade: Cascade, query: Query) -> None:
    grid, delay, early, landed = Grid("daily"), timedelta(0), [], []
    start = FIRST - timedelta(days=1)
    at(cascade, midnight_after(start) + timedelta(hours=4))
    done(cascade, opened(cascade, LATE, start))
    for day in (FIRST + timedelta(days=n) for n in range(10)):
        at(cascade, grid.owner_end(day) + delay)
        row = done(cascade, opened(cascade, LATE, day))
        assert (row["status"], row["rankings_created"], row["days_left"]) == ("complete", 1, [])
        early.append(row["asked_early"])
        landed.append(cascade.server.service.clock.now() - midnight_after(day))
        seen = query("select day, first_seen_at, not_yet_at from chartline.chart_calendar where day > %s", start)
        delay = learned_delay(seen, grid)
    assert early[0] == 4
    assert sum(early[1:]) <= 1, early
    assert max(landed) <= timedelta(hours=3, minutes=45)
    assert made(cascade)["ranking_latest"] == 11 + sum(early)
    assert made(cascade).keys() == {"ranking_latest"}
    [(first_seen, not_yet)] = query(
        "select first_seen_at, not_yet_at from chartline.chart_calendar where day = %s", FIRST
    )
    assert first_seen - midnight_after(FIRST) == timedelta(minutes=225)
    assert first_seen - not_yet == timedelta(minutes=120)


def test_a_ranking_that_does_not_come_is_left_to_the_audit_and_taken_up_by_the_next_run(
    cascade: Cascade, query: Query
) -> None:
    lacking = date(2026, 10, 4)
    at(cascade, midnight_after(lacking - timedelta(days=1)))
    done(cascade, opened(cascade, CHART, lacking - timedelta(days=1)))
    at(cascade, midnight_after(lacking))
    row = done(cascade, opened(cascade, CHART, lacking))
    assert (row["status"], row["days_left"], row["rankings_created"]) == ("partial", [lacking], 0)
    # 15, 45, 105 and 225 minutes, then every two hours until a day is over
    assert row["asked_early"] == row["calls"] == 15
    assert "asked 15 times too early" in report.summary(row)
    assert "left to the gap audit" in report.summary(row)
    cascade.server.service.world.settings.missing_days[CHART].clear()  # it comes after all
    cascade.server.service.world._due.clear()
    at(cascade, midnight_after(lacking + timedelta(days=1)))
    row = done(cascade, opened(cascade, CHART, lacking + timedelta(days=1)))
    assert (row["status"], row["rankings_created"]) == ("complete", 2)
    [(seen, not_yet)] = query("select first_seen_at, not_yet_at from chartline.chart_calendar where day = %s", lacking)
    assert not_yet < midnight_after(lacking + timedelta(days=1)) == seen


def test_the_first_run_of_a_chart_takes_the_latest_there_is(cascade: Cascade) -> None:
    at(cascade, midnight_after(FIRST))
    row = done(cascade, opened(cascade, LATE, FIRST))
    assert (row["status"], row["calls"], row["asked_early"]) == ("complete", 1, 0)


def test_a_day_that_is_here_costs_no_call(cascade: Cascade) -> None:
    at(cascade, midnight_after(FIRST))
    done(cascade, opened(cascade, CHART, FIRST))
    row = done(cascade, opened(cascade, CHART, FIRST, run_id="again"))
    assert (row["status"], row["calls"], row["rankings_created"]) == ("complete", 0, 0)


def test_the_tail_is_taken_up_when_it_is_short(cascade: Cascade, query: Query) -> None:
    at(cascade, midnight_after(FIRST))
    done(cascade, opened(cascade, CHART, FIRST))
    at(cascade, midnight_after(FIRST + timedelta(days=6)))
    row = done(cascade, opened(cascade, CHART, FIRST + timedelta(days=6)))
    assert row["rankings_created"] == 5  # the 4th is not in the calendar, and no day of this run
    assert (row["status"], row["days_absent"]) == ("complete", [])
    assert made(cascade) == Counter(ranking_latest=2, ranking_at=4, available_rankings=1)  # of many pages
    at(cascade, midnight_after(FIRST + timedelta(days=20)))
    row = done(cascade, opened(cascade, CHART, FIRST + timedelta(days=20)))
    assert (row["rankings_created"], row["calls"]) == (1, 1)


def test_an_interval_of_a_week_takes_all_its_days(cascade: Cascade) -> None:
    week = [FIRST + timedelta(days=n) for n in range(7)]
    at(cascade, midnight_after(week[-1]))
    row = done(cascade, opened(cascade, CHART, *week))
    assert (row["status"], row["rankings_created"]) == ("complete", 6)
    assert row["days_absent"] == [date(2026, 10, 4)]


def test_a_weekly_charts_week_needs_no_calendar(cascade: Cascade) -> None:
    slug = next(c.slug for c in cascade.server.service.world.charts() if c.frequency == "weekly")
    at(cascade, midnight_after(date(2026, 10, 20)))
    last = cascade.server.service.world.latest_day(slug, cascade.server.service.clock.now())
    assert last is not None
    for day in (last, last + timedelta(days=7)):
        at(cascade, midnight_after(day) + timedelta(days=1))
        row = done(cascade, opened(cascade, slug, *(day - timedelta(days=n) for n in range(7))))
        assert (row["status"], row["rankings_created"], row["asked_early"]) == ("complete", 1, 0)
    assert made(cascade) == Counter(ranking_latest=2)
    # asked every day, it is late only when its own day has come
    for n in range(1, 7):
        at(cascade, midnight_after(last + timedelta(days=7 + n)))
        row = done(cascade, opened(cascade, slug, last + timedelta(days=7 + n)))
        assert (row["status"], row["calls"]) == ("complete", 0)


def test_an_interval_without_a_day_asks_for_the_latest_once(cascade: Cascade) -> None:
    at(cascade, midnight_after(FIRST))
    row = done(cascade, cascade.open(CHART, "hourly", interval=([], True), **NOTHING))
    assert (row["status"], row["rankings_created"], row["calls"]) == ("complete", 1, 1)


def test_a_retry_waits_from_where_it_was(cascade: Cascade) -> None:
    at(cascade, midnight_after(FIRST - timedelta(days=1)) + timedelta(hours=4))
    done(cascade, opened(cascade, LATE, FIRST - timedelta(days=1)))
    at(cascade, midnight_after(FIRST))
    for minutes in (15, 30, 60, 120):
        with pytest.raises(NotYet) as wait:
            ranking.fetch_ranking(opened(cascade, LATE, FIRST))
        assert wait.value.after == minutes * 60


@given(st.integers(0, 240))
def test_waits_grow_and_end(hours: int) -> None:
    waits: list[timedelta] = []
    while (wait := ranking.wait(len(waits) + 1, hours)) is not None:
        waits.append(wait)
    assert waits == sorted(waits)
    assert sum(waits, timedelta()) <= timedelta(hours=hours)
    assert len(waits) <= 4 + hours / 2


@given(
    st.sampled_from(["daily", "Weekly", "monthly", "", "yearly"]),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.integers(0, 60),
    st.integers(-90, 90),
)
def test_a_ranking_is_expected_only_in_the_interval_and_after_the_newest(
    frequency: str, last: date, length: int, newest: int
) -> None:
    interval = [last - timedelta(days=n) for n in reversed(range(length))]
    had = last - timedelta(days=newest)
    rhythm = Rhythm.of(frequency, [had])
    due = rhythm.expected(had, interval)
    assert set(due) <= {day for day in interval if day > had}
    assert rhythm.expected(due[-1] if due else last, interval) == []
    if frequency == "daily":
        assert due == [day for day in interval if day > had]
    else:
        apart = due_days.step(frequency)
        assert all(later - earlier >= apart for earlier, later in zip([had, *due], due, strict=False))
