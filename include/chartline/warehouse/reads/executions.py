"""Executions for people: lists, what failed, and how far a run's work is by the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString

from psycopg.rows import class_row

from chartline.domain.run_ids import Kind
from chartline.warehouse import executions
from chartline.warehouse.connect import Connection
from chartline.warehouse.run_status import FAILED, GOOD


@dataclass(frozen=True)
class Row:
    """An execution as it is stored, with its chart's name; `settings` is what it was asked."""

    id: int
    chart_slug: str
    chart_name: str | None
    schedule_id: int | None
    dag_id: str
    run_id: str
    trigger: str
    kind: Kind
    status: str
    settings: dict[str, Any]
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    started_at: datetime
    finished_at: datetime | None
    rankings_created: int
    rankings_updated: int
    entries_stored: int
    tracks_created: int
    tracks_updated: int
    artists_created: int
    artists_updated: int
    audience_points: int
    calls: int
    deferred: int
    asked_early: int
    failures: dict[str, int]
    days_absent: list[date]
    days_left: list[date]
    error: str | None


@dataclass(frozen=True)
class ExecutionFilter:
    """Which executions; None does not matter. `text`: is part of the chart's slug or the run's id."""

    chart: str | None = None
    dag_id: str | None = None
    statuses: Sequence[str] | None = None
    trigger: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""


_COLUMNS: LiteralString = """
    x.id, x.chart_slug, (select name from chartline.chart where slug = x.chart_slug) as chart_name, x.schedule_id,
    x.dag_id, x.run_id, x.trigger, x.kind, x.status, x.settings, x.data_interval_start, x.data_interval_end,
    x.started_at, x.finished_at, x.rankings_created, x.rankings_updated, x.entries_stored, x.tracks_created,
    x.tracks_updated, x.artists_created, x.artists_updated, x.audience_points, x.calls, x.deferred, x.asked_early,
    x.failures, x.days_absent, x.days_left, x.error
"""

_WHERE: tuple[tuple[str, LiteralString], ...] = (
    ("chart", "x.chart_slug = %(chart)s"),
    ("dag_id", "x.dag_id = %(dag_id)s"),
    ("statuses", "x.status = any(%(statuses)s)"),
    ("trigger", "x.trigger = %(trigger)s"),
    ("since", "x.started_at >= %(since)s"),
    ("until", "x.started_at < %(until)s"),
    ("text", "strpos(lower(x.chart_slug || ' ' || x.run_id), lower(%(text)s)) > 0"),
)


def find(
    conn: Connection, wanted: ExecutionFilter, *, limit: int = 50, offset: int = 0, oldest_first: bool = False
) -> tuple[list[Row], int]:
    """A page of them, the newest first, and how many there are. Two queries."""
    where: LiteralString = "".join(f" and {test}" for name, test in _WHERE if getattr(wanted, name) not in (None, ""))
    values = vars(wanted) | {
        "statuses": None if wanted.statuses is None else list(wanted.statuses),
        "limit": limit,
        "offset": offset,
    }
    row = conn.execute(f"select count(*) from chartline.chart_sync_execution x where true{where}", values).fetchone()
    assert row is not None
    way: LiteralString = "asc" if oldest_first else "desc"
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        rows = cursor.execute(
            f"""select {_COLUMNS} from (
                    select * from chartline.chart_sync_execution x where true{where}
                    order by x.started_at {way}, x.id {way} limit %(limit)s offset %(offset)s
                ) x order by x.started_at {way}, x.id {way}""",
            values,
        ).fetchall()
    return rows, int(row[0])


def get(conn: Connection, execution_id: int) -> Row | None:
    """One execution."""
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from chartline.chart_sync_execution x where x.id = %s", [execution_id]
        ).fetchone()


def by_run(conn: Connection, dag_id: str, run_id: str) -> Row | None:
    """The execution of an Airflow run; None while its first task has not begun."""
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from chartline.chart_sync_execution x where x.dag_id = %s and x.run_id = %s",
            [dag_id, run_id],
        ).fetchone()


def newest(conn: Connection, slug: str) -> Row | None:
    """The newest execution of a chart; one that is running goes before one that is not."""
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(
            f"""select {_COLUMNS} from (
                   (select * from chartline.chart_sync_execution where chart_slug = %(slug)s and status = 'running'
                    order by started_at desc, id desc limit 1)
                   union all
                   (select * from chartline.chart_sync_execution where chart_slug = %(slug)s
                    order by started_at desc, id desc limit 1)
               ) x order by (x.status = 'running') desc, x.started_at desc, x.id desc limit 1""",
            {"slug": slug},
        ).fetchone()


