"""A quarter of each kind of schedule by the simulator's clock: the timetable says when, the run fetches its days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pendulum
import pytest
from airflow.timetables.base import TimeRestriction

from chartline.cascade import ranking, report, tracks
from chartline.cascade.run import Run
from chartline.domain.schedule import Schedule
from chartline.errors import NotYet
from chartline.schedules import service
from chartline.warehouse import schedules
from chartline_airflow import timetable
from chartline_airflow.timetable import ChartTimetable

from .conftest import Cascade

FOLLOWED = datetime(2026, 8, 1, 10, tzinfo=UTC)
END = datetime(2026, 11, 1, tzinfo=UTC)
FRIDAY = 4
DAILY = "demo-global-daily"


@pytest.fixture
def world() -> dict[str, Any]:
    return {"entries": 10, "charts": 60, "artists": 30, "missing_share": 0}


@dataclass
class Quarter:
    """What came of it: stored days with the simulator's time at which each was, runs, and calls by endpoint."""

    stored: dict[date, datetime]
    runs: int
    calls: Counter[str]


def live(cascade: Cascade, query: Callable[..., Any], monkeypatch: Any, slug: str, **settings: Any) -> Quarter:
    """Follow a chart on FOLLOWED and run its DAG's runs until END, each when the timetable has it run."""
    with cascade.connect() as conn:
        service.add(conn, slug, settings, client=cascade.client)
        conn.execute(
            "update chartline.chart_sync_schedule set created_at = %s, history_asked_at = %s", [FOLLOWED, FOLLOWED]
        )
        conn.execute("delete from chartline.chart_calendar")  # the look-up of today's latest is not of this story
    cascade.server.service.counts.reset()
    clock = cascade.server.service.clock
    clock.set(FOLLOWED, frozen=True)
    monkeypatch.setattr(timetable, "_now", clock.now)
    last, runs = None, 0
    while True:
        with cascade.connect() as conn:
            schedule = schedules.get(conn, slug)
        assert schedule is not None
        plan = ChartTimetable(schedule.grid, schedule.first_interval, FOLLOWED, 31)
        restriction = TimeRestriction(pendulum.instance(schedule.start_date), None, catchup=schedule.catchup)
        info = plan.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
        assert info is not None
        assert info.data_interval is not None
        if info.run_after >= END:
            break
        clock.set(max(info.run_after, clock.now()), frozen=True)
        start, end = info.data_interval
        current = clock.now() < schedule.grid.next(end) + schedule.grid.publication_delay
        days = schedule.grid.days(start, end)
        due = end.date() - timedelta(days=1)
        done(cascade, cascade.open(slug, f"run {runs}", interval=(days, current), due=due, steps=[]))
        last, runs = info, runs + 1
    seen = query("select day, first_seen_at from chartline.chart_calendar join chartline.chart_ranking using (day)")
    print(f"{schedule.grid.text()}: {len(seen)} days stored, {runs} runs, {dict(calls(cascade))}")
    return Quarter(dict(seen), runs, calls(cascade))


def calls(cascade: Cascade) -> Counter[str]:
    return Counter(call.endpoint for call in cascade.server.calls())


def done(cascade: Cascade, run: Run) -> None:
    clock = cascade.server.service.clock
    while True:
        try:
            days = ranking.fetch_ranking(run)
        except NotYet as wait:
            clock.set(clock.now() + timedelta(seconds=wait.after), frozen=True)
        else:
            tracks.upsert_tracks(run, days)
            assert report.report_run(run, [])["status"] == "complete"
            return


def days_of(cascade: Cascade, slug: str, since: datetime) -> set[date]:
    """The days whose ranking came out from then until END."""
    world = cascade.server.service.world
    before = world.latest_day(slug, since)
    assert before is not None
    return {day for day in world.days(slug, END) if day >= before}


def chart_of(cascade: Cascade, frequency: str, turn: int | None = None) -> str:
    charts = cascade.server.service.world.charts()
    return next(chart.slug for chart in charts if chart.frequency == frequency and turn in (None, chart.turn))


def patience(cascade: Cascade, slug: str, days: dict[date, datetime]) -> list[timedelta]:
    """How long after its publication each ranking was stored."""
    chart = cascade.server.service.world.chart(slug)
    assert chart is not None
    hours = timedelta(hours=chart.publication_hours)
    return [seen - datetime.combine(day, datetime.min.time(), UTC) - hours for day, seen in sorted(days.items())]


def test_a_weekly_chart_of_fridays(cascade: Cascade, query: Any, monkeypatch: Any) -> None:
    slug = chart_of(cascade, "weekly", FRIDAY)
    quarter = live(cascade, query, monkeypatch, slug)
    assert quarter.stored.keys() == days_of(cascade, slug, FOLLOWED)
    assert {day.weekday() for day in quarter.stored} == {FRIDAY}
    assert len(quarter.stored) in (14, 15)  # one of before: the latest when it was followed
    assert quarter.runs <= 15
    assert max(patience(cascade, slug, quarter.stored)[2:]) < timedelta(days=1)


def test_a_monthly_chart(cascade: Cascade, query: Any, monkeypatch: Any) -> None:
    slug = chart_of(cascade, "monthly")
    quarter = live(cascade, query, monkeypatch, slug)
    assert quarter.stored.keys() == days_of(cascade, slug, FOLLOWED)
    assert len(quarter.stored) in (3, 4)
    assert quarter.runs <= 5


@pytest.mark.timeout(400)
def test_every_six_hours(cascade: Cascade, query: Any, monkeypatch: Any) -> None:
    quarter = live(cascade, query, monkeypatch, DAILY, custom_interval_hours=6)
    assert quarter.stored.keys() == days_of(cascade, DAILY, FOLLOWED)
    assert 4 * 90 <= quarter.runs <= 4 * 93
    assert quarter.calls["ranking_latest"] <= 1.5 * len(quarter.stored), "no call where nothing new can be"


@pytest.mark.timeout(400)
def test_a_cron(cascade: Cascade, query: Any, monkeypatch: Any) -> None:
    quarter = live(cascade, query, monkeypatch, DAILY, cron="30 6 * * 1,4")
    out = {day for day in days_of(cascade, DAILY, FOLLOWED) if day <= max(quarter.stored)}
    assert quarter.stored.keys() >= out
    assert max(quarter.stored) >= END.date() - timedelta(days=6), "the last run was on Thursday the 29th"
    assert quarter.runs <= 28


def test_the_model_knows_the_chart_s_own_weekday(cascade: Cascade) -> None:
    slug = chart_of(cascade, "weekly", FRIDAY)
    with cascade.connect() as conn:
        schedule: Schedule = service.add(conn, slug, client=cascade.client)
    assert schedule.grid.text() == "weekly, Fridays"
