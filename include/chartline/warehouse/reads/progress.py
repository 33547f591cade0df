"""How far the followed charts are filled: what `bin/up` shows while it waits. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import LiteralString

from psycopg import sql
from psycopg.rows import class_row

from chartline.domain.run_status import GOOD
from chartline.warehouse.connect import Connection


@dataclass(frozen=True)
class ChartProgress:
    """One followed chart. `status`: of its newest execution, None before the first; `day`: of its newest ranking.

    `entries` entries of that ranking are stored, `left_chart` more only said who left; the API stated `total`.
    `error`: why the newest execution failed as a whole; `failures`: its failed items by kind. `calls`: of all its
    executions.
    """

    slug: str
    name: str
    status: str | None
    error: str | None
    failures: dict[str, int]
    calls: int
    day: date | None
    entries: int
    left_chart: int
    total: int

    @property
    def is_settled(self) -> bool:
        """Whether its newest execution has come to an end, good or bad."""
        return self.status is not None and self.status != "running"

    @property
    def is_filled(self) -> bool:
        """Whether its newest execution ended with everything stored, but for single items that cannot be had."""
        return self.status in GOOD and self.day is not None


@dataclass(frozen=True)
class Work:
    """One resource in the ledger: `done` of `known` things were fetched or found not to be there."""

    resource: str
    done: int
    known: int


@dataclass(frozen=True)
class Holding:
    """What the warehouse holds of a chart's newest ranking: its distinct tracks, their artists, the audience values
    of both (`points`, a radio's plays in a window counting as one)."""

    slug: str
    tracks: int
    artists: int
    points: int


_CHARTS: LiteralString = """
    select c.slug, c.name, e.status, e.error, coalesce(e.failures, '{}') as failures, coalesce(spent.calls, 0) as calls,
           r.day, coalesce(r.entries, 0) as entries, coalesce(r.left_chart, 0) as left_chart,
           coalesce(r.total, 0) as total
    from chartline.chart_sync_schedule s
    join chartline.chart c on c.id = s.chart_id
    left join lateral (
        select status, error, failures from chartline.chart_sync_execution
        where chart_slug = c.slug order by started_at desc, id desc limit 1
    ) e on true
    left join lateral (
        select sum(calls)::int as calls from chartline.chart_sync_execution where chart_slug = c.slug
    ) spent on true
    left join lateral (
        select entries, left_chart, total, day from chartline.chart_ranking
        where chart_id = c.id order by day desc limit 1
    ) r on true
    where s.is_active
    order by s.id
"""

_WORK: LiteralString = """
    select resource, count(*) filter (where outcome <> 'never')::int as done, count(*)::int as known
    from chartline.fetch_ledger group by resource order by min(fetched_at) nulls last, resource
"""

_NEWEST: LiteralString = """
    with newest as (
        select distinct on (c.id) c.slug, r.id
        from chartline.chart_sync_schedule s
        join chartline.chart c on c.id = s.chart_id
        join chartline.chart_ranking r on r.chart_id = c.id
        where s.is_active order by c.id, r.day desc
    ), ranked as (
        select distinct newest.slug, entry.track
        from newest join chartline.chart_ranking_entry entry on entry.ranking_id = newest.id
    )
"""
"""The newest ranking of each active schedule, and the distinct tracks on it."""

_HOLDINGS = sql.SQL(f"""
    {_NEWEST}, credited as (
        select distinct slug, artist from ranked join chartline.track_artist using (track)
    ), points (slug, n) as ({{points}})
    select slug,
           (select count(*) from ranked where ranked.slug = newest.slug)::int as tracks,
           (select count(*) from credited where credited.slug = newest.slug)::int as artists,
           coalesce((select sum(n) from points where points.slug = newest.slug), 0)::int as points
    from newest
""")
_POINTS = {
    "track": sql.SQL("select slug, count(*) from ranked join {table} using (track) group by slug"),
    "artist": sql.SQL("select slug, count(*) from credited join {table} using (artist) group by slug"),
}


def charts(conn: Connection) -> list[ChartProgress]:
    """Every active schedule, in the order in which they were added."""
    with conn.cursor(row_factory=class_row(ChartProgress)) as cursor:
        return cursor.execute(_CHARTS).fetchall()


def look_ups(conn: Connection) -> dict[str, int]:
    """Slug -> calls that looked the chart up when it was followed: no run's own, but the first takes what came."""
    rows = conn.execute(
        "select entity, count(*) from chartline.api_call"
        " where execution_id is null and endpoint = 'ranking_latest' group by entity"
    )
    return dict(rows.fetchall())


def work(conn: Connection) -> list[Work]:
    """The ledger by resource: how much is done of all that was ever planned."""
    with conn.cursor(row_factory=class_row(Work)) as cursor:
        return cursor.execute(_WORK).fetchall()


def holdings(conn: Connection, series: Iterable[tuple[str, str]]) -> dict[str, Holding]:
    """By slug, for the active schedules that have a ranking. Counts all their audience: not for a loop.

    series: the tables that hold it, each with whose it is (`track` or `artist`).
    """
    points = [_POINTS[whose].format(table=sql.Identifier("chartline", table)) for whose, table in series]
    query = _HOLDINGS.format(points=sql.SQL(" union all ").join(points))
    with conn.cursor(row_factory=class_row(Holding)) as cursor:
        return {holding.slug: holding for holding in cursor.execute(query).fetchall()}


def is_untouched(conn: Connection) -> bool:
    """Whether no run was ever opened in this warehouse."""
    return conn.execute("select from chartline.chart_sync_execution limit 1").fetchone() is None


_PAID_FOR: LiteralString = f"""
    {_NEWEST}, wanted as (
        select slug, track as entity from ranked
        union select slug, artist from ranked join chartline.track_artist using (track)
    ), paid as (
        select e.chart_slug as slug, entity.uuid::uuid as entity
        from chartline.api_call a
        join chartline.chart_sync_execution e on e.id = a.execution_id,
        unnest(string_to_array(a.entity, ',')) as entity (uuid)
        where a.endpoint = %s
    )
    select distinct paid.slug, wanted.slug from paid join wanted using (entity) where paid.slug <> wanted.slug
"""


def paid_for(conn: Connection, endpoint: str) -> list[tuple[str, str]]:
    """Pairs of charts: runs of the first called `endpoint` for something that the second one's newest ranking has too.

    `endpoint`: one whose entities are tracks or artists.
    """
    return [(payer, other) for payer, other in conn.execute(_PAID_FOR, (endpoint,)).fetchall()]
