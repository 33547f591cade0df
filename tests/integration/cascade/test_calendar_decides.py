"""The API's calendar says on which days a chart has a ranking, not the chart's rhythm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chartline.cascade import ranking, report, tracks
from chartline.errors import BadInput, NotYet

from .conftest import Cascade

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)  # a Tuesday
NOTHING: dict[str, Any] = {"steps": []}
Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def world() -> dict[str, Any]:
    return {"entries": 10, "charts": 60, "artists": 30, "missing_share": 0}


@pytest.fixture
def at(cascade: Cascade) -> Callable[[datetime], None]:
    def put(moment: datetime) -> None:
        cascade.server.service.clock.set(moment, frozen=True)

    put(NOW)
    return put


def chart_of(cascade: Cascade, frequency: str, turn: int) -> str:
    charts = cascade.server.service.world.charts()
    return next(chart.slug for chart in charts if chart.frequency == frequency and chart.turn == turn)


def also(cascade: Cascade, monkeypatch: pytest.MonkeyPatch, slug: str, *extra: date) -> None:
    """Have the source list, and give, rankings of a chart on days beside its own."""
    world = type(cascade.server.service.world)
    days, visible, latest = world.days, world.is_visible, world.latest_day

    def more(now: datetime) -> list[date]:
        return [day for day in extra if datetime.combine(day + DAY, datetime.min.time(), UTC) <= now]

    def all_days(self: Any, of: str, now: datetime) -> list[date]:
        return sorted({*days(self, of, now), *(more(now) if of == slug else ())}, reverse=True)

    def newest(self: Any, of: str, now: datetime) -> date | None:
        return max(all_days(self, of, now), default=None) if of == slug else latest(self, of, now)

    monkeypatch.setattr(world, "days", all_days)
    monkeypatch.setattr(world, "latest_day", newest)
    monkeypatch.setattr(
        world, "is_visible", lambda self, of, day, now: visible(self, of, day, now) or (of == slug and day in more(now))
    )


def made(cascade: Cascade) -> Counter[str]:
    return Counter(call.endpoint for call in cascade.server.calls())


def done(cascade: Cascade, run: Any) -> dict[str, Any]:
    tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    return report.report_run(run, [])


def week(friday: date) -> list[date]:
    return [friday - n * DAY for n in range(6, -1, -1)]


FRIDAY, WEDNESDAY = date(2026, 11, 20), date(2026, 11, 18)


@pytest.mark.parametrize("named", [{"day": str(WEDNESDAY)}, {"days": [str(WEDNESDAY)]}], ids=["day", "days"])
def test_a_day_asked_for_by_hand_beside_the_charts_weekday_is_asked_for(
    cascade: Cascade, at: Any, monkeypatch: pytest.MonkeyPatch, query: Query, named: dict[str, Any]
) -> None:
    slug = chart_of(cascade, "weekly", 4)
    done(cascade, cascade.open(slug, "known", day=str(FRIDAY), **NOTHING))
    with cascade.connect() as conn:
        for table in ("fetch_ledger", "raw_answer"):
            conn.execute(f"update chartline.{table} set fetched_at = fetched_at - interval '2 hours'")
    also(cascade, monkeypatch, slug, WEDNESDAY)
    row = done(cascade, cascade.open(slug, "by hand", **named, **NOTHING))
    assert (row["status"], row["rankings_created"], row["days_absent"]) == ("complete", 1, [])
    assert query("select day from chartline.chart_ranking order by day") == [(WEDNESDAY,), (FRIDAY,)]


def test_a_day_that_the_calendar_has_not_is_refused_after_it_was_asked(cascade: Cascade, at: Any) -> None:
    slug = chart_of(cascade, "weekly", 4)
    with pytest.raises(BadInput, match=f"has no ranking on {WEDNESDAY}") as refused:
        ranking.fetch_ranking(cascade.open(slug, day=str(WEDNESDAY), **NOTHING))
    assert str(FRIDAY) in refused.value.advice
    assert made(cascade)["available_rankings"] >= 1


@pytest.mark.parametrize("current", [True, False], ids=["present", "past"])
def test_a_regular_run_takes_such_a_day_of_its_interval_once_the_calendar_shows_it(
    cascade: Cascade, at: Any, monkeypatch: pytest.MonkeyPatch, query: Query, current: bool
) -> None:
    slug = chart_of(cascade, "weekly", 4)
    also(cascade, monkeypatch, slug, WEDNESDAY)
    before = FRIDAY - 7 * DAY
    at(datetime.combine(before + 3 * DAY, datetime.min.time(), UTC))
    done(cascade, cascade.open(slug, "before", interval=(week(before), True), **NOTHING))
    at(NOW)
    with pytest.raises(BadInput):  # whoever looked, the calendar shows it now
        ranking.fetch_ranking(cascade.open(slug, "look", day=str(WEDNESDAY - DAY), **NOTHING))
    row = done(cascade, cascade.open(slug, "regular", interval=(week(FRIDAY), current), **NOTHING))
    assert (row["status"], row["days_absent"]) == ("complete", [])
    assert query("select day from chartline.chart_ranking where day > %s order by day", before) == [
        (WEDNESDAY,),
        (FRIDAY,),
    ]


@pytest.mark.parametrize(("frequency", "turn", "periods"), [("weekly", 4, 3), ("monthly", 15, 1), ("monthly", 28, 2)])
def test_one_day_is_absent_for_each_ranking_that_is_missing(
    cascade: Cascade, at: Any, monkeypatch: pytest.MonkeyPatch, frequency: str, turn: int, periods: int
) -> None:
    charts = {c.turn: c.slug for c in cascade.server.service.world.charts() if c.frequency == frequency}
    turn = turn if turn in charts else max(charts)
    slug, world = charts[turn], type(cascade.server.service.world)
    listed = cascade.server.service.world.days(slug, NOW)
    missing, days = set(listed[2 : 2 + periods]), world.days
    monkeypatch.setattr(world, "days", lambda self, of, now: [d for d in days(self, of, now) if d not in missing])
    first, last = listed[2 + periods], listed[1]
    interval = [first + n * DAY for n in range((last - first).days + 1)]
    row = done(cascade, cascade.open(slug, interval=(interval, False), **NOTHING))
    assert (row["status"], row["rankings_created"]) == ("complete", 2)
    assert row["days_absent"] == sorted(missing)


def test_a_late_ranking_of_a_months_end_is_noted_at_the_months_end(
    cascade: Cascade, at: Any, monkeypatch: pytest.MonkeyPatch, query: Query
) -> None:
    slug = chart_of(cascade, "monthly", 28)
    ends = [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]
    world = type(cascade.server.service.world)
    monkeypatch.setattr(world, "days", lambda self, of, now: [])
    monkeypatch.setattr(world, "is_visible", lambda self, of, day, now: False)
    monkeypatch.setattr(world, "latest_day", lambda self, of, now: None)
    also(cascade, monkeypatch, slug, *ends[:2])
    at(datetime(2026, 2, 1, 6, tzinfo=UTC))
    done(cascade, cascade.open(slug, "january", interval=([ends[0]], True), **NOTHING))
    at(datetime(2026, 3, 1, 6, tzinfo=UTC))
    february = [date(2026, 2, 1) + n * DAY for n in range(28)]
    done(cascade, cascade.open(slug, "february", interval=(february, True), **NOTHING))
    at(datetime(2026, 4, 1, 6, tzinfo=UTC))
    march = [date(2026, 3, 1) + n * DAY for n in range(31)]
    with pytest.raises(NotYet, match="2026-03-31"):
        ranking.fetch_ranking(cascade.open(slug, "march", interval=(march, True), **NOTHING))
    assert query("select facet from chartline.fetch_ledger where resource = 'ranking' and outcome = 'absent'") == [
        ("2026-03-31",)
    ]
