"""Which rows of a ranking came twice, and whether all have come."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.soundcharts.entries import Entries
from chartline.soundcharts.models import RankingItem


def row(position: int, track: int | None = None, **more: object) -> RankingItem:
    uuid = f"{position if track is None else track:08x}-0000-4000-8000-000000000000"
    return RankingItem.model_validate({"song": {"uuid": uuid, "name": "Song"}, "position": position, **more})


TWENTY = [row(number) for number in range(1, 21)]


@pytest.mark.parametrize("total", [20, 21])
@pytest.mark.parametrize("pages", [
    [[*TWENTY, TWENTY[4]]],
    [[TWENTY[0], *TWENTY]],
    [TWENTY[:10], [TWENTY[9], *TWENTY[10:]]],
    [TWENTY, [TWENTY[19]]],
])  # fmt: skip
def test_a_row_listed_twice_counts_once_whether_the_total_counts_it_or_not(pages: list[Any], total: int) -> None:
    entries = Entries.of(pages)
    assert entries.are_whole(total)
    assert [item.position for item in entries.items] == list(range(1, 21))
    assert (entries.doubles, entries.total(total)) == (1, 20)


@pytest.mark.parametrize(("pages", "total"), [
    ([TWENTY], 21),
    ([TWENTY[:19]], 20),
    ([TWENTY], 19),
    ([[*TWENTY, TWENTY[0]]], 22),
    ([[*TWENTY, TWENTY[0], TWENTY[0]]], 21),
    ([[*TWENTY[:6], *TWENTY[7:], TWENTY[11]]], 20),
    ([TWENTY[:10], [TWENTY[0], *TWENTY[11:]]], 20),  # the eleventh was pushed out by a row that came again
    ([[]], 1),
])  # fmt: skip
def test_what_is_short_stays_short(pages: list[Any], total: int) -> None:
    assert not Entries.of(pages).are_whole(total)


def test_of_two_rows_of_one_entry_the_later_is_read() -> None:
    entries = Entries.of([[row(1, metric=5), row(1, metric=7)]])
    assert [item.metric for item in entries.items] == [7]


def test_ties_and_a_track_at_two_positions_are_entries_of_their_own() -> None:
    entries = Entries.of([[row(1, 1), row(1, 2), row(3, 1)]])
    assert entries.are_whole(3)
    assert (len(entries.items), entries.doubles) == (3, 0)


def test_rows_that_left_and_came_twice() -> None:
    entries = Entries.of([[*TWENTY, row(0, 99), row(0, 99)]])
    assert [total for total in range(30) if entries.are_whole(total)] == [20, 21, 22]
    assert [entries.total(total) for total in (20, 21, 22)] == [20, 21, 21]


@given(st.lists(st.integers(0, 19), max_size=8), st.integers(1, 20))
def test_whatever_is_doubled_nothing_is_whole_without_each_row(doubled: list[int], size: int) -> None:
    rows = [*TWENTY, *(TWENTY[number] for number in doubled)]
    pages = [rows[start : start + size] for start in range(0, len(rows), size)]
    assert Entries.of(pages).are_whole(20)
    lost = [[item for item in page if item.position != 7] for page in pages]
    assert not Entries.of(lost).are_whole(20)
