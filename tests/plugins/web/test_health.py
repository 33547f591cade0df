"""Health by REST: it answers whatever is broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient

from chartline_airflow.web.api import health

Connection = psycopg.Connection[Any]


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    health.probe.forget()
    yield
    health.probe.forget()


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
