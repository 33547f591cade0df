"""How the followed charts stand, all at once: what tells whether one is overdue or failing. A few queries in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row

from chartline.warehouse.connect import Connection
from chartline.warehouse.reads.gaps import Ended


@dataclass(frozen=True)
class Standing:
    """A followed chart. `here`: the day of its newest stored ranking; `listed`: the calendar's days from then on;
    `last_*`: the newest run of its own DAG; `failures`: its runs that failed since one last went well, at most
    `MOST`; `last_success`: when a run of it last went well."""

    slug: str
    here: date | None
    listed: list[date]
    last_id: int | None
    last_status: str | None
    last_started: datetime | None
    last_error: str | None
    failures: int
    last_success: datetime | None

    @property
    def last(self) -> Ended | None:
        """How the newest run of its own DAG went."""
        if self.last_started is None or self.last_status is None:
            return None
        return Ended(self.last_status, self.last_started, self.last_error)


MOST = 20
"""Runs of a chart that are looked at for the last that went well."""


def standings(conn: Connection, slugs: Sequence[str] | None = None) -> list[Standing]:
    """The followed charts, or those of `slugs`, by slug. A look into an index for each fact, whatever is stored."""
    with conn.cursor(row_factory=class_row(Standing)) as cursor:
        return cursor.execute(
            """select c.slug, here.day as here, listed.days as listed, last.id as last_id, last.status as last_status,
                      last.started_at as last_started, last.error as last_error,
                      coalesce(ended.failures, 0) as failures, ended.last_success
               from chartline.chart_sync_schedule s
               join chartline.chart c on c.id = s.chart_id
               left join lateral (
                   select day from chartline.chart_ranking where chart_id = c.id order by day desc limit 1
               ) here on true
               cross join lateral (
                   select coalesce(array_agg(day order by day), '{}') as days from (
                       (select day from chartline.chart_calendar where chart_id = c.id order by day desc limit 1)
                       union select day from chartline.chart_calendar where chart_id = c.id and day >= here.day
                   ) newer
               ) listed
               left join lateral (
                   select id, status, started_at, error from chartline.chart_sync_execution
                   where chart_slug = c.slug and dag_id like 'chart_sync.%%' order by started_at desc, id desc limit 1
               ) last on true
               left join lateral (
                   select max(finished_at) filter (where status in ('complete', 'partial')) as last_success,
                          (count(*) filter (where status in ('failed', 'lost') and not passed))::int as failures
                   from (
                       select status, finished_at,
                              bool_or(status in ('complete', 'partial')) over (order by started_at desc, id desc)
                                  as passed
                       from (
                           select id, status, started_at, finished_at from chartline.chart_sync_execution
                           where chart_slug = c.slug and status <> 'running'
                           order by started_at desc, id desc limit %(most)s
                       ) newest
                   ) seen
               ) ended on true
               where %(slugs)s::text[] is null or c.slug = any(%(slugs)s)
               order by c.slug""",
            {"slugs": None if slugs is None else list(slugs), "most": MOST},
        ).fetchall()


@dataclass(frozen=True)
class Totals:
    """Of the whole warehouse. `failed_day`: executions that failed in the last 24 hours."""

    charts: int
    followed: int
    active: int
    running: int
    failed_day: int
    last_success: datetime | None


def totals(conn: Connection) -> Totals:
    """What there is, in one query. No large table is counted."""
    with conn.cursor(row_factory=class_row(Totals)) as cursor:
        found = cursor.execute(
            """select (select count(*) from chartline.chart)::int as charts,
                      (select count(*) from chartline.chart_sync_schedule)::int as followed,
                      (select count(*) from chartline.chart_sync_schedule where is_active)::int as active,
                      (select count(*) from chartline.chart_sync_execution where status = 'running')::int as running,
                      (select count(*) from chartline.chart_sync_execution
                       where status in ('failed', 'lost') and started_at > now() - interval '1 day')::int as failed_day,
                      greatest(
                          (select finished_at from chartline.chart_sync_execution
                           where status = 'complete' order by started_at desc, id desc limit 1),
                          (select finished_at from chartline.chart_sync_execution
                           where status = 'partial' order by started_at desc, id desc limit 1)) as last_success"""
        ).fetchone()
    assert found is not None
    return found


@dataclass(frozen=True)
class Stored:
    """How much is stored."""

    rankings: int
    tracks: int
    artists: int


def stored(conn: Connection) -> Stored:
    """Counted, row by row: PostgreSQL's own estimate is that of the last vacuum, and may be of another year."""
    with conn.cursor(row_factory=class_row(Stored)) as cursor:
        found = cursor.execute(
            """select (select count(*) from chartline.chart_ranking) as rankings,
                      (select count(*) from chartline.track) as tracks,
                      (select count(*) from chartline.artist) as artists"""
        ).fetchone()
    assert found is not None
    return found


def executions_by_status(conn: Connection) -> dict[str, int]:
    """How many executions there are of each status."""
    return dict(conn.execute("select status, count(*)::int from chartline.chart_sync_execution group by 1").fetchall())


def open_alerts(conn: Connection) -> dict[str, int]:
    """How many alerts are open, by kind."""
    found = conn.execute("select kind, count(*)::int from chartline.alert where state = 'open' group by 1")
    return dict(found.fetchall())
