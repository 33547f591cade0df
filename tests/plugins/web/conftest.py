"""The app as Airflow's web server runs it, on a warehouse of the test's own, with three kinds of callers.

The rights are those of Airflow's simple auth manager; only its tokens are replaced, by names of roles. Airflow's REST
API is a server in a thread that keeps what it was asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from airflow.api_fastapi import app as airflow_app
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jwt import InvalidTokenError

from chartline.soundcharts.models import ChartLight
from chartline.warehouse import charts
from chartline.warehouse.connect import connect
from chartline_airflow.web import warehouse as web_warehouse
from chartline_airflow.web.app import create_app

CALLERS = ("anonymous", "viewer", "editor")
ROLES = {"viewer": "VIEWER", "editor": "USER"}


class NamedRoles(SimpleAuthManager):
    """The token is the role's name."""

    async def get_user_from_token(self, token: str) -> SimpleAuthManagerUser:
        if token not in ROLES:
            raise InvalidTokenError("no such token")
        return SimpleAuthManagerUser(username=token, role=ROLES[token])


@pytest.fixture
def auth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_app._AuthManagerState, "instance", NamedRoles())


@pytest.fixture
def app(auth: None, warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    """Mounted as in Airflow, below /chartline."""
    monkeypatch.setenv("CHARTLINE_WAREHOUSE_URL", warehouse_url)
    monkeypatch.delenv("AIRFLOW_CONN_SOUNDCHARTS", raising=False)
    own = create_app()
    outer = FastAPI()
    outer.mount("/chartline", own)
    outer.state.chartline = own
    yield outer
    web_warehouse.pool(warehouse_url).close()
    web_warehouse.pool.cache_clear()


@pytest.fixture
def own(app: FastAPI) -> FastAPI:
    """Chartline's own app, for its routes."""
    found: FastAPI = app.state.chartline
    return found


class Caller(TestClient):
    """A program with a token; paths stand below /chartline/api/."""

    def __init__(self, app: FastAPI, role: str) -> None:
        headers = {} if role == "anonymous" else {"Authorization": f"Bearer {role}"}
        super().__init__(app, base_url="http://testserver/chartline/api/", headers=headers)
        self.role = role


@pytest.fixture
def anonymous(app: FastAPI) -> Caller:
    return Caller(app, "anonymous")


@pytest.fixture
def viewer(app: FastAPI) -> Caller:
    return Caller(app, "viewer")


@pytest.fixture
def editor(app: FastAPI) -> Caller:
    return Caller(app, "editor")


@pytest.fixture
def conn(warehouse_url: str) -> Iterator[psycopg.Connection[Any]]:
    """In autocommit, with the charts day, week and month."""
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        for slug, frequency in (("day", "daily"), ("week", "weekly"), ("month", "monthly")):
            chart = ChartLight(
                slug=slug, name=f"The {slug}", platform="spotify", frequency=frequency, country_code="FR"
            )
            with conn.transaction():
                charts.upsert_chart(conn, chart)
        yield conn
