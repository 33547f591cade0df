"""Windows of a series: never more than asked for, nothing left out, one call's worth each."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chartline.cascade.resources import (
    TRACK_AIRPLAY,
    TRACK_AUDIENCE,
    Series,
)
from chartline.settings import Settings
from chartline.warehouse.ledger import Item

SETTINGS = Settings()
TODAY = date(2026, 11, 20)
DAY = timedelta(days=1)


def windows(series: Series, covered_to: date | None = None, first_days: int = 90) -> list[tuple[date, date]]:
    item = Item("x", "spotify", None, covered_to)
    return [(w.start, w.end) for w in series.windows(item, TODAY, first_days, SETTINGS)]


def test_the_first_time_is_one_call_of_ninety_days() -> None:
    assert windows(TRACK_AUDIENCE) == [(TODAY - 89 * DAY, TODAY)]


def test_a_year_is_five_calls_oldest_first() -> None:
    found = windows(TRACK_AUDIENCE, first_days=365)
    assert len(found) == 5
    assert found[0][0] == TODAY - 364 * DAY
    assert found[-1][1] == TODAY


def test_the_first_time_is_never_less_than_one_call_can_bring() -> None:
    assert windows(TRACK_AUDIENCE, first_days=60) == windows(TRACK_AUDIENCE, first_days=1) == windows(TRACK_AUDIENCE)


@given(
    series=st.sampled_from([TRACK_AUDIENCE, TRACK_AIRPLAY]),
    known=st.integers(1, 400),
    had=st.none() | st.integers(0, 30),
    first_days=st.integers(1, 1000),
    when=st.sampled_from([0, 5]),
)
def test_a_longer_past_is_filled_once_and_without_a_hole(
    series: Series, known: int, had: int | None, first_days: int, when: int
) -> None:
    end = TODAY - DAY if series.whole_days else TODAY
    first = end - known * DAY
    item = Item(
        "x", "spotify", first, None if had is None else end - min(had, known) * DAY, fetched_on=TODAY - when * DAY
    )
    found = series.windows(item, TODAY, first_days, SETTINGS)
    assert all(0 <= (w.end - w.start).days < SETTINGS.audience_window_days for w in found)
    before = [w for w in found if w.end < first]
    assert found[len(found) - len(before) :] == before, "the past comes last"
    wanted = end - (first_days - 1) * DAY
    if first_days <= SETTINGS.audience_window_days or first <= wanted:
        assert before == []
    else:
        assert before[0].end == first - DAY
        assert before[-1].start == wanted
        assert all(newer.start == older.end + DAY for newer, older in pairwise(before))
        assert (len(found) == len(before)) == (when == 0), "what was had today is not asked again"
        filled = Item("x", "spotify", wanted, item.covered_to, fetched_on=TODAY)
        assert all(w.end >= first for w in series.windows(filled, TODAY, first_days, SETTINGS))


def test_later_only_the_new_days_and_a_small_overlap_are_asked() -> None:
    assert windows(TRACK_AUDIENCE, TODAY - 7 * DAY) == [(TODAY - 9 * DAY, TODAY)]


def test_airplay_is_asked_in_whole_days_that_never_overlap() -> None:
    assert windows(TRACK_AIRPLAY) == [(TODAY - 90 * DAY, TODAY - DAY)]
    assert windows(TRACK_AIRPLAY, TODAY - 7 * DAY) == [(TODAY - 6 * DAY, TODAY - DAY)]


@given(
    series=st.sampled_from([TRACK_AUDIENCE, TRACK_AIRPLAY]),
    behind=st.none() | st.integers(-3, 900),
    first_days=st.integers(1, 1000),
)
def test_windows_tile_the_asked_days(series: Series, behind: int | None, first_days: int) -> None:
    covered_to = None if behind is None else TODAY - behind * DAY
    found = windows(series, covered_to, first_days)
    end = TODAY - DAY if series.whole_days else TODAY
    assert found[-1][1] == end
    assert all((last - first).days < SETTINGS.audience_window_days for first, last in found)
    assert all(later[0] == earlier[1] + DAY for earlier, later in pairwise(found))
    if covered_to is not None and covered_to < end:
        assert found[0][0] <= covered_to + DAY
