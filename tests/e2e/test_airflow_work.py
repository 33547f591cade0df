"""What Airflow leaves undone by itself: runs of a removed chart, of a date to come, of a date before the start."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .conftest import DEMO, Chartline, until

CHART = DEMO[0]
DAG = f"chartline.chart_sync.{CHART}"


def follow(chartline: Chartline) -> None:
    chartline.follow(CHART, fetch_track_audience=False, fetch_artist_audience=False)
    until(f"the DAG {DAG}", lambda: CHART in chartline.chart_dags())


def test_a_run_whose_chart_is_removed_ends_by_itself_and_says_why(chartline: Chartline) -> None:
    chartline.simulate(latency_ms=4000)
    follow(chartline)
    run = chartline.run_of(DAG)
    until("its execution", lambda: chartline.query("select 1 from chart_sync_execution where run_id = %s", run))
    waiting = chartline.trigger(DAG)
    chartline.stack.chartline("schedules", "remove", CHART)
    assert chartline.end_of(DAG, run) == "failed"
    assert chartline.end_of(DAG, waiting) == "failed"
    assert "is no longer followed" in chartline.logs(DAG, run, "end_run")
    row = chartline.execution(DAG, run)
    assert row["status"] == "lost"
    assert row["error"].startswith(f"not_followed: {CHART} is no longer followed")
    assert chartline.query("select count(*) from fetch_ledger where lease_until is not null") == [(0,)]
    # Airflow is rid of it: nothing says that it runs.
    assert (
        chartline.stack.airflow.api("GET", f"dags/{DAG}/dagRuns", params={"state": ["running", "queued"]})["dag_runs"]
        == []
    )
    chartline.simulate(latency_ms=0)
    follow(chartline)  # again: it is itself again
    until("the chain", lambda: _has_task(chartline, "fetch_ranking"))
    chartline.succeed(DAG, chartline.trigger(DAG))


def _has_task(chartline: Chartline, name: str) -> bool:
    found = chartline.stack.airflow.api("GET", f"dags/{DAG}/tasks")["tasks"]
    return name in {task["task_id"] for task in found}


def test_runs_by_hand_of_any_logical_date(chartline: Chartline) -> None:
    follow(chartline)
    chartline.succeed(DAG, chartline.run_of(DAG))

    def trigger(run_id: str, date: datetime) -> None:
        body = {"dag_run_id": run_id, "logical_date": date.isoformat(), "conf": {}}
        chartline.stack.airflow.api("POST", f"dags/{DAG}/dagRuns", body)

    old = f"old-{time.time_ns()}"
    trigger(old, datetime(2020, 1, 1, tzinfo=UTC))
    assert chartline.succeed(DAG, old)["status"] == "complete"
    assert len(chartline.tasks(DAG, old)) >= 10

    later = f"later-{time.time_ns()}"
    trigger(later, datetime.now(UTC) + timedelta(days=400))
    until("that Airflow calls it running", lambda: chartline.state(DAG, later) == "running")
    told = chartline.stack.airflow.api("GET", "/chartline/api/health/")
    until("that health is asked anew", lambda: later in json.dumps(_health(chartline)), timeout=30)
    assert told["checks"]
    said = {line["check"]: line for line in json.loads(chartline.stack.chartline("doctor", "--json"))}
    assert said["runs"]["state"] == "warning"
    assert later in said["runs"]["what"]
    assert said["parsing"]["state"] == said["dag files"]["state"] == "ok"
    started = chartline.stack.airflow.api("POST", "/chartline/api/sync/trigger/", {"chart": CHART})
    chartline.succeed(DAG, started["run_id"])
    chartline.stack.airflow.api("PATCH", f"dags/{DAG}/dagRuns/{later}", {"state": "failed"})  # as is advised
    assert chartline.end_of(DAG, later) == "failed"


def _health(chartline: Chartline) -> dict[str, object]:
    found: dict[str, object] = chartline.stack.airflow.api("GET", "/chartline/api/health/")
    return found


def test_no_dag_file_of_the_repository_is_touched(chartline: Chartline) -> None:
    files = Path(__file__).parents[2].joinpath("dags").glob("*.py")
    before = {file: file.stat().st_mtime_ns for file in files}
    follow(chartline)
    chartline.stack.chartline("schedules", "remove", CHART)
    chartline.ask_parse()
    assert {file: file.stat().st_mtime_ns for file in before} == before
