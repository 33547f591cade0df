"""How far the charts are filled, as the warehouse tells it."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg
import pytest

from chartline.cascade.resources import series_tables
from chartline.warehouse import charts, rankings, schedules
from chartline.warehouse.reads import progress
from chartline.warehouse.reads.progress import Holding, Work

SETTINGS = {"sync_frequency": "daily", "track_platforms": ["spotify"], "artist_platforms": ["spotify"]}


@pytest.fixture
def followed(warehouse: psycopg.Connection, build: Any) -> psycopg.Connection:
    """Two charts are followed; `one` has tracks 1 to 3 on its ranking, `two` has tracks 3 and 4."""
    for slug, tracks in (("one", (1, 2, 3)), ("two", (3, 4))):
        chart_id = charts.upsert_chart(warehouse, build.chart(slug))
        schedules.add(warehouse, chart_id, SETTINGS, "a test")
        entries = [build.entry(place, track) for place, track in enumerate(tracks, 1)]
        rankings.store(warehouse, chart_id, [build.page(entries, len(entries), slug=slug)], build.AT)
    return warehouse


def execute(conn: psycopg.Connection, slug: str, status: str, run: str = "1", **more: Any) -> int:
    fields = {"chart_slug": slug, "dag_id": f"chartline.chart_sync.{slug}", "run_id": run, "status": status} | more
    names, holes = ", ".join(fields), ", ".join(f"%({name})s" for name in fields)
    row = conn.execute(
        f"insert into chart_sync_execution ({names}) values ({holes}) returning id",
        fields,
    ).fetchone()
    assert row is not None
    return int(row[0])


def call(conn: psycopg.Connection, execution: int, endpoint: str, entity: str) -> None:
    conn.execute(
        "insert into api_call (at, endpoint, entity, ms, execution_id) values ('2026-11-20', %s, %s, 5, %s)",
        (endpoint, entity, execution),
    )


def test_before_the_first_run(followed: psycopg.Connection) -> None:
    assert progress.is_untouched(followed)
    one, two = progress.charts(followed)
    assert (one.slug, one.status, one.day, one.entries, one.total, one.calls) == (
        "one",
        None,
        date(2026, 11, 19),
        3,
        3,
        0,
    )
    assert two.slug == "two"
    assert not one.is_settled
    assert not one.is_filled


@pytest.mark.parametrize(
    ("status", "settled", "filled"),
    [
        ("running", False, False),
        ("complete", True, True),
        ("partial", True, True),
        ("deferred", True, False),
        ("failed", True, False),
        ("lost", True, False),
    ],
)
def test_the_newest_run_counts(followed: psycopg.Connection, status: str, settled: bool, filled: bool) -> None:
    execute(followed, "one", "failed", "old", started_at="2026-11-19", calls=3, error="long ago")
    execute(followed, "one", status, "new", started_at="2026-11-20", calls=4)
    one = progress.charts(followed)[0]
    assert (one.status, one.error, one.calls) == (status, None, 7)
    assert (one.is_settled, one.is_filled) == (settled, filled)
    assert not progress.is_untouched(followed)


def test_a_run_that_ended_without_a_ranking_filled_nothing(warehouse: psycopg.Connection, build: Any) -> None:
    schedules.add(warehouse, charts.upsert_chart(warehouse, build.chart("none")), SETTINGS, "a test")
    execute(warehouse, "none", "complete")
    (none,) = progress.charts(warehouse)
    assert none.day is None
    assert not none.is_filled


def test_inactive_schedules_are_left_out(followed: psycopg.Connection) -> None:
    followed.execute("update chart_sync_schedule set is_active = false where chart_id = (select min(id) from chart)")
    assert [chart.slug for chart in progress.charts(followed)] == ["two"]
    assert progress.holdings(followed, series_tables()).keys() == {"two"}


def test_what_the_warehouse_holds(followed: psycopg.Connection, build: Any) -> None:
    for number in (1, 2):
        followed.execute("insert into artist (uuid, name) values (%s, 'A')", (build.uid(100 + number),))
    for track, artist in ((1, 101), (3, 101), (3, 102)):
        followed.execute(
            "insert into track_artist (track, artist, position) values (%s, %s, 1)",
            (build.uid(track), build.uid(artist)),
        )
    followed.execute("insert into track_audience values (%s, 'spotify', '2026-11-01', 'x', 1)", (build.uid(3),))
    followed.execute("insert into track_audience values (%s, 'spotify', '2026-11-01', 'x', 1)", (build.uid(4),))
    followed.execute(
        "insert into artist_audience values (%s, 'spotify', 'followers', '2026-11-01', 1)", (build.uid(101),)
    )
    assert progress.holdings(followed, series_tables()) == {
        "one": Holding("one", 3, 2, 2),
        "two": Holding("two", 2, 2, 3),
    }


def test_work_by_resource(warehouse: psycopg.Connection) -> None:
    for entity, outcome in (("a", "ok"), ("b", "never"), ("c", "absent")):
        warehouse.execute(
            "insert into fetch_ledger (resource, entity, outcome) values ('track_metadata', %s, %s)", (entity, outcome)
        )
    assert progress.work(warehouse) == [Work("track_metadata", 2, 3)]


def test_who_paid_for_what_others_have_too(followed: psycopg.Connection, build: Any) -> None:
    one, two = execute(followed, "one", "complete"), execute(followed, "two", "complete")
    call(followed, one, "song", ",".join(build.uid(number) for number in (1, 2)))
    call(followed, two, "song", ",".join(build.uid(number) for number in (3, 4)))
    assert progress.paid_for(followed, "song") == [("two", "one")]
    assert progress.paid_for(followed, "song_audience") == []
