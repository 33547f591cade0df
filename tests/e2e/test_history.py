"""The past of a followed chart: newest first, equal to the truth, paid once, and whole after a crash."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

from chartline.settings import settings
from simulator.needed import ChartAsk, HistoryNeeds, needed_history

from .conftest import WINDOW, Chartline, until

CHART = "demo-global-daily"
DAG = f"chartline.chart_sync.{CHART}"
DAYS = 3 * WINDOW + 4
SLOTS = settings().pool_rankings + settings().pool_fetch
YOUNG = {"first_day": "2026-01-01"}  # a short calendar


def follow(chartline: Chartline, **settings: Any) -> HistoryNeeds:
    """Follow the chart with its past; what that needs."""
    chartline.follow(CHART, sync_historical_data=True, history_days=DAYS, **settings)
    [(now,)] = chartline.query("select now()")
    return needed_history(chartline.world, now, [ChartAsk(slug=CHART, history_days=DAYS)])


def days_stored(chartline: Chartline) -> list[date]:
    """In the order in which they came."""
    rows = chartline.query("select day from chartline.chart_ranking order by id")
    return [day for (day,) in rows]


def test_the_past_comes_newest_first_and_is_paid_once(chartline: Chartline) -> None:
    chartline.make_world(**YOUNG)
    needed = follow(chartline)
    runs = chartline.filled(DAG)

    first, *windows = runs
    today = chartline.query("select (now() at time zone 'utc')::date")[0][0]
    assert first["data_interval_end"][:10] == today.isoformat()
    ends = [window["data_interval_end"] for window in windows]
    assert ends == [before["data_interval_start"] for before in runs[:-1]]  # no hole, no overlap, backwards
    assert windows[-1]["data_interval_start"][:10] == (today - timedelta(days=DAYS)).isoformat()
    assert len(windows) == 4
    assert {run["state"] for run in runs} == {"success"}
    executions = chartline.query("select status, days_left, asked_early from chartline.chart_sync_execution")
    assert executions == [("complete", [], 0)] * 5

    stored = days_stored(chartline)
    assert len(stored) == needed.days[CHART]
    queued = {
        run["dag_run_id"]: task["queued_when"]
        for run in runs
        for task in chartline.tasks(DAG, run["dag_run_id"])
        if task["task_id"] == "fetch_ranking"
    }
    # On a machine that is busy beyond measure its process may be slow to start: it never waits for all of the past.
    assert queued[first["dag_run_id"]] < max(queued.values()), chartline.logs(DAG, first["dag_run_id"], "fetch_ranking")
    assert chartline.differences() == {}

    want, spent = Counter(needed.charts[CHART]), chartline.made()
    print(f"calls made {spent.total()}, needed at least {needed.calls}: {dict(spent)}")
    for metadata in ("song", "artist"):
        assert needed.at_least[metadata] <= spent.pop(metadata) <= needed.at_least[metadata] + len(runs)
    assert spent == want
    assert chartline.repeated() == []
    counts = chartline.stack.simulator_api("GET", "/_control/counts")["endpoints"]
    assert {name: counts[name]["entities"] for name in ("song", "artist")} == needed.distinct

    calls = chartline.made()
    chartline.stack.chartline("schedules", "remove", CHART)
    follow(chartline)
    until(
        "the runs of the second time", lambda: CHART in chartline.chart_dags() and len(chartline.runs(DAG)) > len(runs)
    )
    again = chartline.filled(DAG)
    assert {run["state"] for run in again} == {"success"}
    assert len(again) == len(runs) + len(windows)
    assert chartline.made() == calls


def test_a_killed_scheduler_costs_only_the_calls_in_flight(chartline: Chartline) -> None:
    chartline.make_world(**YOUNG)
    chartline.simulate(latency_ms=300)
    needed = follow(chartline, fetch_artist_audience=False, track_platforms=["spotify"])
    until(
        "the first windows", lambda: len(chartline.query("select 1 from chartline.chart_ranking")) > WINDOW, every=0.1
    )
    airflow = chartline.stack.airflow
    airflow.kill("scheduler")
    stored = len(days_stored(chartline))
    assert stored < needed.days[CHART], "the kill must strike in the middle"
    airflow.start("scheduler")
    airflow.wait_healthy()
    runs = chartline.filled(DAG, timeout=240)

    assert {run["state"] for run in runs} == {"success"}
    assert len(days_stored(chartline)) == needed.days[CHART]
    assert chartline.differences() == {}
    repeats = asked_again(chartline.calls())
    print(f"{stored} of {needed.days[CHART]} days were stored; calls {chartline.made().total()}, again {len(repeats)}")
    assert len(repeats) <= SLOTS * settings().connections


def asked_again(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The calls of which something had been answered before."""
    seen: set[tuple[Any, ...]] = set()
    found = []
    for call in calls:
        rest = (call["endpoint"], call["facet"], call["window"], call["offset"])
        items = {(entity, *rest) for entity in call["entity"].split(",")}
        if items & seen:
            found.append(call)
        seen |= items
    return found
