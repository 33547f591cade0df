"""What the warehouse's user may do, and what the server says of itself."""

from __future__ import annotations

from datetime import datetime

from psycopg import sql

from chartline.warehouse.connect import Connection

READER = "chartline_reader"
"""The role of those who query and change nothing. An installation makes it; `migrate` gives it what it may read."""
READER_SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "5min",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "5min",
    "idle_session_timeout": "8h",
    "search_path": "chartline",
    "timezone": "UTC",
}
NOT_FOR_READERS = ("raw_answer", "api_budget", "change_log", "refresh_booking", "alert_outbox", "alert_delivery")
"""Bodies as they came, the account's name, who changed or asked for what, and where alerts go."""
NEEDED = ("select", "insert", "update", "delete")


def clock(conn: Connection) -> datetime:
    """The server's time."""
    row = conn.execute("select clock_timestamp()").fetchone()
    assert row is not None
    at: datetime = row[0]
    return at


def lacking(conn: Connection) -> list[str]:
    """What the user may not do that Chartline needs, as `right on thing`; nothing when all is well. One query."""
    rows = conn.execute(
        """select what from (
               select 1 as place, 'use of schema chartline' as what
               where not has_schema_privilege('chartline', 'usage')
               union all
               select 2, 'creation in schema chartline (for partitions)'
               where not has_schema_privilege('chartline', 'create')
               union all
               select 3, 'ownership of ' || relname || ' (for partitions)' from pg_class
               where relnamespace = to_regnamespace('chartline') and relkind = 'p'
                 and not pg_has_role(relowner, 'usage')
               union all
               select 4, string_agg(right_, ', ' order by right_) || ' on ' || relname
               from pg_class cross join unnest(%s::text[]) as right_
               where relnamespace = to_regnamespace('chartline') and relkind in ('r', 'p') and not relispartition
                 and relname <> 'alembic_version'
                 and has_schema_privilege('chartline', 'usage') and not has_table_privilege(oid, right_)
               group by relname
           ) as lacking order by place, what""",
        [list(NEEDED)],
    )
    return [what for (what,) in rows]


def let_read(conn: Connection) -> bool:
    """Let the role `chartline_reader` read every table and view of the schema, and those that come later, but not
    `NOT_FOR_READERS`; whether there is such a role. For the schema's owner, after each migration."""
    if not conn.execute("select 1 from pg_roles where rolname = %s", [READER]).fetchone():
        return False
    role = sql.Identifier(READER)
    for text in (
        "grant usage on schema chartline to {}",
        "grant select on all tables in schema chartline to {}",
        "alter default privileges in schema chartline grant select on tables to {}",
    ):
        conn.execute(sql.SQL(text).format(role))
    for table in NOT_FOR_READERS:
        conn.execute(sql.SQL("revoke all on {} from {}").format(sql.Identifier("chartline", table), role))
    return True
