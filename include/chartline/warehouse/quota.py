"""What was spent of the quota: past days from their sums, the newest from the call records themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, LiteralString

import psycopg

Connection = psycopg.Connection[Any]

AGAIN = 2
"""Days that are summed up once more, for calls that were recorded late."""
LOCK = 0x43480004

_SUMS: LiteralString = """
    select a.day, coalesce(x.chart_slug, '') as chart, a.endpoint,
           x.id is null or (x.trigger = 'scheduled' and strpos(x.run_id, '_to_') = 0) as regular,
           sum(a.calls)::int as calls, sum(a.billed)::int as billed, sum(a.failed)::int as failed,
           sum(a.bytes)::bigint as bytes
    from (
        select (at at time zone 'UTC')::date as day, endpoint, execution_id, count(*) as calls,
               count(*) filter (where status < 500 and status <> 429 and endpoint <> 'team_usage') as billed,
               count(*) filter (where status is null or status >= 400) as failed, coalesce(sum(bytes), 0) as bytes
        from chartline.api_call where at >= %(from)s and at < %(to)s group by 1, 2, 3
    ) as a
    left join lateral (
        select id, chart_slug, trigger, run_id from chartline.chart_sync_execution where id = a.execution_id limit 1
    ) as x on true
    group by 1, 2, 3, 4
"""
"""Regular, as `chartline.schedules.runs` names runs: of one interval, not of the past. A look at each execution that
has calls, whatever others there are."""


def roll_up(conn: Connection, today: date) -> int:
    """Sum up the call records of all days before `today` that are not summed up yet, the newest `AGAIN` of them anew.

    Returns how many days were summed up. Needs a connection in autocommit: a day is a transaction.
    """
    first = (summed - timedelta(days=AGAIN - 1)) if (summed := _summed(conn)) else first_day(conn)
    if first is None:
        return 0
    days = [first + timedelta(days=number) for number in range((today - first).days)]
    for day in days:
        with conn.transaction():
            conn.execute("select pg_advisory_xact_lock(%s)", [LOCK])
            conn.execute("delete from chartline.api_usage where day = %s", [day])
            conn.execute(
                "insert into chartline.api_usage (day, chart, endpoint, regular, calls, billed, failed, bytes)" + _SUMS,
                _between(day, day),
            )
    return len(days)


def _between(first: date, last: date) -> dict[str, Any]:
    return {"from": f"{first} 00:00+00", "to": f"{last + timedelta(days=1)} 00:00+00"}


@dataclass(frozen=True)
class Spent:
    """The calls of a day to an endpoint. `regular`: those of them that come again with each new day; `billed`:
    estimated from above."""

    day: date
    endpoint: str
    calls: int
    billed: int
    failed: int
    regular: int


_USAGE: LiteralString = f"""
    with newest as (
        select coalesce(max(day), '-infinity') as day from chartline.api_usage
    ), live as materialized ({_SUMS}), usage as (
        select * from chartline.api_usage where day between %(first)s and %(last)s
        union all
        select * from live where day > (select day from newest) and day between %(first)s and %(last)s
    )
"""


def _summed(conn: Connection) -> date | None:
    """The newest day that is summed up; so are all before it."""
    row = conn.execute("select max(day) from chartline.api_usage").fetchone()
    return row[0] if row else None


def _range(conn: Connection, first: date, last: date) -> dict[str, Any]:
    """What `_USAGE` asks for: only days without sums are counted from the call records."""
    summed = _summed(conn)
    live = max(first, summed + timedelta(days=1)) if summed else first
    return {"first": first, "last": last, **_between(live, max(last, live))}


def spent(conn: Connection, first: date, last: date) -> list[Spent]:
    """What was spent from `first` to `last`, by day and endpoint, in order of time. Two queries."""
    rows = conn.execute(
        _USAGE
        + """select day, endpoint, sum(calls)::int, sum(billed)::int, sum(failed)::int,
                    coalesce(sum(billed) filter (where regular), 0)::int
             from usage group by 1, 2 order by 1, 2""",
        _range(conn, first, last),
    )
    return [Spent(*row) for row in rows]


@dataclass(frozen=True)
class ChartSpent:
    """What the runs of a chart spent in some days."""

    chart: str
    name: str | None
    calls: int
    billed: int
    failed: int
    regular: int


def by_chart(
    conn: Connection, first: date, last: date, *, limit: int = 50, offset: int = 0
) -> tuple[list[ChartSpent], int]:
    """All charts that cost something, the dearest first: a page of them, and how many there are."""
    rows = conn.execute(
        _USAGE
        + """, summed as materialized (
            select chart, sum(calls)::int as calls, sum(billed)::int as billed, sum(failed)::int as failed,
                   coalesce(sum(billed) filter (where regular), 0)::int as regular
            from usage group by chart
        ), page as (
            select * from summed order by billed desc, chart limit %(limit)s offset %(offset)s
        )
        select p.chart, c.name, p.calls, p.billed, p.failed, p.regular, all_of.n
        from (select count(*)::int as n from summed) all_of
        left join page p on true
        left join chartline.chart c on c.slug = p.chart order by p.billed desc, p.chart""",
        _range(conn, first, last) | {"limit": limit, "offset": offset},
    ).fetchall()
    return [ChartSpent(*row[:-1]) for row in rows if row[0] is not None], rows[0][-1]


@dataclass(frozen=True)
class Left:
    """What is left of the quota, as an answer of the API told it, and when."""

    calls: int
    at: datetime


def left(conn: Connection) -> Left | None:
    """By the newest answer that told it; None when none did."""
    row = conn.execute(
        "select quota_left, at from chartline.api_call where quota_left is not null order by at desc, id desc limit 1"
    ).fetchone()
    return Left(max(int(row[0]), 0), row[1]) if row else None


def first_day(conn: Connection) -> date | None:
    """The UTC day of the first call that is known."""
    row = conn.execute(
        """select least((select min(day) from chartline.api_usage),
                        (select at at time zone 'UTC' from chartline.api_call order by at, id limit 1)::date)"""
    ).fetchone()
    return row[0] if row else None


def by_execution(conn: Connection, execution_id: int, first: datetime, last: datetime) -> Sequence[tuple[Any, ...]]:
    """Calls of an execution by endpoint: (endpoint, calls, failed, bytes, mean ms), most calls first.

    first, last: between which it ran, so that only those months' records are looked at.
    """
    return conn.execute(
        """select endpoint, count(*)::int, (count(*) filter (where status is null or status >= 400))::int,
                  sum(bytes)::bigint, avg(ms)::int
           from chartline.api_call where execution_id = %s and at between %s and %s
           group by 1 order by 2 desc, 1""",
        [execution_id, first - timedelta(days=1), last + timedelta(days=1)],
    ).fetchall()
