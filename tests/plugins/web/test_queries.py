"""No route asks a query for each row: the app's own GET routes are walked, with some data and with three times as much.

The data and the questions are those of the benchmark `operating`, where a route without an example is an error.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from benchmarks import asked, counted
from benchmarks.large import Sizes, seed
from fastapi import FastAPI
from psycopg import sql

from chartline.warehouse import usage
from chartline.warehouse.connect import connect

from .conftest import Caller

SOME = Sizes(
    charts=12,
    followed=4,
    listed=40,
    rankings=3,
    places=5,
    runs=3,
    failures=3,
    tracks=14,
    each=2,
    sounded=14,
    heard=4,
    calls=200,
    call_days=5,
    alerts=9,
    changes=12,
)

AS_MANY = {
    "/api/checks/",
    "/api/openapi.json",
    "/api/sync/status/{chart}/",
    "/api/charts/{chart}/",
    "/api/charts/{chart}/estimate/",
    "/api/charts/{chart}/status/",
}
"""Routes of which the answer says as many things however much there is. Every other one must say more of more: so
nothing is counted that does not grow."""


@pytest.fixture(autouse=True)
def _counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psycopg.connection.Cursor", counted.Cursor)


def things(said: Any) -> int:
    """How many values an answer holds."""
    if isinstance(said, dict | list):
        return sum(map(things, said.values() if isinstance(said, dict) else said))
    return 1


def look(app: FastAPI, own: FastAPI, sizes: Sizes) -> tuple[dict[str, int], Counter[str]]:
    """Statements by address, and values told by route. Everything is asked twice: the second time counts."""
    caller = Caller(app, "editor")
    statements, told = {}, Counter[str]()
    for path, addresses in asked.of(own, sizes.execution).items():
        for address in addresses:
            for _ in range(2):
                answer = caller.get(f"http://testserver/chartline{address}")
                assert answer.status_code == 200, (address, answer.text)
            statements[address] = int(answer.headers[counted.HEADER.decode()])
            is_json = answer.headers["content-type"].startswith("application/json")
            told[path] += things(answer.json()) if is_json else len(answer.text.splitlines())
    return statements, told


def filled(conn: psycopg.Connection[Any], sizes: Sizes) -> None:
    tables = conn.execute(
        """select relname from pg_class where relnamespace = 'chartline'::regnamespace and relkind in ('r', 'p')
           and not relispartition and relname <> 'alembic_version'"""
    ).fetchall()
    names = sql.SQL(", ").join(sql.Identifier("chartline", name) for (name,) in tables)
    conn.execute(sql.SQL("truncate {} restart identity cascade").format(names))
    seed(conn, sizes)
    usage.roll_up(conn, datetime.now(UTC).date())


def test_as_many_statements_for_three_times_as_much(app: FastAPI, own: FastAPI, warehouse_url: str) -> None:
    app.add_middleware(counted.Counted)
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        filled(conn, SOME)
        few, told_of_few = look(app, own, SOME)
        filled(conn, SOME.times(3))
        many, told_of_many = look(app, own, SOME.times(3))
    # The run that is looked at has another id.
    few = {address.replace(f"/{SOME.execution}/", "/run/"): count for address, count in few.items()}
    many = {address.replace(f"/{SOME.times(3).execution}/", "/run/"): count for address, count in many.items()}
    assert few == many
    shells = {path for path, is_page in asked.routes(own) if is_page}
    grown = {path for path in told_of_few if told_of_many[path] > told_of_few[path]}
    assert grown == told_of_few.keys() - AS_MANY - shells - {"/static/{path}"}
    assert sum(count > 0 for count in many.values()) > 60  # they were counted


def test_a_route_without_an_example_is_named(own: FastAPI) -> None:
    own.add_api_route("/api/later/", lambda: {}, methods=["GET"])
    with pytest.raises(LookupError, match="no example: /api/later/"):
        asked.of(own, 1)


def test_a_query_for_each_row_is_noticed(app: FastAPI, own: FastAPI, warehouse_url: str) -> None:
    """The counter counts, over whatever connection."""

    def one_by_one() -> list[str]:
        with connect(warehouse_url) as conn:
            found = conn.execute("select slug from chartline.chart order by 1").fetchall()
            return [str(conn.execute("select %s::text", slug).fetchone()) for slug in found]

    app.add_middleware(counted.Counted)
    own.add_api_route("/api/one-by-one/", one_by_one, methods=["GET"])
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        filled(conn, SOME)
    answer = Caller(app, "viewer").get("one-by-one/")
    of_connecting, of_the_list = 1, 1
    assert int(answer.headers[counted.HEADER.decode()]) == of_connecting + of_the_list + SOME.charts
