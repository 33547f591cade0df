"""Airflow's own REST API, asked with the caller's own login: so the rights are Airflow's, and its log names the person.

@router.post("/things/")
def start(airflow: AirflowApi) -> ...:
    run = airflow.trigger("chartline.chart_cascade", {"chart": "global-28"})
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Annotated, Any
from urllib.parse import quote

import httpx
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.configuration import conf
from fastapi import Depends, Request

from chartline_airflow.web.problems import Problem
from chartline_airflow.web.warehouse import SAFE

SECONDS = 20.0
SIDE_BY_SIDE = 8
"""Airflow answers with threads of the same server: of these, so many may wait for it and no more."""

ACTIVE = ("queued", "running")

_places = threading.BoundedSemaphore(SIDE_BY_SIDE)


class Airflow:
    """Airflow's REST API as one person. All raise `Problem`: 403, 404, 409, 422 as Airflow says it, 503 for silence."""

    def __init__(self, headers: dict[str, str], *, reads_only: bool) -> None:
        self._headers, self._reads_only = headers, reads_only

    def ask(self, method: str, path: str, json: Any = None, params: Any = None) -> Any:
        """One call; `path` below `/api/v2/`. The JSON of the answer, None where it has none."""
        if self._reads_only and method != "GET":
            raise RuntimeError(f"A route for reading asks Airflow to {method} {path}.")
        if not _places.acquire(timeout=SECONDS):
            raise _silent()
        try:
            answer = _http(_root()).request(
                method, f"api/v2/{path}", json=json, params=params, headers=self._headers, timeout=SECONDS
            )
        except httpx.HTTPError as trouble:
            raise _silent() from trouble
        finally:
            _places.release()
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _refused(answer)

    def dag(self, dag_id: str) -> dict[str, Any]:
        """A DAG, with `is_paused`."""
        described: dict[str, Any] = self.ask("GET", f"dags/{_part(dag_id)}")
        return described

    def trigger(self, dag_id: str, config: dict[str, Any], *, run_id: str | None = None) -> dict[str, Any]:
        """Start a run. Airflow's description of it, with `dag_run_id`."""
        body: dict[str, Any] = {"logical_date": None, "conf": config}
        if run_id is not None:
            body["dag_run_id"] = run_id
        started: dict[str, Any] = self.ask("POST", f"dags/{_part(dag_id)}/dagRuns", body)
        return started

    def runs(self, dag_id: str, *, states: Sequence[str] = (), limit: int = 10) -> list[dict[str, Any]]:
        """The newest runs of a DAG, by when they are due; none where Airflow does not know the DAG yet."""
        params = {"state": list(states), "limit": limit, "order_by": "-run_after"}
        try:
            newest: list[dict[str, Any]] = self.ask("GET", f"dags/{_part(dag_id)}/dagRuns", params=params)["dag_runs"]
        except Problem as refused:
            if refused.status != 404:
                raise
            return []
        return newest

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """One run."""
        described: dict[str, Any] = self.ask("GET", f"dags/{_part(dag_id)}/dagRuns/{_part(run_id)}")
        return described


def airflow(request: Request) -> Iterator[Airflow]:
    """Dependency: Airflow, with the login of this request."""
    reads_only = request.method in SAFE
    if given := request.headers.get("authorization"):
        yield Airflow({"Authorization": given}, reads_only=reads_only)
    else:
        token = request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")
        yield Airflow({"Authorization": f"Bearer {token}"} if token else {}, reads_only=reads_only)


AirflowApi = Annotated[Airflow, Depends(airflow)]


def _root() -> str:
    """Where this installation reaches its own web server: as its workers do, else as people do."""
    inside = conf.get("core", "execution_api_server_url", fallback="") or ""
    root = inside.removesuffix("/").removesuffix("/execution") or conf.get("api", "base_url", fallback="")
    return f"{root.rstrip('/')}/"


@cache
def _http(root: str) -> httpx.Client:
    return httpx.Client(base_url=root, trust_env=False, limits=httpx.Limits(max_connections=SIDE_BY_SIDE))


def _part(text: str) -> str:
    return quote(text, safe="")


def _silent() -> Problem:
    return Problem(503, "Airflow's API does not answer.", kind="airflow_silent", headers={"Retry-After": "5"})


def _refused(answer: httpx.Response) -> Problem:
    try:
        told = answer.json().get("detail", "")
    except (ValueError, AttributeError):
        told = ""
    text = told if isinstance(told, str) else str(told)
    status = (
        answer.status_code if answer.status_code in (403, 404, 409, 422) else 422 if answer.status_code == 400 else 503
    )
    return Problem(
        status,
        f"Airflow refuses: {text.splitlines()[0][:300] if text else answer.reason_phrase}",
        kind="airflow_refused",
    )
