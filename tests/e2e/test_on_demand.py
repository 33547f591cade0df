"""`chart_cascade`: any chart by a person's config, and every config that is refused."""

from __future__ import annotations

from typing import Any

import pytest

from chartline.local.airflow import AirflowRefused
from chartline.local.processes import ServiceFailed

from .conftest import ON_DEMAND, Chartline

CHART = "demo-shazam-daily"


def test_a_chart_that_nobody_follows_only_with_the_steps_asked_for(chartline: Chartline) -> None:
    row = chartline.run(chart=CHART, steps=["track_metadata", "track_audience"], track_platforms=["shazam"])
    assert (row["status"], row["trigger"], row["schedule_id"]) == ("complete", "manual", None)
    assert set(chartline.made()) == {"ranking_latest", "song", "song_audience"}
    assert {call["facet"] for call in chartline.calls() if call["endpoint"] == "song_audience"} == {"shazam"}
    assert chartline.differences() == {}
    assert chartline.dags().keys() == {dag for dag in chartline.dags() if not dag.startswith("chartline.chart_sync.")}


def test_a_day_of_the_past(chartline: Chartline) -> None:
    [(now,)] = chartline.query("select now()")
    day = chartline.world.days(CHART, now)[20]
    row = chartline.run(chart=CHART, day=day.isoformat(), steps=[])
    assert chartline.query("select day from chartline.chart_ranking") == [(day,)]
    assert row["status"] == "complete"
    assert chartline.differences() == {}


@pytest.mark.parametrize(
    ("conf", "named"),
    [
        ({}, "chart"),
        ({"chart": 5}, "chart"),
        ({"chart": "no/slug"}, "chart"),
        ({"chart": CHART, "audience_days": "90"}, "audience_days"),
        ({"chart": CHART, "audience_days": 0}, "audience_days"),
        ({"chart": CHART, "audience_days": 100_000}, "audience_days"),
        ({"chart": CHART, "day": "2026-02-30"}, "day"),
        ({"chart": CHART, "day": 20260201}, "day"),
        ({"chart": CHART, "steps": ["everything"]}, "steps"),
        ({"chart": CHART, "track_platforms": ["apple-music"]}, "track_platforms"),
        ({"chart": CHART, "artist_platforms": ["shazam"]}, "artist_platforms"),
        ({"chart": CHART, "force": "yes"}, "force"),
    ],
)
def test_a_wrong_config_is_refused_by_the_rest_api(installation: Chartline, conf: dict[str, Any], named: str) -> None:
    with pytest.raises(AirflowRefused, match=named) as refused:
        installation.trigger(ON_DEMAND, **conf)
    assert refused.value.status == 400


def test_a_wrong_config_is_refused_by_the_command_line(installation: Chartline) -> None:
    with pytest.raises(ServiceFailed, match="chart"):
        installation.stack.airflow.command("dags", "trigger", ON_DEMAND, "-c", '{"chart": 5}')


@pytest.mark.parametrize(
    ("conf", "named", "kind"),
    [
        ({"chart": CHART, "audiense_days": 7}, "audiense_days", "bad_input"),
        ({"chart": CHART, "day": "2999-01-01"}, "day", "bad_input"),
    ],
)
def test_what_airflow_lets_through_fails_in_the_first_task_at_once(
    chartline: Chartline, conf: dict[str, Any], named: str, kind: str
) -> None:
    run_id = chartline.trigger(ON_DEMAND, **conf)
    assert chartline.end_of(ON_DEMAND, run_id) == "failed"
    assert chartline.failed(ON_DEMAND, run_id)["fetch_ranking"] == 1
    assert named in chartline.logs(ON_DEMAND, run_id, "fetch_ranking")
    row = chartline.execution(ON_DEMAND, run_id)
    assert row["status"] == "failed"
    assert row["error"].startswith(f"{kind}: {named}")
    assert chartline.made().total() == 0


def test_a_chart_that_does_not_exist_is_named(chartline: Chartline) -> None:
    run_id = chartline.trigger(ON_DEMAND, chart="no-such-chart")
    assert chartline.end_of(ON_DEMAND, run_id) == "failed"
    assert chartline.failed(ON_DEMAND, run_id)["fetch_ranking"] == 1
    row = chartline.execution(ON_DEMAND, run_id)
    assert row["status"] == "failed"
    assert "no-such-chart" in row["error"]
    assert row["error"].startswith("unknown_chart")
    assert chartline.made() == {"ranking_latest": 1}
