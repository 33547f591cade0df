from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from chartline.errors import RankingIncomplete
from chartline.warehouse import charts, rankings, tracks

TABLES = ("chart_ranking", "chart_ranking_entry", "track")


def counts(conn: psycopg.Connection) -> dict[str, int]:
    columns = ", ".join(f"(select count(*) from {table})" for table in TABLES)
    return dict(zip(TABLES, conn.execute(f"select {columns}").fetchone() or (), strict=True))


@pytest.fixture
def chart_id(warehouse: psycopg.Connection, build: Any) -> int:
    return charts.upsert_chart(warehouse, build.chart())


def test_all_pages_become_one_ranking(warehouse: psycopg.Connection, build: Any, chart_id: int) -> None:
    pages = [
        build.page([build.entry(n, n) for n in range(1, 101)], 150),
        build.page([build.entry(n, n) for n in range(101, 151)], 150),
    ]
    stored = rankings.store(warehouse, chart_id, pages, build.AT)
    assert (stored.day, stored.created, stored.entries) == (build.DAY, True, 150)
    assert (stored.tracks_created, stored.tracks_updated) == (150, 0)
    assert counts(warehouse) == {"chart_ranking": 1, "chart_ranking_entry": 150, "track": 150}
    row = warehouse.execute("select * from chart_ranking_entry where position = 7").fetchone()
    assert row is not None
    assert (row[1], str(row[2]), *row[3:]) == (
        7, build.uid(7), 10, 3, date(2026, 11, 1), None, build.DAY, 19, "DOC", 3_000_000_000, None, None,
    )  # fmt: skip
    chart = charts.find(warehouse, "demo-daily")
    assert chart is not None
    assert chart.metric_type == "streamcount"
    assert set(rankings.whole(warehouse, chart_id, [build.DAY])) == {build.DAY}
    found = rankings.find(warehouse, chart_id, build.DAY)
    assert found is not None
    assert (found.id, found.total, found.stamp) == (stored.ranking_id, 150, "2026-11-19T12:00:00+00:00")


@pytest.mark.parametrize("total", [2, 3])
def test_rows_that_left_the_chart_are_counted_not_kept(
    warehouse: psycopg.Connection, build: Any, chart_id: int, total: int
) -> None:
    page = build.page([build.entry(1, 1), build.entry(0, 2), build.entry(2, 3)], total)
    stored = rankings.store(warehouse, chart_id, [page], build.AT)
    assert stored.entries == 2
    assert warehouse.execute("select total, entries, left_chart from chart_ranking").fetchall() == [(total, 2, 1)]


def test_two_tracks_may_share_a_place(warehouse: psycopg.Connection, build: Any, chart_id: int) -> None:
    page = build.page([build.entry(1, 1), build.entry(1, 2), build.entry(3, 1)], 3)
    assert rankings.store(warehouse, chart_id, [page], build.AT).entries == 3
    assert counts(warehouse)["track"] == 2


@pytest.mark.parametrize("case", ["short", "twice", "too many", "two days", "two totals", "no page"])
def test_a_ranking_that_does_not_add_up_writes_nothing(
    warehouse: psycopg.Connection, build: Any, chart_id: int, case: str
) -> None:
    one, two = build.entry(1, 1), build.entry(2, 2)
    pages = {
        "short": [build.page([one, two], 3)],
        "twice": [build.page([one, build.entry(3, 3)], 3), build.page([build.entry(3, 3)], 3)],
        "too many": [build.page([one, two], 1)],
        "two days": [build.page([one], 2), build.page([two], 2, day=build.DAY - timedelta(days=1))],
        "two totals": [build.page([one], 2), build.page([two], 3)],
        "no page": [],
    }[case]
    with pytest.raises(RankingIncomplete, match="nothing was stored"):
        rankings.store(warehouse, chart_id, pages, build.AT)
    assert counts(warehouse) == {"chart_ranking": 0, "chart_ranking_entry": 0, "track": 0}


@pytest.mark.parametrize("total", [2, 3])
def test_a_row_that_came_twice_is_stored_once(
    warehouse: psycopg.Connection, build: Any, chart_id: int, total: int
) -> None:
    one, two = build.entry(1, 1), build.entry(2, 2)
    for pages in ([build.page([one, two, two], total)], [build.page([one, two], total), build.page([two], total)]):
        rankings.store(warehouse, chart_id, pages, build.AT)
        assert warehouse.execute("select total, entries, left_chart from chart_ranking").fetchall() == [(2, 2, 0)]


