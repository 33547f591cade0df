"""Gaps made in a chart's history are found and healed by the gap audit, on a real Airflow."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chartline.warehouse import executions
from chartline.warehouse.connect import connect

from .conftest import ENTRIES, Chartline, until
from .test_approval import waiting

SLUG = "demo-global-daily"
DAG = f"chartline.chart_sync.{SLUG}"
AUDIT = "chartline.gap_audit"
PAST = 25


def audit(chartline: Chartline, **conf: Any) -> str:
    """Trigger the audit and wait for its end; its run id."""
    run_id = chartline.trigger(AUDIT, **conf)
    assert chartline.end_of(AUDIT, run_id) == "success", chartline.troubles(AUDIT, run_id)
    return run_id


def healing(chartline: Chartline) -> list[dict[str, Any]]:
    return [run for run in chartline.runs(DAG) if run["dag_run_id"].startswith("heal__")]


@pytest.mark.timeout(600)
def test_the_audit_heals_exactly_what_was_removed(chartline: Chartline) -> None:
    now = datetime.now(UTC)
    newest = chartline.world.latest_day(SLUG, now)  # in the first hours of a day that is not yesterday
    past = [day for n in range(1, PAST + 1) if newest and (day := now.date() - timedelta(days=n)) <= newest]
    lacking, torn, cut = past[12], [past[3], past[4], *past[15:18]], past[8]
    chartline.make_world(missing_days={SLUG: [lacking]})
    quiet = {"fetch_track_audience": False, "fetch_artist_audience": False}
    chartline.follow(SLUG, sync_historical_data=True, history_days=PAST, **quiet)
    until("the year", lambda: len(stored(chartline)) >= len(past) - 1, timeout=200)
    chartline.filled(DAG)

    chartline.change("delete from chart_ranking where day = any(%s)", torn)
    chartline.change(
        "delete from chart_ranking_entry e using chart_ranking r where r.id = ranking_id and day = %s and position > 5",
        cut,
    )
    chartline.change("delete from raw_answer where resource = 'ranking'")  # to be paid for again
    with connect(chartline.stack.warehouse_url) as conn:
        executions.open_execution(conn, dag_id=DAG, run_id="died", chart_slug=SLUG, trigger="scheduled")
    before = chartline.made()

    run_id = audit(chartline, dry_run=True)
    assert healing(chartline) == []
    log = chartline.logs(AUDIT, run_id, "report")
    assert f"{SLUG}: missing 5: {past[17]} to {past[15]}, {past[4]} to {past[3]}" in log
    assert f"{SLUG}: short 1: {cut}" in log
    assert f"{SLUG}: absent from the calendar 1: {lacking}" in log
    assert chartline.execution(DAG, "died")["status"] == "running"

    run_id = audit(chartline, chart=SLUG)
    runs = until("the heal run", lambda: healing(chartline))
    assert [run["conf"] for run in runs] == [{"days": [str(day) for day in sorted([*torn, cut], reverse=True)]}]
    row = chartline.succeed(DAG, runs[0]["dag_run_id"])
    assert row["status"] == "complete"
    assert chartline.execution(DAG, "died")["status"] == "lost"
    assert f"lost: {DAG}/died" in chartline.logs(AUDIT, run_id, "report")
    made = chartline.made() - before
    assert made["ranking_at"] == 6
    assert (made["available_rankings"], made["ranking_latest"]) == (0, 0)
    assert set(stored(chartline)) >= {day for day in past if day != lacking}
    assert chartline.query("select count(*) from chart_ranking_entry") == [(len(stored(chartline)) * ENTRIES,)]
    assert "chartline.gap_audit" not in chartline.stack.chartline("gaps", SLUG)

    audit(chartline)
    assert len(healing(chartline)) == 1


@pytest.mark.timeout(600)
def test_a_held_past_comes_when_a_person_approves_what_it_costs(chartline: Chartline) -> None:
    chartline.simulate(quota=1000)
    quiet = {"fetch_track_audience": False, "fetch_artist_audience": False}
    chartline.follow(SLUG, sync_historical_data=False, **quiet)
    chartline.succeed(DAG, chartline.run_of(DAG))
    chartline.change(
        "update chart_sync_schedule set sync_historical_data = true, history_days = 300, history_held = true"
    )
    chartline.ask_parse()
    run_id = chartline.trigger(AUDIT)

    until("the question", lambda: waiting(chartline, run_id), timeout=150)
    assert len(stored(chartline)) == 1
    chartline.change("update chart_sync_schedule set history_days = 20")  # a test has no time for more
    path = f"dags/{AUDIT}/dagRuns/{run_id}/taskInstances/approve_histories/-1/hitlDetails"
    question = chartline.stack.airflow.api("GET", path)
    assert "quota left" in question["subject"]
    chartline.simulate(quota=1_000_000)
    chartline.stack.airflow.api("PATCH", path, {"chosen_options": ["Approve"], "params_input": {}})
    assert chartline.end_of(AUDIT, run_id) == "success", chartline.troubles(AUDIT, run_id)
    assert f"{SLUG}: its history was approved and is being fetched" in chartline.logs(AUDIT, run_id, "report")
    assert "Answered by admin." in chartline.logs(AUDIT, run_id, "approve_histories")
    who = "select who from change_log where action = 'schedule.release_history' and subject = %s"
    assert chartline.query(who, SLUG) == [("admin",)]
    now = datetime.now(UTC)
    past = [day for day in chartline.world.days(SLUG, now) if day >= now.date() - timedelta(days=20)]
    until("the past", lambda: len(stored(chartline)) >= len(past), timeout=200)
    chartline.filled(DAG)


def stored(chartline: Chartline) -> list[date]:
    return [day for (day,) in chartline.query("select day from chart_ranking")]
