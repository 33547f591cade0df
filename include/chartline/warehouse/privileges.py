"""What the warehouse's user may do, and what the server says of itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

NEEDED = ("select", "insert", "update", "delete")


def clock(conn: Connection) -> datetime:
    """The server's time."""
    row = conn.execute("select clock_timestamp()").fetchone()
    assert row is not None
    at: datetime = row[0]
    return at


def lacking(conn: Connection) -> list[str]:
    """What the user may not do that Chartline needs, as `right on thing`; nothing when all is well. One query."""
    found = conn.execute(
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
    return [what for (what,) in found]
