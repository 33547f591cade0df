"""Runs by REST."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from chartline.schedules import service
from chartline.warehouse.connect import Connection

TRACK = "00000000-0000-0000-0000-000000000001"


def execute(conn: Connection, status: str = "complete", run: str = "scheduled__1", **settings: Any) -> int:
    row = conn.execute(
        """insert into chart_sync_execution (chart_slug, dag_id, run_id, trigger, status, settings)
           values ('day', 'chartline.chart_sync.day', %s, 'scheduled', %s, %s) returning id""",
        [run, status, json.dumps({"chart": "day", "steps": ["track_metadata"], **settings})],
    ).fetchone()
    assert row is not None
    return int(row[0])


def fail(conn: Connection, execution: int, kind: str = "server_trouble") -> None:
    conn.execute(
        """insert into execution_failure (execution_id, resource, entity, kind, reason)
           values (%s, 'track_metadata', %s, %s, 'Soundcharts answered 503.')""",
        [execution, TRACK, kind],
    )


def test_the_newest_first_and_narrowed(viewer: TestClient, conn: Connection) -> None:
    first, second = execute(conn), execute(conn, "failed", "scheduled__2")
    page = viewer.get("executions/", params={"limit": 1}).json()
    assert ([one["id"] for one in page["items"]], page["total"], page["next_offset"]) == ([second], 2, 1)
    narrowed = viewer.get("executions/", params={"status": ["complete", "partial"], "chart": "day"}).json()
    assert [one["id"] for one in narrowed["items"]] == [first]
    assert viewer.get("executions/", params={"since": "2999-01-01T00:00:00Z"}).json()["items"] == []


@pytest.mark.parametrize(
    "wrong", [{"status": "odd"}, {"since": "yesterday"}, {"since": "2026-01-01T00:00:00"}, {"limit": "all"}, {"x": 1}]
)
def test_a_wrong_filter_is_refused(viewer: TestClient, conn: Connection, wrong: dict[str, Any]) -> None:
    answer = viewer.get("executions/", params=wrong)
    assert answer.status_code == 422
    assert next(iter(wrong)) in answer.json()["errors"][0]["field"]


def test_one_with_what_failed(viewer: TestClient, conn: Connection) -> None:
    execution = execute(conn, "partial")
    fail(conn, execution)
    found = viewer.get(f"executions/{execution}/").json()
    assert (found["progress"]["percent"], found["retryable"], found["failed_items"]["total"]) == (100, True, 1)
    assert found["failed_items"]["items"][0]["reason"] == "Soundcharts answered 503."


@pytest.mark.parametrize(("key", "status"), [("1", 404), ("0", 422), ("x", 422), (str(2**63), 422)])
def test_no_such_execution(viewer: TestClient, editor: TestClient, conn: Connection, key: str, status: int) -> None:
    assert viewer.get(f"executions/{key}/").status_code == status
    assert editor.post(f"executions/{key}/retry/").status_code == status


def test_a_retry_asks_for_what_failed(editor: TestClient, conn: Connection, airflow: Any) -> None:
    airflow.dags["chartline.chart_cascade"] = False
    execution = execute(conn, "partial")
    fail(conn, execution)
    answer = editor.post(f"executions/{execution}/retry/")
    assert answer.status_code == 202, answer.text
    assert (answer.json()["items"], answer.json()["run_id"]) == (1, "manual__1")
    assert airflow.triggered[0]["conf"] == {"chart": "day", "steps": ["track_metadata"]} == answer.json()["config"]
    again = editor.post(f"executions/{execution}/retry/")
    assert (again.status_code, again.json()["run"]["run_id"]) == (409, "manual__1")
    assert conn.execute("select who, action from change_log").fetchall() == [("editor", "run.retry")]


def test_a_failed_run_of_a_followed_chart_is_repeated_by_its_own_dag(
    editor: TestClient, conn: Connection, airflow: Any
) -> None:
    service.add(conn, "day")
    airflow.dags["chartline.chart_sync.day"] = False
    assert editor.post(f"executions/{execute(conn, 'failed')}/retry/").json()["dag_id"] == "chartline.chart_sync.day"


def test_the_past_that_is_filled_meanwhile_is_no_hindrance(editor: TestClient, conn: Connection, airflow: Any) -> None:
    service.add(conn, "day")
    airflow.dags["chartline.chart_sync.day"] = False
    past = {"dag_run_id": "scheduled__2026-01-01_to_2026-01-31_1", "state": "running", "conf": {}}
    airflow.runs["chartline.chart_sync.day"] = [past]
    execution = execute(conn, "failed")
    assert editor.post(f"executions/{execution}/retry/").status_code == 202
    assert editor.post(f"executions/{execution}/retry/").status_code == 409


def test_there_may_be_nothing_to_retry(editor: TestClient, conn: Connection, airflow: Any) -> None:
    execution = execute(conn, "partial")
    fail(conn, execution, "not_found")
    answer = editor.post(f"executions/{execution}/retry/")
    assert (answer.status_code, answer.json()["kind"]) == (409, "nothing_to_retry")
    assert airflow.triggered == []


def test_a_run_at_work_is_not_retried(editor: TestClient, conn: Connection, airflow: Any) -> None:
    answer = editor.post(f"executions/{execute(conn, 'running')}/retry/")
    assert (answer.status_code, answer.json()["run"]["run_id"]) == (409, "scheduled__1")


def test_a_viewer_retries_nothing(viewer: TestClient, conn: Connection, airflow: Any) -> None:
    assert viewer.post(f"executions/{execute(conn, 'failed')}/retry/").status_code == 403


def test_the_refresh_of_an_audience_is_retried_by_its_own_dag(
    editor: TestClient, conn: Connection, airflow: Any
) -> None:
    airflow.dags["chartline.audience_refresh"] = False
    execution = execute(conn, "failed")
    conn.execute(
        """update chart_sync_execution
           set dag_id = 'chartline.audience_refresh', kind = 'refresh', chart_slug = '', settings = %s""",
        [json.dumps({"tracks": [TRACK], "stale_only": True})],
    )
    answer = editor.post(f"executions/{execution}/retry/")
    assert answer.status_code == 202, answer.text
    assert answer.json()["message"] == "A run of chartline.audience_refresh has started as it was asked before."
    assert airflow.triggered[0]["conf"] == {"tracks": [TRACK]}
    assert conn.execute("select action, subject from change_log").fetchall() == [
        ("run.retry", "chartline.audience_refresh")
    ]
    assert (
        editor.post(f"executions/{execution}/retry/").json()["detail"]
        == "A run of chartline.audience_refresh is running."
    )
