"""Schedules as rows. Their meaning is checked by `chartline.domain.schedule`, not here: a row that was made invalid
by hand must still be readable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import dict_row

from chartline.domain.dag_ids import PRODUCT
from chartline.domain.delay import NEWEST, learned_delay
from chartline.domain.grid import FRIDAY, Grid, own_month_day, own_weekday
from chartline.domain.schedule import Schedule
from chartline.warehouse.connect import Connection, connect
from chartline.warehouse.executions import OWN

SNAPSHOT_SECONDS = 2

_ROWS: LiteralString = """
    select c.slug, c.name, c.platform, c.country_code, s.chart_id, c.frequency,
           s.is_active, s.sync_frequency, s.custom_interval_hours, s.cron, s.sync_immediately,
           s.sync_historical_data, s.history_days, s.fetch_track_metadata, s.fetch_artist_metadata,
           s.fetch_track_audience, s.fetch_artist_audience, s.track_platforms, s.artist_platforms,
           s.created_by, s.created_at, s.history_asked_at, s.history_held,
           s.resumes_at,
           (select min(day) from chartline.chart_ranking where chart_id = s.chart_id) as began_with,
           seen.days, seen.first_seen, seen.not_yet
    from chartline.chart_sync_schedule s join chartline.chart c on c.id = s.chart_id
    cross join lateral (
        select array_agg(day) days, array_agg(first_seen_at) first_seen, array_agg(not_yet_at) not_yet
        from (
            select day, first_seen_at, not_yet_at from chartline.chart_calendar
            where chart_id = s.chart_id order by day desc limit %(newest)s
        ) newest
    ) seen"""


def rows(conn: Connection, slugs: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """The schedules of `slugs`, or all, as they stand, by slug: the keys are the fields of `Schedule`.

    What the newest days of a chart's calendar tell of it, its own day and its publication delay, is worked out here.
    """
    wanted = None if slugs is None else list(slugs)
    with conn.cursor(row_factory=dict_row) as cursor:
        listed = cursor.execute(
            f'{_ROWS} where %(slugs)s::text[] is null or c.slug = any(%(slugs)s) order by c.slug collate "C"',
            {"slugs": wanted, "newest": NEWEST},
        ).fetchall()
    return [_learned(row) for row in listed]


def get(conn: Connection, slug: str) -> Schedule | None:
    """The schedule of a chart, None when it is not followed. Raises BadInput, one line a field, for a wrong row."""
    listed = rows(conn, [slug])
    return Schedule.of(listed[0]) if listed else None


LEAVING_MINUTES = 30
"""For so long the DAG of a removed chart, or of a former id, stays, to end its runs."""


def snapshot_rows(dsn: str) -> tuple[list[dict[str, Any]], list[str]]:
    """All rows, and the former ids of DAGs whose runs are open, for those who cannot wait: seconds, not minutes, on a
    warehouse in trouble.

    Raises WarehouseUnavailable, NotConfigured, psycopg.Error (the statement was refused or took too long).
    """
    with connect(dsn, seconds=SNAPSHOT_SECONDS) as conn:
        conn.execute(f"set local statement_timeout = '{SNAPSHOT_SECONDS}s'")
        return [*rows(conn), *({"slug": slug, "left": True} for slug in left(conn))], former_dag_ids(conn)


def former_dag_ids(conn: Connection) -> list[str]:
    """DAG ids of before all began with the product's name, under which runs are running, have lately ended, or wait for
    an approval."""
    former = conn.execute(
        """select dag_id from chartline.chart_sync_execution
           where status = 'running' and not starts_with(dag_id, %(product)s)
           union
           select dag_id from chartline.chart_sync_execution
           where finished_at > now() - make_interval(mins => %(minutes)s) and not starts_with(dag_id, %(product)s)
           union
           select details ->> 'dag_id' from chartline.alert
           where kind = 'approval' and state = 'open' and not starts_with(details ->> 'dag_id', %(product)s)
           order by 1""",
        {"product": PRODUCT, "minutes": LEAVING_MINUTES},
    )
    return [dag_id for (dag_id,) in former]


def left(conn: Connection) -> list[str]:
    """Charts that are no longer followed and whose own runs may be running: those that say so, and all that were
    removed lately, whose runs may not have begun."""
    listed = conn.execute(
        f"""select slug from (
               select chart_slug from chartline.chart_sync_execution x where status = 'running' and {OWN}
               union select subject from chartline.change_log
               where action = 'schedule.remove' and at > now() - make_interval(mins => %s)
           ) as gone (slug)
           where slug <> '' and not exists (
               select from chartline.chart_sync_schedule s join chartline.chart c on c.id = s.chart_id
               where c.slug = gone.slug)
           order by slug""",
        [LEAVING_MINUTES],
    )
    return [slug for (slug,) in listed]


def lock(conn: Connection) -> None:
    """Until the transaction ends, nobody else changes a schedule: what was read is what is changed."""
    conn.execute("lock table chartline.chart_sync_schedule in share row exclusive mode")


def add(conn: Connection, chart_id: int, settings: Mapping[str, Any], created_by: str) -> bool:
    """Follow the chart. False when it is followed already: nothing is changed then."""
    names = [*settings, "chart_id", "created_by"]
    statement = sql.SQL(
        "insert into chartline.chart_sync_schedule ({}) values ({}) on conflict (chart_id) do nothing"
    ).format(sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join(map(sql.Placeholder, names)))
    values = _values(settings) | {"chart_id": chart_id, "created_by": created_by}
    return conn.execute(statement, values).rowcount == 1


def change(conn: Connection, chart_id: int, settings: Mapping[str, Any]) -> bool:
    """Set the settings of a followed chart. False when it is not followed."""
    pairs = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in settings]
    statement = sql.SQL(
        "update chartline.chart_sync_schedule set {}, updated_at = now() where chart_id = %(chart_id)s"
    ).format(sql.SQL(", ").join(pairs))
    return conn.execute(statement, _values(settings) | {"chart_id": chart_id}).rowcount == 1


def remove(conn: Connection, chart_id: int) -> bool:
    """Follow the chart no longer; what was stored of it stays. False when it was not followed."""
    return conn.execute("delete from chartline.chart_sync_schedule where chart_id = %s", (chart_id,)).rowcount == 1


def _learned(row: dict[str, Any]) -> dict[str, Any]:
    """The row with `weekday`, `month_day`, `publication_delay` in place of the newest days, which tell them."""
    days, first_seen, not_yet = (row.pop(name) or [] for name in ("days", "first_seen", "not_yet"))
    own = str(row["frequency"]).strip().lower()
    row["weekday"] = own_weekday(days) if days and own == "weekly" else None
    row["month_day"] = own_month_day(days) if days and own == "monthly" else None
    row["publication_delay"] = timedelta(0)
    try:
        grid = Grid(
            row["sync_frequency"],
            weekday=FRIDAY if row["weekday"] is None else row["weekday"],
            month_day=row["month_day"],
            hours=row["custom_interval_hours"],
            cron=row["cron"],
        )
    except (ValueError, TypeError):
        return row  # made invalid by hand: the model says how
    row["publication_delay"] = _delay(tuple(days), tuple(first_seen), tuple(not_yet), grid)
    return row


@lru_cache(maxsize=8192)
def _delay(
    days: tuple[date, ...], first_seen: tuple[datetime, ...], not_yet: tuple[datetime | None, ...], grid: Grid
) -> timedelta:
    """The same until a further day comes, and asked for at every look at all schedules."""
    return learned_delay(zip(days, first_seen, not_yet, strict=True), grid)


def _values(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}


def lock_triggers(conn: Connection, slug: str) -> None:
    """Until the transaction ends, nobody else looks whether a run of the chart may be started."""
    conn.execute("select pg_advisory_xact_lock(hashtextextended('chartline trigger ' || %s, 0))", [slug])
