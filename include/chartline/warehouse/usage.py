"""Calls summed up by day, once the day is over."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, LiteralString

from chartline.warehouse.connect import Connection

AGAIN = 2
"""Days that are summed up once more, for calls that were recorded late."""
LOCK = 0x43480004

SUMS: LiteralString = """
    select a.day, coalesce(x.chart_slug, '') as chart, a.endpoint,
           x.id is null or x.kind = 'scheduled' as regular,
           sum(a.calls)::int as calls, sum(a.billed)::int as billed, sum(a.failed)::int as failed,
           sum(a.bytes)::bigint as bytes
    from (
        select (at at time zone 'UTC')::date as day, endpoint, execution_id, count(*) as calls,
               count(*) filter (where status < 500 and status <> 429 and endpoint <> 'team_usage') as billed,
               count(*) filter (where status is null or status >= 400) as failed, coalesce(sum(bytes), 0) as bytes
        from chartline.api_call where at >= %(from)s and at < %(to)s group by 1, 2, 3
    ) as a
    left join lateral (
        select id, chart_slug, kind from chartline.chart_sync_execution where id = a.execution_id limit 1
    ) as x on true
    group by 1, 2, 3, 4
"""
"""Regular: of one interval of a schedule, or of no run. A look at each execution that has calls, whatever others there
are."""


def between(first: date, last: date) -> dict[str, Any]:
    return {"from": f"{first} 00:00+00", "to": f"{last + timedelta(days=1)} 00:00+00"}


def summed(conn: Connection) -> date | None:
    """The newest day that is summed up; so are all before it."""
    row = conn.execute("select max(day) from chartline.api_usage").fetchone()
    return row[0] if row else None


def first_day(conn: Connection) -> date | None:
    """The UTC day of the first call that is known."""
    row = conn.execute(
        """select least((select min(day) from chartline.api_usage),
                        (select at at time zone 'UTC' from chartline.api_call order by at, id limit 1)::date)"""
    ).fetchone()
    return row[0] if row else None


def roll_up(conn: Connection, today: date) -> int:
    """Sum up the call records of all days before `today` that are not summed up yet, the newest `AGAIN` of them anew.

    Returns how many days were summed up. Needs a connection in autocommit: a day is a transaction.
    """
    first = newest - timedelta(days=AGAIN - 1) if (newest := summed(conn)) else first_day(conn)
    if first is None:
        return 0
    days = [first + timedelta(days=number) for number in range((today - first).days)]
    for day in days:
        with conn.transaction():
            conn.execute("select pg_advisory_xact_lock(%s)", [LOCK])
            conn.execute("delete from chartline.api_usage where day = %s", [day])
            conn.execute(
                "insert into chartline.api_usage (day, chart, endpoint, regular, calls, billed, failed, bytes)" + SUMS,
                between(day, day),
            )
    return len(days)
