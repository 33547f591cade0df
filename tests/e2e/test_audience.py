"""`audience_refresh`, by its form and by fifty people who look at a stale track, and press *Refresh*, at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

import httpx

from .conftest import Chartline

CHART = "demo-global-daily"
DAG_ID = "chartline.audience_refresh"
ASKERS = 50


def test_a_stale_track_is_answered_at_once_and_refreshed_once_it_is_asked_for(chartline: Chartline) -> None:
    chartline.run(chart=CHART, steps=["track_metadata", "artist_metadata"])
    [(track, artist)] = chartline.query(
        "select track::text, artist::text from chartline.track_artist order by track, position limit 1"
    )
    row = chartline.succeed(DAG_ID, chartline.trigger(DAG_ID, tracks=[track], artists=[artist]), 240)
    assert (row["status"], row["chart_slug"]) == ("complete", "")
    aged = """update chartline.fetch_ledger set fetched_at = fetched_at - interval '9 days', due_at = now()
              where resource in ('track_audience', 'track_airplay') and entity = %s"""
    assert chartline.change(aged, track) == 4
    before, runs = len(chartline.calls()), len(chartline.runs(DAG_ID))
    of_track = f"{chartline.stack.airflow.web}/chartline/api/tracks/{track}/"

    looked = at_once(chartline, "viewer", "GET", f"{of_track}audience/", of_track)
    times = sorted(seconds for seconds, _, _ in looked)
    print(f"{ASKERS} at once: median {median(times) * 1000:.0f} ms, longest {times[-1] * 1000:.0f} ms")
    assert {status for _, status, _ in looked} == {200}
    assert {(told["stale"], told["age_days"]) for _, _, told in looked} == {(True, 9.0)}
    assert all(told["platforms"][0]["points"] for _, _, told in looked)
    assert {told["refresh"]["state"] for _, _, told in looked} == {"not_allowed"}
    with reader(chartline, "admin") as admin:
        offered = admin.get(f"{of_track}audience/").json()["refresh"]
    assert (offered["state"], offered["calls"]) == ("offered", {"low": 4, "high": 6})
    assert len(chartline.runs(DAG_ID)) == runs, "to look starts nothing"
    assert len(chartline.calls()) == before
    with reader(chartline, "viewer") as viewer:
        assert viewer.post(f"{of_track}refresh/", json={}).status_code == 403

    pressed = at_once(chartline, "admin", "POST", f"{of_track}refresh/", of_track)
    assert sorted(status for _, status, _ in pressed) == [202] + [409] * (ASKERS - 1)
    [run_id] = {told["run"]["run_id"] if "run" in told else told["run_id"] for _, _, told in pressed}
    row = chartline.succeed(DAG_ID, run_id, 240)
    assert row["status"] == "complete"
    platforms = [call["facet"] for call in chartline.calls()[before:] if call["endpoint"] == "song_audience"]
    assert sorted(platforms) == ["shazam", "spotify", "youtube"]
    booked = "select person, calls from chartline.refresh_booking where run_id = %s"
    assert chartline.query(booked, run_id) == [("admin", 6)]
    alone = []
    with reader(chartline, "admin") as admin:
        for _ in range(20):
            begun = time.perf_counter()
            after = admin.get(f"{of_track}audience/").json()
            alone.append(time.perf_counter() - begun)
    print(f"one after the other: median {median(alone) * 1000:.0f} ms")
    assert (after["stale"], after["refresh"]["state"]) == (False, "not_needed")
    assert len([run for run in chartline.runs(DAG_ID) if run["dag_run_id"] == run_id]) == 1
    [labels] = [
        t for t in chartline.tasks(DAG_ID, run_id) if t["task_id"] == "fetch_audience" and "airplay" not in str(t)
    ]
    assert "spotify" in labels["rendered_map_index"]


def reader(chartline: Chartline, user: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {chartline.stack.airflow.token(user)}"}
    return httpx.Client(headers=headers, timeout=60, trust_env=False)


def at_once(
    chartline: Chartline, user: str, method: str, url: str, first: str
) -> list[tuple[float, int, dict[str, Any]]]:
    """What so many are answered who ask at the same time: seconds, status, body. first: what each asks before."""
    together = threading.Barrier(ASKERS)
    json: dict[str, str] | None = None if method == "GET" else {}
    token = chartline.stack.airflow.token(user)

    def ask(_: int) -> tuple[float, int, dict[str, Any]]:
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False) as own:
            own.get(first)
            together.wait(120)
            begun = time.perf_counter()
            answer = own.request(method, url, json=json)
            return time.perf_counter() - begun, answer.status_code, answer.json()

    with ThreadPoolExecutor(ASKERS) as pool:
        return list(pool.map(ask, range(ASKERS)))


def test_what_is_not_here_fails_by_name(chartline: Chartline) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    run_id = chartline.trigger(DAG_ID, tracks=[nobody])
    assert chartline.end_of(DAG_ID, run_id) == "failed"
    row = chartline.execution(DAG_ID, run_id)
    assert nobody in row["error"]
    assert "not in the warehouse" in row["error"]
    assert chartline.failed(DAG_ID, run_id)["plan_audience"] == 1
