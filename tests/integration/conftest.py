"""A warehouse with a small catalogue, and a simulator in a thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import uvicorn
from tests.known_charts import know_charts

from chartline import cli
from chartline.soundcharts.account import ApiAccount
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.limiter import NoLimiter
from chartline.warehouse.connect import connect
from simulator.app import create_app
from simulator.service import Service
from simulator.world import World

Say = Callable[..., tuple[int, str, str]]


class Simulator:
    """The simulator on a free port of the loopback."""

    def __init__(self) -> None:
        self.service = Service(World(entries=5, charts=3, artists=20))
        self._server = uvicorn.Server(uvicorn.Config(create_app(self.service), port=0, log_level="error"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def client(self, password: str = "soundcharts") -> SoundchartsClient:  # noqa: S107
        return SoundchartsClient(ApiAccount(self.url, "soundcharts", password), limiter=NoLimiter())

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    simulator = Simulator()
    yield simulator
    simulator.stop()


@pytest.fixture
def conn(warehouse_url: str) -> Iterator[psycopg.Connection[Any]]:
    """In autocommit, with the charts day, week and year (a frequency that no schedule has)."""
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        know_charts(conn, day="daily", week="weekly", year="yearly")
        yield conn


@pytest.fixture
def count(conn: psycopg.Connection[Any]) -> Callable[[str], int]:
    def count(table: str) -> int:
        row = conn.execute(psycopg.sql.SQL("select count(*) from {}").format(psycopg.sql.Identifier(table))).fetchone()
        assert row
        return int(row[0])

    return count


@pytest.fixture
def say(
    conn: psycopg.Connection[Any],
    warehouse_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Say:
    """Runs a command on the warehouse of this test; gives its exit code, what it said and what it complained of."""
    monkeypatch.setenv("CHARTLINE_WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("CHARTLINE_HOME", str(tmp_path))
    monkeypatch.delenv("AIRFLOW_CONN_SOUNDCHARTS", raising=False)
    monkeypatch.chdir(tmp_path)

    def say(*words: str) -> tuple[int, str, str]:
        code = cli.main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return say


@pytest.fixture
def account(simulator: Any, monkeypatch: pytest.MonkeyPatch, say: Say) -> None:
    """The simulator is the account of this test."""
    connection = {"conn_type": "http", "host": simulator.url, "login": "soundcharts", "password": "soundcharts"}
    monkeypatch.setenv("AIRFLOW_CONN_SOUNDCHARTS", json.dumps(connection))
