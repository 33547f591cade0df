"""When a followed chart is overdue, at given times."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from chartline.domain import dag_ids
from chartline.operating.conditions import followed
from chartline.operating.conditions.overdue import Overdue
from chartline.schedules import service
from chartline.settings import Settings
from chartline.warehouse import charts, executions, rankings

Conn = psycopg.Connection[Any]

NOW = datetime(2026, 11, 20, 4, 15, tzinfo=UTC)
FOLLOWED = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)


def owed(conn: Conn, now: datetime = NOW) -> Overdue | None:
    """Of the one chart that is followed."""
    [found] = followed.judge(conn, Settings(overdue_hours=2), now).values()
    assert bool(found.overdue) == (found.state == "overdue")
    return found.overdue


def follow(conn: Conn, slug: str = "day", at: datetime = FOLLOWED, **settings: Any) -> None:
    service.add(conn, slug, settings)
    conn.execute("update chart_sync_schedule set created_at = %s, history_asked_at = %s", [at, at])


def span(first: str, last: str) -> list[date]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + timedelta(n) for n in range((end - start).days + 1)]


def list_days(conn: Conn, days: Iterable[date], slug: str = "day") -> None:
    chart = charts.find(conn, slug)
    assert chart
    with conn.transaction():
        rankings.store_calendar(conn, chart.id, [f"{day}T12:00:00+00:00" for day in days])


def store(conn: Conn, days: Iterable[date], slug: str = "day") -> None:
    for day in days:
        conn.execute(
            "insert into chart_ranking (chart_id, day, stamp, total, entries, fetched_at)"
            " select id, %s, '', 0, 0, %s from chart where slug = %s",
            [day, NOW, slug],
        )


def run(conn: Conn, **asked: Any) -> Any:
    """A run of the chart's own DAG that is running."""
    execution = executions.open_execution(
        conn, dag_id=dag_ids.of_chart("day"), run_id="r", chart_slug="day", trigger="manual"
    )
    conn.execute("update chart_sync_execution set started_at = %s", [NOW])
    return executions.fix_settings(conn, execution, asked)


def test_a_schedule_whose_newest_ranking_is_not_here_is_overdue(conn: Conn) -> None:
    follow(conn)
    list_days(conn, span("2026-11-09", "2026-11-18"))
    store(conn, span("2026-11-09", "2026-11-18"))
    overdue = owed(conn)
    assert overdue
    assert (overdue.day, overdue.due_at) == (date(2026, 11, 19), datetime(2026, 11, 20, tzinfo=UTC))
    assert "no run has started" in overdue.reason


def test_it_is_not_overdue_within_its_slack_nor_while_a_run_fetches_it_nor_when_it_is_off(conn: Conn) -> None:
    follow(conn)
    store(conn, span("2026-11-09", "2026-11-18"))
    assert owed(conn, datetime(2026, 11, 20, 1, 59, tzinfo=UTC)) is None
    assert owed(conn, datetime(2026, 11, 20, 2, 1, tzinfo=UTC))
    execution = run(conn, interval=["2026-11-19"], current=True)
    assert owed(conn) is None
    executions.close(conn, execution.id, "failed", "Failed: fetch_ranking.")
    overdue = owed(conn)
    assert overdue
    assert "ended failed: Failed: fetch_ranking" in overdue.reason
    service.change(conn, "day", {"is_active": False})
    assert owed(conn) is None


def test_a_run_of_earlier_days_does_not_excuse_a_schedule(conn: Conn) -> None:
    follow(conn)
    store(conn, span("2026-11-09", "2026-11-18"))
    run(conn, days=["2026-11-12"])
    assert owed(conn)


def test_it_says_where_soundcharts_has_nothing_newer(conn: Conn) -> None:
    follow(conn)
    list_days(conn, span("2026-11-09", "2026-11-18"))
    store(conn, span("2026-11-09", "2026-11-18"))
    execution = run(conn, interval=["2026-11-19"])
    executions.close(conn, execution.id, "partial", None)
    overdue = owed(conn)
    assert overdue
    assert "Soundcharts lists nothing newer than 2026-11-18" in overdue.reason


def test_a_weekly_chart_looked_at_daily_owes_a_ranking_a_week(conn: Conn) -> None:
    follow(conn, "week", sync_frequency="daily")
    store(conn, [date(2026, 11, 13)], "week")
    assert owed(conn) is None
    overdue = owed(conn, datetime(2026, 11, 21, 4, 15, tzinfo=UTC))
    assert overdue
    assert overdue.day == date(2026, 11, 20)


def test_a_chart_followed_a_moment_ago_is_not_overdue(conn: Conn) -> None:
    follow(conn, at=NOW - timedelta(hours=1))
    assert owed(conn) is None
    assert owed(conn, NOW + timedelta(hours=1, minutes=1))
