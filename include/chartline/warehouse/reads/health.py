"""How the followed charts stand, all at once: what tells whether one is overdue or failing. A few queries in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row

from chartline.domain import run_status
from chartline.warehouse.connect import Connection
from chartline.warehouse.executions import OWN
from chartline.warehouse.reads.gaps import Ended
from chartline.warehouse.run_status import GOOD, broke_down


@dataclass(frozen=True)
class Standing:
    """A followed chart. `here`: the day of its newest stored ranking; `listed`: the calendar's days from then on;
    `last_*`: the newest run of its own DAG; `failures`: how many runs of that DAG broke down since one went well, of
    the newest `MOST`; `failed_with`: the newest such run's error."""

    slug: str
    here: date | None
    listed: list[date]
    last_status: str | None
    last_started: datetime | None
    last_error: str | None
    failures: int
    failed_with: str | None

    @property
    def last(self) -> Ended | None:
        """How the newest run of its own DAG went."""
        if self.last_started is None or self.last_status is None:
            return None
        return Ended(self.last_status, self.last_started, self.last_error)


MOST = 20
"""Runs of a chart since the last that went well that are looked at."""


def standings(conn: Connection, slugs: Sequence[str] | None = None) -> list[Standing]:
    """The followed charts, or those of `slugs`, by slug. A look into an index for each fact, whatever is stored."""
    with conn.cursor(row_factory=class_row(Standing)) as cursor:
        return cursor.execute(
            f"""select c.slug, here.day as here, listed.days as listed, last.status as last_status,
                      last.started_at as last_started, last.error as last_error, ended.failures, ended.failed_with
               from chartline.chart_sync_schedule s
               join chartline.chart c on c.id = s.chart_id
               left join lateral (
                   select day from chartline.chart_ranking where chart_id = c.id order by day desc limit 1
               ) here on true
               cross join lateral (
                   select coalesce(array_agg(day order by day), '{{}}') as days from (
                       (select day from chartline.chart_calendar where chart_id = c.id order by day desc limit 1)
                       union select day from chartline.chart_calendar where chart_id = c.id and day >= here.day
                   ) newer
               ) listed
               left join lateral (
                   select status, started_at, error from chartline.chart_sync_execution x
                   where chart_slug = c.slug and {OWN} order by started_at desc, id desc limit 1
               ) last on true
               left join lateral (
                   select started_at, id from chartline.chart_sync_execution x
                   where chart_slug = c.slug and {OWN} and status in {GOOD} order by started_at desc, id desc limit 1
               ) good on true
               cross join lateral (
                   select count(*)::int as failures,
                          (array_agg(error order by started_at desc, id desc))[1] as failed_with
                   from (
                       select id, status, started_at, error from chartline.chart_sync_execution x
                       where chart_slug = c.slug and {OWN} and status <> 'running'
                         and (started_at, id) > (coalesce(good.started_at, '-infinity'), coalesce(good.id, 0))
                       order by started_at desc, id desc limit %(most)s
                   ) x where {broke_down("x")}
               ) ended
               where %(slugs)s::text[] is null or c.slug = any(%(slugs)s)
               order by c.slug""",
            {"slugs": None if slugs is None else list(slugs), "most": MOST},
        ).fetchall()


@dataclass(frozen=True)
class Totals:
    """Of the whole warehouse. `last_success`: when the newest good run ended."""

    charts: int
    last_success: datetime | None


def totals(conn: Connection) -> Totals:
    """What there is, in one query. No large table is counted."""
    with conn.cursor(row_factory=class_row(Totals)) as cursor:
        row = cursor.execute(
            """select (select count(*) from chartline.chart)::int as charts,
                      (select max(finished_at) from unnest(%(good)s::text[]) as good (status) cross join lateral (
                           select finished_at from chartline.chart_sync_execution x
                           where x.status = good.status order by started_at desc, id desc limit 1
                       ) newest) as last_success""",
            {"good": list(run_status.GOOD)},
        ).fetchone()
    assert row is not None
    return row


@dataclass(frozen=True)
class Stored:
    """How much is stored."""

    rankings: int
    tracks: int
    artists: int


def stored(conn: Connection) -> Stored:
    """Counted, row by row: PostgreSQL's own estimate is that of the last vacuum, and may be of another year."""
    with conn.cursor(row_factory=class_row(Stored)) as cursor:
        row = cursor.execute(
            """select (select count(*) from chartline.chart_ranking) as rankings,
                      (select count(*) from chartline.track) as tracks,
                      (select count(*) from chartline.artist) as artists"""
        ).fetchone()
    assert row is not None
    return row


def executions_by_status(conn: Connection) -> dict[str, int]:
    """How many executions there are of each status."""
    return dict(conn.execute("select status, count(*)::int from chartline.chart_sync_execution group by 1").fetchall())


def open_alerts(conn: Connection) -> dict[str, int]:
    """How many alerts are open, by kind."""
    rows = conn.execute("select kind, count(*)::int from chartline.alert where state = 'open' group by 1")
    return dict(rows.fetchall())
