"""The gap audit's DAG: its shape, what it leaves alone, and what it reports. Airflow's answers are this test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError, AirflowSkipException, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from chartline.domain import dag_ids
from chartline.errors import BadInput
from chartline.schedules import service
from chartline.soundcharts.models import ChartLight
from chartline.warehouse import charts, executions, rankings
from chartline.warehouse.connect import connect
from chartline_airflow.dagbuild import gap_audit, runtime

SLUGS = ("one", "two")
RUN = "scheduled__2026-11-20"


def not_found() -> AirflowRuntimeError:
    return AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 404}))


class TaskInstance:
    """What a task asks Airflow."""

    def __init__(self) -> None:
        self.xcoms: dict[tuple[str, str], Any] = {}
        self.paused: dict[str, bool] = {f"chartline.chart_sync.{slug}": False for slug in SLUGS}
        self.runs: dict[str, int] = {}
        self.run_states: dict[str, str] = {}
        self.states: dict[str, str] = {}
        self.questions = 0

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms["find_gaps", key] = value

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        return self.xcoms.get((task_ids, key))

    def get_dag(self, dag_id: str) -> Any:
        if dag_id not in self.paused:
            raise not_found()
        return SimpleNamespace(is_paused=self.paused[dag_id])

    def get_dr_count(self, dag_id: str, states: list[str]) -> int:
        assert states == ["queued", "running"]
        return self.runs.get(dag_id, 0)

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        if run_id not in self.run_states:
            raise not_found()
        return self.run_states[run_id]

    def get_ti_count(self, dag_id: str, task_ids: list[str], states: list[str]) -> int:
        assert (dag_id, states) == ("chartline.gap_audit", ["awaiting_input"])
        return self.questions

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        return {run_ids[0]: self.states}


@pytest.fixture
def conn(warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection[Any]]:
    """Two daily charts followed ten days ago, of which the API has every day and the warehouse none."""

    @contextmanager
    def warehouse() -> Iterator[psycopg.Connection[Any]]:
        with connect(warehouse_url) as own:
            own.autocommit = True
            yield own

    monkeypatch.setattr(runtime, "warehouse", warehouse)
    monkeypatch.setattr(runtime, "per_minute", lambda: 5000)
    with warehouse() as conn:
        for slug in SLUGS:
            with conn.transaction():
                chart = charts.upsert_chart(
                    conn, ChartLight(slug=slug, name=slug, platform="spotify", frequency="daily")
                )
                days = [datetime.now(UTC).date() - timedelta(days=n) for n in range(1, 11)]
                rankings.store_calendar(conn, chart, [f"{day}T12:00:00+00:00" for day in days])
            service.add(conn, slug)
        long_ago = datetime.now(UTC) - timedelta(days=9)
        conn.execute("update chart_sync_schedule set created_at = %s, history_asked_at = %s", [long_ago, long_ago])
        yield conn


@pytest.fixture
def context() -> Any:
    """As much of Airflow's as the tasks ask for."""
    return {
        "params": {"chart": None, "heal": True, "dry_run": False},
        "ti": TaskInstance(),
        "dag_run": SimpleNamespace(dag_id=dag_ids.GAP_AUDIT, run_id=RUN),
    }


def find(conn: Any, context: Any) -> list[dict[str, Any]]:
    found = gap_audit._find_gaps(conn, context)
    context["ti"].xcoms["find_gaps", "return_value"] = found
    return found


def told(context: Any) -> dict[str, Any]:
    return dict(context["ti"].xcoms["find_gaps", "found"])


