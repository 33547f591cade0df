"""Each metric against what SQL says, on a warehouse with some of everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from benchmarks.large import Sizes, seed

from chartline.cascade import resources
from chartline.operating import metrics
from chartline.settings import Settings
from chartline.warehouse.connect import connect

Conn = psycopg.Connection[Any]
Samples = dict[tuple[tuple[str, str], ...], float]

SOME = Sizes(
    charts=12, followed=8, listed=40, rankings=3, places=5, runs=5, failures=3, tracks=30, each=2, sounded=14, heard=4,
    calls=300, call_days=5, alerts=40, changes=12,
)  # fmt: skip
NOW = datetime.now(UTC)


@pytest.fixture
def conn(warehouse_url: str) -> Iterator[Conn]:
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        yield conn


def plain(statement: str) -> Callable[[Conn], Samples]:
    """One sample without labels; none where there is no value."""

    def ask(conn: Conn) -> Samples:
        row = conn.execute(statement, {"today": NOW.date()}).fetchone()
        return {} if row is None or row[0] is None else {(): float(row[0])}

    return ask


def by(label: str, statement: str) -> Callable[[Conn], Samples]:
    """A sample for each row: (label's value, value)."""

    def ask(conn: Conn) -> Samples:
        rows = conn.execute(statement, {"today": NOW.date()}).fetchall()
        return {((label, str(name)),): float(value) for name, value in rows}

    return ask


def by_resource(count: str) -> Callable[[Conn], Samples]:
    """Calls of today, summed over the endpoints of each resource."""

    def ask(conn: Conn) -> Samples:
        found: dict[str, float] = {}
        for endpoint, calls in by("endpoint", f"select endpoint, {count} from chartline.api_call {TODAY} group by 1")(
            conn
        ).items():
            name = resources.kind_of(endpoint[0][1])
            found[name] = found.get(name, 0) + calls
        return {(("resource", name),): value for name, value in found.items()}

    return ask


TODAY = "where (at at time zone 'UTC')::date = %(today)s"
STATES = """
    select state, count(*) from (
        select case when s.sync_frequency = 'never' then 'quarantined' when not s.is_active then 'paused'
                    else 'running' end as state
        from chartline.chart_sync_schedule s) as each group by 1"""

TRUTH: dict[str, Callable[[Conn], Samples]] = {
    "chartline_up": plain("select 1"),
    "chartline_charts": plain("select count(*) from chartline.chart"),
    "chartline_rankings": plain("select count(*) from chartline.chart_ranking"),
    "chartline_tracks": plain("select count(*) from chartline.track"),
    "chartline_artists": plain("select count(*) from chartline.artist"),
    "chartline_executions": by(
        "status",
        """select status, (select count(*) from chartline.chart_sync_execution x where x.status = s.status)
           from unnest(array['running', 'complete', 'partial', 'deferred', 'failed', 'lost']) as s (status)""",
    ),
    "chartline_last_success_timestamp_seconds": plain(
        """select extract(epoch from max(finished_at)) from chartline.chart_sync_execution
           where status in ('complete', 'partial')"""
    ),
    "chartline_quota_left": plain(
        "select quota_left from chartline.api_call where quota_left is not null order by at desc, id desc limit 1"
    ),
    "chartline_quota_spent_today": plain(
        f"""select count(*) from chartline.api_call {TODAY}
            and status < 500 and status <> 429 and endpoint <> 'team_usage'"""
    ),
    "chartline_api_calls_today": by_resource("count(*)"),
    "chartline_api_calls_failed_today": by_resource("count(*) filter (where status is null or status >= 400)"),
    "chartline_alerts_open": by("kind", "select kind, count(*) from chartline.alert where state = 'open' group by 1"),
    "chartline_chart_ranking_age_days": by(
        "chart",
        """select c.slug, %(today)s - max(r.day) from chartline.chart_sync_schedule s
           join chartline.chart c on c.id = s.chart_id
           join chartline.chart_ranking r on r.chart_id = c.id group by 1""",
    ),
    "chartline_chart_failures": by(
        "chart",
        """select c.slug, count(x.id) from chartline.chart_sync_schedule s join chartline.chart c on c.id = s.chart_id
           left join chartline.chart_sync_execution x on x.dag_id = 'chartline.chart_sync.' || c.slug
               and x.status in ('failed', 'lost')
               and x.started_at > coalesce(
                   (select max(started_at) from chartline.chart_sync_execution
                    where dag_id = x.dag_id and status in ('complete', 'partial')), '-infinity')
           group by 1""",
    ),
}
"""By metric. The others are judged, not counted: below."""


def collected(conn: Conn) -> dict[str, Samples]:
    return {
        one.name: {tuple(sorted(labels.items())): float(value) for labels, value in one.samples}
        for one in metrics.collect(conn, Settings(), NOW)
    }


def near(told: Samples) -> Samples:
    return {labels: round(value, 3) for labels, value in told.items()}


def check(conn: Conn) -> dict[str, Samples]:
    told = collected(conn)
    judged = {name: told.pop(name) for name in ("chartline_schedules", "chartline_condition", "chartline_quota_needed")}
    assert told.keys() == TRUTH.keys(), "each metric stands beside its truth"
    assert {name: near(samples) for name, samples in told.items()} == {
        name: near(of(conn)) for name, of in TRUTH.items()
    }
    states = by("state", STATES)(conn)
    schedules = judged["chartline_schedules"]
    assert schedules[(("state", "quarantined"),)] == states.get((("state", "quarantined"),), 0)
    assert sum(schedules.values()) == sum(states.values())
    conditions = {labels[0][1]: value for labels, value in judged["chartline_condition"].items()}
    assert conditions.keys() == {"quarantined", "overdue", "failing", "quota"}
    for state in ("quarantined", "overdue"):
        assert conditions[state] == schedules[(("state", state),)]
    return judged


def test_each_metric_is_what_sql_says(conn: Conn) -> None:
    seed(conn, SOME)
    check(conn)


def test_also_of_what_was_stored_a_moment_ago(conn: Conn) -> None:
    """PostgreSQL's estimates are those of its last vacuum: here none has been, then one before more came."""
    conn.execute("alter table chartline.chart_ranking set (autovacuum_enabled = off)")
    seed(conn, SOME)
    conn.execute(
        """insert into chartline.chart_ranking (chart_id, day, stamp, total, entries, fetched_at)
           select chart_id, day - 1000, stamp, total, entries, fetched_at from chartline.chart_ranking"""
    )
    conn.execute("insert into chartline.track (uuid, name) values (gen_random_uuid(), 'new')")
    conn.execute("insert into chartline.artist (uuid, slug, name) values (gen_random_uuid(), 'new', 'new')")
    check(conn)


def test_also_of_an_empty_warehouse(conn: Conn) -> None:
    judged = check(conn)
    assert judged["chartline_quota_needed"] == {(): 0.0}
