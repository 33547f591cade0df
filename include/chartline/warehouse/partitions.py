"""Monthly partitions: made ahead by `migrate`, and on demand when a day outside of them is written."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import date

import psycopg
from psycopg import sql

from chartline.warehouse.connect import sibling

PARTITIONED = ("track_audience", "artist_audience", "artist_city_audience", "api_call")
MONTHS_BACK, MONTHS_AHEAD = 24, 3
LOCK = 0x43480002

_known: set[tuple[str, str, date]] = set()
_known_guard = threading.Lock()


def month_of(day: date) -> date:
    """The first day of the month of `day`."""
    return date(day.year, day.month, 1)


def shift(month: date, by: int) -> date:
    """The first day of the month `by` months after `month`."""
    years, month_index = divmod(month.month - 1 + by, 12)
    return date(month.year + years, month_index + 1, 1)


def ensure_months(conn: psycopg.Connection, table: str, days: Iterable[date]) -> int:
    """Makes the partitions of `table` that `days` need; returns how many were missing.

    They are made on a connection of their own, so that they stand whatever becomes of the caller's transaction,
    and one process at a time. A partition is made as a table of its own and then attached: that asks for no lock that
    a writer of the parent holds, so neither the caller nor others that write at the same time are in its way.
    Months seen once by this process cost nothing.
    """
    if table not in PARTITIONED:
        raise ValueError(f"{table} is not partitioned by month")
    where = f"{conn.info.host}:{conn.info.port}/{conn.info.dbname}"
    wanted = {month_of(day) for day in days}
    with _known_guard:
        missing = sorted(month for month in wanted if (where, table, month) not in _known)
    if not missing:
        return 0
    with sibling(conn) as own:
        made = sum(_create(own, table, month) for month in missing) if _lock(own) else 0
    with _known_guard:
        _known.update((where, table, month) for month in missing)
    return made


def ensure_standing(conn: psycopg.Connection, today: date) -> int:
    """The months that every warehouse has ready: two years back to three months ahead. Returns how many were made."""
    months = [shift(month_of(today), by) for by in range(-MONTHS_BACK, MONTHS_AHEAD + 1)]
    return sum(ensure_months(conn, table, months) for table in PARTITIONED)


def _lock(conn: psycopg.Connection) -> bool:
    conn.execute("select pg_advisory_xact_lock(%s)", [LOCK])
    return True


def _create(conn: psycopg.Connection, table: str, month: date) -> bool:
    name = f"{table}_{month:%Y_%m}"
    row = conn.execute("select to_regclass(%s)", [f"chartline.{name}"]).fetchone()
    if row and row[0]:
        return False
    parent, part = sql.Identifier("chartline", table), sql.Identifier("chartline", name)
    # Bounds of a timestamptz column are UTC midnights: the connection's clock is UTC.
    bounds = {"low": sql.Literal(str(month)), "high": sql.Literal(str(shift(month, 1)))}
    conn.execute(sql.SQL("create table {} (like {} including defaults including constraints)").format(part, parent))
    conn.execute(
        sql.SQL("alter table {parent} attach partition {part} for values from ({low}) to ({high})").format(
            parent=parent, part=part, **bounds
        )
    )
    return True
