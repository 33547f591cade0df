from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.charts import Chart, catalogue
from simulator.reference import SONG_CHART_PLATFORMS

DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))


def chart(frequency: str = "daily", turn: int = 0, hours: float = 39.0) -> Chart:
    return Chart("c", "C", "spotify", "", frequency, 10, 10, date(2020, 1, 1), hours, 16, 0, 0.5, turn)


@settings(deadline=None)
@given(DAYS, st.sampled_from(["daily", "weekly", "monthly"]), st.integers(1, 6))
def test_neighbouring_days_are_found_from_any_day(day: date, frequency: str, turn: int) -> None:
    one = chart(frequency, turn)
    after = one.day_at_or_after(day)
    before = one.day_before(day)
    assert before < day <= after
    assert one.owns(after)
    assert one.count_days(before, after) == 2
    assert one.day_before(after) == before
    assert one.count_days(after + timedelta(days=1), after) == 0


def test_a_weekly_chart_keeps_its_weekday_and_a_monthly_one_its_day() -> None:
    assert chart("weekly", 4).day_at_or_after(date(2026, 11, 20)).weekday() == 4
    assert chart("monthly", 3).day_at_or_after(date(2026, 12, 4)) == date(2027, 1, 3)
    assert chart("monthly", 3).day_before(date(2026, 1, 3)) == date(2025, 12, 3)


def test_a_day_is_visible_from_its_publication_hour_on() -> None:
    one = chart(hours=39)
    assert one.visible_at(date(2026, 11, 18)) == datetime(2026, 11, 19, 15, tzinfo=UTC)
    assert one.newest_own_day(datetime(2026, 11, 19, 14, 59, tzinfo=UTC)) == date(2026, 11, 17)
    assert one.newest_own_day(datetime(2026, 11, 19, 15, tzinfo=UTC)) == date(2026, 11, 18)


@pytest.mark.parametrize("count", [1, 300, 1500])
def test_a_catalogue_of_any_size_has_distinct_slugs(count: int) -> None:
    charts = catalogue(1, count, 16, 0.3, date(2023, 1, 1), {})
    assert len({one.slug for one in charts}) == count


def test_the_catalogue_covers_all_platforms_and_frequencies() -> None:
    charts = catalogue(1, 300, 16, 0.3, date(2023, 1, 1), {})
    assert {one.platform for one in charts} == {code for _, code in SONG_CHART_PLATFORMS}
    assert {one.frequency for one in charts} == {"daily", "weekly", "monthly"}
    assert len({one.country_code for one in charts}) > 10
    assert any(one.entries < one.capacity for one in charts)
