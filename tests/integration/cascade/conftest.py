"""A simulator in a thread, and the cascade's steps run one after the other as the DAG does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
import pytest
import uvicorn
from requests.structures import CaseInsensitiveDict

from chartline.cascade import artists, ranking, report, tracks
from chartline.cascade.engine import Engine
from chartline.cascade.run import Run
from chartline.domain.asks import CascadeAsk
from chartline.settings import Settings
from chartline.soundcharts import transport
from chartline.soundcharts.account import ApiAccount
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.transport import Reply
from chartline.warehouse import executions
from chartline.warehouse.budget import PostgresLimiter
from chartline.warehouse.connect import connect
from chartline.warehouse.ledger import Batch
from simulator.app import create_app
from simulator.service import Service
from simulator.settings import Settings as SimulatorSettings
from simulator.world import World

ENTRIES = 40
WORLD = {"entries": ENTRIES, "charts": 5, "artists": 60}


class Server:
    """The simulator on a free port of the loopback."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._server = uvicorn.Server(uvicorn.Config(create_app(service), port=0, log_level="error", access_log=False))
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def set(self, **settings: Any) -> None:
        """Change settings while it runs."""
        current = self.service.settings.model_dump()
        self.service.configure(SimulatorSettings.model_validate(current | settings), frozenset(settings))

    def calls(self) -> list[Any]:
        """Every call so far."""
        return list(self.service.counts.log())


@pytest.fixture
def world() -> dict[str, Any]:
    """The simulator's world; a module may have another one."""
    return WORLD


@pytest.fixture
def simulator(world: dict[str, Any]) -> Iterator[Server]:
    server = Server(Service(World(**world)))
    yield server
    server.stop()


@dataclass
class Cascade:
    """Runs of the cascade on one warehouse."""

    warehouse_url: str
    server: Server
    settings: Settings = field(default_factory=lambda: Settings(connections=4, call_retries=1, pool_fetch=2))
    login: str = "soundcharts"
    password: str = "soundcharts"

    def connect(self) -> psycopg.Connection[Any]:
        conn = connect(self.warehouse_url)
        conn.autocommit = True
        return conn

    def client(self) -> SoundchartsClient:
        account = ApiAccount(self.server.url, self.login, self.password, connections=self.settings.connections)
        limiter = PostgresLimiter(self.warehouse_url, account.name, 100_000)
        return SoundchartsClient(account, limiter=limiter, settings=self.settings, sleep=lambda seconds: None)

    def open(
        self,
        chart: str,
        run_id: str = "r1",
        interval: tuple[Sequence[date], bool] | None = None,
        due: date | None = None,
        **config: Any,
    ) -> Run:
        """A run by config, or of an interval: its days, whether it is the newest, the newest day that was over."""
        ask = CascadeAsk.from_config({"chart": chart, **config})
        if interval is not None:
            ask = ask.model_copy(update={"interval": tuple(sorted(interval[0])), "current": interval[1], "due": due})
        with self.connect() as conn:
            execution = executions.open_execution(
                conn, dag_id="chartline.chart_cascade", run_id=run_id, chart_slug=chart, trigger="manual"
            )
            execution = executions.fix_settings(conn, execution, ask.model_dump(mode="json"))
        return Run(execution, self.connect, self.client, self.settings, self.server.service.clock.now)

    def fetch(self, run: Run, batches: list[Batch]) -> None:
        for batch in batches:
            handle = Batch.from_dict(batch.as_dict())
            with run.client() as client:
                Engine(run.connect, client, run.execution, run.settings).run(handle)

    def run(self, chart: str, run_id: str = "r1", **config: Any) -> dict[str, Any]:
        """All steps of one run; the execution's row."""
        return self.go(self.open(chart, run_id, **config))

    def go(self, run: Run) -> dict[str, Any]:
        """All steps of a run that is open; the execution's row."""
        self.fetch(run, tracks.upsert_tracks(run, ranking.fetch_ranking(run)))
        self.fetch(run, artists.dedupe_artists(run))
        self.fetch(run, tracks.plan_track_audience(run))
        self.fetch(run, artists.plan_artist_audience(run))
        return report.report_run(run, [])


@pytest.fixture
def cascade(warehouse_url: str, simulator: Server) -> Cascade:
    return Cascade(warehouse_url, simulator)


@pytest.fixture
def query(warehouse_url: str) -> Callable[..., list[tuple[Any, ...]]]:
    def ask(sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with connect(warehouse_url) as conn:
            return conn.execute(sql, values).fetchall()

    return ask


Rewrite = Callable[[str, dict[str, Any]], None]


@pytest.fixture
def rewrite(monkeypatch: pytest.MonkeyPatch) -> Callable[[Rewrite], None]:
    """Change what the API answers, on its way in: `change(path, body)`."""

    def install(change: Rewrite) -> None:
        exchange = transport.exchange

        def changed(session: Any, method: str, url: str, **more: Any) -> Reply:
            reply = exchange(session, method, url, **more)
            if reply.status != 200:
                return reply
            body = json.loads(reply.body)
            change(url, body)
            return Reply(reply.status, CaseInsensitiveDict(reply.headers), json.dumps(body).encode(), reply.cut)

        monkeypatch.setattr("chartline.soundcharts.client.exchange", changed)

    return install
