"""Airflow's own backfill: exactly the asked days, by the command line, REST and the web pages, and each paid once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chartline.local.airflow import AirflowRefused

from .conftest import WINDOW, Chartline, until
from .test_web_pages import Person, person  # noqa: F401  (a fixture)

CHART = "demo-france-daily"
DAG = f"chartline.chart_sync.{CHART}"
ALONE = {f"fetch_{kind}_{what}": False for kind in ("track", "artist") for what in ("metadata", "audience")}
LACKING = 3  # the day that the source does not have, counted from the first one asked for
TODAY = datetime.now(UTC).date()
FIRST = TODAY - timedelta(days=60)


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=number) for number in range(count)]


@pytest.fixture
def followed(chartline: Chartline) -> Chartline:
    """The chart is followed, rankings only, and has its latest one; one day of the past does not exist."""
    lacking = {CHART: [str(FIRST + timedelta(days=LACKING))]}
    chartline.make_world(first_day="2026-01-01", missing_share=0, missing_days=lacking)
    chartline.follow(CHART, **ALONE)
    until("the chart's DAG", lambda: CHART in chartline.chart_dags())
    chartline.filled(DAG)
    assert len(stored(chartline)) == 1
    return chartline


def stored(chartline: Chartline) -> list[date]:
    """Days stored, in the order in which they came."""
    return [day for (day,) in chartline.query("select day from chartline.chart_ranking order by id")]


def create(chartline: Chartline, first: date, last: date, **more: Any) -> int:
    """A backfill by REST; its id."""
    body = {"dag_id": DAG, "from_date": f"{first}T00:00:00Z", "to_date": f"{last}T00:00:00Z", **more}
    made = chartline.stack.airflow.api("POST", "backfills", body)
    return int(made["id"])


def completed(chartline: Chartline, backfill: int) -> None:
    """Wait until all its runs have ended well, and make room for the next one: Airflow itself takes note of the end
    up to half a minute later."""
    runs = """select case when b.exception_reason is null then r.state end
              from backfill_dag_run b left join dag_run r on r.id = b.dag_run_id where b.backfill_id = %s"""

    def done() -> bool:
        states = {state for (state,) in chartline.airflow_rows(runs, backfill)}
        assert "failed" not in states
        return bool(states) and states <= {"success", None}  # first there is the backfill alone; None: left out

    until(f"the end of backfill {backfill}", done)
    if chartline.stack.airflow.api("GET", f"backfills/{backfill}")["completed_at"] is None:
        chartline.stack.airflow.api("PUT", f"backfills/{backfill}/cancel")


def test_by_the_command_line_exactly_the_asked_days_and_each_paid_once(followed: Chartline) -> None:
    [latest], before = stored(followed), followed.made()
    asked = days(FIRST, WINDOW + 4)
    words = ["backfill", "create", "--dag-id", DAG, "--from-date", str(asked[0]), "--to-date", str(asked[-1])]

    dry = followed.stack.airflow.command(*words, "--dry-run")
    assert str(asked[0]) in dry
    assert followed.made() == before

    followed.stack.airflow.command(*words)
    [(backfill,)] = followed.airflow_rows("select max(id) from backfill")
    completed(followed, backfill)
    there = [day for day in asked if day != FIRST + timedelta(days=LACKING)]
    assert set(stored(followed)) == {latest, *there}
    spent = followed.made() - before
    assert spent == {"ranking_at": len(there), "available_rankings": spent["available_rankings"]}
    assert spent["available_rankings"] <= 4  # the list has so many pages
    rows = followed.query(
        """select rankings_created, days_absent, days_left from chartline.chart_sync_execution
           where run_id like 'backfill__%%' order by data_interval_start"""
    )
    assert rows == [(WINDOW - 1, [FIRST + timedelta(days=LACKING)], []), (4, [], [])]
    assert followed.differences() == {}

    paid = followed.made()
    for behaviour, runs in (("none", 0), ("failed", 0), ("completed", 2)):
        again = create(followed, asked[0], asked[-1], reprocess_behavior=behaviour)
        completed(followed, again)
        query = "select count(*) from backfill_dag_run where backfill_id = %s and exception_reason is null"
        assert followed.airflow_rows(query, again) == [(runs,)]
    assert followed.made() == paid


def test_backwards_on_a_paused_dag_and_over_days_that_are_partly_there(followed: Chartline) -> None:
    [latest], before = stored(followed), followed.made()
    followed.stack.airflow.api("PATCH", f"dags/{DAG}", {"is_paused": True})
    asked = days(FIRST + timedelta(days=10), 2 * WINDOW)
    backfill = create(followed, asked[0], asked[-1], run_backwards=True, max_active_runs=1)
    queued = [run for run in followed.runs(DAG) if run["run_type"] == "backfill"]
    assert [run["state"] for run in queued] == ["queued"] * 2
    assert followed.made() == before

    followed.stack.airflow.api("PATCH", f"dags/{DAG}", {"is_paused": False})
    completed(followed, backfill)
    assert stored(followed)[0] == latest
    assert set(stored(followed)[1 : WINDOW + 1]) == set(asked[WINDOW:])  # the newest window first
    assert set(stored(followed)) == {latest, *asked}

    spent = followed.made()
    wider = days(asked[0] - timedelta(days=2), WINDOW)
    completed(followed, create(followed, wider[0], wider[-1]))
    assert set(stored(followed)) == {latest, *wider, *asked}
    assert (followed.made() - spent)["ranking_at"] == 2
    assert followed.differences() == {}

    spent = followed.made()
    for first, last in ((wider[-1], wider[0]), (TODAY + timedelta(days=2), TODAY + timedelta(days=5))):
        with pytest.raises(AirflowRefused) as refused:
            create(followed, first, last)
        assert refused.value.status == 422
    assert followed.made() == spent


def test_a_chart_that_nobody_follows_has_nothing_to_fill(chartline: Chartline) -> None:
    with pytest.raises(AirflowRefused) as refused:
        create(chartline, FIRST, FIRST)
    assert refused.value.status == 404


@pytest.mark.browser
def test_in_the_web_pages(followed: Chartline, person: Person) -> None:  # noqa: F811
    [latest] = stored(followed)
    asked = days(FIRST + timedelta(days=30), 5)
    person.open(f"/dags/{DAG}")
    person.button("Trigger").click()
    person.see("Run this Dag for a range of dates")
    [choice] = person.driver.find_elements("css selector", "[role=dialog] input[type=radio][value=backfill]")
    person.driver.execute_script("arguments[0].click()", choice)
    person.see("Reprocess Behavior", "Run Backwards")
    person.pick_day(0, asked[0])
    person.pick_day(1, asked[-1])
    person.see("1 run will be triggered.")
    person.picture("backfill-form")
    person.button("Run Backfill", within="[role=dialog]").click()

    [(backfill,)] = until(
        "the backfill", lambda: followed.airflow_rows("select id from backfill where dag_id = %s", DAG)
    )
    completed(followed, backfill)
    assert stored(followed)[0] == latest
    assert set(stored(followed)) == {latest, *asked}
    assert followed.differences() == {}

    person.open(f"/dags/{DAG}/backfills")
    person.see(str(asked[0]))
    person.picture("backfills")
    [run] = [run["dag_run_id"] for run in followed.runs(DAG) if run["run_type"] == "backfill"]
    person.open(f"/dags/{DAG}/runs/{run}")
    person.see("fetch_ranking", "report_run")
    person.picture("backfill-run")
