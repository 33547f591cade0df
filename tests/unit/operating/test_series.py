"""Spans of days and what a series is worth at the end of each of their periods."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.errors import BadInput
from chartline.operating.series import MOST, Point, Resolution, Span, begins, fill, raw
from chartline.warehouse.reads.series import Value

TODAY = date(2026, 11, 20)  # a Friday


def day(text: str) -> date:
    return date.fromisoformat(text)


def value(of: str, amount: int, part: str = "a") -> Value:
    return Value("spotify", part, day(of), amount)


def span(first: str, last: str, resolution: Resolution = "day") -> Span:
    return Span.of(day(first), day(last), resolution, TODAY)


def shown(points: list[Point]) -> list[tuple[str, int, int | None, bool]]:
    return [(point.day.isoformat(), point.value, point.gain, point.carried) for point in points]


def test_identifiers_are_summed_each_at_its_last_value() -> None:
    values = [
        value("2026-11-01", 10),
        value("2026-11-02", 5, "b"),
        value("2026-11-04", 12),
        value("2026-11-04", 6, "b"),
    ]
    assert shown(fill(values, span("2026-11-01", "2026-11-10"))) == [
        ("2026-11-01", 10, None, False),
        ("2026-11-02", 15, 5, False),
        ("2026-11-03", 15, 0, True),
        ("2026-11-04", 18, 3, False),
    ]


def test_what_lies_before_says_what_the_first_period_gained() -> None:
    values = [value("2026-10-20", 10), value("2026-11-02", 13)]
    assert shown(fill(values, span("2026-11-01", "2026-11-02"))) == [
        ("2026-11-01", 10, 0, True),
        ("2026-11-02", 13, 3, False),
    ]


def test_nothing_is_drawn_after_the_newest_value_or_before_the_first() -> None:
    assert fill([value("2026-10-20", 10)], span("2026-11-01", "2026-11-05")) == []
    assert fill([], span("2026-11-01", "2026-11-05")) == []
    assert shown(fill([value("2026-11-03", 1)], span("2026-11-01", "2026-11-05"))) == [("2026-11-03", 1, None, False)]


def test_a_total_may_fall() -> None:
    assert [
        p.gain for p in fill([value("2026-11-01", 9), value("2026-11-02", 4)], span("2026-11-01", "2026-11-02"))
    ] == [
        None,
        -5,
    ]


def test_weeks_and_months_end_with_their_last_value() -> None:
    values = [value("2026-10-30", 1), value("2026-11-02", 3), value("2026-11-08", 7), value("2026-11-11", 8)]
    assert shown(fill(values, span("2026-11-04", "2026-11-15", "week"))) == [
        ("2026-11-08", 7, 6, False),
        ("2026-11-11", 8, 1, False),
    ]
    assert shown(fill(values, span("2026-10-15", "2026-11-15", "month"))) == [
        ("2026-10-31", 1, None, False),
        ("2026-11-11", 8, 7, False),
    ]


def test_raw_values_are_thinned_to_one_a_period() -> None:
    values = [value("2026-10-30", 1), value("2026-11-02", 3), value("2026-11-08", 7), value("2026-11-11", 8)]
    found = raw(values, span("2026-11-02", "2026-11-15", "week"))
    assert [(p.day.isoformat(), p.value) for p in found] == [("2026-11-08", 7), ("2026-11-11", 8)]
    assert len(raw(values, span("2026-10-01", "2026-11-15"))) == 4


@pytest.mark.parametrize(
    ("resolution", "first"), [("day", "2026-08-23"), ("week", "2025-11-17"), ("month", "2024-12-01")]
)
def test_by_default_some_periods_up_to_today(resolution: Resolution, first: str) -> None:
    assert Span.of(None, None, resolution, TODAY) == Span(day(first), TODAY, resolution)


def test_what_lies_in_the_future_is_left_out() -> None:
    assert Span.of(day("2026-11-19"), day("2027-01-01"), "day", TODAY).last == TODAY


@pytest.mark.parametrize(
    ("first", "last", "resolution", "field"),
    [
        ("2026-11-10", "2026-11-09", "day", "from"),
        ("2026-11-21", None, "day", "from"),
        ("2025-11-19", "2026-11-20", "day", "from"),
        ("1999-12-31", "2000-02-01", "day", "from"),
        (None, "1999-12-31", "day", "to"),
        ("0001-01-01", None, "month", "from"),
    ],
)
def test_bad_ranges_are_refused_by_field(
    first: str | None, last: str | None, resolution: Resolution, field: str
) -> None:
    with pytest.raises(BadInput) as refused:
        Span.of(day(first) if first else None, day(last) if last else None, resolution, TODAY)
    assert refused.value.field == field
    assert str(refused.value).startswith(f"{field}: ")


@given(st.dates(date(2000, 1, 1), TODAY), st.integers(0, MOST - 1), st.sampled_from(["day", "week", "month"]))
def test_periods_follow_each_other_without_a_hole(last: date, back: int, resolution: Resolution) -> None:
    first = max(last - timedelta(days=back), date(2000, 1, 1))
    periods = list(Span.of(first, last, resolution, TODAY).periods())
    assert periods[0][0] == begins(first, resolution)
    assert periods[-1][1] == last
    assert all(after[0] - before[1] == timedelta(days=1) for before, after in itertools.pairwise(periods))
    assert all(begins(start, resolution) == start for start, _ in periods)
