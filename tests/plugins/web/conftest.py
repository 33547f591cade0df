"""The app as Airflow's web server runs it, on a warehouse of the test's own, with three kinds of callers.

The rights are those of Airflow's simple auth manager; only its tokens are replaced, by names of roles. Airflow's REST
API is played by `Airflow`, which keeps what it was asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import httpx
import psycopg
import pytest
from airflow.api_fastapi import app as airflow_app
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jwt import InvalidTokenError
from tests.known_charts import know_charts

from chartline.operating import reparse
from chartline.warehouse.connect import connect
from chartline_airflow.web import airflow_api
from chartline_airflow.web import warehouse as web_warehouse
from chartline_airflow.web.app import create_app

CALLERS = ("anonymous", "viewer", "editor")
ROLES: dict[str, str | None] = {"viewer": "VIEWER", "editor": "USER"}


class NamedRoles(SimpleAuthManager):
    """The token is the role's name."""

    async def get_user_from_token(self, token: str) -> SimpleAuthManagerUser:
        if token not in ROLES:
            raise InvalidTokenError("no such token")
        return SimpleAuthManagerUser(username=token, role=ROLES[token])


@pytest.fixture
def auth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_app._AuthManagerState, "instance", NamedRoles())  # type: ignore[no-untyped-call]


@pytest.fixture
def app(auth: None, warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    """Mounted as in Airflow, below /chartline."""
    monkeypatch.setenv("CHARTLINE_WAREHOUSE_URL", warehouse_url)
    monkeypatch.delenv("AIRFLOW_CONN_SOUNDCHARTS", raising=False)
    monkeypatch.setattr(reparse, "in_a_thread", lambda once: None)
    own = create_app()

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        await own(scope, receive, send)

    outer = FastAPI()
    outer.mount("/chartline", asgi)  # as by the plugin: a callable that Airflow's own routes cannot look into
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
        know_charts(conn, day="daily", week="weekly", month="monthly")
        yield conn


def described(dag_id: str, run: dict[str, Any]) -> dict[str, Any]:
    """A run with what Airflow says of each: its DAG, and its type, by which it named it."""
    kind, named, _ = run["dag_run_id"].partition("__")
    return {"dag_id": dag_id, "run_type": kind if named else "manual", **run}


class Airflow:
    """Plays Airflow's REST API: `dags` that are there (id to whether paused), the `runs` of each, and what was asked.

    `refuses`: a status that it answers to everything.
    """

    def __init__(self) -> None:
        self.dags: dict[str, bool] = {}
        self.runs: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.logins: set[str] = set()
        self.refuses: int | None = None
        self.others: dict[tuple[str, str], Callable[[Any], httpx.Response]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().partition("?")[0].removeprefix("/api/v2/")
        body: Any = json.loads(request.content) if request.content else None
        self.asked.append((request.method, path, body))
        self.logins.add(request.headers.get("authorization", ""))
        if self.refuses:
            return httpx.Response(self.refuses, json={"detail": "Forbidden"})
        if (request.method, path) in self.others:
            return self.others[request.method, path](body)
        if path == "dags":
            prefix = request.url.params.get("dag_id_prefix_pattern", "")
            told = [{"dag_id": dag_id, "file_token": "token"} for dag_id in self.dags if dag_id.startswith(prefix)]
            return httpx.Response(200, json={"dags": told})
        if path == "parseDagFile/token":
            return httpx.Response(201)
        if path == "dags/~/dagRuns":
            every = [described(dag_id, run) for dag_id, runs in self.runs.items() for run in runs]
            after = request.url.params.get("logical_date_gt", "")
            later = [run for run in every if (run.get("logical_date") or "") > after]
            return httpx.Response(200, json={"dag_runs": later})
        parts = [unquote(part) for part in path.split("/")]
        if parts[0] != "dags" or parts[1] not in self.dags:
            return httpx.Response(404, json={"detail": f"The Dag with ID: `{parts[1]}` was not found"})
        if len(parts) == 2:
            return httpx.Response(200, json={"dag_id": parts[1], "is_paused": self.dags[parts[1]]})
        runs = self.runs.setdefault(parts[1], [])
        if len(parts) == 4:
            found = [run for run in runs if run["dag_run_id"] == parts[3]]
            return httpx.Response(200, json=found[0]) if found else httpx.Response(404, json={"detail": "no run"})
        if request.method == "POST":
            run = {
                "dag_run_id": body.get("dag_run_id") or f"manual__{len(runs) + 1}",
                "dag_id": parts[1],
                "state": "queued",
                "conf": body["conf"],
            }
            runs.insert(0, run)
            return httpx.Response(200, json=run)
        states = request.url.params.get_list("state")
        listed = [described(parts[1], run) for run in runs if not states or run["state"] in states]
        return httpx.Response(200, json={"dag_runs": listed})

    @property
    def triggered(self) -> list[Any]:
        """The bodies of the runs that were asked for."""
        return [body for method, path, body in self.asked if method == "POST" and path.endswith("/dagRuns")]


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    played = Airflow()
    with httpx.Client(transport=httpx.MockTransport(played), base_url="http://airflow/") as client:
        monkeypatch.setattr(airflow_api, "_http", lambda root: client)
        yield played
