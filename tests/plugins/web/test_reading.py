"""To look changes nothing and costs nothing: every GET route is walked, on a warehouse with some of everything.

What is asked are the examples of the benchmark `operating`, where a route without one is an error.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from benchmarks import asked
from benchmarks.large import Sizes, seed
from fastapi import FastAPI
from psycopg import sql

from chartline.warehouse.connect import connect
from chartline_airflow.web import refreshing
from chartline_airflow.web.airflow_api import AirflowApi
from chartline_airflow.web.warehouse import Warehouse

from .conftest import Airflow, Caller

SOME = Sizes(
    charts=6, followed=4, listed=40, rankings=3, places=5, runs=3, failures=3, tracks=14, each=2, sounded=14, heard=4,
    calls=200, call_days=5, alerts=9, changes=12,
)  # fmt: skip


def contents(conn: psycopg.Connection[Any]) -> dict[str, str]:
    """What every table holds, as a sum of its rows."""
    tables = conn.execute(
        """select relname from pg_class where relnamespace = 'chartline'::regnamespace and relkind in ('r', 'p')
           and not relispartition"""
    ).fetchall()
    found = {}
    for (name,) in tables:
        query = sql.SQL("select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {} as t")
        row = conn.execute(query.format(sql.Identifier("chartline", name))).fetchone()
        assert row is not None
        found[name] = row[0]
    return found


def test_no_get_writes_triggers_or_spends(
    app: FastAPI, own: FastAPI, warehouse_url: str, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def triggered(*_: Any, **__: Any) -> None:
        raise AssertionError("a run was triggered")

    monkeypatch.setattr(refreshing, "trigger_dag", triggered)
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        seed(conn, SOME)
        conn.execute("update chartline.fetch_ledger set due_at = now() - interval '2 days', lease_until = null")
        before = contents(conn)
        assert len(before) > 25
        offered = 0
        for role in ("viewer", "editor"):
            caller = Caller(app, role)
            for addresses in asked.of(own, SOME.execution).values():
                for address in addresses:
                    for method in ("GET", "HEAD"):
                        answer = caller.request(method, f"http://testserver/chartline{address}")
                        assert answer.status_code in ((200,) if method == "GET" else (200, 405)), (address, answer.text)
                        offered += '"state":"offered"' in answer.text
        assert offered > 5, "what is stale is offered to whoever may"
        assert contents(conn) == before
    assert {method for method, _, _ in airflow.asked} <= {"GET"}


def test_a_get_that_would_write_is_stopped_by_postgresql(
    app: FastAPI, own: FastAPI, conn: psycopg.Connection[Any]
) -> None:
    """Also a route that is added later, by whoever."""

    def write(conn: Warehouse) -> None:
        conn.execute("insert into chartline.change_log (who, action) values ('x', 'x')")

    own.add_api_route("/api/later/", write, methods=["GET", "POST"])
    caller = Caller(app, "editor")
    caller._transport.raise_server_exceptions = False
    assert caller.get("later/").status_code == 500
    assert conn.execute("select count(*) from chartline.change_log").fetchone() == (0,)
    assert caller.post("later/").status_code == 200
    assert caller.get("later/").status_code == 500  # the other connection is not taken for it
    assert conn.execute("select count(*) from chartline.change_log").fetchone() == (1,)


def test_a_get_cannot_have_airflow_do_anything(app: FastAPI, own: FastAPI, airflow: Airflow) -> None:
    airflow.dags["some"] = False

    def trigger(airflow: AirflowApi) -> Any:
        return airflow.trigger("some", {})

    own.add_api_route("/api/later/", trigger, methods=["GET", "POST"])
    caller = Caller(app, "editor")
    with pytest.raises(RuntimeError, match="A route for reading asks Airflow to POST dags/some/dagRuns"):
        caller.get("later/")
    assert airflow.asked == []
    assert caller.post("later/").status_code == 200
