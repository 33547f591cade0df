"""Executions: one row for each run of a schedule's DAG or of the cascade on demand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, LiteralString

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from chartline.domain import run_ids
from chartline.domain.run_ids import Kind
from chartline.warehouse import ledger
from chartline.warehouse.connect import Connection


@dataclass(frozen=True)
class Execution:
    """One run: `settings` is the ask it works by, fixed when it was opened."""

    id: int
    chart_slug: str
    dag_id: str
    run_id: str
    kind: Kind
    status: str
    started_at: datetime
    settings: dict[str, Any]

    @property
    def owner(self) -> str:
        """The name under which this run leases work."""
        return f"{self.dag_id}/{self.run_id}"


@dataclass(frozen=True)
class ItemFailure:
    """What could not be fetched, and why."""

    resource: str
    entity: str
    facet: str
    kind: str
    reason: str


@dataclass(frozen=True)
class Counts:
    """What a step wrote; added up on the execution's row."""

    rankings_created: int = 0
    rankings_updated: int = 0
    entries_stored: int = 0
    tracks_created: int = 0
    tracks_updated: int = 0
    artists_created: int = 0
    artists_updated: int = 0
    audience_points: int = 0
    deferred: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__})


_EXECUTION: LiteralString = "id, chart_slug, dag_id, run_id, kind, status, started_at, settings"

OWN: LiteralString = "x.kind not in ('on_demand', 'refresh')"
"""Whether an execution `x` is of its chart's own DAG."""


def open_execution(
    conn: Connection,
    *,
    dag_id: str,
    run_id: str,
    chart_slug: str,
    trigger: str,
    interval: tuple[datetime, datetime] | None = None,
) -> Execution:
    """The run's row, made or (for a cleared run) opened again: its old failures are forgotten, its counts kept.

    trigger: the type of the run, as Airflow says: `scheduled`, `manual`, …
    """
    start, end = interval or (None, None)
    kind = run_ids.kind(dag_id, trigger, run_id)
    with conn.transaction():
        row = conn.execute(
            f"""insert into chartline.chart_sync_execution as x
                   (dag_id, run_id, chart_slug, chart_id, schedule_id, trigger, kind, data_interval_start,
                    data_interval_end)
               select %(dag)s, %(run)s, %(slug)s, c.id, s.id, %(trigger)s, %(kind)s, %(start)s, %(end)s
               from (select 1) as one
               left join chartline.chart c on c.slug = %(slug)s
               left join chartline.chart_sync_schedule s on s.chart_id = c.id and %(own)s
               on conflict (dag_id, run_id) do update
                   set trigger = excluded.trigger, kind = excluded.kind, status = 'running', finished_at = null,
                       error = null, failures = '{{}}', deferred = 0, days_absent = '{{}}', days_left = '{{}}'
               returning {_EXECUTION}""",
            {
                "dag": dag_id,
                "run": run_id,
                "slug": chart_slug,
                "trigger": trigger,
                "kind": kind,
                "own": kind not in run_ids.OF_NO_SCHEDULE,
                "start": start,
                "end": end,
            },
        ).fetchone()
        assert row is not None
        execution = Execution(*row)
        conn.execute("delete from chartline.execution_failure where execution_id = %s", (execution.id,))
    return execution


def fix_settings(conn: Connection, execution: Execution, settings: dict[str, Any]) -> Execution:
    """What the run is asked to do, by which all its steps work."""
    conn.execute(
        "update chartline.chart_sync_execution set settings = %s where id = %s", (Jsonb(settings), execution.id)
    )
    return replace(execution, settings=settings)


def find(conn: Connection, dag_id: str, run_id: str) -> Execution | None:
    """The row of an Airflow run; None when its first task never got so far."""
    row = conn.execute(
        f"select {_EXECUTION} from chartline.chart_sync_execution where dag_id = %s and run_id = %s",
        (dag_id, run_id),
    ).fetchone()
    return Execution(*row) if row else None


def link_rankings(conn: Connection, execution_id: int, ranking_ids: Iterable[int], *, its_chart: bool = True) -> None:
    """Note that this run handles the rankings, stored by it or before. `its_chart`: their chart is the run's."""
    ids = list(ranking_ids)
    conn.execute(
        "insert into chartline.execution_ranking select %s, unnest(%s::bigint[]) on conflict do nothing",
        (execution_id, ids),
    )
    if not its_chart:
        return
    conn.execute(
        """update chartline.chart_sync_execution x set chart_id = r.chart_id
           from chartline.chart_ranking r where r.id = any(%s) and x.id = %s and x.chart_id is null""",
        (ids, execution_id),
    )


