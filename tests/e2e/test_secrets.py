"""No secret is left behind: every log, every row of Airflow's database and of the warehouse, every kept answer.

The login is by keys; tests/integration/cascade/test_secrets.py has both ways, and every token that was handed out.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from dataclasses import asdict

import psycopg
from psycopg import sql

from .conftest import APP_ID, ON_DEMAND, Chartline, until

CHART = "demo-shazam-daily"
SERVER_FAULTS = [
    {"kind": "status", "status": 500, "match": "song*", "share": 0.5},  # with the request repeated in the answer
    {"kind": "status", "status": 401, "match": "artist*", "times": 1},
    {"kind": "malformed", "match": "*", "share": 0.1},
]


def secrets_of(chartline: Chartline) -> dict[str, str]:
    """Every secret of the installation by name."""
    pair = f"{APP_ID}:{chartline.api_key}".encode()
    basic = {form.__name__: form(pair).decode().rstrip("=") for form in (base64.b64encode, base64.urlsafe_b64encode)}
    return {"api key": chartline.api_key, **basic} | asdict(chartline.stack.secrets)


def in_logs(chartline: Chartline, needle: str) -> Iterator[str]:
    for path in (chartline.stack.home / "logs").rglob("*"):
        if path.is_file() and not path.is_symlink() and needle.encode() in path.read_bytes():
            yield str(path.relative_to(chartline.stack.home))


def in_database(url: str, needle: str) -> Iterator[str]:
    """Tables in which a row has it, as text or (bytes, JSON in bytes) in hexadecimal."""
    with psycopg.connect(url) as conn:
        tables = conn.execute(
            """select schemaname, tablename from pg_tables
               where schemaname not in ('pg_catalog', 'information_schema')
                 and schemaname not like 'pg\\_temp\\_%'  -- another session's own, which nobody else may read"""
        ).fetchall()
        for schema, table in tables:
            query = sql.SQL("select 1 from {} t where position(%s in t::text) + position(%s in t::text) > 0 limit 1")
            if conn.execute(query.format(sql.Identifier(schema, table)), (needle, needle.encode().hex())).fetchone():
                yield f"{schema}.{table}"


def in_answers(chartline: Chartline, needle: str) -> Iterator[str]:
    for resource, body in chartline.query("select resource, body from chartline.raw_answer"):
        if needle.encode() in zlib.decompress(body):
            yield f"answer of {resource}"


def places(chartline: Chartline, needle: str) -> list[str]:
    """Where it is left."""
    airflow = chartline.stack.postgres.url("airflow", "airflow", chartline.stack.secrets.airflow_database)
    return [
        *in_logs(chartline, needle),
        *in_database(airflow, needle),
        *in_database(chartline.stack.warehouse_url, needle),
        *in_answers(chartline, needle),
    ]


def test_no_secret_is_left_in_logs_databases_or_answers(chartline: Chartline) -> None:
    done = chartline.trigger(ON_DEMAND, chart=CHART)
    chartline.succeed(ON_DEMAND, done)
    chartline.simulate(key_pairs={APP_ID: "another-key"}, odd_answers={"echo": ["*"]})  # refusals repeat the request
    refused = chartline.trigger(ON_DEMAND, chart=CHART, force=True)
    assert chartline.end_of(ON_DEMAND, refused) == "failed"
    chartline.simulate(key_pairs={APP_ID: chartline.api_key}, faults=SERVER_FAULTS)
    troubled = chartline.trigger(ON_DEMAND, chart=CHART, force=True)
    chartline.end_of(ON_DEMAND, troubled)
    chartline.simulate(faults=[])
    replayed = chartline.trigger("chartline.replay")
    chartline.end_of("chartline.replay", replayed)
    broken = chartline.trigger(ON_DEMAND, chart=CHART, nonsense=1)
    assert chartline.end_of(ON_DEMAND, broken) == "failed"
    until("rendered fields", lambda: chartline.airflow_rows("select 1 from rendered_task_instance_fields"))

    # The search finds what is there: a run's id in Airflow and the warehouse, a chart's name in logs and answers.
    assert {"public.dag_run", "chartline.chart_sync_execution"} <= set(places(chartline, done))
    assert any(place.startswith("logs/tasks/") for place in places(chartline, CHART))
    assert "answer of ranking" in places(chartline, CHART)
    assert "answer of broken_ranking" in places(chartline, '"x-api-key":"***"'), "a refusal repeated the request"

    found = {name: where for name, value in secrets_of(chartline).items() if (where := places(chartline, value))}
    assert found == {}