def running(conn: Connection, slug: str) -> list[tuple[str, str]]:
    """The runs of a chart that say they are running: DAG id and run id, the newest first."""
    return conn.execute(
        """select dag_id, run_id from chartline.chart_sync_execution
           where chart_slug = %s and status = 'running' order by started_at desc, id desc""",
        [slug],
    ).fetchall()


@dataclass(frozen=True)
class Failure:
    """An item that could not be fetched. `name`: of the track or artist, where it is known; `outcome`: what the ledger
    says of it now, None where nothing; `is_due`: whether a new run would ask for it."""

    resource: str
    entity: str
    name: str | None
    facet: str
    kind: str
    reason: str
    at: datetime
    outcome: str | None
    is_due: bool


_UUID: LiteralString = r"case when entity ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then entity::uuid end"


def failures(
    conn: Connection, execution_id: int, *, kind: str | None = None, limit: int = 50, offset: int = 0
) -> tuple[list[Failure], int]:
    """A page of what an execution could not get, by resource, platform and reason; and how many such items there are.

    kind: of these reasons only. Two queries.
    """
    narrowed: LiteralString = " and kind = %(kind)s" if kind else ""
    values = {"id": execution_id, "kind": kind, "limit": limit, "offset": offset}
    row = conn.execute(
        f"select count(*) from chartline.execution_failure where execution_id = %(id)s{narrowed}", values
    ).fetchone()
    assert row is not None
    with conn.cursor(row_factory=class_row(Failure)) as cursor:
        rows = cursor.execute(
            f"""select f.resource, f.entity, coalesce(t.name, a.name) as name, f.facet, f.kind, f.reason, f.at,
                       l.outcome, coalesce(l.due_at <= now(), true) as is_due
                from (select *, {_UUID} as uuid from chartline.execution_failure
                      where execution_id = %(id)s{narrowed}
                      order by resource, facet, kind, entity, id limit %(limit)s offset %(offset)s) f
                left join chartline.track t on t.uuid = f.uuid
                left join chartline.artist a on a.uuid = f.uuid
                left join lateral (
                    select outcome, due_at from chartline.fetch_ledger
                    where resource = f.resource and entity = f.entity and facet = f.facet limit 1
                ) l on true
                order by f.resource, f.facet, f.kind, f.entity, f.id""",
            values,
        ).fetchall()
    return rows, int(row[0])


@dataclass(frozen=True)
class Open:
    """What a retry is about: of one resource and platform, how many items failed and can be asked for again."""

    resource: str
    facet: str
    items: int


def retryable(conn: Connection, execution_id: int, facts: Sequence[str]) -> list[Open]:
    """What failed, is due again, and nobody is fetching; items whose kind is one of `facts` are not available."""
    with conn.cursor(row_factory=class_row(Open)) as cursor:
        return cursor.execute(
            """select f.resource, f.facet, count(*)::int as items
               from chartline.execution_failure f
               left join lateral (
                   select due_at, lease_until from chartline.fetch_ledger
                   where resource = f.resource and entity = f.entity and facet = f.facet limit 1
               ) l on true
               where f.execution_id = %s and f.kind <> all(%s)
                 and coalesce(l.due_at <= now(), true) and coalesce(l.lease_until < now(), true)
               group by 1, 2 order by 1, 2""",
            [execution_id, list(facts)],
        ).fetchall()


def failed_days(conn: Connection, execution_id: int, facts: Sequence[str], most: int) -> list[date]:
    """Days of the run's rankings by which all that failed and is due can be asked for again: for each item the newest
    ranking that holds it. In order of time, at most `most`."""
    rows = conn.execute(
        f"""with failed as (
               select f.resource, {_UUID} as uuid from chartline.execution_failure f
               left join lateral (
                   select due_at from chartline.fetch_ledger l
                   where l.resource = f.resource and l.entity = f.entity and l.facet = f.facet limit 1
               ) l on true
               where f.execution_id = %(id)s and f.kind <> all(%(facts)s) and coalesce(l.due_at <= now(), true)
           ), own as (
               select r.day, e.track from chartline.execution_ranking x
               join chartline.chart_ranking r on r.id = x.ranking_id
               join chartline.chart_ranking_entry e on e.ranking_id = r.id where x.execution_id = %(id)s
           ), held as (
               select f.uuid, max(own.day) as day from failed f join own on own.track = f.uuid group by f.uuid
               union
               select f.uuid, max(own.day) from failed f
               join chartline.track_artist link on link.artist = f.uuid
               join own on own.track = link.track group by f.uuid
           )
           select distinct day from held order by day desc limit %(most)s""",
        {"id": execution_id, "facts": list(facts), "most": most},
    )
    return sorted(day for (day,) in rows)


