"""Schedules become DAGs; a bad one hurts only itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from airflow.sdk.exceptions import AirflowFailException

from chartline.alerts import rules
from chartline.domain import dag_ids, run_ids
from chartline.domain.grid import Grid
from chartline.domain.read_schedule import ReadSchedule
from chartline.settings import Settings
from chartline.warehouse import executions, schedules
from chartline.warehouse.connect import connect
from chartline_airflow.dagbuild import chart_sync, runtime

from .conftest import row

CHAIN = {
    "fetch_ranking": set(),
    "upsert_tracks": {"fetch_ranking"},
    "track_metadata": {"upsert_tracks"},
    "dedupe_artists": {"upsert_tracks", "track_metadata"},
    "artist_metadata": {"dedupe_artists"},
    "plan_track_audience": {"upsert_tracks"},
    "plan_artist_audience": {"dedupe_artists"},
    "track_audience": {"plan_track_audience"},
    "artist_audience": {"plan_artist_audience"},
    "report_run": {"track_metadata", "artist_metadata", "track_audience", "artist_audience"},
}

Follow = Callable[..., None]
Parse = Callable[..., dict[str, Any]]


def test_a_chart_has_the_whole_chain(follow: Follow, parse: Parse) -> None:
    follow(row("one"))
    dag = parse("chart_sync.py")["chartline.chart_sync.one"]
    assert {name: task.upstream_task_ids for name, task in dag.task_dict.items()} == CHAIN
    assert dag.tags == {"chartline", "chart_sync", "spotify", "FR", "daily"}
    assert dag.timetable.summary == "daily"


def test_a_chart_with_history_fills_its_past(follow: Follow, parse: Parse) -> None:
    from chartline_airflow.timetable import ChartTimetable

    past = {"sync_historical_data": True, "history_days": 100}
    follow(row("one"), row("past", **past), row("held", history_held=True, **past))
    dags = parse("chart_sync.py")
    one, filled, held = (dags[f"chartline.chart_sync.{slug}"] for slug in ("one", "past", "held"))
    assert (one.catchup, filled.catchup, held.catchup) == (False, True, False)
    assert filled.timetable.start == datetime(2026, 7, 24, tzinfo=UTC)
    assert filled.max_active_runs >= 8
    assert isinstance(filled.timetable, ChartTimetable)
    assert filled.timetable.first[1] == datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("run_type", "run_id", "end", "interval"),
    [
        ("scheduled", "scheduled__2026-11-18", datetime(2026, 11, 19, tzinfo=UTC), ([18], False)),
        ("scheduled", "scheduled__2026-11-18", datetime(2026, 11, 20, tzinfo=UTC), ([18, 19], True)),
        ("scheduled", "scheduled__2026-11-18_to_2026-11-19_7", datetime(2026, 11, 20, tzinfo=UTC), ([18, 19], False)),
        ("backfill", "backfill__x", datetime(2026, 11, 20, tzinfo=UTC), ([18, 19], False)),
        ("backfill", "scheduled__2026-11-18", datetime(2026, 11, 20, tzinfo=UTC), ([18, 19], False)),
        ("manual", "manual__x", datetime(2026, 11, 20, tzinfo=UTC), None),
        ("scheduled", "scheduled__x", None, None),
    ],
)
def test_the_days_of_a_run(run_type: str, run_id: str, end: Any, interval: Any) -> None:
    start = datetime(2026, 11, 18, tzinfo=UTC)
    run = SimpleNamespace(data_interval_start=start, data_interval_end=end)
    kind = run_ids.kind(dag_ids.of_chart("one"), run_type, run_id)
    with time_machine.travel(datetime(2026, 11, 20, 14, tzinfo=UTC), tick=False):
        found = chart_sync._interval(Grid("daily"), run, kind)
    assert (([day.day for day in found[0]], found[1]) if found else None) == interval


def test_the_form_takes_a_day_or_days(follow: Follow, parse: Parse) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    follow(row("one"))
    params = parse("chart_sync.py")["chartline.chart_sync.one"].params
    assert list(params) == ["day", "days", "force"]
    params["days"] = ["2026-11-01", "2026-11-03"]
    with pytest.raises(ParamValidationError):
        params["days"] = ["yesterday"]


def test_the_cascade_on_demand_is_the_same_chain_after_an_estimate(parse: Parse) -> None:
    dag = parse("chart_cascade.py")["chartline.chart_cascade"]
    estimated = CHAIN | {"estimate": set(), "fetch_ranking": {"estimate"}}
    assert {name: task.upstream_task_ids for name, task in dag.task_dict.items()} == estimated


def test_two_parses_give_identical_dags(follow: Follow, parse: Parse) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    follow(row("one"), row("two", sync_frequency="custom", custom_interval_hours=6), row("bad", sync_frequency="x"))
    first, second = (
        {name: DagSerialization.to_dict(dag) for name, dag in parse("chart_sync.py").items()} for _ in range(2)
    )
    assert first == second


def test_an_inactive_schedule_keeps_its_dag_without_a_timetable(follow: Follow, parse: Parse) -> None:
    follow(row("off", is_active=False))
    dag = parse("chart_sync.py")["chartline.chart_sync.off"]
    assert dag.timetable.can_be_scheduled is False
    assert "inactive" in dag.tags


def test_a_bad_row_is_quarantined_and_the_others_are_unharmed(follow: Follow, parse: Parse) -> None:
    follow(row("one"), row("bad", cron="every now and then", sync_frequency="custom"), row("two"))
    dags = parse("chart_sync.py")
    assert (
        set(dags["chartline.chart_sync.one"].task_dict) == set(dags["chartline.chart_sync.two"].task_dict) == set(CHAIN)
    )
    bad = dags["chartline.chart_sync.bad"]
    assert "config-error" in bad.tags
    assert "cron" in bad.doc_md
    with pytest.raises(AirflowFailException, match="every now and then"):
        bad.task_dict["explain"].python_callable()
    assert bad.timetable.can_be_scheduled


def test_a_task_process_builds_only_its_own_dag(follow: Follow, parse: Parse, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.definitions.context import AirflowParsingContext

    follow(row("one"), row("two"))
    for wanted, built in (
        ("chartline.chart_sync.two", {"chartline.chart_sync.two"}),
        ("chartline.chart_cascade", set()),
        (None, None),
    ):
        monkeypatch.setattr(
            chart_sync, "get_parsing_context", lambda wanted=wanted: AirflowParsingContext(wanted, None)
        )
        assert set(chart_sync.build_all()) == (
            built if built is not None else {"chartline.chart_sync.one", "chartline.chart_sync.two"}
        )


def test_text_from_the_api_cannot_become_markup(follow: Follow, parse: Parse) -> None:
    follow(row("one", name="<script>alert(1)</script> [x](javascript:alert(2)) | *"))
    doc = parse("chart_sync.py")["chartline.chart_sync.one"].doc_md
    assert "<script" not in doc
    assert "[x](" not in doc


def test_the_last_list_stands_while_the_warehouse_is_away(
    follow: Follow, parse: Parse, caplog: pytest.LogCaptureFixture
) -> None:
    import os

    from chartline.schedules import snapshot

    follow(row("one"))
    os.utime(snapshot.default_path(), (0, 0))
    assert set(parse("chart_sync.py")) == {"chartline.chart_sync.one"}
    assert "could not be renewed" in caplog.text


def test_a_run_that_never_opened_does_not_end_green(
    follow: Follow, parse: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A last task that is skipped would make Airflow call the whole run a success."""
    from chartline_airflow.dagbuild import runtime

    follow(row("one"))
    report = parse("chart_sync.py")["chartline.chart_sync.one"].get_task("report_run")
    monkeypatch.setattr(runtime, "found_run", lambda context: nullcontext(None))
    monkeypatch.setattr("chartline_airflow.dagbuild.cascade.get_current_context", dict)
    with pytest.raises(AirflowFailException, match="first task"):
        report.python_callable()


