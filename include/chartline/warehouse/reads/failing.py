"""What alerts are made from: runs that failed, what stopped them, and how slow runs are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg.rows import class_row

from chartline.domain import dag_ids
from chartline.domain.run_ids import Kind
from chartline.warehouse.connect import Connection
from chartline.warehouse.executions import OWN
from chartline.warehouse.run_status import FAILED, GOOD, broke_down

NEWS_DAYS = 2
"""What ended longer ago was never told and is no news."""
MOST_RUNS = 200
USUAL_RUNS = 10

_RUN: LiteralString = """
    select x.id, x.dag_id, x.run_id, x.chart_slug, c.name as chart_name, x.status, x.error, x.calls, x.started_at,
           case when x.status = 'running' then (
               select coalesce(jsonb_object_agg(kind, n), '{}') from (
                   select kind, count(*) as n from chartline.execution_failure where execution_id = x.id group by 1
               ) as counted
           ) else x.failures end as failures,
           array(select resource || ' ' || entity || case facet when '' then '' else ' ' || facet end
                        || ': ' || kind || ': ' || reason
                 from chartline.execution_failure where execution_id = x.id order by id limit 5) as reasons
    from chartline.chart_sync_execution as x left join chartline.chart as c on c.slug = x.chart_slug"""

_GOOD_SINCE: LiteralString = f"""
    exists (select from chartline.chart_sync_execution as good
            where good.chart_slug = x.chart_slug and good.started_at > x.started_at
              and (good.kind = x.kind or {OWN} and {OWN.replace("x.", "good.")})
              and good.status in {GOOD})"""


@dataclass(frozen=True)
class FailedRun:
    """An execution that failed or was lost, or (`status` running) whose report never ran; `reasons`: its first."""

    id: int
    dag_id: str
    run_id: str
    chart_slug: str
    chart_name: str | None
    status: str
    error: str | None
    failures: dict[str, int]
    calls: int
    started_at: datetime
    reasons: list[str]


def failed_runs(conn: Connection, open_ids: Collection[int]) -> list[FailedRun]:
    """Runs that broke down lately, or that have an alert already (`open_ids`, executions), and after which no run of
    the chart went well, of its own DAG or of the same kind; the newest of them."""
    with conn.cursor(row_factory=class_row(FailedRun)) as cursor:
        return cursor.execute(
            f"""{_RUN}
                where x.id in (
                    select id from chartline.chart_sync_execution
                    where status in {FAILED} and finished_at > now() - make_interval(days => %(days)s)
                    union select unnest(%(open)s::bigint[])
                ) and {broke_down("x")} and not {_GOOD_SINCE}
                order by x.finished_at desc limit %(most)s""",
            {"days": NEWS_DAYS, "open": list(open_ids), "most": MOST_RUNS},
        ).fetchall()


def run_of(conn: Connection, dag_id: str, run_id: str) -> FailedRun | None:
    """One run, whatever its state."""
    with conn.cursor(row_factory=class_row(FailedRun)) as cursor:
        return cursor.execute(f"{_RUN} where x.dag_id = %s and x.run_id = %s", [dag_id, run_id]).fetchone()


def unsettled(conn: Connection, execution_ids: Collection[int]) -> set[int]:
    """Those of these executions that are running (cleared, or never reported) with no better run since."""
    rows = conn.execute(
        f"""select x.id from chartline.chart_sync_execution as x
            where x.id = any(%s) and x.status = 'running' and not {_GOOD_SINCE}""",
        [list(execution_ids)],
    )
    return {id for (id,) in rows}


def well_since(conn: Connection, asked: Collection[tuple[str, datetime]]) -> set[str]:
    """Of DAGs, by an id of now or a former one, and times: those of which a run that began later did its work."""
    rows = conn.execute(
        f"""select d.dag_id from unnest(%s::text[], %s::text[], %s::timestamptz[]) as d (dag_id, today, at)
            where exists (
               select from chartline.chart_sync_execution as x
               where x.dag_id in (d.dag_id, d.today) and x.started_at > d.at
                 and x.status in {GOOD})""",
        [[dag_id for dag_id, _ in asked], [dag_ids.today(dag_id) for dag_id, _ in asked], [at for _, at in asked]],
    )
    return {dag_id for (dag_id,) in rows}


@dataclass(frozen=True)
class RunPace:
    """How long a run has taken for its calls, and what its chart's last runs of the same kind took: medians of
    `earlier` runs. Times are in seconds, from when its first ranking was there: waiting for it is not working."""

    id: int
    dag_id: str
    run_id: str
    chart_slug: str
    chart_name: str | None
    kind: Kind
    at_work: bool
    seconds: float
    calls: int
    earlier: int
    usual_seconds: float | None
    usual_calls: float | None


def paces(conn: Connection, open_subjects: Collection[tuple[str, str]]) -> list[RunPace]:
    """Runs running, runs that ended within the last hour, and the latest of those kinds with an open alert
    (`open_subjects`: chart slug, kind), each beside the chart's last runs of its kind that did their work."""
    slugs, kinds = ([one[place] for one in open_subjects] for place in range(2))
    with conn.cursor(row_factory=class_row(RunPace)) as cursor:
        return cursor.execute(
            f"""with ran as (
                    select x.*, x.status = 'running' as at_work from chartline.chart_sync_execution as x
                    where x.status = 'running' or x.finished_at > now() - interval '1 hour'
                    order by x.started_at desc limit %(most)s
                ), again as (
                    select x.*, x.status = 'running' as at_work
                    from unnest(%(slugs)s::text[], %(kinds)s::text[]) as o (slug, kind)
                    cross join lateral (
                        select * from chartline.chart_sync_execution as x
                        where x.chart_slug = o.slug and x.kind = o.kind and x.status in {GOOD}
                        order by x.started_at desc, x.id desc limit 1
                    ) as x
                ), looked as (
                    select * from ran where status = 'running' or status in {GOOD} union select * from again
                )
                select x.id, x.dag_id, x.run_id, x.chart_slug, c.name as chart_name, x.kind, x.at_work,
                       extract(epoch from coalesce(x.finished_at, now()) - {_begun("x")})::float8 as seconds,
                       case when x.at_work then (select count(*) from chartline.api_call where execution_id = x.id)
                            else x.calls end::int as calls,
                       coalesce(usual.earlier, 0)::int as earlier, usual.usual_seconds, usual.usual_calls
                from looked as x left join chartline.chart as c on c.slug = x.chart_slug
                cross join lateral (
                    select count(*) as earlier,
                           percentile_cont(0.5) within group (order by seconds) as usual_seconds,
                           percentile_cont(0.5) within group (order by calls) as usual_calls
                    from (select e.calls, extract(epoch from e.finished_at - {_begun("e")})::float8 as seconds
                          from chartline.chart_sync_execution as e
                          where e.chart_slug = x.chart_slug and e.kind = x.kind and e.started_at < x.started_at
                            and e.status in {GOOD}
                          order by e.started_at desc, e.id desc limit %(usual)s) as last
                ) as usual
                order by x.started_at""",
            {"most": MOST_RUNS, "slugs": slugs, "kinds": kinds, "usual": USUAL_RUNS},
        ).fetchall()


def _begun(of: LiteralString) -> LiteralString:
    """SQL: when a run began to work: its first ranking came, or, where all were here, it was opened."""
    return f"""coalesce((select min(r.fetched_at) from chartline.execution_ranking as l
                         join chartline.chart_ranking as r on r.id = l.ranking_id
                         where l.execution_id = {of}.id and r.fetched_at >= {of}.started_at), {of}.started_at)"""
