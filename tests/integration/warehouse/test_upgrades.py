"""A warehouse of each version, with what that version wrote in each of its tables, comes to today's with all of it.

`upgrades/<revision>.sql` is what that version could write and the one before could not. A migration that changes rows
says so in `CHANGED`, and shows what becomes of them in a test of its own below.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from chartline.warehouse import partitions, schema
from chartline.warehouse.connect import connect

REVISIONS = sorted(path.stem.split("_")[0] for path in (schema.MIGRATIONS / "versions").glob("[0-9]*.py"))
ROWS = Path(__file__).parent / "upgrades"
CHANGED: dict[str, set[str]] = {}
"""Table → columns whose values a migration changes in rows that are there."""

Tables = dict[str, list[dict[str, Any]]]


def bring(url: str, revision: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("create schema if not exists chartline")
        schema.upgrade(connection, revision)


def rows(conn: psycopg.Connection) -> Tables:
    """All there is, by table."""
    names = conn.execute(
        "select relname from pg_class where relnamespace = 'chartline'::regnamespace and relkind in ('r', 'p')"
        " and not relispartition and relname <> 'alembic_version' order by relname"
    ).fetchall()
    query = sql.SQL("select to_jsonb(one) from {} as one")
    return {
        name: [row for (row,) in conn.execute(query.format(sql.Identifier("chartline", name)))] for (name,) in names
    }


def filled(url: str, last: str) -> Tables:
    """Bring a database from nothing to `last`, each version on the way leaving its rows; what there is then."""
    for revision in REVISIONS[: REVISIONS.index(last) + 1]:
        bring(url, revision)
        with connect(url) as conn:
            if revision == REVISIONS[0]:
                for table in partitions.PARTITIONED:
                    partitions.ensure_months(conn, table, [date(2026, 11, 1)])
            if (file := ROWS / f"{revision}.sql").exists():
                conn.execute(file.read_bytes())
    with connect(url) as conn:
        return rows(conn)


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_a_version_wrote_is_there_after_the_upgrade(empty_database_url: str, revision: str) -> None:
    before = filled(empty_database_url, revision)
    assert [table for table, written in before.items() if not written] == [], "upgrades/*.sql lacks rows of a table"
    assert schema.migrate(empty_database_url) == (revision, schema.head())
    with connect(empty_database_url) as conn:
        schema.check(conn)
        after = rows(conn)
        views = conn.execute("select viewname from pg_views where schemaname = 'chartline'").fetchall()
        for (view,) in views:
            conn.execute(sql.SQL("select * from {}").format(sql.Identifier("chartline", view)))
    for table, written in before.items():
        kept = [{name: row[name] for name in written[0] if name in row} for row in after[table]]
        for row in written:
            wanted = {name: value for name, value in row.items() if name not in CHANGED.get(table, ())}
            assert any(wanted.items() <= found.items() for found in kept), f"{table} has lost or changed {row}"
        assert len(after[table]) == len(written)


def test_what_migrations_fill_in(empty_database_url: str) -> None:
    filled(empty_database_url, REVISIONS[0])
    schema.migrate(empty_database_url)
    with connect(empty_database_url) as conn:
        asked = conn.execute("select history_asked_at = created_at, history_held from chart_sync_schedule").fetchall()
        precisions = conn.execute("select release_date is null, release_date_precision from track order by name")
        assert asked == [(True, False), (True, False)]
        assert precisions.fetchall() == [(False, "day"), (True, None)]
        assert conn.execute("select distinct birth_date_precision from artist order by 1").fetchall() == [
            ("day",),
            (None,),
        ]
        assert conn.execute("select platform, chart from latest_ranking").fetchall() == [("spotify", "top-songs")] * 2


def test_runs_get_the_kind_that_their_ids_told(empty_database_url: str) -> None:
    filled(empty_database_url, "0007")
    told = [
        ("chart_sync.day", "scheduled", "scheduled__2026-11-01", "scheduled"),
        ("chart_sync.day", "scheduled", "scheduled__2026-10-01_to_2026-10-31_5", "window"),
        ("chart_sync.day", "backfill", "backfill__2026-11-01", "backfill"),
        ("chart_sync.day", "operator_triggered", "heal__day_2026-11-01_20261102T041500", "heal"),
        ("chart_sync.day", "operator_triggered", "healing", "manual"),
        ("chart_sync.day", "manual", "from_a_to_b", "manual"),
        ("chart_cascade", "manual", "manual__1", "on_demand"),
        ("audience_refresh", "manual", "refresh__track_1", "refresh"),
    ]
    with connect(empty_database_url) as conn:
        conn.cursor().executemany(
            "insert into chart_sync_execution (chart_slug, dag_id, trigger, run_id) values ('day', %s, %s, %s)",
            [one[:3] for one in told],
        )
    schema.migrate(empty_database_url)
    with connect(empty_database_url) as conn:
        found = conn.execute("select dag_id, trigger, run_id, kind from chart_sync_execution where chart_slug = 'day'")
        assert sorted(found.fetchall()) == sorted(told)


def test_open_alerts_of_slow_runs_are_found_by_chart_and_kind(empty_database_url: str) -> None:
    filled(empty_database_url, "0007")
    old = ["scheduled", "past", "manual", "operator_triggered"]
    with connect(empty_database_url) as conn:
        conn.cursor().executemany(
            """insert into alert (kind, subject, title, fingerprint, details) values ('slow_run',
                   'day chart_sync.day ' || %(kind)s, '', '',
                   jsonb_build_object('chart', 'day', 'dag_id', 'chart_sync.day', 'kind', %(kind)s))""",
            [{"kind": kind} for kind in old],
        )
    schema.migrate(empty_database_url)
    with connect(empty_database_url) as conn:
        found = conn.execute(
            """select subject, details ->> 'kind', state, solved_at is null from alert
               where kind = 'slow_run' order by id"""
        ).fetchall()
    assert found == [
        ("day scheduled", "scheduled", "open", True),
        ("day window", "window", "open", True),
        ("day manual", "manual", "solved", False),
        ("day manual", "manual", "open", True),
    ]


@pytest.mark.parametrize(
    ("why", "change", "resumes"),
    [
        ("the history is here", "", True),
        ("no history is wanted", "update chart_sync_schedule set sync_historical_data = false", True),
        ("a window is at work", "update chart_sync_execution set status = 'running' where run_id like '%_to_%'", False),
        ("a day is missing", "delete from fetch_ledger where facet = '2026-11-05'", False),
        ("a window never began", "delete from chart_sync_execution where run_id like '%_to_%'", False),
        ("it never ran", "delete from chart_sync_execution", False),
        ("it was asked for anew", "update chart_sync_schedule set history_asked_at = now()", False),
    ],
)
def test_a_schedule_goes_on_where_it_was_when_its_history_is_here(
    empty_database_url: str, why: str, change: str, resumes: bool
) -> None:
    bring(empty_database_url, "0007")
    with connect(empty_database_url) as conn:
        conn.execute(
            """insert into platform (code, name) values ('spotify', 'Spotify');
               insert into chart (slug, name, platform, country_code, frequency)
               values ('day', 'Day', 'spotify', 'FR', 'daily');
               insert into chart_sync_schedule (chart_id, sync_frequency, sync_historical_data, history_days,
                                                track_platforms, artist_platforms, created_at,
                                                history_asked_at)
               select id, 'daily', true, 10, '{spotify}', '{spotify}', '2026-11-15 10:00+00',
                      '2026-11-15 10:00+00' from chart;
               insert into chart_sync_execution (schedule_id, chart_slug, dag_id, trigger, run_id, status,
                                                 data_interval_start, data_interval_end, started_at)
               select id, 'day', 'chart_sync.day', 'scheduled', run_id, 'complete', first::timestamptz,
                      last::timestamptz, '2026-11-15 10:01+00'
               from chart_sync_schedule, (values
                   ('scheduled__2026-11-14', '2026-11-14 00:00+00', '2026-11-15 00:00+00'),
                   ('scheduled__2026-11-05_to_2026-11-13_7', '2026-11-05 00:00+00', '2026-11-14 00:00+00'),
                   ('scheduled__2026-11-15', '2026-11-15 00:00+00', '2026-11-16 00:00+00')
               ) as run (run_id, first, last);
               insert into chart_calendar (chart_id, day, stamp)
               select id, '2026-11-05', '2026-11-05T00:00:00+00:00' from chart;
               insert into fetch_ledger (resource, entity, facet, outcome)
               values ('ranking', 'day', '2026-11-05', 'absent');"""
        )
        if change:
            conn.execute(change.encode())
    schema.migrate(empty_database_url)
    with connect(empty_database_url) as conn:
        found = conn.execute("select resumes_at from chart_sync_schedule").fetchall()
    assert found == [(datetime(2026, 11, 16, tzinfo=UTC) if resumes else None,)], why
