"""What goes wrong outside: refused credentials, items that cannot be had, a killed task, a wrong row, no warehouse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import psycopg

from chartline.settings import settings
from simulator.needed import ChartAsk, needed_calls

from .conftest import APP_ID, DEMO, ON_DEMAND, Chartline, total, until

CHART = "demo-global-daily"
SLOTS = settings().pool_fetch


def fault(kind: str, endpoint: str, **more: Any) -> dict[str, Any]:
    """A fault that strikes always the same 3% of the entities."""
    return {"match": {"endpoint": endpoint}, "share": 0.03, "per": "entity", "kind": kind, **more}


def test_refused_credentials_cost_one_call_and_are_mended_by_clearing(chartline: Chartline) -> None:
    chartline.simulate(key_pairs={APP_ID: "another-key"})
    run_id = chartline.trigger(ON_DEMAND, chart=CHART)
    assert chartline.end_of(ON_DEMAND, run_id) == "failed"
    assert [call["status"] for call in chartline.calls()] == [401]
    assert chartline.failed(ON_DEMAND, run_id) == {"fetch_ranking": 1, "report_run": 1}
    row = chartline.execution(ON_DEMAND, run_id)
    assert row["status"] == "failed"
    assert row["error"].startswith("credentials_refused: ")
    assert "connection soundcharts" in row["error"]
    assert "connection soundcharts" in chartline.logs(ON_DEMAND, run_id, "fetch_ranking")

    chartline.simulate(key_pairs={APP_ID: chartline.api_key})
    chartline.clear(ON_DEMAND, run_id, "fetch_ranking")
    row = chartline.succeed(ON_DEMAND, run_id)
    assert (row["status"], row["error"]) == ("complete", None)
    assert chartline.differences() == {}


def test_what_cannot_be_had_is_recorded_by_item_and_the_rest_is_complete(chartline: Chartline) -> None:
    chartline.make_world(entries=100, seed=3)
    chartline.simulate(
        faults=[fault("status", "song*", status=404), fault("cut", "song")], dropped_platforms=["shazam"]
    )
    run_id = chartline.trigger(
        ON_DEMAND, chart=CHART, track_platforms=["spotify", "shazam"], artist_platforms=["instagram"]
    )
    row = chartline.succeed(ON_DEMAND, run_id)
    assert row["status"] == "partial"
    failures = chartline.failures(ON_DEMAND, run_id)
    assert all(reason for *_, reason in failures)
    assert Counter(kind for *_, kind, _ in failures) == row["failures"]

    [(day,)] = chartline.query("select day from chartline.chart_ranking")
    tracks = chartline.world.tracks_of(CHART, day)
    struck = chartline.stack.simulator_api("GET", f"/_truth/faulted?uuids={','.join(tracks)}")
    absent, cut = set(struck["status 404"]), set(struck["cut"]) - set(struck["status 404"])
    assert min(len(absent), len(cut)) > 0, "the faults must strike"

    def items(resource: str, kind: str, facet: str = "") -> set[str]:
        return {entity for r, entity, f, k, _ in failures if (r, f, k) == (resource, facet, kind)}

    assert items("track_metadata", "not_found") == absent
    assert items("track_metadata", "cut_answer") == cut
    assert items("track_audience", "not_found", "spotify") == absent
    refused, not_there = (items("track_audience", kind, "shazam") for kind in ("unsupported_platform", "not_found"))
    assert refused | not_there == set(tracks)
    assert not_there <= absent
    asked = Counter(call["facet"] for call in chartline.calls() if call["endpoint"] == "song_audience")
    assert asked["shazam"] <= settings().connections * SLOTS, "a refused platform is not asked for track by track"
    assert chartline.differences("absent not_found", "failed cut_answer", "unsupported unsupported_platform") == {}


def fetching(chartline: Chartline, run_id: str, task_id: str) -> psutil.Process | None:
    """The process that executes the task. Airflow gives it the task instance's id as its title."""
    ids = {t["id"] for t in chartline.tasks(ON_DEMAND, run_id) if t["task_id"] == task_id and t["state"] == "running"}
    for process in psutil.Process(chartline.stack.airflow.pids()["scheduler"]).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            words = " ".join(process.cmdline()).split()
            if words and words[-1] in ids and "LocalExecutor:" not in words:
                return process
    return None


