"""Connections to the warehouse."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from chartline.errors import NotConfigured, WarehouseUnavailable

CONNECT_SECONDS = 5
ADVICE = "Check that PostgreSQL runs there and that the warehouse connection is right, then try again."


def connect(dsn: str, *, seconds: int = CONNECT_SECONDS) -> psycopg.Connection:
    """Opens a connection whose search path is the schema `chartline` and whose clock is UTC.

    dsn: `postgresql://user:password@host:port/database`; seconds: how long to wait for it. Not in autocommit: the
    caller commits, or uses `with conn.transaction()`. Raises WarehouseUnavailable when no session can be had (server
    down, refused, no such database) and NotConfigured when the dsn cannot be read. Neither text holds the password.
    """
    place = _read(dsn)
    try:
        return psycopg.connect(
            dsn,
            application_name="chartline",
            connect_timeout=seconds,
            options="-c search_path=chartline -c timezone=UTC",
        )
    except psycopg.OperationalError as trouble:
        where = f"{place.get('host', 'the local socket')}:{place.get('port', 5432)}/{place.get('dbname', '')}"
        raise WarehouseUnavailable(
            f"The warehouse at {where} does not answer: {_first_line(trouble)}.", advice=ADVICE
        ) from trouble


def _first_line(trouble: Exception) -> str:
    return str(trouble).splitlines()[0].rstrip(".?") if str(trouble) else type(trouble).__name__


def _read(dsn: str) -> dict[str, Any]:
    """The parts of the dsn. libpq would quote what it cannot make sense of, and that may be part of a password."""
    try:
        place = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        place = {"host": "@"}
    if "@" in str(place.get("host", "")) or not str(place.get("port", "0")).isdigit():
        raise NotConfigured(
            "The warehouse connection cannot be read.",
            advice="Write it as postgresql://user:password@host:port/database (CHARTLINE_WAREHOUSE_URL), "
            "with characters such as @ : / in the password percent-encoded.",
        )
    return place


def sibling(conn: psycopg.Connection) -> psycopg.Connection:
    """A second connection to the database of `conn`, for work that must not be part of its transaction."""
    return connect(psycopg.conninfo.make_conninfo(conn.info.dsn, password=conn.info.password))