def note_days(conn: Connection, execution_id: int, *, absent: Iterable[date] = (), left: Iterable[date] = ()) -> None:
    """Add to the days that Soundcharts does not have, and to those that could not be fetched."""
    conn.execute(
        """update chartline.chart_sync_execution set
               days_absent = array(select distinct unnest(days_absent || %(absent)s::date[]) order by 1),
               days_left = array(select distinct unnest(days_left || %(left)s::date[]) order by 1)
           where id = %(id)s""",
        {"id": execution_id, "absent": list(absent), "left": list(left)},
    )


def days(conn: Connection, execution_id: int) -> tuple[list[date], list[date]]:
    """The run's days that Soundcharts does not have, and those that could not be fetched."""
    row = conn.execute(
        "select days_absent, days_left from chartline.chart_sync_execution where id = %s", (execution_id,)
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def asked_early(conn: Connection, execution_id: int) -> int:
    """Count one more call for a ranking that was not published yet; how many the run has made of them now."""
    row = conn.execute(
        "update chartline.chart_sync_execution set asked_early = asked_early + 1 where id = %s returning asked_early",
        (execution_id,),
    ).fetchone()
    assert row is not None
    return int(row[0])


OF_THE_PRESENT: LiteralString = """
    (x.settings ->> 'followed' is null or r.day >= coalesce(
        (select max(own.day) from chartline.execution_ranking mine
         join chartline.chart_ranking own on own.id = mine.ranking_id
         where mine.execution_id = x.id and own.day <= (x.settings ->> 'followed')::date), r.day))"""
"""Whether a ranking `r` of an execution `x` brings the audience of its tracks: of those that were out when the chart
was followed only the latest does."""


def tracks(conn: Connection, execution_id: int, *, audience: bool = False) -> list[str]:
    """The distinct tracks of the run's rankings, or (`audience`) of those that bring audience, sorted."""
    rows = conn.execute(
        f"""select distinct e.track::text from chartline.chart_sync_execution x
           join chartline.execution_ranking l on l.execution_id = x.id
           join chartline.chart_ranking r on r.id = l.ranking_id
           join chartline.chart_ranking_entry e on e.ranking_id = r.id
           where x.id = %(id)s and (not %(audience)s or {OF_THE_PRESENT}) order by 1""",
        {"id": execution_id, "audience": audience},
    )
    return [uuid for (uuid,) in rows]


def artists(conn: Connection, execution_id: int, *, audience: bool = False) -> list[str]:
    """The distinct artists of those tracks, sorted."""
    rows = conn.execute(
        f"""select distinct a.artist::text from chartline.chart_sync_execution x
           join chartline.execution_ranking l on l.execution_id = x.id
           join chartline.chart_ranking r on r.id = l.ranking_id
           join chartline.chart_ranking_entry e on e.ranking_id = r.id
           join chartline.track_artist a on a.track = e.track
           where x.id = %(id)s and (not %(audience)s or {OF_THE_PRESENT}) order by 1""",
        {"id": execution_id, "audience": audience},
    )
    return [uuid for (uuid,) in rows]


def ranking_count(conn: Connection, execution_id: int) -> int:
    """How many rankings the run handles."""
    row = conn.execute(
        "select count(*) from chartline.execution_ranking where execution_id = %s", (execution_id,)
    ).fetchone()
    return int(row[0]) if row else 0


def add_counts(conn: Connection, execution_id: int, counts: Counts) -> None:
    """Add to the run's counts. Call it last in a transaction: side-by-side batches of a run share this row."""
    changed = {name: value for name in counts.__dataclass_fields__ if (value := getattr(counts, name))}
    if changed:
        sets = ", ".join(f"{name} = {name} + %({name})s" for name in changed)
        conn.execute(
            f"update chartline.chart_sync_execution set {sets} where id = %(id)s",
            changed | {"id": execution_id},
        )


def take_up_deferred(conn: Connection, execution_id: int, count: int) -> None:
    """Take back what this run deferred before; what another run deferred was never on its row."""
    conn.execute(
        """update chartline.chart_sync_execution set deferred = greatest(deferred - %s, 0)
           where id = %s and deferred > 0""",
        (count, execution_id),
    )


def add_failures(conn: Connection, execution_id: int, failures: Iterable[ItemFailure]) -> None:
    """Record what could not be fetched. An item has one row a run, its last reason."""
    for f in failures:
        forget_failures(conn, execution_id, f.resource, [(f.entity, f.facet)])
        conn.execute(
            """insert into chartline.execution_failure (execution_id, resource, entity, facet, kind, reason)
               values (%s, %s, %s, %s, %s, %s)""",
            (execution_id, f.resource, f.entity, f.facet, f.kind, f.reason),
        )


def forget_failures(conn: Connection, execution_id: int, resource: str, items: Iterable[tuple[str, str]]) -> None:
    """Take back the failures of items that are being tried again."""
    pairs = list(items)
    conn.execute(
        """delete from chartline.execution_failure f using unnest(%s::text[], %s::text[]) as i (entity, facet)
           where f.execution_id = %s and f.resource = %s and f.entity = i.entity and f.facet = i.facet""",
        ([e for e, _ in pairs], [f for _, f in pairs], execution_id, resource),
    )


def note_left_behind(
    conn: Connection,
    execution_id: int,
    asked: Iterable[tuple[str, str]],
    entities: Iterable[str] = (),
) -> None:
    """Record as failed what another run had begun of this run's tracks and artists, and that it died over.

    `asked`: the pairs of resource and facet (platform) that this run asks for; `entities`: uuids that it was asked for
    by name.
    What is being fetched now is not meant.
    """
    pairs = list(asked)
    conn.execute(
        """with own_track as (
               select distinct e.track from chartline.execution_ranking x
               join chartline.chart_ranking_entry e using (ranking_id) where x.execution_id = %(id)s
           ), own as (
               select track::text as entity from own_track
               union select a.artist::text from own_track join chartline.track_artist a using (track)
               union select unnest(%(entities)s::text[])
           )
           insert into chartline.execution_failure (execution_id, resource, entity, facet, kind, reason)
           select %(id)s, l.resource, l.entity, l.facet, 'left_behind',
                  'Another run had begun it and never fetched it; the next run takes it up.'
           from own join chartline.fetch_ledger l using (entity)
           where l.outcome = 'never' and (l.lease_until is null or l.lease_until < now())
             and l.resource = any(%(resources)s)
             and (l.resource, l.facet) in (select * from unnest(%(resources)s::text[], %(facets)s::text[]))""",
        {
            "id": execution_id,
            "resources": [resource for resource, _ in pairs],
            "facets": [facet for _, facet in pairs],
            "entities": list(entities),
        },
    )


def note_error(conn: Connection, execution_id: int, error: str) -> None:
    """Keep the latest reason why the run as a whole cannot go on."""
    conn.execute("update chartline.chart_sync_execution set error = %s where id = %s", (error, execution_id))


@dataclass(frozen=True)
class RunTotals:
    """What a run came to so far: calls made, items deferred, failed items by kind."""

    calls: int
    deferred: int
    failures: dict[str, int]


def spent(conn: Connection, execution_id: int) -> RunTotals:
    """The sums of a run from its call records and failures."""
    row = conn.execute(
        """select (select count(*) from chartline.api_call where execution_id = x.id), x.deferred,
                  (select coalesce(jsonb_object_agg(kind, n order by kind), '{}') from (
                       select kind, count(*) as n from chartline.execution_failure where execution_id = x.id group by 1
                   ) as failed)
           from chartline.chart_sync_execution x where x.id = %s""",
        (execution_id,),
    ).fetchone()
    assert row is not None
    return RunTotals(*row)


def close(conn: Connection, execution_id: int, status: str, error: str | None) -> dict[str, Any]:
    """End the run: its status, calls spent and failures by kind. `error` counts where no earlier reason was noted.

    Reasons of trouble that passed are forgotten. Returns the row.
    """
    own = spent(conn, execution_id)
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            """update chartline.chart_sync_execution x set
                   status = %(status)s, finished_at = now(), calls = %(calls)s, failures = %(failures)s,
                   error = case when %(status)s in ('failed', 'deferred') then coalesce(x.error, %(error)s) end
               where id = %(id)s returning *""",
            {
                "status": status,
                "error": error,
                "id": execution_id,
                "calls": own.calls,
                "failures": Jsonb(own.failures),
            },
        ).fetchone()
    assert row is not None
    return dict(row)


def close_lost(conn: Connection, execution_id: int, owner: str, reason: str) -> bool:
    """Close an execution whose run is no more, and free what it had leased as `owner`. False when it has closed by
    itself."""
    with conn.transaction():
        closed = conn.execute(
            """update chartline.chart_sync_execution set status = 'lost', finished_at = now(), error = %s,
                   calls = (select count(*) from chartline.api_call where execution_id = %s)
               where id = %s and status = 'running'""",
            [reason, execution_id, execution_id],
        ).rowcount
        if closed:
            ledger.release(conn, owner)
    return bool(closed)