def test_the_table_itself_refuses_entries_that_do_not_add_up(
    warehouse: psycopg.Connection, build: Any, chart_id: int
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        warehouse.execute(
            "insert into chart_ranking (chart_id, day, stamp, total, entries, fetched_at)"
            " values (%s, '2026-11-19', '', 200, 199, now())",
            [chart_id],
        )


def test_reading_a_day_again_replaces_its_entries_and_no_other_days(
    warehouse: psycopg.Connection, build: Any, chart_id: int
) -> None:
    before = build.DAY - timedelta(days=1)
    rankings.store(warehouse, chart_id, [build.page([build.entry(1, 9)], 1, day=before)], build.AT)
    first = rankings.store(warehouse, chart_id, [build.page([build.entry(1, 1), build.entry(2, 2)], 2)], build.AT)
    again = rankings.store(warehouse, chart_id, [build.page([build.entry(1, 2)], 1)], build.AT + timedelta(hours=1))
    assert (again.ranking_id, again.created, again.entries) == (first.ranking_id, False, 1)
    left = warehouse.execute("select position, track::text from chart_ranking_entry order by ranking_id").fetchall()
    assert left == [(1, build.uid(9)), (1, build.uid(2))]
    rankings.store(warehouse, chart_id, [build.page([], 0)], build.AT + timedelta(hours=2))
    assert warehouse.execute("select track::text from chart_ranking_entry").fetchall() == [(build.uid(9),)]


def test_a_ranking_never_blanks_what_metadata_brought(warehouse: psycopg.Connection, build: Any, chart_id: int) -> None:
    tracks.store_metadata(warehouse, [build.song(1, isrc={"value": "XX1"}, creditName="Full")], build.AT)
    bare = {"uuid": build.uid(1), "name": "Track 1", "creditName": "", "imageUrl": None}
    rankings.store(warehouse, chart_id, [build.page([build.entry(1, 1, song=bare)], 1)], build.AT)
    assert warehouse.execute("select name, credit_name, isrc from track").fetchall() == [("Track 1", "Full", "XX1")]


def test_pages_of_another_chart_are_refused(warehouse: psycopg.Connection, build: Any, chart_id: int) -> None:
    with pytest.raises(ValueError, match="not chart"):
        rankings.store(warehouse, chart_id, [build.page([build.entry(1, 1)], 1, slug="other")], build.AT)


def test_the_calendar_keeps_one_stamp_a_day(warehouse: psycopg.Connection, chart_id: int) -> None:
    stamps = ["2026-11-19T12:00:00+00:00", "2026-11-18T23:30:00+02:00", "2026-11-19T18:00:00+00:00"]
    assert rankings.store_calendar(warehouse, chart_id, stamps) == 2
    assert rankings.store_calendar(warehouse, chart_id, stamps) == 0
    assert rankings.stamps(warehouse, chart_id, date(2026, 11, 17), date(2026, 11, 20)) == {
        date(2026, 11, 18): "2026-11-18T23:30:00+02:00",
        date(2026, 11, 19): "2026-11-19T18:00:00+00:00",
    }
    assert rankings.calendar_size(warehouse, chart_id) == 2


def test_the_calendar_keeps_when_a_day_was_first_seen(warehouse: psycopg.Connection, build: Any, chart_id: int) -> None:
    stamp, later = "2026-11-19T12:00:00+00:00", build.AT + timedelta(hours=1)
    asked = build.AT - timedelta(minutes=15)
    rankings.store_calendar(warehouse, chart_id, [stamp], build.AT)
    rankings.store_calendar(warehouse, chart_id, [stamp], later, {build.DAY: asked})
    rankings.store_calendar(warehouse, chart_id, [stamp], later)
    seen = warehouse.execute("select first_seen_at, not_yet_at from chart_calendar").fetchall()
    assert seen == [(build.AT, asked)]


def test_a_ranking_that_was_cut_is_not_whole(warehouse: psycopg.Connection, build: Any, chart_id: int) -> None:
    before = build.DAY - timedelta(days=1)
    for day in (before, build.DAY):
        rankings.store(warehouse, chart_id, [build.page([build.entry(n, n) for n in (1, 2)], 2, day=day)], build.AT)
    warehouse.execute(
        "delete from chart_ranking_entry e using chart_ranking r where r.id = ranking_id and day = %s and position = 2",
        [before],
    )
    assert set(rankings.whole(warehouse, chart_id, [before, build.DAY])) == {build.DAY}
    assert rankings.newest(warehouse, chart_id) == build.DAY
    assert rankings.newest(warehouse, chart_id, before=build.DAY) == before


def test_several_rankings_are_stored_as_one_by_one(warehouse: psycopg.Connection, build: Any, chart_id: int) -> None:
    days = [build.DAY - timedelta(days=n) for n in range(4)]
    pages = [
        [build.page([build.entry(place, n + place) for place in range(1, 4)], 3, day=day)] for n, day in enumerate(days)
    ]
    rankings.store(warehouse, chart_id, [build.page([build.entry(1, 99)], 1, day=days[1])], build.AT)
    pages[3] = [build.page([], 0, day=days[3])]
    done = rankings.store_all(warehouse, chart_id, [rankings.FetchedRanking(some, build.AT) for some in pages])
    assert [(one.day, one.created, one.entries) for one in done] == [
        (days[0], True, 3), (days[1], False, 3), (days[2], True, 3), (days[3], True, 0),
    ]  # fmt: skip
    assert sum(one.tracks_created for one in done) == 5
    found = warehouse.execute(
        "select day, array_agg(track::text order by position) from chart_ranking_entry"
        " join chart_ranking r on r.id = ranking_id group by 1"
    ).fetchall()
    assert dict(found) == {day: [build.uid(n + place) for place in range(1, 4)] for n, day in enumerate(days[:3])}


def test_nearest_days(warehouse: psycopg.Connection, chart_id: int) -> None:
    days = [date(2026, 11, n) for n in (1, 8, 15, 22)]
    rankings.store_calendar(warehouse, chart_id, [f"{day}T12:00:00+00:00" for day in days])
    assert rankings.nearest_days(warehouse, chart_id, date(2026, 11, 14)) == days[1:]
    assert rankings.nearest_days(warehouse, chart_id + 1, date(2026, 11, 14)) == []
