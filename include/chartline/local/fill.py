"""Waiting until the followed charts are filled, and why they are not."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from chartline.domain import dag_ids
from chartline.local.airflow import AirflowSilent
from chartline.local.screen import Screen
from chartline.local.stack import Stack
from chartline.warehouse.connect import Connection, connect
from chartline.warehouse.reads import progress
from chartline.warehouse.reads.progress import ChartProgress

POLL = 1.0  # seconds
ASK_AIRFLOW = 5.0  # seconds: each question costs it time that tasks need
STANDSTILL = 600.0  # seconds without any change after which we stop waiting


def wait_filled(stack: Stack, screen: Screen) -> list[str]:
    """Return when no run of a followed chart is under way or due: the reasons why charts are not filled, if any.

    Raises `ServiceFailed` when a program of the stack ends meanwhile.
    """
    last, since, asked = None, time.monotonic(), -ASK_AIRFLOW
    with connect(stack.warehouse_url) as conn, screen.filling() as show:
        conn.autocommit = True
        while True:
            stack.require_alive()
            charts, work = progress.charts(conn), progress.work(conn)
            show(charts, work)
            now = time.monotonic()
            if all(chart.is_settled for chart in charts) or now - asked >= ASK_AIRFLOW:
                asked = now
                reasons = _reasons(stack, conn)
                if reasons is not None:
                    return reasons
            if (charts, work) != last:
                last, since = (charts, work), now
            elif now - since > STANDSTILL:
                return [f"{chart.slug}: no progress for {STANDSTILL / 60:.0f} minutes." for chart in charts]
            time.sleep(POLL)


def _reasons(stack: Stack, conn: Connection) -> list[str] | None:
    """None while a run may still fill a chart; else why charts are not filled (empty: all are)."""
    try:
        dags = {dag["dag_id"]: dag for dag in _dags(stack)}
        if any(_has_work(stack, dag) for dag in dags.values() if not dag["is_paused"]):
            return None
    except AirflowSilent:
        return None  # busy; if it ended, `require_alive` tells
    reasons = []
    for chart in progress.charts(conn):  # read after Airflow: a run that ended meanwhile has left its account
        if chart.is_filled:
            continue
        reason = _why(chart) if chart.is_settled else _in_vain(stack, chart, dags.get(dag_ids.of_chart(chart.slug)))
        if reason is None:
            return None
        reasons.append(reason)
    return reasons


def _why(chart: ChartProgress) -> str:
    failures = ", ".join(f"{count} {kind}" for kind, count in chart.failures.items())
    return f"{chart.slug}: {chart.status}: {chart.error or failures or 'no ranking was stored'}"


def _in_vain(stack: Stack, chart: ChartProgress, dag: dict[str, Any] | None) -> str | None:
    """Why this chart's run will never begin or never end; None when it may yet."""
    return _missing(stack, chart) if dag is None else _idle(stack, chart, dag)


def _missing(stack: Stack, chart: ChartProgress) -> str | None:
    errors = stack.airflow.api("GET", "importErrors")["import_errors"]
    if not errors:
        return None  # not parsed yet
    last = errors[0]["stack_trace"].strip().splitlines()[-1]
    return f"{chart.slug}: its DAG is missing, the file {errors[0]['filename']} cannot be read: {last}"


def _idle(stack: Stack, chart: ChartProgress, dag: dict[str, Any]) -> str | None:
    if dag["is_paused"]:
        return (
            f"{chart.slug}: its DAG {dag['dag_id']} is paused. Unpause it on {stack.airflow.web}/dags/{dag['dag_id']}"
        )
    runs = stack.airflow.api("GET", f"dags/{dag['dag_id']}/dagRuns", params={"order_by": "-run_after", "limit": 1})
    for run in runs["dag_runs"]:
        where = f"{stack.airflow.web}/dags/{dag['dag_id']}/runs/{run['dag_run_id']}"
        return f"{chart.slug}: its run ended as {run['state']} without a report. Its logs: {where}"
    return None  # no run yet


def _has_work(stack: Stack, dag: dict[str, Any]) -> bool:
    due = dag.get("next_dagrun_run_after")
    if due and datetime.fromisoformat(due) <= datetime.now(UTC):
        return True
    runs = stack.airflow.api(
        "GET", f"dags/{dag['dag_id']}/dagRuns", params={"state": ["queued", "running"], "limit": 1}
    )
    return bool(runs["dag_runs"])


def _dags(stack: Stack) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = stack.airflow.api(
        "GET", "dags", params={"dag_id_prefix_pattern": dag_ids.CHART_SYNC, "exclude_stale": True, "limit": 100}
    )["dags"]
    return runs