def test_a_run_by_hand_of_any_logical_date_has_its_tasks(follow: Follow, parse: Parse) -> None:
    """Airflow leaves out tasks that start later than the run's logical date, and calls it a success."""
    follow(row("one", sync_historical_data=True), row("bad", history_days=-1))
    dags = parse("chart_sync.py")
    for dag in dags.values():
        assert {task.start_date for task in dag.tasks} == {datetime(1970, 1, 1, tzinfo=UTC)}
    assert dags["chartline.chart_sync.one"].timetable.start == datetime(
        2025, 11, 1, tzinfo=UTC
    )  # where its past begins


def test_a_change_during_a_parse_is_in_it(
    parse: Parse, monkeypatch: pytest.MonkeyPatch, warehouse_url: str, tmp_path: Path
) -> None:
    """Whoever asks for a parse while one is under way is not heard by Airflow."""
    seen = [[row("one")], [row("one"), row("two")], [row("one"), row("two")]]
    monkeypatch.setattr(schedules, "snapshot_rows", lambda url: (seen.pop(0), []))
    monkeypatch.setenv("CHARTLINE_HOME", str(tmp_path))
    monkeypatch.setenv("CHARTLINE_WAREHOUSE_URL", warehouse_url)
    assert set(parse("chart_sync.py")) == {"chartline.chart_sync.one", "chartline.chart_sync.two"}
    assert seen == []


def test_a_chart_that_is_not_followed_any_more_has_a_dag_that_ends_its_runs(
    monkeypatch: pytest.MonkeyPatch, warehouse_url: str
) -> None:
    slug = "gone"
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        for name in ("r1", "r2"):
            executions.open_execution(
                conn, dag_id=f"chartline.chart_sync.{slug}", run_id=name, chart_slug=slug, trigger="manual"
            )
    lines = [ReadSchedule.of(row) for row in schedules.snapshot_rows(warehouse_url)[0]]
    [dag] = [chart_sync.build_or_quarantine(line) for line in lines]
    schedule: object = dag.schedule  # Airflow's type does not say that there may be none
    assert (dag.dag_id, schedule) == (f"chartline.chart_sync.{slug}", None)
    assert dag.tags == {"chartline", "chart_sync", "removed"}
    monkeypatch.setattr(runtime, "warehouse_dsn", lambda: warehouse_url)
    context = {"dag_run": SimpleNamespace(dag_id=dag.dag_id, run_id="r1")}
    monkeypatch.setattr(chart_sync, "get_current_context", lambda: context)
    end_run: Any = dag.get_task("end_run")
    with pytest.raises(AirflowFailException, match="is no longer followed"):
        end_run.python_callable()
    with connect(warehouse_url) as conn:
        found = conn.execute("select run_id, status, error from chartline.chart_sync_execution order by 1").fetchall()
        assert rules.failed_runs(conn, Settings(), datetime.now(UTC), []).found == []  # a person's own doing
    assert [(run, status) for run, status, _ in found] == [("r1", "lost"), ("r2", "running")]
    assert found[0][2].startswith("not_followed: gone is no longer followed")