@dataclass(frozen=True)
class ProgressPart:
    """One resource on one platform of a run: `wanted` items, `done` of them are fetched or known not to exist, `failed`
    could not be fetched by this run, `open` are being fetched."""

    resource: str
    facet: str
    wanted: int
    done: int
    failed: int
    open: int


def parts(
    conn: Connection,
    row: Row,
    asked: Sequence[tuple[str, str, str]],
    *,
    force: bool = False,
) -> list[ProgressPart]:
    """How far the things are that the run's rankings need, by the ledger.

    asked: (`track` or `artist`, resource, platform). force: only what was fetched since the run began counts.
    A look into the ledger for each thing; one query.
    """
    with conn.cursor(row_factory=class_row(ProgressPart)) as cursor:
        return cursor.execute(
            f"""with track as materialized (
                   select e.track as uuid, bool_or({executions.OF_THE_PRESENT}) as recent
                   from chartline.chart_sync_execution x
                   join chartline.execution_ranking l on l.execution_id = x.id
                   join chartline.chart_ranking r on r.id = l.ranking_id
                   join chartline.chart_ranking_entry e on e.ranking_id = r.id
                   where x.id = %(id)s group by 1
               ), thing as materialized (
                   select 'track' as kind, uuid::text as entity, recent from track
                   union all
                   select 'artist', link.artist::text, bool_or(recent)
                   from track join chartline.track_artist link on link.track = track.uuid group by 2
               ), asked as (
                   select * from unnest(%(kinds)s::text[], %(resources)s::text[], %(facets)s::text[])
                       as asked (kind, resource, facet)
               ), failed as (
                   select resource, facet, count(*)::int as n from chartline.execution_failure
                   where execution_id = %(id)s group by 1, 2
               ), looked as (
                   select asked.resource, asked.facet, count(thing.entity)::int as wanted,
                          (count(*) filter (where l.due_at > %(until)s
                              and (not %(force)s or l.fetched_at >= %(since)s)))::int as done,
                          (count(*) filter (where l.lease_until > now()))::int as open
                   from asked left join thing on thing.kind = asked.kind and (asked.facet = '' or thing.recent)
                   left join lateral (
                       select due_at, fetched_at, lease_until from chartline.fetch_ledger
                       where resource = asked.resource and entity = thing.entity and facet = asked.facet limit 1
                   ) l on true
                   group by 1, 2
               )
               select looked.resource, looked.facet, looked.wanted, looked.done, coalesce(failed.n, 0) as failed,
                      looked.open
               from looked left join failed using (resource, facet) order by 1, 2""",
            {
                "id": row.id,
                "kinds": [kind for kind, _, _ in asked],
                "resources": [resource for _, resource, _ in asked],
                "facets": [facet for _, _, facet in asked],
                "until": row.finished_at or "now",
                "since": row.started_at,
                "force": force,
            },
        ).fetchall()


def rankings_done(conn: Connection, execution_id: int) -> list[date]:
    """The days whose rankings the run has handled, in order of time."""
    rows = conn.execute(
        """select r.day from chartline.execution_ranking x join chartline.chart_ranking r on r.id = x.ranking_id
           where x.execution_id = %s order by 1""",
        [execution_id],
    )
    return [day for (day,) in rows]


@dataclass(frozen=True)
class DayOfRuns:
    """The executions that began on a day, by how they ended, and what they stored."""

    day: date
    good: int
    failed: int
    other: int
    rankings: int
    calls: int


def activity(conn: Connection, first: date, last: date) -> list[DayOfRuns]:
    """By day, from `first` to `last`; days without a run are left out."""
    with conn.cursor(row_factory=class_row(DayOfRuns)) as cursor:
        return cursor.execute(
            f"""select (started_at at time zone 'UTC')::date as day,
                      (count(*) filter (where status in {GOOD}))::int as good,
                      (count(*) filter (where status in {FAILED}))::int as failed,
                      (count(*) filter (where status not in {GOOD} and status not in {FAILED}))::int as other,
                      sum(rankings_created)::int as rankings, sum(calls)::int as calls
               from chartline.chart_sync_execution
               where started_at >= %s::timestamptz and started_at < %s::timestamptz
               group by 1 order by 1""",
            [f"{first} 00:00+00", f"{last} 24:00+00"],
        ).fetchall()
