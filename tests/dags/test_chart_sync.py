"""Schedules become DAGs; a bad one hurts only itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

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
    dag = parse("chart_sync.py")["chart_sync.one"]
    assert {name: task.upstream_task_ids for name, task in dag.task_dict.items()} == CHAIN
    assert dag.tags == {"chartline", "spotify", "FR", "daily"}
    assert dag.timetable.summary == "daily"


def test_the_cascade_on_demand_is_the_same_chain_after_an_estimate(parse: Parse) -> None:
    dag = parse("chart_cascade.py")["chart_cascade"]
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
    dag = parse("chart_sync.py")["chart_sync.off"]
    assert dag.timetable.can_be_scheduled is False
    assert "inactive" in dag.tags


def test_a_bad_row_is_quarantined_and_the_others_are_unharmed(follow: Follow, parse: Parse) -> None:
    follow(row("one"), row("bad", cron="every now and then", sync_frequency="custom"), row("two"))
    dags = parse("chart_sync.py")
    assert set(dags["chart_sync.one"].task_dict) == set(dags["chart_sync.two"].task_dict) == set(CHAIN)
    bad = dags["chart_sync.bad"]
    assert "config-error" in bad.tags
    assert "cron" in bad.doc_md
    with pytest.raises(AirflowFailException, match="every now and then"):
        bad.task_dict["explain"].python_callable()
    assert bad.timetable.can_be_scheduled


def test_a_task_process_builds_only_its_own_dag(follow: Follow, parse: Parse, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.definitions.context import AirflowParsingContext

    from chartline.dagbuild import chart_sync

    follow(row("one"), row("two"))
    for wanted, built in (("chart_sync.two", {"chart_sync.two"}), ("chart_cascade", set()), (None, None)):
        monkeypatch.setattr(
            chart_sync, "get_parsing_context", lambda wanted=wanted: AirflowParsingContext(wanted, None)
        )
        assert set(chart_sync.build_all()) == (built if built is not None else {"chart_sync.one", "chart_sync.two"})


def test_text_from_the_api_cannot_become_markup(follow: Follow, parse: Parse) -> None:
    follow(row("one", name="<script>alert(1)</script> [x](javascript:alert(2)) | *"))
    doc = parse("chart_sync.py")["chart_sync.one"].doc_md
    assert "<script" not in doc
    assert "[x](" not in doc


def test_the_last_list_stands_while_the_warehouse_is_away(
    follow: Follow, parse: Parse, caplog: pytest.LogCaptureFixture
) -> None:
    import os

    from chartline.schedules import snapshot

    follow(row("one"))
    os.utime(snapshot.default_path(), (0, 0))
    assert set(parse("chart_sync.py")) == {"chart_sync.one"}
    assert "could not be renewed" in caplog.text


def test_a_run_that_never_opened_does_not_end_green(
    follow: Follow, parse: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A last task that is skipped would make Airflow call the whole run a success."""
    from chartline.dagbuild import runtime

    follow(row("one"))
    report = parse("chart_sync.py")["chart_sync.one"].get_task("report_run")
    monkeypatch.setattr(runtime, "found_run", lambda context: nullcontext(None))
    monkeypatch.setattr("chartline.dagbuild.cascade.get_current_context", dict)
    with pytest.raises(AirflowFailException, match="first task"):
        report.python_callable()
