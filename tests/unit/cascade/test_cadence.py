"""The rhythm of a chart's rankings."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chartline.cascade import cadence

DAY = timedelta(days=1)
FIRST = date(2026, 1, 1)
days = st.integers(0, 60).map(lambda count: FIRST + count * DAY)


@given(st.sets(days, min_size=2))
def test_absent_days_of_a_daily_chart_fill_every_hole(listed: set[date]) -> None:
    absent = cadence.absent("daily", sorted(listed))
    first, last = min(listed), max(listed)
    assert set(absent) | listed == {first + count * DAY for count in range((last - first).days + 1)}
    assert not set(absent) & listed


@given(st.integers(0, 6), st.sets(st.integers(0, 50), min_size=2), st.data())
def test_absent_days_of_a_weekly_chart_are_the_weeks_left_out(
    offset: int, weeks: set[int], data: st.DataObject
) -> None:
    """Also where a ranking is dated a day or two beside the chart's weekday."""
    listed = [FIRST + (offset + 7 * week + data.draw(st.integers(-1, 1))) * DAY for week in sorted(weeks)]
    assert len(cadence.absent("Weekly", listed)) == max(weeks) - min(weeks) + 1 - len(weeks)


@given(st.sets(st.integers(0, 40), min_size=2), st.integers(1, 31))
def test_absent_days_of_a_monthly_chart_are_the_months_left_out(months: set[int], on: int) -> None:
    def day_of(month: int) -> date:
        start = date(2026 + month // 12, month % 12 + 1, 1)
        following = (start + 31 * DAY).replace(day=1)
        return min(start + (on - 1) * DAY, following - DAY)

    absent = cadence.absent("monthly", [day_of(month) for month in sorted(months)])
    left_out = set(range(min(months), max(months) + 1)) - months
    assert [(day.year, day.month) for day in absent] == [(2026 + m // 12, m % 12 + 1) for m in sorted(left_out)]


def test_a_frequency_without_a_rhythm_lacks_nothing() -> None:
    assert cadence.absent("yearly", [FIRST, FIRST + 40 * DAY]) == []
