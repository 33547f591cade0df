"""The views, against numbers worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import psycopg

from chartline.soundcharts.models import ArtistAudienceItem
from chartline.warehouse import audience, charts, rankings, tracks


def rows(conn: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return conn.execute(query).fetchall()


def test_latest_ranking_is_the_newest_day_with_names(warehouse: psycopg.Connection, build: Any) -> None:
    chart_id = charts.upsert_chart(warehouse, build.chart())
    before = build.DAY - timedelta(days=1)
    rankings.store(warehouse, chart_id, [build.page([build.entry(1, 2), build.entry(2, 1)], 2)], build.AT)
    rankings.store(warehouse, chart_id, [build.page([build.entry(1, 3)], 1, day=before)], build.AT)
    tracks.store_metadata(
        warehouse, [build.song(1, artists=[build.light(12, "Zoe"), build.light(11, "Ada")])], build.AT
    )
    assert rows(
        warehouse, "select chart, day, position, track_name, credit_name, artists from latest_ranking order by position"
    ) == [
        ("demo-daily", build.DAY, 1, "Track 2", "Artist 2", None),
        ("demo-daily", build.DAY, 2, "Track 1", "Artist 1", ["Zoe", "Ada"]),
    ]


def test_a_tracks_total_sums_identifiers_and_carries_them_forward(warehouse: psycopg.Connection, build: Any) -> None:
    """a: 100, 110, –, 130; b starts on the second day: 50, –, 40 (re-mapped); no value on the 4th."""
    items = [
        build.song_item("2026-11-01", a=100),
        build.song_item("2026-11-02", a=110, b=50),
        build.song_item("2026-11-03", b=50),
        build.song_item("2026-11-05", a=130, b=40),
    ]
    other = [build.song_item("2026-11-01", a=7)]
    audience.store_track(
        warehouse,
        [(build.uid(1), "spotify", items), (build.uid(1), "youtube", other), (build.uid(2), "spotify", other)],
    )
    mine = f"where track = '{build.uid(1)}' and platform = 'spotify' order by day"
    assert rows(warehouse, f"select day::text, value, identifiers from track_audience_daily {mine}") == [
        ("2026-11-01", 100, 1),
        ("2026-11-02", 160, 2),
        ("2026-11-03", 160, 1),
        ("2026-11-05", 170, 2),
    ]
    assert rows(warehouse, f"select day::text, value, gain, days from track_audience_gain {mine}") == [
        ("2026-11-01", 100, None, None),
        ("2026-11-02", 160, 60, 1),
        ("2026-11-03", 160, 0, 1),
        ("2026-11-05", 170, 10, 2),
    ]
    assert rows(
        warehouse,
        "select track::text, platform, day::text, value, identifiers from track_audience_latest order by 1, 2",
    ) == [
        (build.uid(1), "spotify", "2026-11-05", 170, 2),
        (build.uid(1), "youtube", "2026-11-01", 7, 1),
        (build.uid(2), "spotify", "2026-11-01", 7, 1),
    ]


def test_the_newest_total_counts_an_identifier_that_is_no_longer_looked_at(
    warehouse: psycopg.Connection, build: Any
) -> None:
    items = [build.song_item("2026-10-30", a=100, b=5), build.song_item("2026-11-02", b=8)]
    audience.store_track(warehouse, [(build.uid(1), "shazam", items)])
    assert rows(warehouse, "select day::text, value from track_audience_latest") == [("2026-11-02", 108)]


def test_an_artists_gain_spans_the_days_without_value(warehouse: psycopg.Connection, build: Any) -> None:
    items = [
        ArtistAudienceItem.model_validate({"date": day, "followerCount": followers, "likeCount": likes})
        for day, followers, likes in (("2026-11-01", 10, 1), ("2026-11-08", 7, None), ("2026-11-09", 9, 4))
    ]
    audience.store_artist(warehouse, [(build.uid(1), "tiktok", items)])
    assert rows(warehouse, "select metric, day::text, gain, days from artist_audience_gain order by 1, 2") == [
        ("followers", "2026-11-01", None, None),
        ("followers", "2026-11-08", -3, 7),
        ("followers", "2026-11-09", 2, 1),
        ("likes", "2026-11-01", None, None),
        ("likes", "2026-11-09", 3, 8),
    ]
    assert rows(warehouse, "select metric, day::text, value from artist_audience_latest order by 1") == [
        ("followers", "2026-11-09", 9),
        ("likes", "2026-11-09", 4),
    ]


def test_completeness_counts_the_calendars_days_that_are_not_stored(warehouse: psycopg.Connection, build: Any) -> None:
    chart_id = charts.upsert_chart(warehouse, build.chart())
    charts.upsert_chart(warehouse, build.chart("never-followed"))
    rankings.store_calendar(warehouse, chart_id, [f"2026-11-{day}T12:00:00+00:00" for day in (15, 16, 17, 18, 19)])
    for day in (14, 16, 19):  # the 14th is not in the calendar
        page = build.page([build.entry(1, 1), build.entry(2, 2)], 2, day=date(2026, 11, day))
        rankings.store(warehouse, chart_id, [page], build.AT)
    assert rows(warehouse, "select * from chart_completeness order by chart") == [
        (
            "demo-daily", "spotify", 3, 6, date(2026, 11, 14), date(2026, 11, 19), 5, date(2026, 11, 15),
            date(2026, 11, 19), 3, 0,
        ),
        ("never-followed", "spotify", 0, 0, None, None, 0, None, None, 0, 0),
    ]  # fmt: skip


def test_cost_by_day_endpoint_and_chart(warehouse: psycopg.Connection) -> None:
    execution = warehouse.execute(
        "insert into chart_sync_execution (chart_slug, dag_id, run_id) values ('demo-daily', 'd', 'r') returning id"
    ).fetchone()
    assert execution is not None
    calls: list[tuple[str, str, int | None, int, int, int | None]] = [
        ("2026-11-19 23:59:59+00", "song", 200, 100, 1000, execution[0]),
        ("2026-11-20 00:30:00+01", "song", 404, 300, 50, execution[0]),
        ("2026-11-19 12:00:00+00", "song", 503, 200, 0, execution[0]),
        ("2026-11-19 12:00:00+00", "song", 429, 20, 0, execution[0]),
        ("2026-11-19 12:00:00+00", "song", None, 5000, 0, execution[0]),
        ("2026-11-20 12:00:00+00", "song", 200, 100, 1000, execution[0]),
        ("2026-11-20 12:00:00+00", "team_usage", 200, 100, 10, None),
    ]
    with warehouse.cursor() as cursor:
        cursor.executemany(
            "insert into api_call (at, endpoint, status, ms, bytes, execution_id) values (%s, %s, %s, %s, %s, %s)",
            calls,
        )
    assert rows(
        warehouse,
        "select day::text, endpoint, chart, calls, billed, failed, bytes, mean_ms from api_cost_daily order by 1, 2",
    ) == [
        ("2026-11-19", "song", "demo-daily", 5, 2, 4, 1050, 1124),
        ("2026-11-20", "song", "demo-daily", 1, 1, 0, 1000, 100),
        ("2026-11-20", "team_usage", "", 1, 0, 0, 10, 100),
    ]
