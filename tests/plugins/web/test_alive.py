"""The sign of life for uptime services: who may ask, what it tells, and when it is stale."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from chartline.settings import settings
from chartline_airflow.web import warehouse

TOKEN = "an-uptime-token-12"
URL = "http://testserver/chartline/alive"


@pytest.fixture
def _on(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CHARTLINE_ALIVE_TOKEN", TOKEN)
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def service(app: FastAPI) -> TestClient:
    return TestClient(app)


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(password: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'uptime:{password}'.encode()).decode()}"}


def looked(conn: psycopg.Connection[Any], minutes_ago: int) -> None:
    conn.execute(
        """insert into chartline.watermark values ('look', now() - make_interval(mins => %s))
           on conflict (kind) do update set at = excluded.at""",
        [minutes_ago],
    )


@pytest.mark.usefixtures("_on")
@pytest.mark.parametrize("login", [bearer(), basic()])
def test_it_is_ok_while_looks_are_made_and_stale_after(
    service: TestClient, conn: psycopg.Connection[Any], login: dict[str, str]
) -> None:
    assert (service.get(URL, headers=login).status_code, service.get(URL, headers=login).text) == (503, "stale")
    looked(conn, 1)
    answer = service.get(URL, headers=login)
    assert (answer.status_code, answer.text) == (200, "ok")
    assert answer.headers["cache-control"] == "no-store"
    assert service.head(URL, headers=login).status_code == 200
    looked(conn, 16)
    assert (service.get(URL, headers=login).status_code, service.get(URL, headers=login).text) == (503, "stale")


@pytest.mark.usefixtures("_on")
@pytest.mark.parametrize(
    "login",
    [
        {},
        bearer("another-uptime-token"),
        bearer(""),
        basic("wrong"),
        {"Authorization": "Basic !"},
        {"Authorization": f"Digest {TOKEN}"},
        bearer(TOKEN[:-1]),
    ],
)
def test_nobody_without_the_token(service: TestClient, conn: psycopg.Connection[Any], login: dict[str, str]) -> None:
    looked(conn, 1)
    answer = service.get(URL, headers=login)
    assert answer.status_code == 401
    assert answer.json()["kind"] == "no_token"
    assert service.get(f"{URL}?token={TOKEN}", headers=login).status_code == 401, "never in an address"


@pytest.mark.usefixtures("_on")
def test_the_token_opens_nothing_else(service: TestClient) -> None:
    for path in ("/", "/api/health/", "/alive/", "/api/alive"):
        assert service.get(f"http://testserver/chartline{path}", headers=bearer()).status_code == 401
    assert service.post(URL, headers=bearer()).status_code == 405


def test_without_a_token_in_the_settings_it_is_not_there(service: TestClient, app: FastAPI) -> None:
    assert service.get(URL).status_code == 401
    assert service.get(URL, headers=bearer("")).status_code == 401
    assert TestClient(app, headers={"Authorization": "Bearer viewer"}).get(URL).status_code == 404


@pytest.mark.usefixtures("_on")
def test_a_warehouse_that_is_away_is_no_life(service: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse, "url", lambda: "postgresql://nobody@127.0.0.1:9/none")
    answer = service.get(URL, headers=bearer())
    assert (answer.status_code, answer.text) == (503, "stale")
