"""What is there of a chart, against numbers worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from chartline.warehouse import charts, executions, ledger, rankings
from chartline.warehouse import executions as warehouse_executions
from chartline.warehouse.executions import Execution
from chartline.warehouse.ledger import Want
from chartline.warehouse.reads import gaps

LEASE = timedelta(minutes=5)


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.fixture
def chart(warehouse: psycopg.Connection, build: Any) -> int:
    """The API has 30 October to 3 November; stored are all but the 31st, and the 4th, which it does not list yet. The
    ranking of the 1st was cut from 3 entries to 1."""
    chart_id = charts.upsert_chart(warehouse, build.chart())
    charts.upsert_chart(warehouse, build.chart("other"))
    listed = ["2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02", "2026-11-03"]
    rankings.store_calendar(warehouse, chart_id, [f"{text}T12:00:00+00:00" for text in listed])
    entries = [build.entry(position, position) for position in (1, 2, 3)]
    for text in ("2026-10-30", "2026-11-01", "2026-11-02", "2026-11-03", "2026-11-04"):
        rankings.store(warehouse, chart_id, [build.page(entries, 3, day=day(text))], build.AT)
    warehouse.execute(
        "delete from chart_ranking_entry e using chart_ranking r"
        " where r.id = e.ranking_id and r.day = '2026-11-01' and e.position > 1"
    )
    return chart_id


def opened(conn: psycopg.Connection, run_id: str, dag_id: str = "chartline.chart_sync.demo-daily") -> Execution:
    return executions.open_execution(
        conn, dag_id=dag_id, run_id=run_id, chart_slug="demo-daily", trigger="manual", interval=None
    )


def test_the_calendars_days(warehouse: psycopg.Connection, chart: int) -> None:
    found = gaps.listed_days(warehouse, chart)
    assert found[0] == day("2026-10-30")
    assert len(found) == 5


def test_stored_days_say_whether_they_are_whole(warehouse: psycopg.Connection, chart: int) -> None:
    assert gaps.stored_days(warehouse, chart, day("2026-10-31"), day("2026-11-03")) == {
        day("2026-11-01"): False,
        day("2026-11-02"): True,
        day("2026-11-03"): True,
    }


def test_a_ranking_that_lost_every_row_is_not_whole(warehouse: psycopg.Connection, chart: int) -> None:
    warehouse.execute("delete from chart_ranking_entry")
    assert set(gaps.stored_days(warehouse, chart, day("2026-10-01"), day("2026-12-01")).values()) == {False}


def test_completeness_by_month(warehouse: psycopg.Connection, chart: int) -> None:
    """Chart, month, days of the calendar, stored, missing, short; a chart of which nothing is known has no month."""
    assert warehouse.execute("select * from chart_completeness_monthly order by chart, month").fetchall() == [
        ("demo-daily", day("2026-10-01"), 2, 1, 1, 0),
        ("demo-daily", day("2026-11-01"), 3, 4, 0, 1),
    ]


def test_the_view_of_one_chart_reads_only_its_rows(warehouse: psycopg.Connection, chart: int) -> None:
    """With a hundred charts of a year each, whoever asks about one must not wait for all."""
    warehouse.execute("set enable_seqscan = off")
    plan = "\n".join(
        row
        for (row,) in warehouse.execute("explain select * from chart_completeness_monthly where chart = 'demo-daily'")
    )
    assert "Seq Scan on chart_ranking_entry" not in plan
    assert "slug = 'demo-daily'" in plan


def test_leased_days_are_those_that_someone_is_fetching_now(warehouse: psycopg.Connection) -> None:
    wants = [Want("demo-daily", "latest"), Want("demo-daily", "2026-11-01"), Want("other", "2026-11-02")]
    ledger.claim(warehouse, "ranking", wants, owner="a", lease=LEASE)
    ledger.claim(warehouse, "ranking", [Want("demo-daily", "2026-11-03")], owner="b", lease=-LEASE)
    ledger.claim(warehouse, "track_metadata", [Want("demo-daily", "2026-11-04")], owner="c", lease=LEASE)
    assert gaps.leased_days(warehouse, "demo-daily") == {day("2026-11-01")}


def test_what_is_running(warehouse: psycopg.Connection, chart: int) -> None:
    first, second = opened(warehouse, "one"), opened(warehouse, "two")
    executions.close(warehouse, second.id, "failed", "Failed: fetch_ranking.")
    assert [found.run_id for found in gaps.unclosed(warehouse)] == ["one"]
    assert gaps.unclosed(warehouse)[0].owner == first.owner


def test_a_lost_execution_is_closed_once_and_frees_its_work(warehouse: psycopg.Connection, chart: int) -> None:
    execution = opened(warehouse, "one")
    ledger.claim(warehouse, "ranking", [Want("demo-daily", "2026-11-01")], owner=execution.owner, lease=LEASE)
    ledger.claim(warehouse, "ranking", [Want("demo-daily", "2026-11-02")], owner="someone", lease=LEASE)
    (found,) = gaps.unclosed(warehouse)
    assert warehouse_executions.close_lost(warehouse, found.id, found.owner, "Its run ended as failed.")
    assert gaps.leased_days(warehouse, "demo-daily") == {day("2026-11-02")}
    row = warehouse.execute(
        "select status, error, finished_at <= %s from chart_sync_execution", [datetime.now(UTC)]
    ).fetchone()
    assert row == ("lost", "Its run ended as failed.", True)
    assert not warehouse_executions.close_lost(warehouse, found.id, found.owner, "again")


def test_an_execution_that_closed_by_itself_meanwhile_keeps_its_status(
    warehouse: psycopg.Connection, chart: int
) -> None:
    execution = opened(warehouse, "one")
    (found,) = gaps.unclosed(warehouse)
    executions.close(warehouse, execution.id, "complete", None)
    assert not warehouse_executions.close_lost(warehouse, found.id, found.owner, "gone")
    assert warehouse.execute("select status, error from chart_sync_execution").fetchone() == ("complete", None)
