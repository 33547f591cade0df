"""Connections to the warehouse.

Nothing is asked for in the start-up packet, as poolers (PgBouncer) refuse options there, and nothing rests on what a
session remembers but the time zone, which poolers carry from client to server: so transaction pooling works. All SQL
names the schema; locks and time limits live as long as their transaction; statements are not prepared behind a pooler.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from chartline.errors import NotConfigured, WarehouseUnavailable

Connection = psycopg.Connection[Any]

CONNECT_SECONDS = 5
ADVICE = "Check that PostgreSQL runs there and that the warehouse connection is right, then try again."


def connect(dsn: str, *, seconds: int = CONNECT_SECONDS, application: str = "chartline") -> Connection:
    """Opens a connection whose clock is UTC. Its search path is the schema `chartline` where no pooler stands between.

    dsn: `postgresql://user:password@host:port/database`; seconds: how long to wait for it; application: its name in
    `pg_stat_activity`. Not in autocommit: the caller commits, or uses `with conn.transaction()`. Raises
    WarehouseUnavailable when no session can be had (server down, refused, no such database) and NotConfigured when the
    dsn cannot be read. Neither text holds the password.
    """
    place = _read(dsn)
    try:
        conn = psycopg.connect(dsn, application_name=application, connect_timeout=seconds, autocommit=True)
        try:
            _make_ready(conn)
        except BaseException:
            conn.close()
            raise
    except psycopg.OperationalError as trouble:
        where = f"{place.get('host', 'the local socket')}:{place.get('port', 5432)}/{place.get('dbname', '')}"
        raise WarehouseUnavailable(
            f"The warehouse at {where} does not answer: {_first_line(trouble)}.", advice=ADVICE
        ) from trouble
    return conn


def _make_ready(conn: psycopg.Connection) -> None:
    """One statement. A pooler shows itself by answering for a server process that is not the one it named."""
    row = conn.execute(
        """select set_config('timezone', 'UTC', false), direct,
                  case when direct then set_config('search_path', 'chartline', false) end
           from (select pg_backend_pid() = %s as direct) as way""",
        [conn.info.backend_pid],
    ).fetchone()
    assert row is not None
    if not row[1]:
        conn.prepare_threshold = None
    conn.autocommit = False


def is_pooled(conn: psycopg.Connection) -> bool:
    """Whether a connection pooler stands between: then what is set for a session may reach another client's."""
    return conn.prepare_threshold is None


def limit_statements(conn: psycopg.Connection, seconds: int) -> None:
    """No statement of this session, in autocommit, takes longer. Behind a pooler nothing is set: other clients would
    have the limit, and this one not; there the pooler's own `query_timeout` is for it."""
    if not is_pooled(conn):
        conn.execute(f"set statement_timeout = '{seconds:d}s'")


def only_read(conn: psycopg.Connection) -> None:
    """Nothing is written in this session, in autocommit: PostgreSQL refuses it. Behind a pooler nothing is set, as
    other clients would have it."""
    if not is_pooled(conn):
        conn.execute("set default_transaction_read_only = on")


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


def sibling(conn: psycopg.Connection) -> Connection:
    """A second connection to the database of `conn`, for work that must not be part of its transaction."""
    return connect(psycopg.conninfo.make_conninfo(conn.info.dsn, password=conn.info.password))
