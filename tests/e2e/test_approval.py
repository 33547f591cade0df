"""Large work waits for a person in Airflow's own Required actions; a dry run fetches nothing."""

from __future__ import annotations

from typing import Any

from .conftest import ON_DEMAND, Chartline, until

CHART = "demo-shazam-daily"
STEPS = ["track_metadata"]


def waiting(chartline: Chartline, run_id: str) -> bool:
    """Whether the question stands and the scheduler has seen it: an answer before that has the task ask again."""
    log = (chartline.stack.home / "logs" / "airflow-scheduler.log").read_text(errors="replace")
    return any(run_id in line and "state=awaiting_input" in line for line in log.splitlines())


def question(run_id: str) -> str:
    return f"dags/{ON_DEMAND}/dagRuns/{run_id}/taskInstances/estimate/-1/hitlDetails"


def asked(chartline: Chartline, **conf: Any) -> tuple[str, dict[str, Any]]:
    """A run that waits for an answer, and what it asks."""
    run_id = chartline.trigger(ON_DEMAND, chart=CHART, steps=STEPS, **conf)
    until("the question", lambda: waiting(chartline, run_id))
    return run_id, chartline.stack.airflow.api("GET", question(run_id))


def answer(chartline: Chartline, run_id: str, choice: str) -> None:
    chartline.stack.airflow.api("PATCH", question(run_id), {"chosen_options": [choice], "params_input": {}})


def short_of_quota(chartline: Chartline) -> None:
    """Little is left, and the warehouse knows it from the answer to one call."""
    chartline.simulate(quota=10)
    chartline.run(chart="demo-global-daily", steps=[])


def test_a_run_above_the_share_goes_on_when_a_person_approves(chartline: Chartline) -> None:
    short_of_quota(chartline)
    before = chartline.made()
    run_id, told = asked(chartline)
    assert told["subject"].startswith(f"{CHART}, latest: ")
    assert "of the quota left" in told["subject"]
    assert "track" in told["body"]
    assert chartline.made() == before
    assert chartline.query("select count(*) from chartline.chart_sync_execution where run_id = %s", run_id) == [(0,)]
    chartline.simulate(quota=1000)
    answer(chartline, run_id, "Approve")
    assert chartline.succeed(ON_DEMAND, run_id)["status"] == "complete"
    assert chartline.made()["song"] == 3


def test_rejected_it_fetches_nothing_and_ends_well(chartline: Chartline) -> None:
    short_of_quota(chartline)
    before = chartline.made()
    run_id, _ = asked(chartline)
    answer(chartline, run_id, "Reject")
    assert chartline.end_of(ON_DEMAND, run_id) == "success"
    states = {task["task_id"]: task["state"] for task in chartline.tasks(ON_DEMAND, run_id)}
    assert states.pop("estimate") == "success"
    assert set(states.values()) == {"skipped"}
    assert "Not approved: nothing is fetched" in chartline.logs(ON_DEMAND, run_id, "estimate")
    assert chartline.made() == before


def test_a_dry_run_says_what_it_would_cost_and_fetches_nothing(chartline: Chartline) -> None:
    short_of_quota(chartline)
    before = chartline.made()
    run_id = chartline.trigger(ON_DEMAND, chart=CHART, steps=STEPS, dry_run=True)
    assert chartline.end_of(ON_DEMAND, run_id) == "success"
    assert chartline.made() == before
    states = {task["task_id"]: task["state"] for task in chartline.tasks(ON_DEMAND, run_id)}
    assert states.pop("estimate") == "success"
    assert set(states.values()) == {"skipped"}
    told = chartline.stack.airflow.api(
        "GET", f"dags/{ON_DEMAND}/dagRuns/{run_id}/taskInstances/estimate/xcomEntries/estimate"
    )
    assert "ranking" in str(told["value"])
    assert "Dry run: nothing is fetched." in chartline.logs(ON_DEMAND, run_id, "estimate")
