"""What was spent of the quota: past days from their sums, the newest from the call records themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, LiteralString

from chartline.warehouse.connect import Connection
from chartline.warehouse.usage import SUMS, between, summed


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
    ), live as materialized ({SUMS}), usage as (
        select * from chartline.api_usage where day between %(first)s and %(last)s
        union all
        select * from live where day > (select day from newest) and day between %(first)s and %(last)s
    )
"""


def _range(conn: Connection, first: date, last: date) -> dict[str, Any]:
    """What `_USAGE` asks for: only days without sums are counted from the call records."""
    last_summed = summed(conn)
    live = max(first, last_summed + timedelta(days=1)) if last_summed else first
    return {"first": first, "last": last, **between(live, max(last, live))}


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
    """All charts that cost something, the most expensive first: a page of them, and how many there are."""
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
