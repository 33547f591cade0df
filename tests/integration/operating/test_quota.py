"""What was spent, for what, and whether the rest lasts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chartline.operating import quota
from chartline.warehouse import usage
from chartline.warehouse.reads import quota as rows

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


@pytest.fixture
def spent(story: Any) -> Any:
    """A week in November: each day 20 regular calls of `day`, 10 of its past and 5 of nobody's; 4,000 are left."""
    regular = story.run("day")
    past = story.run("day", run_id="scheduled__2026-01-01_to_2026-01-31_7")
    for day in range(13, 20):
        story.call(at(day), "song", execution=regular, times=18)
        story.call(at(day), "song", execution=regular, status=503, times=1)
        story.call(at(day), "ranking_latest", execution=regular, times=2)
        story.call(at(day), "ranking_at", execution=past, times=10)
        story.call(at(day), "available_rankings", times=5)
    story.call(at(20, 1), "song", execution=regular, left=4000)
    story.call(at(20, 0), "team_usage", left=5000)
    return story


def test_by_day_resource_and_chart(spent: Any) -> None:
    found = quota.overview(spent.conn, NOON)
    assert [(day.day.day, day.calls, day.billed, day.failed, day.regular) for day in found.by_day] == [
        *((day, 36, 35, 1, 25) for day in range(13, 20)),
        (20, 2, 1, 0, 1),
    ]
    assert {one.resource: (one.calls, one.billed) for one in found.by_resource} == {
        "track_metadata": (7 * 19 + 1, 7 * 18 + 1),
        "ranking": (7 * 12, 7 * 12),
        "calendar": (7 * 5, 7 * 5),
        "usage": (1, 0),
    }
    assert {one.chart: one.billed for one in found.by_chart} == {"day": 7 * 30 + 1, "": 7 * 5}
    assert (found.left, found.today, found.this_month) == (4000, 1, 7 * 35 + 1)


def test_the_forecast_reaches_to_the_months_end(spent: Any) -> None:
    found = quota.overview(spent.conn, NOON).forecast
    assert (found.until.isoformat(), found.days) == ("2026-11-30", 7)
    assert (found.regular_a_day, found.all_a_day) == (25, 35)
    assert (found.need_regular, found.need_all) == (263, 368)  # ten days and a half
    assert (found.left_regular, found.enough, found.runs_out) == (4000 - 263, True, None)


def test_what_is_left_may_be_too_little(spent: Any) -> None:
    spent.call(at(20, 11), left=100)
    found = quota.overview(spent.conn, NOON).forecast
    assert (found.enough, found.left_regular) == (False, -163)
    assert found.runs_out is not None
    assert found.runs_out.isoformat() == "2026-11-23"


def test_the_first_day_says_something_already(story: Any) -> None:
    story.call(at(20, 1), times=10)
    found = quota.overview(story.conn, NOON).forecast
    assert (found.days, found.regular_a_day, found.enough) == (1, 10, None)


def test_without_any_call_nothing_is_known(story: Any) -> None:
    found = quota.overview(story.conn, NOON)
    assert (found.left, found.by_day, found.by_chart, found.by_resource) == (None, [], [], [])
    assert (found.forecast.need_regular, found.forecast.enough) == (0, None)


@pytest.mark.parametrize("days", [1, 3, 31])
def test_sums_of_past_days_tell_the_same_as_the_records(spent: Any, days: int) -> None:
    before = quota.overview(spent.conn, NOON, days), rows.by_chart(spent.conn, at(14).date(), at(20).date())
    assert usage.roll_up(spent.conn, NOON.date()) == 7
    assert (quota.overview(spent.conn, NOON, days), rows.by_chart(spent.conn, at(14).date(), at(20).date())) == before
    spent.conn.execute("delete from api_call where at < '2026-11-18'")
    assert quota.overview(spent.conn, NOON, days) == before[0]


def test_summing_up_again_takes_in_what_was_recorded_late(spent: Any) -> None:
    usage.roll_up(spent.conn, NOON.date())
    spent.call(at(19, 23), times=4)
    assert usage.roll_up(spent.conn, NOON.date()) == usage.AGAIN
    assert next(day.calls for day in quota.overview(spent.conn, NOON).by_day if day.day.day == 19) == 40
    assert usage.roll_up(spent.conn, NOON.date()) == usage.AGAIN
    total = spent.conn.execute("select sum(calls) from api_usage").fetchone()
    assert total == (7 * 36 + 4,)


def test_an_empty_warehouse_is_summed_up_in_no_time(story: Any) -> None:
    assert usage.roll_up(story.conn, NOON.date()) == 0


def test_days_without_a_call_are_no_trouble(spent: Any) -> None:
    usage.roll_up(spent.conn, NOON.date())
    later = NOON + timedelta(days=9)
    spent.call(later, times=3)
    assert quota.overview(spent.conn, later).by_day[-1].calls == 3
    usage.roll_up(spent.conn, later.date() + timedelta(days=1))
    assert quota.overview(spent.conn, later).by_day[-1].calls == 3


def test_charts_a_page_at_a_time(spent: Any) -> None:
    found, total = rows.by_chart(spent.conn, at(13).date(), at(20).date(), limit=1)
    assert ([one.chart for one in found], total) == (["day"], 2)
    assert found[0].name == "The day"
    rest, _ = rows.by_chart(spent.conn, at(13).date(), at(20).date(), limit=1, offset=1)
    assert [(one.chart, one.name) for one in rest] == [("", None)]
