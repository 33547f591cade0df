"""The audit of followed charts, on a warehouse of this test's own. A ranking of no entries is a whole one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from chartline.errors import BadInput, UnknownChart
from chartline.gaps import audit, healing, shown
from chartline.gaps.audit import ChartGaps
from chartline.schedules import service
from chartline.warehouse import charts, executions, ledger, rankings
from chartline.warehouse.ledger import Outcome, Settled, Want

Conn = psycopg.Connection[Any]

NOW = datetime(2026, 11, 20, 4, 15, tzinfo=UTC)
FOLLOWED = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LEASE = timedelta(hours=2)


def follow(conn: Conn, slug: str = "day", at: datetime = FOLLOWED, **settings: Any) -> None:
    service.add(conn, slug, settings)
    conn.execute("update chart_sync_schedule set created_at = %s, history_asked_at = %s", [at, at])


def span(first: str, last: str) -> list[date]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + n * DAY for n in range((end - start).days + 1)]


def chart_id(conn: Conn, slug: str = "day") -> int:
    found = charts.find(conn, slug)
    assert found
    return found.id


def list_days(conn: Conn, days: Iterable[date], slug: str = "day") -> None:
    with conn.transaction():
        rankings.store_calendar(conn, chart_id(conn, slug), [f"{day}T12:00:00+00:00" for day in days])


def store(conn: Conn, days: Iterable[date], slug: str = "day", entries: int = 0) -> None:
    for day in days:
        conn.execute(
            "insert into chart_ranking (chart_id, day, stamp, total, entries, fetched_at)"
            " values (%(chart)s, %(day)s, '', %(entries)s, %(entries)s, %(now)s)",
            {"chart": chart_id(conn, slug), "day": day, "entries": entries, "now": NOW},
        )


def audited(conn: Conn, now: datetime = NOW) -> ChartGaps:
    schedules, refused = audit.followed(conn)
    assert refused == {}
    (found,) = audit.audit(conn, schedules, now)
    return found


def run_at_work(conn: Conn, *, started: datetime = NOW, dag_id: str = "chartline.chart_sync.day", **asked: Any) -> Any:
    execution = executions.open_execution(conn, dag_id=dag_id, run_id="r", chart_slug="day", trigger="manual")
    conn.execute("update chart_sync_execution set started_at = %s", [started])
    return executions.fix_settings(conn, execution, asked)


def test_a_chart_lacks_what_the_calendar_lists_and_nothing_else(conn: Conn) -> None:
    follow(conn)
    listed = [day for day in span("2026-11-01", "2026-11-20") if day.day not in (13, 14)]
    list_days(conn, listed)
    here = [day for day in listed if day.day not in (11, 16, 17)]
    store(conn, [day for day in here if day.day != 18])
    store(conn, [date(2026, 11, 18)], entries=3)
    found = audited(conn)
    assert (found.first, found.last) == (date(2026, 11, 9), date(2026, 11, 19))
    assert found.missing == (date(2026, 11, 11), *span("2026-11-16", "2026-11-17"))
    assert found.short == (date(2026, 11, 18),)
    assert found.absent == (date(2026, 11, 13), date(2026, 11, 14))
    assert found.begins is None
    assert found.open[0] == date(2026, 11, 18)


def test_the_past_is_wanted_once_it_is_asked_for_and_not_held(conn: Conn) -> None:
    follow(conn, sync_historical_data=True, history_days=30)
    assert audited(conn).first == FOLLOWED.date() - 30 * DAY
    conn.execute("update chart_sync_schedule set history_held = true")
    held = audited(conn)
    assert held.first == date(2026, 11, 9)
    assert held.history_held


def test_a_past_longer_than_the_sources_begins_where_the_source_does(conn: Conn) -> None:
    follow(conn, sync_historical_data=True, history_days=365)
    days = span("2026-06-01", "2026-11-19")
    list_days(conn, days)
    store(conn, days)
    found = audited(conn)
    assert found.begins == date(2026, 6, 1)
    assert (found.missing, found.absent) == ((), ())
    assert "Soundcharts begins on 2026-06-01" in shown.findings(found)[0]


def test_nothing_is_wanted_before_the_first_regular_time(conn: Conn) -> None:
    follow(conn, at=NOW, sync_immediately=False)
    list_days(conn, span("2026-11-01", "2026-11-20"))
    found = audited(conn)
    assert found.first > found.last
    assert (found.missing, found.absent) == ((), ())


@pytest.mark.parametrize(
    "asked", [{"day": "2026-11-12"}, {"days": ["2026-11-12"]}, {"interval": ["2026-11-12"]}, {"leased": True}]
)
def test_what_is_being_fetched_is_missing_but_not_open(conn: Conn, asked: dict[str, Any]) -> None:
    follow(conn)
    days = span("2026-11-09", "2026-11-19")
    list_days(conn, days)
    store(conn, [day for day in days if day.day not in (11, 12)])
    if "leased" in asked:
        ledger.claim(conn, "ranking", [Want("day", "2026-11-12")], owner="someone", lease=LEASE)
    else:
        run_at_work(conn, dag_id="chartline.chart_cascade", **asked)
    found = audited(conn)
    assert found.missing == (date(2026, 11, 11), date(2026, 11, 12))
    assert found.busy == {date(2026, 11, 12)}
    assert found.open == [date(2026, 11, 11)]


def test_what_the_source_refused_is_absent_for_a_while_and_what_failed_is_healed_last(conn: Conn) -> None:
    follow(conn)
    list_days(conn, span("2026-11-09", "2026-11-19"))
    later = datetime.now(UTC) + DAY
    outcomes: dict[str, tuple[Outcome, datetime]] = {
        "2026-11-11": ("absent", later),
        "2026-11-12": ("absent", NOW - 365 * DAY),
        "2026-11-19": ("failed", NOW),
    }
    for facet, (outcome, due_at) in outcomes.items():
        ledger.settle(conn, "ranking", [Settled("day", facet, outcome, NOW, due_at)])
    found = audited(conn)
    assert found.absent == (date(2026, 11, 11),)
    assert date(2026, 11, 12) in found.missing
    assert found.failed == {date(2026, 11, 19)}
    assert (found.open[0], found.open[-1]) == (date(2026, 11, 18), date(2026, 11, 19))


def test_executions_of_runs_that_are_no_more_are_lost(conn: Conn) -> None:
    follow(conn)
    states = {"queued": "queued", "running": "running", "failed": "failed", "gone": None}
    for run_id in states:
        execution = executions.open_execution(
            conn, dag_id="chartline.chart_sync.day", run_id=run_id, chart_slug="day", trigger="scheduled"
        )
        ledger.claim(conn, "ranking", [Want("day", run_id)], owner=execution.owner, lease=LEASE)
    lost = healing.find_lost(conn, lambda dag_id, run_id: states[run_id])
    assert {run.run_id for run, _ in lost} == {"failed", "gone"}
    closed = healing.close_lost(conn, lost)
    assert set(closed) == {"chartline.chart_sync.day/failed", "chartline.chart_sync.day/gone"}
    assert "ended as failed" in closed["chartline.chart_sync.day/failed"]
    rows = conn.execute("select run_id, status from chart_sync_execution order by run_id").fetchall()
    assert rows == [("failed", "lost"), ("gone", "lost"), ("queued", "running"), ("running", "running")]
    held = conn.execute("select facet from fetch_ledger where lease_until > now() order by 1").fetchall()
    assert held == [("queued",), ("running",)]
    assert healing.close_lost(conn, lost) == {}


def test_charts_are_refused_by_name(conn: Conn) -> None:
    follow(conn)
    with pytest.raises(UnknownChart, match="nothing-like-it"):
        audit.followed(conn, "nothing-like-it")
    with pytest.raises(BadInput, match="week is not followed"):
        audit.followed(conn, "week")


def test_a_row_that_cannot_be_used_is_named_and_the_others_are_audited(conn: Conn) -> None:
    follow(conn)
    service.add(conn, "week")
    conn.execute("update chart_sync_schedule set history_days = -1 where chart_id = %s", [chart_id(conn, "week")])
    schedules, refused = audit.followed(conn)
    assert [schedule.slug for schedule in schedules] == ["day"]
    assert "history_days" in refused["week"]


def test_the_table_has_the_neediest_chart_first(conn: Conn) -> None:
    follow(conn)
    service.add(conn, "week")
    conn.execute("update chart_sync_schedule set created_at = %s, history_asked_at = %s", [FOLLOWED, FOLLOWED])
    list_days(conn, [date(2026, 11, 13)], "week")
    schedules, _ = audit.followed(conn)
    lines = shown.table(audit.audit(conn, schedules, NOW + DAY)).splitlines()
    assert [line.split()[0] for line in lines] == ["CHART", "week", "day"]
    assert lines[1].split()[3:] == ["1", "0", "1", "0", "0"]
