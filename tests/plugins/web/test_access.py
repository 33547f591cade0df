"""Who gets in, by token and by cookie, and that another site cannot use the login of a browser."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.plugins.web.conftest import NamedRoles

from chartline.schedules import service

URL = "http://testserver/chartline/api/sync/schedules/"
OURS = {"X-Chartline": "1"}


@pytest.fixture
def browser(app: FastAPI) -> TestClient:
    """An editor with the login's cookie."""
    return TestClient(app, cookies={"_token": "editor"})


@pytest.fixture
def stranger(app: FastAPI) -> TestClient:
    return TestClient(app)


def kind(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("kind", "")


def test_a_cookie_is_a_login(browser: TestClient) -> None:
    assert browser.get(URL).status_code == 200


@pytest.mark.parametrize("header", ["Bearer nonsense", "Basic ZWRpdG9yOg==", "Bearer", "editor"])
def test_what_is_no_login_gets_nobody_in(stranger: TestClient, header: str) -> None:
    answer = stranger.get(URL, headers={"Authorization": header})
    assert kind(answer) == (401, "not_logged_in")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_wrong_token_is_not_mended_by_a_cookie(browser: TestClient) -> None:
    assert browser.get(URL, headers={"Authorization": "Bearer nonsense"}).status_code == 401


def test_who_may_not_read_plugins_sees_nothing(stranger: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NamedRoles, "is_authorized_view", lambda *_, **__: False)
    assert kind(stranger.get(URL, headers={"Authorization": "Bearer editor"})) == (403, "may_not_read")


def test_the_right_to_one_dag_is_not_the_right_to_all(
    stranger: TestClient, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question to the auth manager names no DAG, whatever the request says."""
    asked: list[Any] = []

    def may(_: Any, *, method: str, details: Any = None, **more: Any) -> bool:
        asked.append((method, details.id))
        return details.id == "mine"

    monkeypatch.setattr(NamedRoles, "is_authorized_dag", may)
    headers = {"Authorization": "Bearer editor"}
    answer = stranger.post(f"{URL}?dag_id=mine", json={"chart": "day", "dag_id": "mine"}, headers=headers)
    assert kind(answer) == (403, "may_not_edit")
    assert asked == [("PUT", None)]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Chartline": "2"},
        OURS | {"Sec-Fetch-Site": "cross-site"},
        OURS | {"Sec-Fetch-Site": "same-site"},
        OURS | {"Sec-Fetch-Site": "none"},
        OURS | {"Origin": "http://elsewhere"},
        OURS | {"Origin": "null"},
        OURS | {"Origin": "http://testserver:8081"},
        OURS | {"Origin": ""},
    ],
)
def test_another_site_cannot_use_a_browsers_login(
    browser: TestClient, conn: psycopg.Connection[Any], headers: dict[str, str]
) -> None:
    service.add(conn, "day")
    for method, url, body in (
        ("POST", URL, {"chart": "week"}),
        ("PATCH", f"{URL}day/", {"history_days": 9}),
        ("DELETE", f"{URL}day/", None),
    ):
        answer = browser.request(method, url, json=body, headers=headers)
        assert kind(answer) == (403, "cross_site"), (method, headers)
    assert browser.get(f"{URL}day/").json()["settings"]["history_days"] == 365


def test_our_own_pages_can(browser: TestClient, conn: psycopg.Connection[Any]) -> None:
    headers = OURS | {"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}
    assert browser.post(URL, json={"chart": "day"}, headers=headers).status_code == 201
    assert browser.patch(f"{URL}day/", json={"history_days": 9}, headers=OURS).status_code == 200


def test_behind_a_proxy_the_origin_is_that_of_airflows_address(
    browser: TestClient, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://music.example/airflow/")
    headers = OURS | {"Origin": "https://music.example", "Host": "10.0.0.7:8080"}
    assert browser.post(URL, json={"chart": "day"}, headers=headers).status_code == 201


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"]
)
def test_only_json_is_taken(stranger: TestClient, conn: psycopg.Connection[Any], media: str) -> None:
    headers = {"Authorization": "Bearer editor", "Content-Type": media}
    assert stranger.post(URL, content=b'{"chart": "day"}', headers=headers).status_code == 415
    headers["Content-Type"] = "application/json; charset=utf-8"
    assert stranger.post(URL, content=b'{"chart": "day"}', headers=headers).status_code == 201


def test_a_warehouse_that_is_away_is_said_so(stranger: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTLINE_WAREHOUSE_URL", "postgresql://chartline:hidden@127.0.0.1:1/chartline")
    answer = stranger.get(URL, headers={"Authorization": "Bearer viewer"})
    assert kind(answer) == (503, "warehouse_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "hidden" not in answer.text


def test_a_connection_that_died_is_replaced(
    stranger: TestClient, warehouse_url: str, conn: psycopg.Connection[Any]
) -> None:
    headers = {"Authorization": "Bearer viewer"}
    assert stranger.get(URL, headers=headers).status_code == 200
    ended = conn.execute(
        """select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"""
    ).fetchone()
    assert ended is not None
    assert ended[0] >= 1
    assert stranger.get(URL, headers=headers).status_code == 200