def test_its_tasks_follow_each_other(parse: Callable[..., dict[str, Any]]) -> None:
    dag = parse("gap_audit.py")["chartline.gap_audit"]
    assert {name: task.upstream_task_ids for name, task in dag.task_dict.items()} == {
        "refresh_calendars": set(),
        "find_gaps": {"refresh_calendars"},
        "approve_healing": {"find_gaps"},
        "approve_histories": {"find_gaps"},
        "heal": {"find_gaps", "approve_healing"},
        "release_histories": {"approve_histories"},
        "report": {"heal", "release_histories"},
    }
    assert dag.timetable.expression == "15 4 * * *"
    assert dag.timetable.run_immediately == timedelta()
    assert set(dag.params) == {"chart", "heal", "dry_run"}


@pytest.mark.parametrize(("key", "value"), [("chart", "../x"), ("chart", 3), ("heal", "yes"), ("dry_run", None)])
def test_its_form_refuses_wrong_values(parse: Callable[..., dict[str, Any]], key: str, value: Any) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        parse("gap_audit.py")["chartline.gap_audit"].params.get_param(key).resolve(value)


def test_it_plans_runs_of_exactly_the_missing_days(conn: Any, context: Any) -> None:
    runs = find(conn, context)
    assert [run["trigger_dag_id"] for run in runs] == ["chartline.chart_sync.two", "chartline.chart_sync.one"]
    days = [(datetime.now(UTC).date() - timedelta(days=n)).isoformat() for n in range(1, 11)]
    assert all(run["conf"] == {"days": days} for run in runs)
    assert runs[0]["trigger_run_id"].startswith(f"heal__two_{days[-1]}_")
    assert told(context)["counts"]["missing"] == 20


def test_one_chart_is_audited_when_it_is_named(conn: Any, context: Any) -> None:
    context["params"]["chart"] = "one"
    assert [run["trigger_dag_id"] for run in find(conn, context)] == ["chartline.chart_sync.one"]
    assert told(context)["charts"] == 1


