"""Every route of the app, present or to come, by every kind of caller: the app's own routes are walked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Mount, Route
from tests.plugins.web.conftest import CALLERS, Caller

from chartline.schedules import service

PARAMETERS = {
    "key": "day",
    "chart": "day",
    "day": "latest",
    "uuid": "11111111-1111-1111-1111-111111111111",
    "execution": "1",
    "finding": "1",
    "path": "nothing.js",
}
"""An example for each parameter of a path."""

READS, WRITES = ("GET", "HEAD"), ("POST", "PUT", "PATCH", "DELETE")


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of every route; raises for a kind of route that this test does not know how to ask."""
    for route in app.routes:
        if isinstance(route, Mount):
            yield "GET", f"{route.path}/{{path}}"
        elif isinstance(route, Route | APIRoute):
            for method in sorted(route.methods or ()):
                yield method, route.path
        else:
            raise TypeError(f"{route!r} is of a kind that nobody has thought of")


def example(path: str) -> str:
    return re.sub(r"{(\w+)[^}]*}", lambda found: PARAMETERS[found[1]], path)


def ask(client: TestClient, method: str, path: str, **more: Any) -> int:
    json: dict[str, str] | None = {} if method in ("POST", "PUT", "PATCH") else None
    answer = client.request(method, f"http://testserver/chartline{example(path)}", json=json, **more)
    return int(answer.status_code)


def test_every_route_by_every_caller(
    app: FastAPI, own: FastAPI, conn: psycopg.Connection[Any], airflow: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    service.add(conn, "day")
    callers = [Caller(app, role) for role in CALLERS]
    table: list[tuple[str, str, list[int]]] = []
    for method, path in routes(own):
        table.append((method, path, [ask(caller, method, path) for caller in callers]))
    widths = [max(len(str(row[column])) for row in table) for column in range(2)]
    with capsys.disabled():
        print()
        print(f"{'':{widths[0]}}  {'route below /chartline':{widths[1]}}  {'  '.join(CALLERS)}")
        for method, path, told in table:
            cells = "  ".join(f"{status:<{len(role)}}" for status, role in zip(told, CALLERS, strict=True))
            print(f"{method:{widths[0]}}  {path:{widths[1]}}  {cells}".rstrip())
    assert len(table) > 30
    for method, path, (anonymous, viewer, editor) in table:
        assert anonymous == 401, (method, path)
        assert editor not in (401, 403), (method, path)
        assert editor < 500 or path in ("/api/health/",), (method, path, editor)
        if method in READS:
            assert viewer == editor, (method, path)
        else:
            assert method in WRITES
            assert viewer == 403, (method, path)


def test_a_route_that_is_added_later_is_guarded_too(app: FastAPI, own: FastAPI) -> None:
    own.add_api_route("/api/later/", lambda: {"open": True}, methods=["GET", "POST"])
    anonymous, viewer, editor = (Caller(app, role) for role in CALLERS)
    assert [ask(caller, "GET", "/api/later/") for caller in (anonymous, viewer, editor)] == [401, 200, 200]
    assert [ask(caller, "POST", "/api/later/") for caller in (anonymous, viewer, editor)] == [401, 403, 200]


def test_paths_that_are_not_there_tell_strangers_nothing(anonymous: TestClient, viewer: TestClient) -> None:
    assert anonymous.get("no/such/thing").status_code == 401
    assert viewer.get("no/such/thing").status_code == 404


def test_routes_are_described_with_their_refusals(own: FastAPI) -> None:
    described = own.openapi()
    for path, methods in described["paths"].items():
        for method, said in methods.items():
            assert {"401", "403", "422"} <= set(said["responses"]), (method, path)
            assert said["security"], (method, path)


VERBS = {
    *("accept", "change", "check", "estimate", "follow", "get", "heal", "list"),
    *("refresh", "replace", "retry", "search", "send", "stop", "trigger"),
}
"""How the summary of a route may begin: with what the route does."""


def badly_named(described: dict[str, Any]) -> list[str]:
    """Routes whose name does not say what they do, or that share it with another one."""
    names = [said["operationId"] for methods in described["paths"].values() for said in methods.values()]
    return [
        f"{method.upper()} {path}: {said['operationId']}, {said['summary']}"
        for path, methods in described["paths"].items()
        for method, said in methods.items()
        if names.count(said["operationId"]) > 1
        or not re.fullmatch(r"[a-z]+(_[a-z]+)+", said["operationId"])
        or said["summary"] != said["operationId"].replace("_", " ").capitalize()
        or said["summary"].split()[0].lower() not in VERBS
        or not said.get("description")
    ]


def test_every_route_is_named_by_what_it_does(own: FastAPI) -> None:
    assert badly_named(own.openapi()) == []


@pytest.mark.parametrize("name", ["Look", "One chart", "Find alerts", "List charts"])
def test_a_route_with_another_name_is_found(own: FastAPI, name: str) -> None:
    described = own.openapi()
    described["paths"]["/api/x/"] = {
        "get": {"operationId": name.lower().replace(" ", "_"), "summary": name, "description": "So."}
    }
    assert [line.split(":")[0] for line in badly_named(described)][-1] == "GET /api/x/"
