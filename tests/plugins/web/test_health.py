"""Health by REST: it answers whatever is broken."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from tests.plugins.web.conftest import Airflow

from chartline.warehouse.connect import Connection
from chartline_airflow.web.api import health


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    health.probe.forget()
    health.airflow_probe.forget()
    yield
    health.probe.forget()
    health.airflow_probe.forget()


def statuses(viewer: TestClient) -> dict[str, str]:
    answer = viewer.get("health/")
    assert answer.status_code == 200, answer.text
    return {check["name"]: check["status"] for check in answer.json()["checks"]}


def test_without_an_account(viewer: TestClient, conn: Connection) -> None:
    found = statuses(viewer)
    assert (found["warehouse"], found["schema"], found["credentials"]) == ("ok", "ok", "error")


def test_an_api_that_does_not_answer(viewer: TestClient, conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    account = {"conn_type": "http", "host": "http://127.0.0.1:9", "login": "app", "password": "key"}
    monkeypatch.setenv("AIRFLOW_CONN_SOUNDCHARTS", json.dumps(account))
    found = statuses(viewer)
    assert (found["api"], found["credentials"]) == ("error", "unknown")
    statuses(viewer)
    assert conn.execute("select count(*) from api_call where endpoint = 'team_usage'").fetchone() == (1,)


def test_a_warehouse_of_another_schema(viewer: TestClient, conn: Connection) -> None:
    conn.execute("update alembic_version set version_num = '0001'")
    found = statuses(viewer)
    assert (found["warehouse"], found["schema"], found["overdue"]) == ("ok", "error", "unknown")


def test_a_warehouse_that_is_away(viewer: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTLINE_WAREHOUSE_URL", "postgresql://nobody:hidden-word@127.0.0.1:9/none")
    answer = viewer.get("health/")
    found = {check["name"]: check for check in answer.json()["checks"]}
    assert (answer.json()["status"], found["warehouse"]["status"]) == ("error", "error")
    assert found["warehouse"]["advice"]
    assert "hidden-word" not in answer.text


def test_runs_held_for_a_date_to_come(viewer: TestClient, conn: Connection, airflow: Airflow) -> None:
    airflow.dags["chartline.chart_sync.day"] = False
    airflow.runs["chartline.chart_sync.day"] = [
        {"dag_run_id": "by_hand", "state": "running", "logical_date": "2099-01-01T00:00:00+00:00"}
    ]
    answer = viewer.get("health/")
    [found] = [check for check in answer.json()["checks"] if check["name"] == "waiting_runs"]
    assert found["status"] == "warning"
    assert found["subjects"] == [{"chart": "day", "detail": "by_hand waits for 2099-01-01 00:00 UTC"}]
    assert "Mark the run failed" in found["advice"]
    viewer.get("health/")
    assert len(airflow.asked) == 2  # health is asked often


def test_an_airflow_that_does_not_tell_is_asked_by_the_next(
    viewer: TestClient, conn: Connection, airflow: Airflow
) -> None:
    airflow.refuses = 403
    assert statuses(viewer)["waiting_runs"] == "unknown"
    airflow.refuses = None
    assert statuses(viewer)["waiting_runs"] == "ok"