def test_what_is_paused_missing_off_or_about_to_run_is_named_and_left_alone(
    conn: Any, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ti = context["ti"]
    ti.paused = {"chartline.chart_sync.one": True}
    assert find(conn, context) == []
    assert "is paused" in told(context)["left_alone"]["one"]
    assert "no DAG chartline.chart_sync.two" in told(context)["left_alone"]["two"]
    held = {"chartline.chart_sync.one": 0}
    monkeypatch.setattr(runtime, "runs_held", lambda dag_id, now: held[dag_id])
    ti.paused, ti.runs = (
        dict.fromkeys(("chartline.chart_sync.one", "chartline.chart_sync.two"), False),
        {"chartline.chart_sync.one": 3},
    )
    service.change(conn, "two", {"is_active": False})
    assert find(conn, context) == []
    assert "3 of its runs have yet to begin" in told(context)["left_alone"]["one"]
    assert "not active" in told(context)["left_alone"]["two"]
    held["chartline.chart_sync.one"] = 3  # for a logical date to come: they bring nothing
    assert [run["trigger_dag_id"] for run in find(conn, context)] == ["chartline.chart_sync.one"]
    context["params"]["chart"] = "two"
    assert [run["trigger_dag_id"] for run in find(conn, context)] == ["chartline.chart_sync.two"]


def test_runs_that_have_begun_keep_only_their_own_days_from_healing(conn: Any, context: Any) -> None:
    busy = (datetime.now(UTC).date() - timedelta(days=2)).isoformat()
    execution = executions.open_execution(
        conn, dag_id="chartline.chart_sync.one", run_id="heal__one", chart_slug="one", trigger="manual"
    )
    executions.fix_settings(conn, execution, {"days": [busy]})
    context["ti"].runs = {"chartline.chart_sync.one": 1}
    context["ti"].run_states = {"heal__one": "running"}
    context["params"]["chart"] = "one"
    (run,) = find(conn, context)
    assert len(run["conf"]["days"]) == 9
    assert busy not in run["conf"]["days"]


def test_a_row_that_cannot_be_used_is_named(conn: Any, context: Any) -> None:
    conn.execute(
        "update chart_sync_schedule s set history_days = 0 from chart c where c.id = chart_id and slug = 'two'"
    )
    assert [run["trigger_dag_id"] for run in find(conn, context)] == ["chartline.chart_sync.one"]
    assert "history_days" in told(context)["refused"]["two"]


def test_an_execution_whose_run_is_gone_is_closed_unless_it_is_a_dry_run(conn: Any, context: Any) -> None:
    executions.open_execution(
        conn, dag_id="chartline.chart_sync.one", run_id="gone", chart_slug="one", trigger="scheduled"
    )
    context["params"]["dry_run"] = True
    find(conn, context)
    assert list(told(context)["lost"]) == ["chartline.chart_sync.one/gone"]
    assert conn.execute("select status from chart_sync_execution").fetchone() == ("running",)
    context["params"]["dry_run"] = False
    find(conn, context)
    assert conn.execute("select status from chart_sync_execution").fetchone() == ("lost",)


def test_without_healing_it_only_reports(conn: Any, context: Any) -> None:
    context["params"]["heal"] = False
    assert find(conn, context) == []
    assert told(context)["counts"]["missing"] == 20
    assert gap_audit._cost_of_healing(context) is None


def test_wrong_config_is_refused_by_name(conn: Any, context: Any) -> None:
    for params, told in (
        ({"force": True}, "force"),
        ({"chart": "nothing-like-it"}, "nothing-like-it"),
    ):
        with pytest.raises(BadInput, match=told):
            gap_audit._asked(conn, context | {"params": context["params"] | params})


def test_the_cost_is_of_the_planned_days(conn: Any, context: Any) -> None:
    find(conn, context)
    cost = gap_audit._cost_of_healing(context)
    assert cost
    assert "20 days of 2 charts" in cost.about
    assert cost.calls["ranking"].high >= 20


def test_the_same_is_not_asked_twice(conn: Any, context: Any) -> None:
    find(conn, context)
    context["ti"].questions = 1
    with pytest.raises(AirflowSkipException, match="earlier audit"):
        gap_audit._cost_of_healing(context)


def test_held_pasts_are_costed_and_released(conn: Any, context: Any) -> None:
    assert gap_audit._cost_of_histories(context) is None
    service.change(conn, "one", {"sync_historical_data": True}, held=True)
    find(conn, context)
    assert told(context)["held"] == ["one"]
    cost = gap_audit._cost_of_histories(context)
    assert cost
    assert "one" in cost.about
    assert gap_audit._release(conn, ["one", "unfollowed-since"], "anna") == ["one"]
    find(conn, context)
    assert told(context)["held"] == []
    log = conn.execute("select who from change_log where action = 'schedule.release_history'").fetchall()
    assert log == [("anna",)]


def test_the_report_tells_what_was_triggered(conn: Any, context: Any, caplog: pytest.LogCaptureFixture) -> None:
    first, second = find(conn, context)
    context["ti"].states = {"heal_0": "success", "heal_1": "skipped", "find_gaps": "success"}
    context["ti"].xcoms["refresh_calendars", "return_value"] = {"two": "short_answer: cut"}
    with caplog.at_level("INFO"):
        report = gap_audit._report(context)
    assert report["triggered"] == {first["trigger_run_id"]: first["conf"]["days"]}
    assert report["not_triggered"] == 1
    assert "healing runs that were not triggered: 1" in caplog.text
    assert "two: its calendar could not be brought up to date: short_answer: cut" in caplog.text
    assert f"healing: {first['trigger_run_id']}: 10 days" in caplog.text
    assert "one: missing 10" in caplog.text
    assert second["trigger_run_id"] not in report["triggered"]


def test_the_report_is_red_when_a_task_failed(context: Any) -> None:
    context["ti"].states = {"find_gaps": "failed", "heal": "upstream_failed", "refresh_calendars": "success"}
    with pytest.raises(AirflowFailException, match="find_gaps, heal failed"):
        gap_audit._report(context)
