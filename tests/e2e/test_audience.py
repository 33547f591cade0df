"""`audience_refresh`, by its form and by fifty people who look at a stale track at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

import httpx

from .conftest import Chartline

CHART = "demo-global-daily"
DAG_ID = "audience_refresh"
ASKERS = 50


def test_a_stale_track_is_answered_at_once_and_refreshed_once(chartline: Chartline) -> None:
    chartline.run(chart=CHART, steps=["track_metadata", "artist_metadata"])
    [(track, artist)] = chartline.query(
        "select track::text, artist::text from chartline.track_artist order by track, position limit 1"
    )
    row = chartline.succeed(DAG_ID, chartline.trigger(DAG_ID, tracks=[track], artists=[artist]), 240)
    assert (row["status"], row["chart_slug"]) == ("complete", "")
    aged = """update chartline.fetch_ledger set fetched_at = fetched_at - interval '9 days', due_at = now()
              where resource in ('track_audience', 'track_airplay') and entity = %s"""
    assert chartline.change(aged, track) == 4
    before = len(chartline.calls())

    web = f"{chartline.stack.airflow.web}/chartline/api/tracks/{track}/audience/"
    token = chartline.stack.airflow.token("viewer")  # who may not trigger
    together = threading.Barrier(ASKERS)

    def ask(_: int) -> tuple[float, dict[str, Any]]:
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False) as own:
            own.get(f"{chartline.stack.airflow.web}/chartline/api/tracks/{track}/")
            together.wait(120)
            begun = time.perf_counter()
            answer = own.get(web)
            assert answer.status_code == 200, answer.text
            return time.perf_counter() - begun, answer.json()

    with ThreadPoolExecutor(ASKERS) as pool:
        found = list(pool.map(ask, range(ASKERS)))
    told = [one for _, one in found]
    times = sorted(seconds for seconds, _ in found)
    print(f"{ASKERS} at once: median {median(times) * 1000:.0f} ms, longest {times[-1] * 1000:.0f} ms")
    assert {(one["stale"], one["age_days"]) for one in told} == {(True, 9.0)}
    assert all(one["platforms"][0]["points"] for one in told)
    assert sorted(one["refresh"]["state"] for one in told) == ["running"] * (ASKERS - 1) + ["started"]
    [run_id] = {one["refresh"]["run_id"] for one in told}

    row = chartline.succeed(DAG_ID, run_id, 240)
    assert row["status"] == "complete"
    platforms = [call["facet"] for call in chartline.calls()[before:] if call["endpoint"] == "song_audience"]
    assert sorted(platforms) == ["shazam", "spotify", "youtube"]
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False) as own:
        after = own.get(web).json()
        alone = []
        for _ in range(20):
            begun = time.perf_counter()
            own.get(web)
            alone.append(time.perf_counter() - begun)
    print(f"one after the other: median {median(alone) * 1000:.0f} ms")
    assert (after["stale"], after["refresh"]["state"]) == (False, "not_needed")
    assert len([run for run in chartline.runs(DAG_ID) if run["dag_run_id"] == run_id]) == 1
    [labels] = [
        t for t in chartline.tasks(DAG_ID, run_id) if t["task_id"] == "fetch_audience" and "airplay" not in str(t)
    ]
    assert "spotify" in labels["rendered_map_index"]


def test_what_is_not_here_fails_by_name(chartline: Chartline) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    run_id = chartline.trigger(DAG_ID, tracks=[nobody])
    assert chartline.end_of(DAG_ID, run_id) == "failed"
    row = chartline.execution(DAG_ID, run_id)
    assert nobody in row["error"]
    assert "not in the warehouse" in row["error"]
    assert chartline.failed(DAG_ID, run_id)["plan_audience"] == 1