def test_a_killed_task_loses_only_the_calls_in_flight(chartline: Chartline) -> None:
    chartline.simulate(latency_ms=200)
    run_id = chartline.trigger(ON_DEMAND, chart=CHART)

    def half_way() -> bool:
        return chartline.made()["song_audience"] > 2 * settings().connections

    until("audience calls", half_way, every=0.1)
    victim = until("the task's process", lambda: fetching(chartline, run_id, "track_audience"), every=0.05)
    assert victim is not None
    victim.kill()
    row = chartline.succeed(ON_DEMAND, run_id)
    tries = Counter(t["try_number"] for t in chartline.tasks(ON_DEMAND, run_id))
    assert tries[2] == 1, "the kill must have struck"
    assert row["status"] == "complete"
    assert chartline.differences() == {}
    [(now,)] = chartline.query("select max(at) from chartline.api_call")
    needed = total(list(needed_calls(chartline.world, now, [ChartAsk(slug=CHART)]).values()))
    made = chartline.made()
    print(f"calls made {made.total()}, needed {needed.total()}")
    assert needed.total() <= made.total() <= needed.total() + settings().connections * SLOTS


def test_a_row_made_wrong_by_hand_gives_a_dag_that_says_so(chartline: Chartline) -> None:
    wrong, *others = DEMO
    chartline.follow(*DEMO, is_active=False)
    chartline.change(
        """update chartline.chart_sync_schedule s set sync_frequency = 'hourly' from chartline.chart c
           where c.id = s.chart_id and c.slug = %s""",
        wrong,
    )
    chartline.ask_parse()

    def tags(slug: str) -> set[str]:
        return {tag["name"] for tag in chartline.chart_dags().get(slug, {"tags": []})["tags"]}

    until("the DAG that says what is wrong", lambda: "config-error" in tags(wrong))
    assert not [slug for slug in others if not tags(slug) or "config-error" in tags(slug)]
    assert chartline.stack.airflow.api("GET", "importErrors")["import_errors"] == []

    run_id = chartline.trigger(f"chartline.chart_sync.{wrong}")
    assert chartline.end_of(f"chartline.chart_sync.{wrong}", run_id) == "failed"
    assert list(chartline.failed(f"chartline.chart_sync.{wrong}", run_id).values()) == [1]
    log = chartline.logs(f"chartline.chart_sync.{wrong}", run_id)
    assert "sync_frequency" in log
    assert "hourly" in log

    run_id = chartline.trigger(f"chartline.chart_sync.{others[0]}")
    assert chartline.succeed(f"chartline.chart_sync.{others[0]}", run_id)["status"] == "complete"

    chartline.stack.chartline("schedules", "change", wrong, "--sync-frequency", "daily")
    until("the schedule's own DAG", lambda: "daily" in tags(wrong))
    assert "config-error" not in tags(wrong)


@contextmanager
def no_warehouse(chartline: Chartline) -> Iterator[None]:
    """Nobody gets into the warehouse's database; Airflow's own, on the same server, is not touched."""
    with psycopg.connect(chartline.stack.postgres.url("postgres"), autocommit=True) as admin:
        admin.execute("alter database chartline allow_connections false")
        try:
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'chartline'")
            yield
        finally:
            admin.execute("alter database chartline allow_connections true")


def dag_file_logs(chartline: Chartline) -> str:
    """What the DAG files wrote while they were parsed."""
    return "\n".join(path.read_text() for path in (chartline.stack.home / "logs" / "dag-files").rglob("*.log"))


def test_dags_stay_while_the_warehouse_is_away(chartline: Chartline) -> None:
    chartline.follow(*DEMO, is_active=False)
    until("the DAGs", lambda: set(DEMO) == chartline.chart_dags().keys())
    with no_warehouse(chartline):
        chartline.ask_parse()
        until("a parse without the warehouse", lambda: "could not be renewed" in dag_file_logs(chartline))
        [(now,)] = chartline.airflow_rows("select clock_timestamp()")
        chartline.ask_parse()
        parsed = (
            "select dag_id from dag where dag_id like 'chartline.chart_sync.%%' and not is_stale"
            " and last_parsed_time > %s"
        )
        until("the next parse", lambda: len(chartline.airflow_rows(parsed, now)) == len(DEMO))
        assert set(DEMO) == chartline.chart_dags().keys()
        assert chartline.stack.airflow.api("GET", "importErrors")["import_errors"] == []
        run_id = chartline.trigger(ON_DEMAND, chart=CHART, steps=[])
        until(
            "the reason in the task's log",
            lambda: "warehouse" in chartline.logs(ON_DEMAND, run_id, "estimate").lower(),
        )
    assert chartline.succeed(ON_DEMAND, run_id)["status"] == "complete"
    assert chartline.failed(ON_DEMAND, run_id) == {}
