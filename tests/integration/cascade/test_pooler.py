"""All of Chartline behind a connection pooler that refuses start-up options and pools transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import psycopg
import pytest
from tests.poolers import Pooler, pooling

from chartline.alerts import telling
from chartline.operating import doctor, health
from chartline.schedules import service
from chartline.settings import Settings
from chartline.warehouse import schedules, schema
from chartline.warehouse.budget import PostgresLimiter
from chartline.warehouse.connect import connect, is_pooled
from chartline_airflow.web.warehouse import Pool
from simulator.compare import compare

from .conftest import Cascade, Server

CHART = "demo-global-daily"


@pytest.fixture
def pooler(warehouse_url: str) -> Iterator[Pooler]:
    with pooling(warehouse_url) as one:
        yield one


def test_the_pooler_of_these_tests_is_as_strict_and_forgetful_as_real_ones(pooler: Pooler) -> None:
    with pytest.raises(psycopg.OperationalError, match="unsupported startup parameter: options"):
        psycopg.connect(pooler.url, options="-c search_path=chartline")
    with psycopg.connect(pooler.url, autocommit=True) as conn:
        conn.execute("set statement_timeout = '7s'")
        assert conn.execute("show statement_timeout").fetchone() == ("0",)


def test_a_session_behind_a_pooler_is_known_and_in_utc(pooler: Pooler, warehouse_url: str) -> None:
    with connect(pooler.url) as pooled, connect(warehouse_url) as direct:
        assert is_pooled(pooled)
        assert not is_pooled(direct)
        for _ in range(12):  # as often as it takes to have a statement prepared
            assert pooled.execute("select current_setting('timezone')").fetchone() == ("UTC",)
            pooled.commit()
    assert pooler.refused == []


def test_a_chart_is_filled_behind_a_pooler_and_equals_the_truth(pooler: Pooler, simulator: Server) -> None:
    cascade = Cascade(pooler.url, simulator)
    row = cascade.run(CHART)
    assert row["status"] == "complete"
    assert [part.name for part in compare(simulator.service.world, pooler.url) if not part.equal] == []
    assert pooler.refused == []
    assert pooler.transactions > 100


def test_a_new_database_is_migrated_behind_a_pooler(empty_database_url: str) -> None:
    with pooling(empty_database_url) as pooler:
        assert schema.migrate(pooler.url) == (None, schema.head())
        assert schema.migrate(pooler.url) == (schema.head(), schema.head())


def test_charts_are_followed_and_looked_at_behind_a_pooler(pooler: Pooler, simulator: Server) -> None:
    cascade, now = Cascade(pooler.url, simulator), datetime.now(UTC)
    with cascade.connect() as conn:
        service.add(conn, CHART, client=cascade.client)
        telling.update(conn, Settings(), channels=["pager"])
    assert [row["slug"] for row in schedules.snapshot_rows(pooler.url)[0]] == [CHART]
    pool = Pool(pooler.url)
    with pool.connection() as conn:
        told = health.check_all(lambda: conn, None, Settings(), now)
    pool.close()
    assert next(check.status for check in told.checks if check.name == "schema") == "ok"
    limiter = PostgresLimiter(pooler.url, "one", 1000)
    for _ in range(20):
        limiter.acquire()
    limiter.close()


def test_a_time_limit_is_not_left_to_other_clients_of_a_pooler(pooler: Pooler, warehouse_url: str) -> None:
    limits = []
    for url in (pooler.url, warehouse_url):
        pool = Pool(url)
        with pool.connection() as conn:
            limits.append(conn.execute("show statement_timeout").fetchone())
        pool.close()
    assert limits == [("0",), ("20s",)]


def test_doctor_says_that_a_pooler_stands_between(pooler: Pooler) -> None:
    with ExitStack() as held:
        conn, line = doctor._connect(lambda: pooler.url, held)
        assert conn is not None
    assert line.state == doctor.OK
    assert "through a connection pooler" in line.what
