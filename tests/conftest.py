"""What many tests share: one PostgreSQL server for the whole test run, and a fresh, migrated database for each test."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from chartline.local.postgres import LocalPostgres
from chartline.soundcharts import drift, redaction
from chartline.warehouse import partitions, schema
from chartline.warehouse.connect import connect

# A busy machine is slow, not wrong.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

FOLDER = "CHARTLINE_TEST_POSTGRES"
TEMPLATE = "chartline_template"
TEST_MONTHS = [date(2026, month, 1) for month in range(8, 13)]  # fixed days in tests lie in these, whatever today is
REPOSITORY = Path(__file__).parents[1]
STARTED: list[LocalPostgres] = []
"""Kept for as long as this process runs: the server outlives the fixture that started it, for the other workers."""


def copied_dags(home: Path) -> Path:
    """DAG files of the tests' own below `home`: those of the repository may be another installation's, and are read."""
    folder = home / "dags"
    shutil.copytree(REPOSITORY / "dags", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _airflow_of_our_own(home: Path) -> None:
    """Airflow reads its settings when it is first imported: none of the machine's may reach the tests."""
    for name in [name for name in os.environ if name.startswith(("AIRFLOW", "CHARTLINE_WAREHOUSE"))]:
        del os.environ[name]
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(copied_dags(home)),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
    }


# The first process names the server's folder; xdist's workers inherit the name with the environment. Not in a hook:
# a conftest further down, which may import Airflow, is read before any hook is called.
if FOLDER not in os.environ:
    os.environ[FOLDER] = tempfile.mkdtemp(prefix="chartline-tests-")
    _airflow_of_our_own(Path(os.environ[FOLDER]) / "airflow")


def pytest_unconfigure(config: pytest.Config) -> None:
    """The first process outlives the workers: it stops the server, if any of them started it."""
    if not hasattr(config, "workerinput"):
        folder = Path(os.environ.pop(FOLDER))
        [server, *_] = [*STARTED, LocalPostgres(folder, durable=False)]  # one's own process is to be waited for
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    elif STARTED:  # it lives on until then, which Python would complain of when this worker ends
        warnings.simplefilter("ignore", ResourceWarning)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Leaves the totals in the file that bin/test names: its last line tells those of both its parts."""
    if name := os.environ.get("CHARTLINE_TEST_TOTALS"):
        counts = {what: len(terminalreporter.stats.get(what, ())) for what in ("failed", "error", "passed", "skipped")}
        Path(name).write_text(", ".join(f"{count} {what}" for what, count in counts.items() if count))


NEAR_MIDNIGHT = 120.0  # seconds: longer than a test takes on a busy machine


@pytest.fixture(autouse=True)
def _within_one_day(request: pytest.FixtureRequest) -> None:
    """What a test takes for today is still today when the product asks. How the product goes from one day to the next
    is tested with clocks that are given."""
    if request.node.get_closest_marker("e2e") is None:
        now = datetime.now(UTC)
        left = 86400 - (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
        if left < NEAR_MIDNIGHT:
            time.sleep(left)


@pytest.fixture(autouse=True)
def _nothing_is_hidden_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test hides as a secret ("wrong", say) must not be cut out of the texts of the next."""
    monkeypatch.setattr(redaction.REDACTION, "_secrets", ())


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def postgres() -> LocalPostgres:
    """The server of this test run, with a migrated template database. Started by whoever needs it first."""
    folder = Path(os.environ[FOLDER])
    server = LocalPostgres(folder, durable=False)
    STARTED.append(server)
    with _alone(folder):
        server.start()
        with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
            if not admin.execute("select 1 from pg_database where datname = %s", [TEMPLATE]).fetchone():
                making = f"{TEMPLATE}_making"
                admin.execute(sql.SQL("create database {}").format(sql.Identifier(making)))
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(partitions, "MONTHS_BACK", 3)  # each partition makes every test's database dearer
                    schema.migrate(server.url(making))
                with connect(server.url(making)) as conn:
                    for table in partitions.PARTITIONED:
                        partitions.ensure_months(conn, table, TEST_MONTHS)
                admin.execute(
                    sql.SQL("alter database {} rename to {}").format(sql.Identifier(making), sql.Identifier(TEMPLATE))
                )
    return server


@contextmanager
def _database(server: LocalPostgres, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        yield server.url(name)
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def empty_database_url(postgres: LocalPostgres) -> Iterator[str]:
    """The url of a database of this test's own, with nothing in it."""
    with _database(postgres, "template0") as url:
        yield url


@pytest.fixture
def warehouse_url(postgres: LocalPostgres) -> Iterator[str]:
    """The url of a warehouse of this test's own: migrated, empty, dropped afterwards."""
    with _database(postgres, TEMPLATE) as url:
        yield url


@pytest.fixture
def warehouse(warehouse_url: str) -> Iterator[psycopg.Connection]:
    """An open connection to `warehouse_url`."""
    with connect(warehouse_url) as conn:
        yield conn


@pytest.fixture(autouse=True)
def _no_answer_is_counted_yet() -> None:
    """What the answers of one test looked like must not be kept by the next."""
    drift.SEEN.take()
