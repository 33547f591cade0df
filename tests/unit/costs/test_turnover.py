"""Ranges hold what they must, whatever a chart does."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.costs import turnover
from chartline.costs.outlook import stretches
from chartline.costs.turnover import rate
from chartline.warehouse.reads.costs import ArtistSample, RankingSample

counts = st.lists(st.integers(0, 200), min_size=5, max_size=5).map(sorted)
standings = st.builds(
    RankingSample,
    id=st.just(1),
    day=st.just(date(2026, 3, 1)),
    total=st.just(200),
    dated=st.integers(0, 200),
    newcomers=counts,
)


def standing(*newcomers: int, dated: int = 200) -> RankingSample:
    return RankingSample(1, date(2026, 3, 1), 200, dated, list(newcomers))


@given(st.lists(standings, max_size=10), st.sampled_from(["daily", "weekly", "monthly", "yearly"]), st.integers(1, 500))
def test_a_rate_is_a_range_within_the_chart(rankings: list[RankingSample], frequency: str, places: int) -> None:
    found = rate(rankings, frequency, places)
    assert 0 <= found.low <= found.high <= places


def test_many_rankings_say_more_than_one() -> None:
    one = rate([standing(7, 14, 21, 35, 49)], "daily", 200)
    month = rate([standing(7, 14, 21, 35, 49)] * 31, "daily", 200)
    assert one.low < month.low < 7 < month.high < one.high


def test_few_newcomers_are_counted_over_more_days() -> None:
    """One new track of 40 on the newest day does not say that there are none, nor that there are many."""
    found = rate([standing(1, 3, 5, 7, 10)], "daily", 40)
    assert 0 < found.low < 10 / 7 < found.high < 5


def test_rankings_that_do_not_tell_are_left_out() -> None:
    assert rate([standing(0, 0, 0, 0, 0, dated=0)], "daily", 100) == rate([], "daily", 100)


@given(
    tracks=st.integers(0, 1000),
    links=st.integers(0, 3000),
    once=st.integers(0, 500),
    twice=st.integers(0, 500),
    low=st.integers(0, 5000),
    more=st.integers(0, 5000),
)
def test_artists_are_a_range(tracks: int, links: int, once: int, twice: int, low: int, more: int) -> None:
    sample = ArtistSample(tracks, max(links, once + 2 * twice), once + twice, once, twice)
    few, many = turnover.artists(sample, low, low + more)
    assert 0 <= few <= many


def test_where_every_artist_is_known_few_more_are_expected() -> None:
    known = turnover.artists(ArtistSample(500, 900, 60, 0, 0), 400, 500)
    open_ended = turnover.artists(ArtistSample(500, 900, 800, 720, 60), 400, 500)
    assert known[1] < 10 < 100 < open_ended[0] < open_ended[1]


@pytest.mark.parametrize(
    ("missing", "found"),
    [
        ([], []),
        ([3], [(1, 2)]),
        ([1, 2], [(2, 1)]),
        ([6], [(1, 1)]),
        ([1, 2, 4, 5, 6], [(2, 1), (3, 1)]),
        ([1, 2, 3, 4, 5, 6], [(6, 0)]),
        ([3, 9], [(1, 2)]),
    ],
)
def test_stretches_of_missing_days_know_their_neighbours(missing: list[int], found: list[tuple[int, int]]) -> None:
    calendar = [date(2026, 3, day) for day in range(1, 7)]
    asked = [date(2026, 3, day) for day in missing]
    assert stretches(calendar, asked, set(calendar) - set(asked)) == found


def test_a_day_that_is_neither_asked_for_nor_here_is_no_neighbour() -> None:
    calendar = [date(2026, 3, day) for day in range(1, 7)]
    assert stretches(calendar, calendar[2:5], {calendar[5]}) == [(3, 1)]
