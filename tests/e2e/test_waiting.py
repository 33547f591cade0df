"""What waits does so without a slot and without using up an attempt; what is not wanted starts no process."""

from __future__ import annotations

from datetime import timedelta

from .conftest import ON_DEMAND, Chartline, until

CHART = "demo-global-daily"


def test_a_run_waits_for_another_one_without_a_slot(chartline: Chartline) -> None:
    chartline.change(
        """insert into chartline.fetch_ledger (resource, entity, facet, lease_owner, lease_until)
           values ('ranking', %s, 'latest', 'another run', now() + interval '5 minutes')""",
        CHART,
    )
    run_id = chartline.trigger(ON_DEMAND, chart=CHART, steps=[])
    task = "select state, try_number from task_instance where task_id = 'fetch_ranking' and run_id = %s"

    def put_off() -> bool:
        return chartline.airflow_rows(task, run_id) == [("up_for_reschedule", 1)]

    until("the run being put off", put_off)
    assert "Another run is fetching the latest ranking" in chartline.execution(ON_DEMAND, run_id)["error"]
    chartline.change("update chartline.fetch_ledger set lease_until = now()")
    row = chartline.succeed(ON_DEMAND, run_id)
    assert (row["status"], row["error"], row["calls"]) == ("complete", None, 1)
    assert chartline.airflow_rows(task, run_id) == [("success", 1)]


def test_a_run_of_the_past_starts_no_task_for_audience(chartline: Chartline) -> None:
    [(now,)] = chartline.query("select now()")
    days = sorted(chartline.world.days(CHART, now)[10:15])
    lacking = days[0] - timedelta(days=4000)
    row = chartline.run(chart=CHART, days=[str(day) for day in [lacking, *days]])
    assert (row["status"], row["rankings_created"], row["days_absent"]) == ("complete", 5, [lacking])
    assert chartline.differences() == {}
    tasks = {task["task_id"]: task for task in chartline.tasks(ON_DEMAND, row["run_id"])}
    for name in ("plan_track_audience", "plan_artist_audience", "track_audience", "artist_audience"):
        assert (tasks[name]["state"], tasks[name]["pid"]) == ("skipped", None)
    assert tasks["artist_metadata"]["state"] == "success"
