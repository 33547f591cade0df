"""Whatever a request holds, it is answered: never 500, and what is wrong is told as a problem."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.plugins.web.conftest import Airflow, Caller

from chartline.schedules import service

EXAMPLES = int(os.environ.get("CHARTLINE_TEST_EXAMPLES", "60"))
"""Of each property; thousands find what is rare."""
ODD = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.sampled_from(
        [
            "",
            "\0",
            "a\0b",
            "-1",
            "0",
            str(2**31),
            str(2**63),
            str(10**40),
            "1e9",
            "NaN",
            "day",
            "latest",
            "%",
            "'",
            "..",
        ]
    ),
    st.sampled_from(["2026-02-30", "0000-01-01", "9999-12-31", "10000-01-01", "2026-01-01T00:00:00Z", "../..", "💿"]),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), ODD),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ODD, inner, max_size=3)),
    max_leaves=6,
)


@pytest.fixture
def fuzzed(app: FastAPI, own: FastAPI, conn: psycopg.Connection[Any], airflow: Airflow) -> Caller:
    """An editor whose server does not raise: what fails is answered with 500."""
    service.add(conn, "day")
    airflow.dags = {"chartline.chart_sync.day": False, "chartline.chart_cascade": False}
    caller = Caller(app, "editor")
    caller._transport.raise_server_exceptions = False
    return caller


def operations(own: FastAPI, *methods: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, said)
        for path, of in sorted(own.openapi()["paths"].items())
        for method, said in sorted(of.items())
        if method in methods
    ]


def filled(path: str, values: list[str]) -> str:
    """The path with odd values for its parameters; what a server would never see (an empty or dotted part) is day."""
    rest = list(values)
    parts = [_odd(rest.pop()) if part.startswith("{") else part for part in path.split("/")]
    return "/".join(quote(part, safe="", errors="replace") for part in parts)


def _odd(value: str) -> str:
    return "day" if value in ("", ".", "..") or "\n" in value else value  # a line's end never reaches a mounted app


def check(answer: Any, *of: Any) -> None:
    assert answer.status_code < 500 or answer.json().get("kind") in ("airflow_silent", "not_configured"), (
        of,
        answer.status_code,
        answer.text[:300],
    )
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", of
        assert answer.json()["detail"], of


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_odd_reads_are_answered(fuzzed: Caller, own: FastAPI, data: st.DataObject) -> None:
    method, path, said = data.draw(st.sampled_from(operations(own, "get")))
    names = [one["name"] for one in said.get("parameters", []) if one["in"] == "query"]
    params = data.draw(st.dictionaries(st.sampled_from([*names, "no_such"]), ODD, max_size=3))
    keys = data.draw(st.lists(st.one_of(st.just("day"), ODD), min_size=2, max_size=2))
    url = f"http://testserver/chartline{filled(path, keys)}"
    check(fuzzed.request(method, url, params=params, follow_redirects=False), method, url, params)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_odd_bodies_are_answered(fuzzed: Caller, own: FastAPI, data: st.DataObject) -> None:
    method, path, said = data.draw(st.sampled_from(operations(own, "post", "put", "patch", "delete")))
    names = _fields(own, said)
    body = data.draw(st.one_of(JSON, st.dictionaries(st.sampled_from([*names, "no_such"]), JSON, max_size=4)))
    keys = data.draw(st.lists(st.one_of(st.just("day"), ODD), min_size=2, max_size=2))
    url = f"http://testserver/chartline{filled(path, keys)}"
    answer = fuzzed.request(method, url, json=body, follow_redirects=False)
    check(answer, method, url, body)


def _fields(own: FastAPI, said: dict[str, Any]) -> list[str]:
    """The names of a body's fields."""
    schema = said.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    return sorted(own.openapi()["components"]["schemas"].get(name, {}).get("properties", {}))


@pytest.mark.parametrize(
    "text",
    [b'{"chart": "\\ud800"}', b'{"chart": "\\u0000"}', b"\xff", b"[" * 100_000, b"1" * 10_000, b'{"chart": NaN}'],
)
def test_texts_that_are_none_are_refused(fuzzed: Caller, text: bytes) -> None:
    answer = fuzzed.post("sync/schedules/", content=text, headers={"Content-Type": "application/json"})
    check(answer, text[:30])
    assert answer.status_code in (404, 422)
