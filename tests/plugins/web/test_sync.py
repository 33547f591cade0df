"""Starting runs, and how a chart is doing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.plugins.web.conftest import Airflow

from chartline.domain.asks import CascadeAsk
from chartline.schedules import service
from chartline.warehouse import executions
from chartline.warehouse.connect import Connection

TRIGGER = "sync/trigger/"


@pytest.fixture
def followed(conn: Connection, airflow: Airflow) -> None:
    service.add(conn, "day")
    airflow.dags["chartline.chart_sync.day"] = False


@pytest.mark.usefixtures("followed")
def test_a_run_is_started_by_the_persons_own_right(editor: TestClient, airflow: Airflow, conn: Connection) -> None:
    answer = editor.post(TRIGGER, json={"chart": "day"})
    assert answer.status_code == 202, answer.text
    assert answer.json() == {
        "chart": "day",
        "dag_id": "chartline.chart_sync.day",
        "run_id": "manual__1",
        "state": "queued",
    }
    assert airflow.triggered == [{"logical_date": None, "conf": {}}]
    assert airflow.logins == {"Bearer editor"}
    row = conn.execute("select who, action, subject, after from change_log where action = 'run.trigger'").fetchone()
    assert row == ("editor", "run.trigger", "day", {"run_id": "manual__1"})


@pytest.mark.usefixtures("followed")
@pytest.mark.parametrize(
    ("asked", "conf"),
    [
        ({"day": "2026-03-01"}, {"day": "2026-03-01"}),
        ({"days": ["2026-03-01", "2026-03-02"], "force": True}, {"days": ["2026-03-01", "2026-03-02"], "force": True}),
        ({"force": False, "day": None}, {}),
    ],
)
def test_days_and_force_are_handed_on(editor: TestClient, airflow: Airflow, asked: Any, conf: Any) -> None:
    assert editor.post(TRIGGER, json={"chart": "day", **asked}).status_code == 202
    assert airflow.triggered[0]["conf"] == conf


@pytest.mark.usefixtures("followed")
def test_a_run_that_airflow_holds_for_a_date_to_come_stands_in_nobodys_way(
    editor: TestClient, airflow: Airflow
) -> None:
    held = {"dag_run_id": "manual__2099", "state": "running", "logical_date": "2099-01-01T00:00:00Z"}
    airflow.runs["chartline.chart_sync.day"] = [held]
    assert editor.post(TRIGGER, json={"chart": "day"}).status_code == 202
    airflow.runs["chartline.chart_sync.day"] = [held | {"logical_date": "2026-01-01T00:00:00Z"}]
    assert editor.post(TRIGGER, json={"chart": "day"}).status_code == 409


@pytest.mark.usefixtures("followed")
def test_while_one_runs_no_second_is_started(editor: TestClient, airflow: Airflow) -> None:
    airflow.runs["chartline.chart_sync.day"] = [
        {"dag_run_id": "backfill__1", "state": "running"},
        {"dag_run_id": "scheduled__2026-03-01_to_2026-03-31_9", "state": "queued"},
    ]
    assert editor.post(TRIGGER, json={"chart": "day"}).status_code == 202  # the past is filled beside it
    again = editor.post(TRIGGER, json={"chart": "day", "force": True})
    assert again.status_code == 409
    assert again.json()["run"]["run_id"] == "manual__3"
    airflow.runs["chartline.chart_sync.day"][0]["state"] = "success"
    assert editor.post(TRIGGER, json={"chart": "day"}).status_code == 202


@pytest.mark.usefixtures("followed")
def test_of_many_at_once_one_is_started(editor: TestClient, airflow: Airflow) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: editor.post(TRIGGER, json={"chart": "day"}).status_code, range(6)))
    assert sorted(answers) == [202, *[409] * 5]
    assert len(airflow.triggered) == 1


def test_what_airflow_says_is_said(editor: TestClient, airflow: Airflow, conn: Connection) -> None:
    service.add(conn, "day")
    unread = editor.post(TRIGGER, json={"chart": "day"})
    assert (unread.status_code, unread.json()["kind"]) == (409, "not_read_yet")
    airflow.dags["chartline.chart_sync.day"] = True
    assert editor.post(TRIGGER, json={"chart": "day"}).json()["kind"] == "dag_paused"
    airflow.refuses = 403
    assert editor.post(TRIGGER, json={"chart": "day"}).status_code == 403
    airflow.refuses = 500
    assert editor.post(TRIGGER, json={"chart": "day"}).status_code == 503
    assert conn.execute("select count(*) from change_log where action = 'run.trigger'").fetchone() == (0,)


@pytest.mark.usefixtures("followed")
@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "chart"),
        ({"chart": "nowhere"}, 404, "chart"),
        ({"chart": "week"}, 404, "chart"),
        ({"chart": "day", "day": "2026-02-30"}, 422, "day"),
        ({"chart": "day", "day": 20500}, 422, "day"),
        ({"chart": "day", "day": "2026-W10-1"}, 422, "day"),
        ({"chart": "day", "day": "9999-12-31"}, 422, "day"),
        ({"chart": "day", "day": "2026-03-01", "days": ["2026-03-02"]}, 422, "days"),
        ({"chart": "day", "days": []}, 422, "days"),
        ({"chart": "day", "days": ["2026-03-01"] * 367}, 422, "days"),
        ({"chart": "day", "force": 1}, 422, "force"),
        ({"chart": "day", "steps": []}, 422, "steps"),
    ],
)
def test_wrong_triggers_are_named(editor: TestClient, airflow: Airflow, body: Any, status: int, field: str) -> None:
    answer = editor.post(TRIGGER, json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["field"].partition(".")[0] == field
    assert airflow.triggered == []


def test_how_a_chart_is_doing(viewer: TestClient, conn: Connection) -> None:
    unfollowed = viewer.get("sync/status/day/").json()
    assert (unfollowed["followed"], unfollowed["schedule"], unfollowed["last_execution"]) == (False, None, None)
    service.add(conn, "day")
    run = executions.open_execution(
        conn, dag_id="chartline.chart_sync.day", run_id="r1", chart_slug="day", trigger="manual"
    )
    executions.fix_settings(conn, run, CascadeAsk(chart="day").model_dump(mode="json"))
    found = viewer.get("sync/status/day/").json()
    assert found["last_execution"]["status"] == "running"
    assert found["next_sync"] is not None
    assert found["progress"]["step"] == "ranking"
    assert found["progress"]["percent"] < 100
    assert viewer.get("sync/status/nowhere/").status_code == 404
