"""One whole Chartline for all end-to-end tests: PostgreSQL, the simulator and Airflow are started once.

Every test gets it emptied (`chartline`): an empty warehouse, no chart followed, the simulator without faults and with
a small world. Airflow itself goes on running. All waiting has a deadline and says what did not come.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
import yaml
from psycopg import sql
from psycopg.rows import dict_row

from chartline.local import source
from chartline.local.airflow import AirflowRefused
from chartline.local.ports import LOOPBACK, free_port
from chartline.local.processes import last_words
from chartline.local.stack import Ports, Stack
from chartline.operating import reparse
from chartline.warehouse.connect import connect
from simulator.compare import compare
from simulator.world import World, WorldSettings

ENTRIES = 30
WORLD = {"entries": ENTRIES, "charts": 10, "album_charts": 0, "artists": 60}
DEMO = ("demo-global-daily", "demo-france-daily", "demo-shazam-daily")
APP_ID = "e2e-app"
ON_DEMAND = "chartline.chart_cascade"
PARSE_ON_REQUEST = {"AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "86400"}  # no run starts before a test asks
IMPATIENT = {"CHARTLINE_CALL_RETRIES": "2"}  # a cut answer is not asked for again as often as in real life
WINDOW = 10
WINDOWS = {"CHARTLINE_HISTORY_WINDOW": str(WINDOW)}  # several runs of the past in few days
CHANNELS = {  # the connections are made by the test that listens
    "CHARTLINE_ALERT_WEBHOOKS": "e2e_pager",
    "CHARTLINE_ALERT_NOTIFIERS": json.dumps(
        [
            {
                "name": "mail",
                "class": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
                "kwargs": {"to": "people@example.org", "smtp_conn_id": "e2e_mail"},
            }
        ]
    ),
}
DAGS = "AIRFLOW__CORE__DAGS_FOLDER"  # of the tests' own
ENDED = ("success", "failed")

Value = TypeVar("Value")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test waits for the whole installation to start, so the usual limit is too short."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(420))


def until(what: str, probe: Callable[[], Value], timeout: float = 90.0, every: float = 0.3) -> Value:
    """The first true value of `probe`. Fails, saying `what` did not come, after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := probe()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {timeout:.0f} s; last seen: {value!r}")
        time.sleep(every)
    return value


