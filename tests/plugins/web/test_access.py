"""Who gets in, by token and by cookie, and that another site cannot use the login of a browser."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from airflow.api_fastapi import app as airflow_app
from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.plugins.web.conftest import ROLES, Airflow, NamedRoles

from chartline.schedules import service

URL = "http://testserver/chartline/api/sync/schedules/"
TEST = "http://testserver/chartline/api/alerts/test/"
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


def asked(app: FastAPI, token: str) -> tuple[int, int]:
    """What the person gets on a GET, and on a POST that follows a chart."""
    program = TestClient(app, headers={"Authorization": f"Bearer {token}"})
    return program.get(URL).status_code, program.post(URL, json={"chart": "day"}).status_code


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (None, (403, 403)),
        ("VIEWER", (200, 403)),
        ("USER", (200, 201)),
        ("OP", (200, 201)),
        ("ADMIN", (200, 201)),
    ],
)
def test_the_roles_of_airflows_simple_auth_manager(
    app: FastAPI,
    conn: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    role: str | None,
    expected: tuple[int, int],
) -> None:
    monkeypatch.setitem(ROLES, "somebody", role)
    assert asked(app, "somebody") == expected


def given(may_read: bool, may_edit: bool) -> BaseAuthManager[BaseUser]:
    """An auth manager of which only these two are asked."""

    class Somebody(BaseUser):
        def get_id(self) -> str:
            return "7"

        def get_name(self) -> str:
            return "somebody"

    async def user(_: Any, token: str) -> BaseUser:
        return Somebody()

    def view(_: Any, *, access_view: AccessView, user: BaseUser) -> bool:
        assert (access_view, user.get_name()) == (AccessView.PLUGINS, "somebody")
        return may_read

    def dag(_: Any, *, method: str, user: BaseUser, access_entity: Any = None, details: Any = None) -> bool:
        assert (method, access_entity, details.id, user.get_name()) == ("PUT", None, None, "somebody")
        return may_edit

    def not_asked(*_: Any, **__: Any) -> Any:
        raise AssertionError("this is none of our business")

    ours = {"get_user_from_token": user, "is_authorized_view": view, "is_authorized_dag": dag}
    rest = dict.fromkeys(BaseAuthManager.__abstractmethods__, not_asked)
    made: BaseAuthManager[BaseUser] = type("Given", (BaseAuthManager,), rest | ours)()
    return made


@pytest.mark.parametrize(
    ("may_read", "may_edit", "expected"),
    [
        pytest.param(False, False, (403, 403), id="FAB: Public, Viewer"),
        pytest.param(False, True, (403, 403), id="FAB: User"),  # who may not see it cannot change it either
        pytest.param(True, False, (200, 403), id="FAB: Viewer that may read plugins"),
        pytest.param(True, True, (200, 201), id="FAB: Op, Admin"),
    ],
)
def test_any_auth_manager_is_asked_for_plugins_and_dags_and_nothing_else(
    app: FastAPI,
    conn: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    may_read: bool,
    may_edit: bool,
    expected: tuple[int, int],
) -> None:
    """Also FAB's, which cannot be installed beside our pins: its roles' answers were seen in one of its own."""
    monkeypatch.setattr(airflow_app._AuthManagerState, "instance", given(may_read, may_edit))
    assert asked(app, "any") == expected
    made = conn.execute("select who from change_log").fetchall()
    assert made == ([("somebody",)] if expected[1] == 201 else [])


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
        return bool(details.id == "mine")

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


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_can_load_nothing_unread(browser: TestClient, conn: psycopg.Connection[Any], site: str) -> None:
    """An image, a script, a POST without a body: with a cookie, or with the login that Airflow puts on every request
    where all are admins."""
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    for login in ({}, {"Authorization": "Bearer editor"}):
        for method, url in (("GET", URL), ("POST", TEST)):
            assert kind(browser.request(method, url, headers=headers | login)) == (403, "cross_site"), (method, login)
    assert browser.get(URL, headers=headers | {"Sec-Fetch-Mode": "navigate"}).status_code == 200  # a link to us


TRACK = "11111111-1111-1111-1111-111111111111"
ELSEWHERE = [("cross-site", "http://evil.example"), ("same-site", "http://testserver:9999"), ("cross-site", "null")]


@pytest.fixture
def stale(conn: psycopg.Connection[Any], airflow: Airflow) -> psycopg.Connection[Any]:
    """A track whose audience was never fetched, so that a refresh of it costs."""
    conn.execute("insert into chartline.track (uuid, name) values (%s, 'a track')", [TRACK])
    service.add(conn, "day")
    airflow.dags = {
        "chartline.audience_refresh": False,
        "chartline.chart_cascade": False,
        "chartline.gap_audit": False,
        "chartline.chart_sync.day": False,
    }
    return conn


@pytest.mark.parametrize(("site", "origin"), ELSEWHERE)
@pytest.mark.parametrize("login", [{}, {"Authorization": "Bearer editor"}], ids=["cookie", "all are admins"])
def test_another_sites_page_costs_nothing(
    browser: TestClient, stale: psycopg.Connection[Any], airflow: Airflow, site: str, origin: str, login: dict[str, str]
) -> None:
    """Whatever a page can have a browser send: fetch and XHR (cors, no-cors), a form, an address, a window, a frame;
    with a cookie, or the login that Airflow puts on everything where all are admins."""
    web = "http://testserver/chartline/api/"
    audience, refresh = f"{web}tracks/{TRACK}/audience/", f"{web}tracks/{TRACK}/refresh/"
    posts = [refresh, f"{web}charts/day/heal/", f"{web}charts/day/trigger-cascade/", TEST, f"{web}sync/trigger/"]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    json = {"Content-Type": "application/json"}
    for mode, headers in (
        ("cors", json), ("cors", {}), ("cors", json | OURS), ("no-cors", {"Content-Type": "text/plain"}),
        ("no-cors", {}), ("navigate", form), ("same-origin", json | OURS), ("websocket", {}),
    ):  # fmt: skip
        told = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Origin": origin} | headers | login
        for url in posts:
            answer = browser.post(url, headers=told, content=b"{}" if headers.get("Content-Type") else b"")
            assert kind(answer) == (403, "cross_site"), (mode, url)
    # An address, a window, a frame, and a fetch of what may be read: these read, and cost nothing.
    for mode, dest in (("navigate", "document"), ("navigate", "iframe"), ("cors", "empty"), ("no-cors", "image")):
        told = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest} | login
        answer = browser.get(audience, headers=told | ({"Origin": origin} if mode == "cors" else {}))
        assert answer.status_code == (403 if mode == "no-cors" else 200), answer.text
        assert "access-control-allow-origin" not in answer.headers
        asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-chartline,content-type"}
        preflight = browser.options(refresh, headers=told | asks | {"Origin": origin})
        assert "access-control-allow-origin" not in preflight.headers
    assert airflow.triggered == []
    assert stale.execute("select count(*) from chartline.refresh_booking").fetchone() == (0,)
    assert stale.execute("select count(*) from chartline.change_log where action <> 'schedule.add'").fetchone() == (0,)


def test_a_web_app_that_airflow_lets_in_may(
    browser: TestClient, stale: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a token of its own, not with the browser's login."""
    monkeypatch.setenv("AIRFLOW__API__ACCESS_CONTROL_ALLOW_ORIGINS", "https://a.example https://b.example")
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Origin": "https://b.example"}
    body = {"history_days": 9}
    token = {"Authorization": "Bearer editor"}
    assert browser.patch(f"{URL}day/", json=body, headers=headers | token).status_code == 200
    assert kind(browser.patch(f"{URL}day/", json=body, headers=headers | OURS)) == (403, "cross_site")
    headers["Origin"] = "https://c.example"
    assert kind(browser.patch(f"{URL}day/", json=body, headers=headers | token)) == (403, "cross_site")


def test_our_own_pages_can(browser: TestClient, conn: psycopg.Connection[Any]) -> None:
    headers = OURS | {"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}
    assert browser.post(URL, json={"chart": "day"}, headers=headers).status_code == 201
    body = {"history_days": 9}
    assert kind(browser.patch(f"{URL}day/", json=body, headers=OURS)) == (428, "version_missing")
    seen = {"If-Match": browser.get(f"{URL}day/").headers["etag"]}
    assert browser.patch(f"{URL}day/", json=body, headers=OURS | seen).status_code == 200


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
