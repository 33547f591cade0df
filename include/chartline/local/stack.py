"""A whole Chartline on one machine: PostgreSQL, the simulator (or Soundcharts) and Airflow, made ready together.

`bin/up`, the end-to-end tests and the benchmarks all use it; tests give it a fresh home and let it choose the ports.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg
import requests

from chartline.domain import dag_ids
from chartline.errors import AskPerson
from chartline.files import UMASK, private_folder, write_private
from chartline.local import access
from chartline.local import home as homes
from chartline.local import source as sources
from chartline.local.airflow import LocalAirflow
from chartline.local.airflow_env import airflow_env, pools, warehouse_env
from chartline.local.ports import LOOPBACK, free_port, is_free, require_free
from chartline.local.postgres import LocalPostgres
from chartline.local.processes import Service, ServiceFailed
from chartline.local.secrets import Secrets
from chartline.local.source import Source
from chartline.schedules import service
from chartline.sessions import Session
from chartline.settings import settings
from chartline.soundcharts.account import ApiAccount
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import privileges, schedules, schema
from chartline.warehouse.budget import PostgresLimiter
from chartline.warehouse.connect import connect
from chartline.warehouse.reads import progress

SIMULATOR_LOGIN = "chartline-demo"


class SourceChanged(AskPerson):
    """The folder holds data of one source and is asked to work with another."""

    kind = "source_changed"


@dataclass(frozen=True)
class Ports:
    """On the loopback; 0 takes a free one and remembers it."""

    web: int = 0
    postgres: int = 0
    simulator: int = 0


def _silent(_: str) -> None:
    """Nobody watches."""


class Stack:
    """Everything of one installation below `home`.

    `source`: where data comes from, None starts the simulator. `simulator_options`: words for `python -m simulator`.
    `extra_env`: more variables for Airflow's processes and schedules (`CHARTLINE_…`). `say`: told each step.
    """

    def __init__(
        self,
        home: Path,
        *,
        source: Source | None = None,
        ports: Ports = Ports(),
        simulator_options: Sequence[str] = (),
        extra_env: Mapping[str, str] | None = None,
        durable: bool = True,
        say: Callable[[str], None] = _silent,
    ) -> None:
        self.home = home.resolve()
        self._say, self._extra, self._simulator_options = say, dict(extra_env or {}), list(simulator_options)
        homes.make(self.home)
        homes.check(self.home)
        for name in ("run", "logs", "airflow"):
            private_folder(self.home / name)
        self.is_new = not self.logins.exists()  # whether nobody was told the passwords yet
        self.secrets = Secrets.load(self.home / "secrets")
        self.secrets.write_logins(self.logins)
        self.postgres = LocalPostgres(
            self.home / "postgres", ports.postgres, durable=durable, log=self.home / "logs" / "postgres.log"
        )
        self.ports = self._choose(ports, simulator=source is None)
        self._given_source = source
        self._simulator: Service | None = None
        self.started_empty = False  # whether no run was ever opened here before; known after `start`
        self.airflow: LocalAirflow

    def __repr__(self) -> str:
        return f"Stack({str(self.home)!r})"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    # -- addresses -----------------------------------------------------------------------------------------

    @property
    def logins(self) -> Path:
        """The file with the passwords of Airflow's users."""
        return self.home / "secrets" / "airflow-logins.json"

    @property
    def simulator_url(self) -> str:
        """The simulator's address; it runs only when no other source was given."""
        return f"http://{LOOPBACK}:{self.ports.simulator}"

    @property
    def simulates(self) -> bool:
        """Whether data comes from the simulator."""
        return self._given_source is None

    @property
    def source(self) -> Source:
        """Where data comes from."""
        return self._given_source or sources.simulated(self.simulator_url, SIMULATOR_LOGIN, self.secrets.simulator)

    @property
    def warehouse_url(self) -> str:
        """The warehouse, as its owner."""
        return self.postgres.url("chartline", "chartline", self.secrets.warehouse)

    @property
    def reader_url(self) -> str:
        """The warehouse, as one who may only read."""
        return self.postgres.url("chartline", privileges.READER, self.secrets.reader)

    @property
    def simulator_header(self) -> Path:
        """A file with the header that opens the simulator's control paths, for `curl -H @file`."""
        return self.home / "secrets" / "simulator-header"

    @property
    def control_env(self) -> dict[str, str]:
        """What lets a program steer the simulator and ask for its truth. Airflow's processes have no need of it."""
        if not self.simulates:
            return {}
        from simulator.settings import TOKEN_VARIABLE  # not part of an installation that has the real API only

        return {TOKEN_VARIABLE: self.secrets.simulator_control}

    @property
    def _control_header(self) -> dict[str, str]:
        from simulator.settings import CONTROL_HEADER

        return {CONTROL_HEADER: self.secrets.simulator_control}

    @property
    def env(self) -> dict[str, str]:
        """The environment of every program of Chartline: Airflow's settings, both connections, `CHARTLINE_*`."""
        database = self.postgres.url("airflow", "airflow", self.secrets.airflow_database)
        env = airflow_env(self.home, port=self.ports.web, database_url=database, secrets=self.secrets)
        return env | self.connections | self._extra

    @property
    def connections(self) -> dict[str, str]:
        """The variables that lead to the warehouse and to the API."""
        parts = urlsplit(self.warehouse_url)
        warehouse = {
            "host": LOOPBACK,
            "port": parts.port,
            "login": "chartline",
            "password": self.secrets.warehouse,
            "schema": "chartline",
        }
        return warehouse_env(self.warehouse_url, warehouse) | self.source.env | {"CHARTLINE_HOME": str(self.home)}

    # -- life ----------------------------------------------------------------------------------------------

    def start(self, charts: Sequence[str] = ()) -> None:
        """Start everything, follow `charts` where they are not followed yet, and return when all is healthy.

        Raises `PortTaken`, `ServiceFailed`, `PostgresFailed`, `SourceChanged`; call `stop` afterwards in any case.
        """
        self._require_same_source()
        self.stop_leftovers()
        self._require_ports()
        self._say("Starting PostgreSQL")
        self._start_simulator()
        self.postgres.start()
        self.postgres.create("airflow", "airflow", self.secrets.airflow_database)
        self.postgres.create("chartline", "chartline", self.secrets.warehouse, schema=schema.SCHEMA)
        self.postgres.let_read("chartline", privileges.READER, self.secrets.reader, privileges.READER_SETTINGS)
        self._keep_paused()
        self.airflow = LocalAirflow(self.home, self.env, self.ports.web)
        services = {access.READER: self.reader_url, access.OWNER: self.warehouse_url}
        access.write(self.home, self._command_env(), self.env, services)
        with ThreadPoolExecutor(2) as both:
            warehouse = both.submit(self._prepare_warehouse, list(charts))
            airflow = both.submit(self._prepare_airflow)
            warehouse.result()
            airflow.result()
        self._say("Starting Airflow")
        self.airflow.start()
        self.airflow.wait_healthy()

    def stop(self) -> None:
        """Stop everything that runs, Airflow first, PostgreSQL last. May be repeated."""
        if hasattr(self, "airflow"):
            self.airflow.stop()
        if self._simulator is not None:
            self._simulator.stop()
        self.postgres.stop()

    def stop_leftovers(self) -> None:
        """Stop what a killed Chartline left running in this folder."""
        for note in (self.home / "run").glob("*.json"):
            Service(note.stem, [], {}, logs=self.home / "logs", run=self.home / "run").stop_leftover()
        self.postgres.stop()

    def require_alive(self) -> None:
        """Raise `ServiceFailed` naming the program that has ended by itself."""
        if self._simulator is not None:
            self._simulator.require_alive()
        self.airflow.require_alive()
        if not self.postgres.running:
            raise ServiceFailed("PostgreSQL ended by itself.", advice=f"Its log: {self.postgres.log}")

    # -- use -----------------------------------------------------------------------------------------------

    def chartline(self, *words: str) -> str:
        """Run a `chartline` command on this installation; what it wrote. Raises `ServiceFailed` when it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "chartline.cli", *words],
            env=self.env | self.control_env, cwd=self.home, text=True, timeout=300, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, umask=UMASK,
        )  # fmt: skip
        if done.returncode:
            raise ServiceFailed(f"`chartline {' '.join(words)}` failed:\n{done.stdout.strip()}")
        return done.stdout

    def simulator_api(self, method: str, path: str, json: object = None) -> Any:
        """A call of the simulator's own control paths (`/_control/…`, `/_truth/…`); its JSON answer."""
        with Session() as http:
            http.trust_env = False
            url = self.simulator_url + path
            answer = http.request(method, url, json=json, headers=self._control_header, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    # -- the parts -----------------------------------------------------------------------------------------

    def _keep_paused(self) -> None:
        """Tell Airflow which DAGs were paused under the ids that they had before."""
        with psycopg.connect(self.postgres.url("airflow", "airflow", self.secrets.airflow_database)) as conn:
            [(known,)] = conn.execute("select to_regclass('dag')").fetchall()
            paused = conn.execute("select dag_id from dag where is_paused").fetchall() if known else []
        former = [dag_id for (dag_id,) in paused if dag_ids.is_former(dag_id)]
        if former:
            self._extra.setdefault("CHARTLINE_PAUSED_AT_FIRST", ",".join(sorted(former)))

    def _prepare_airflow(self) -> None:
        self._say("Preparing Airflow's database")
        self.airflow.migrate()
        self.airflow.start("api-server")  # the slowest to be ready
        numbers = settings()
        self.airflow.import_pools(pools(numbers.pool_rankings, numbers.pool_fetch))

    def _prepare_warehouse(self, charts: list[str]) -> None:
        self._say("Preparing the warehouse")
        schema.migrate(self.warehouse_url)
        with connect(self.warehouse_url) as conn:
            self.started_empty = progress.is_untouched(conn)
        if self._simulator is not None:
            self._wait_simulator(self._simulator)
        self._follow(charts)

    def _follow(self, charts: list[str]) -> None:
        account = self._account()
        with connect(self.warehouse_url) as conn:
            conn.autocommit = True
            followed = {row["slug"] for row in schedules.rows(conn)}
            for slug in [slug for slug in charts if slug not in followed]:
                self._say(f"Following {slug}")
                service.add(conn, slug, created_by="bin/up", client=lambda: self._client(account))

    def _account(self) -> ApiAccount:
        given = json.loads(self.source.connection)
        return ApiAccount.from_connection(given["host"], given["login"], given["password"], given["extra"])

    def _client(self, account: ApiAccount) -> SoundchartsClient:
        limiter = PostgresLimiter(self.warehouse_url, account.name, account.calls_per_minute)
        return SoundchartsClient(account, limiter=limiter, session_factory=self._session)

    def _session(self) -> requests.Session:
        session = Session()
        session.trust_env = not self.simulates  # a proxy cannot see this machine's loopback
        return session

    def _start_simulator(self) -> None:
        if not self.simulates:
            return
        write_private(
            self.simulator_header, "".join(f"{name}: {value}\n" for name, value in self._control_header.items())
        )
        words = ["--port", str(self.ports.simulator), *self._simulator_options]
        self._simulator = Service(
            "simulator", [sys.executable, "-m", "simulator", *words],
            airflow_env(self.home, port=0, database_url="", secrets=self.secrets) | self.control_env,
            logs=self.home / "logs", run=self.home / "run", grace=3.0,
        )  # fmt: skip
        self._simulator.start()

    def _wait_simulator(self, simulator: Service, timeout: float = 60.0) -> None:
        deadline = time.monotonic() + timeout
        while is_free(self.ports.simulator):
            simulator.require_alive()
            if time.monotonic() > deadline:
                raise ServiceFailed(
                    f"The simulator was not ready after {timeout:.0f} s.", advice=f"See {simulator.log}"
                )
            time.sleep(0.05)

    def _command_env(self) -> dict[str, str]:
        """What `bin/chartline` needs from the last start."""
        names = ("PYTHONPATH", "AIRFLOW__API__BASE_URL", *self.connections, *self.control_env, *self._extra)
        env = self.env | self.control_env
        return {name: env[name] for name in names} | {"CHARTLINE_READER_URL": self.reader_url}

    # -- what may stand in the way -------------------------------------------------------------------------

    def _choose(self, ports: Ports, *, simulator: bool) -> Ports:
        """The ports asked for, else those of the last start, else free ones."""
        note = self.home / "run" / "ports"
        kept = json.loads(note.read_text()) if note.exists() else {}

        def choose(name: str, asked: int) -> int:
            last = int(kept.get(name, 0))
            return asked or (last if last and is_free(last) else free_port())

        chosen = Ports(
            web=choose("web", ports.web), postgres=ports.postgres, simulator=choose("simulator", ports.simulator)
        )
        write_private(note, json.dumps(asdict(chosen)))
        return chosen

    def _require_ports(self) -> None:
        require_free(self.ports.web, "Airflow's web pages", "--port or CHARTLINE_PORT")
        if self.simulates:
            require_free(self.ports.simulator, "the simulator", "CHARTLINE_SIMULATOR_PORT")

    def _require_same_source(self) -> None:
        note = self.home / "run" / "source"
        last = note.read_text().strip() if note.exists() else self.source.kind
        if last != self.source.kind:
            words = {"simulator": "the simulator's made-up data", "soundcharts": "Soundcharts' data"}
            raise SourceChanged(
                f"{self.home} holds {words.get(last, last)}, which must not mix with {words[self.source.kind]}.",
                advice="Set CHARTLINE_HOME to another folder, or clear this one with bin/up --reset.",
            )
        write_private(note, self.source.kind + "\n")