class Chartline:
    """What tests ask of the running installation."""

    def __init__(self, stack: Stack, api_key: str) -> None:
        self.stack, self.api_key = stack, api_key
        self._numbers = itertools.count(1)

    # -- starting afresh -----------------------------------------------------------------------------------

    def empty(self) -> None:
        """No run, no schedule, no data, no fault; only Airflow's own history stays."""
        self.stack.require_alive()
        for fill in self.stack.airflow.api("GET", "backfills", params={"dag_id": "~", "active": True})["backfills"]:
            if fill["completed_at"] is None:
                self.stack.airflow.api("PUT", f"backfills/{fill['id']}/cancel")
        for slug in self.chart_dags():  # else the scheduler makes the next windows of the past meanwhile
            self.stack.airflow.api("PATCH", f"dags/chartline.chart_sync.{slug}", {"is_paused": True})
        until("the end of all runs", self._stopped)
        until("the end of what still writes", self._emptied)
        until("the end of the charts' DAGs", self._no_chart_dags)
        self.stack.simulator_api("POST", "/_control/reset?settings=true&clock=true")
        self.simulate(key_pairs={APP_ID: self.api_key})
        self.make_world()

    def _stopped(self) -> bool:
        """End the runs that are left; whether none is, and no task."""
        try:
            for run in self._unfinished():
                path = f"dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}"
                self.stack.airflow.api("PATCH", path, {"state": "failed"})
        except AirflowRefused:
            return False  # the scheduler has it in hand
        return not self._tasks_at_work() and not self._unfinished()

    def _emptied(self) -> bool:
        """Empty the tables; whether that could be done.

        A task that Airflow holds for ended may be at its last statement: its session is ended first, so that it neither
        writes into the emptied tables nor waits for them in another order than we do. One that came in between is
        waited for, not for long, and looked for again.
        """
        with psycopg.connect(self.stack.warehouse_url, autocommit=True) as conn:
            conn.execute(
                """select pg_terminate_backend(pid, 5000) from pg_stat_activity
                   where datname = current_database() and usename = current_user and pid <> pg_backend_pid()
                     and backend_type = 'client backend'"""
            )
            tables = conn.execute(
                """select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
                   where n.nspname = 'chartline' and c.relkind in ('r', 'p') and not c.relispartition
                     and c.relname <> 'alembic_version'
                   order by 1"""
            ).fetchall()
            names = sql.SQL(", ").join(sql.Identifier("chartline", name) for (name,) in tables)
            conn.execute("set lock_timeout = '5s'")
            try:
                conn.execute(sql.SQL("truncate {} cascade").format(names))
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                return False
        return True

    def _no_chart_dags(self) -> bool:
        """Delete the DAGs of charts. A parse that had read the schedules before may bring them back: look twice."""
        for slug in self.chart_dags():
            self.stack.airflow.api("DELETE", f"dags/chartline.chart_sync.{slug}")
        time.sleep(1)
        return not self.chart_dags()

    def _unfinished(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.stack.airflow.api(
            "GET", "dags/~/dagRuns", params={"state": ["queued", "running"]}
        )["dag_runs"]
        return found

    def _tasks_at_work(self) -> list[Any]:
        query = "select task_id from task_instance where state in ('queued', 'running', 'restarting')"
        return self.airflow_rows(query)

    # -- simulator -----------------------------------------------------------------------------------------

    def make_world(self, **settings: Any) -> None:
        """Another world; what is not given is as in `WORLD`."""
        whole = WorldSettings(**(WORLD | settings)).model_dump(mode="json")
        self.stack.simulator_api("POST", "/_control/world", whole)

    @property
    def world(self) -> World:
        """The simulator's world, worked out here."""
        return World(**self.stack.simulator_api("GET", "/_control/world"))

    def simulate(self, **settings: Any) -> None:
        """Change the simulator's settings."""
        self.stack.simulator_api("POST", "/_control/settings", settings)

    def made(self) -> Counter[str]:
        """Calls that reached the simulator since the last reset, by endpoint."""
        counts = self.stack.simulator_api("GET", "/_control/counts")
        return Counter({name: row["calls"] for name, row in counts["endpoints"].items()})

    def repeated(self) -> list[dict[str, Any]]:
        """What was asked for again although the simulator had answered it well."""
        counts = self.stack.simulator_api("GET", "/_control/counts")
        assert bool(counts["duplicates"]) == bool(counts["duplicate_examples"])
        found: list[dict[str, Any]] = counts["duplicate_examples"]
        return found

    def calls(self) -> list[dict[str, Any]]:
        """The simulator's log."""
        log = self.stack.simulator_api("GET", "/_control/log")
        return [dict(zip(log["columns"], row, strict=True)) for row in log["rows"]]

    # -- warehouse -----------------------------------------------------------------------------------------

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        with connect(self.stack.warehouse_url) as conn:
            return conn.execute(text, values).fetchall()

    def change(self, text: str, *values: Any) -> int:
        """Alter the warehouse by hand; how many rows it concerned."""
        with connect(self.stack.warehouse_url) as conn:
            return conn.execute(text, values).rowcount

    def execution(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """The run's row."""
        with connect(self.stack.warehouse_url) as conn, conn.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(
                "select * from chartline.chart_sync_execution where dag_id = %s and run_id = %s", (dag_id, run_id)
            ).fetchone()
        assert row is not None, f"{dag_id} {run_id} left no execution"
        return row

    def failures(self, dag_id: str, run_id: str) -> list[tuple[str, str, str, str, str]]:
        """(resource, entity, facet, kind, reason) of each item that the run could not have."""
        row = self.execution(dag_id, run_id)
        return self.query(
            "select resource, entity, facet, kind, reason from chartline.execution_failure where execution_id = %s",
            row["id"],
        )

    def differences(self, *known: str) -> dict[str, tuple[Any, ...]]:
        """The parts of the warehouse that are not as in truth, beyond these `known` ways (`failed cut_answer`)."""
        parts = compare(self.world, self.stack.warehouse_url)
        assert sum(part.expected for part in parts), "there is nothing to compare"
        return {p.name: (p.missing, p.unexpected, p.different) for p in parts if p.differs(*known)}

    # -- Airflow -------------------------------------------------------------------------------------------

    def airflow_rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of Airflow's own database."""
        secret = self.stack.secrets.airflow_database
        with psycopg.connect(self.stack.postgres.url("airflow", "airflow", secret), autocommit=True) as conn:
            return conn.execute(query, values).fetchall()

    def dags(self) -> dict[str, dict[str, Any]]:
        """All DAGs that are not stale."""
        found = self.stack.airflow.api("GET", "dags", params={"exclude_stale": True, "limit": 100})["dags"]
        return {dag["dag_id"]: dag for dag in found}

    def follow(self, *slugs: str, **settings: Any) -> None:
        """Follow charts, all of them at once, as a person does by a file. Airflow parses them by itself then."""
        file = self.stack.home / "followed.yaml"
        file.write_text(yaml.safe_dump({"charts": [{"chart": slug, **settings} for slug in slugs]}))
        self.stack.chartline("schedules", "apply", str(file))

    def ask_parse(self) -> None:
        """Have the file of the followed charts parsed, as every command that changes a schedule does."""
        assert "seconds" in reparse.ask(self._ask_airflow, reparse.in_a_thread, AirflowRefused)

    def _ask_airflow(self, method: str, path: str, json: object = None, params: Mapping[str, Any] | None = None) -> Any:
        return self.stack.airflow.api(method, path, json, params=params)

    def chart_dags(self) -> dict[str, dict[str, Any]]:
        """Slug -> the DAG of each followed chart."""
        found = self.dags().items()
        return {
            name.removeprefix("chartline.chart_sync."): dag
            for name, dag in found
            if name.startswith("chartline.chart_sync.")
        }

    def run_of(self, dag_id: str) -> str:
        """The run that the DAG's own timetable has started."""

        def first() -> str | None:
            if dag_id not in self.dags():
                return None
            runs = self.stack.airflow.api("GET", f"dags/{dag_id}/dagRuns")["dag_runs"]
            return next((run["dag_run_id"] for run in runs if run["run_type"] == "scheduled"), None)

        run_id = until(f"a run of {dag_id}", first)
        assert run_id is not None
        return run_id

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The runs of a DAG, in the order in which they were made."""
        found = self.stack.airflow.api("GET", f"dags/{dag_id}/dagRuns", params={"limit": 100, "order_by": "id"})
        return list(found["dag_runs"])

    def filled(self, dag_id: str, timeout: float = 150.0) -> list[dict[str, Any]]:
        """The runs of a chart's DAG when all of its past has been asked for and all have ended."""

        def done() -> list[dict[str, Any]]:
            ahead = "select 1 from dag where dag_id = %s and not is_stale and next_dagrun_create_after > now()"
            runs = self.runs(dag_id) if self.airflow_rows(ahead, dag_id) else []
            return runs if all(run["state"] in ENDED for run in runs) else []

        return until(f"the end of {dag_id}'s runs", done, timeout)

    def trigger(self, dag_id: str, **conf: Any) -> str:
        """Trigger a run by REST; its id."""
        run_id = f"e2e-{next(self._numbers)}-{secrets.token_hex(3)}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self.stack.airflow.api("POST", f"dags/{dag_id}/dagRuns", body)
        return run_id

    def state(self, dag_id: str, run_id: str) -> str:
        """The state of a run."""
        state: str = self.stack.airflow.api("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"]
        return state

    def end_of(self, dag_id: str, run_id: str, timeout: float = 150.0) -> str:
        """The state in which a run ended."""
        deadline = time.monotonic() + timeout
        while (state := self.state(dag_id, run_id)) not in ENDED:
            if time.monotonic() > deadline:
                tasks = {(t["task_id"], t["map_index"]): t["state"] for t in self.tasks(dag_id, run_id)}
                pytest.fail(f"{dag_id} {run_id} had not ended after {timeout:.0f} s: {tasks}")
            time.sleep(0.4)
        return state

    def succeed(self, dag_id: str, run_id: str, timeout: float = 150.0) -> dict[str, Any]:
        """The execution of a run that must succeed."""
        state = self.end_of(dag_id, run_id, timeout)
        assert state == "success", self.troubles(dag_id, run_id)
        return self.execution(dag_id, run_id)

    def succeed_plainly(self, dag_id: str) -> None:
        """A run of a DAG that leaves no execution, which must succeed."""
        run_id = self.trigger(dag_id)
        assert self.end_of(dag_id, run_id) == "success", self.troubles(dag_id, run_id)

    def run(self, **conf: Any) -> dict[str, Any]:
        """`chart_cascade` with this config, which must succeed; its execution."""
        return self.succeed(ON_DEMAND, self.trigger(ON_DEMAND, **conf))

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run."""
        found: list[dict[str, Any]] = self.stack.airflow.api(
            "GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", params={"limit": 100}
        )["task_instances"]
        return found

    def failed(self, dag_id: str, run_id: str) -> dict[str, int]:
        """The failed tasks of a run, and how often each was tried."""
        return {t["task_id"]: t["try_number"] for t in self.tasks(dag_id, run_id) if t["state"] == "failed"}

    def clear(self, dag_id: str, run_id: str, *task_ids: str) -> None:
        """Clear tasks and all that follows them, as a person does."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": list(task_ids),
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.stack.airflow.api("POST", f"dags/{dag_id}/clearTaskInstances", body)

    def logs(self, dag_id: str, run_id: str, task_id: str = "") -> str:
        """What the tasks of a run wrote."""
        folder = self.stack.home / "logs" / "tasks" / f"dag_id={dag_id}" / f"run_id={run_id}"
        files = sorted(path for path in folder.rglob("*.log") if not task_id or f"task_id={task_id}" in str(path))
        return "\n".join(path.read_text() for path in files)

    def troubles(self, dag_id: str, run_id: str) -> str:
        """Why a run failed, for a person who reads the test's report."""
        return "\n".join(f"{task}: {self.logs(dag_id, run_id, task)[-3000:]}" for task in self.failed(dag_id, run_id))


@pytest.fixture(scope="session")
def installation() -> Iterator[Chartline]:
    """The installation, with an account of its own whose key occurs nowhere else."""
    home, simulator, api_key = Path(tempfile.mkdtemp(prefix="chartline-e2e-")), free_port(), secrets.token_urlsafe(24)
    account = source.simulated(f"http://{LOOPBACK}:{simulator}", APP_ID, api_key)
    stack = Stack(
        home,
        durable=False,
        ports=Ports(simulator=simulator),
        extra_env=account.env | PARSE_ON_REQUEST | IMPATIENT | WINDOWS | CHANNELS | {DAGS: os.environ[DAGS]},
    )
    try:
        with stack:
            chartline = Chartline(stack, api_key)
            until(f"the DAG {ON_DEMAND}", lambda: ON_DEMAND in chartline.dags())
            yield chartline
    except Exception as trouble:
        words = "\n".join(f"{log.name}: {last_words(log)}" for log in sorted((home / "logs").glob("*.log")))
        trouble.add_note(words)
        raise
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def chartline(installation: Chartline) -> Chartline:
    """The installation, empty."""
    installation.empty()
    return installation


def total(calls: Sequence[dict[str, int]]) -> Counter[str]:
    """Calls by endpoint of several charts together."""
    return sum((Counter(one) for one in calls), Counter())
