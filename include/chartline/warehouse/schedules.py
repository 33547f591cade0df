"""Schedules as rows. Their meaning is checked by `chartline.schedules.model`, not here: a row that was made invalid
by hand must still be readable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from chartline.schedules.model import Schedule
from chartline.warehouse.connect import connect

SNAPSHOT_SECONDS = 2

_ROWS: LiteralString = """
    select c.slug, c.name, c.platform, c.country_code, s.chart_id, c.frequency,
           s.is_active, s.sync_frequency, s.custom_interval_hours, s.cron, s.sync_immediately,
           s.sync_historical_data, s.history_days, s.fetch_track_metadata, s.fetch_artist_metadata,
           s.fetch_track_audience, s.fetch_artist_audience, s.track_platforms, s.artist_platforms,
           s.created_by, s.created_at
    from chartline.chart_sync_schedule s join chartline.chart c on c.id = s.chart_id"""


def rows(conn: psycopg.Connection[Any], slugs: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """The schedules of `slugs`, or all, as they stand, by slug: the keys are the fields of `Schedule`."""
    wanted = None if slugs is None else list(slugs)
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            f'{_ROWS} where %(slugs)s::text[] is null or c.slug = any(%(slugs)s) order by c.slug collate "C"',
            {"slugs": wanted},
        ).fetchall()


def get(conn: psycopg.Connection[Any], slug: str) -> Schedule | None:
    """The schedule of a chart, None when it is not followed. Raises BadInput, one line a field, for a wrong row."""
    found = rows(conn, [slug])
    return Schedule.of(found[0]) if found else None


def snapshot_rows(dsn: str) -> list[dict[str, Any]]:
    """All rows, for those who cannot wait: seconds, not minutes, on a warehouse in trouble.

    Raises WarehouseUnavailable, NotConfigured, psycopg.Error (the statement was refused or took too long).
    """
    with connect(dsn, seconds=SNAPSHOT_SECONDS) as conn:
        conn.execute(f"set statement_timeout = '{SNAPSHOT_SECONDS}s'")
        return rows(conn)


def lock(conn: psycopg.Connection[Any]) -> None:
    """Until the transaction ends, nobody else changes a schedule: what was read is what is changed."""
    conn.execute("lock table chartline.chart_sync_schedule in share row exclusive mode")


def add(conn: psycopg.Connection[Any], chart_id: int, settings: Mapping[str, Any], created_by: str) -> bool:
    """Follow the chart. False when it is followed already: nothing is changed then."""
    names = [*settings, "chart_id", "created_by"]
    statement = sql.SQL(
        "insert into chartline.chart_sync_schedule ({}) values ({}) on conflict (chart_id) do nothing"
    ).format(sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join(map(sql.Placeholder, names)))
    values = _values(settings) | {"chart_id": chart_id, "created_by": created_by}
    return conn.execute(statement, values).rowcount == 1


def change(conn: psycopg.Connection[Any], chart_id: int, settings: Mapping[str, Any]) -> bool:
    """Set the settings of a followed chart. False when it is not followed."""
    pairs = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in settings]
    statement = sql.SQL(
        "update chartline.chart_sync_schedule set {}, updated_at = now() where chart_id = %(chart_id)s"
    ).format(sql.SQL(", ").join(pairs))
    return conn.execute(statement, _values(settings) | {"chart_id": chart_id}).rowcount == 1


def remove(conn: psycopg.Connection[Any], chart_id: int) -> bool:
    """Follow the chart no longer; what was stored of it stays. False when it was not followed."""
    return conn.execute("delete from chartline.chart_sync_schedule where chart_id = %s", (chart_id,)).rowcount == 1


def _values(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
