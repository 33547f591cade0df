"""An installation of the last version before DAG ids began with `chartline.`, filled and with a run open, is taken over
by today's: on real Airflow, on the same folder and against the same simulator, which goes on counting."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from chartline.local import source
from chartline.local.airflow import LocalAirflow
from chartline.local.ports import LOOPBACK, free_port
from chartline.local.processes import Service
from chartline.local.stack import Ports, Stack
from chartline.places import REPOSITORY
from simulator.settings import TOKEN_VARIABLE

from .conftest import APP_ID, ENTRIES, ON_DEMAND, Chartline, until

pytestmark = pytest.mark.timeout(900)

BEFORE = Path(__file__).with_name("former") / "5a9774b.tar.xz"
"""The last version with DAG ids such as `chart_sync.<slug>`: what runs of that commit, by `git archive`. It lies here
because a clone may come without its history."""

FOLLOWED, PAUSED, BY_HAND = "demo-global-daily", "demo-france-daily", "demo-shazam-daily"
HISTORY = 12
RUNS = "select id, dag_id, run_id, status from chartline.chart_sync_execution order by id"

STARTS = """
import json, sys
from pathlib import Path
from chartline.local import source
from chartline.local.stack import Ports, Stack

asked = json.loads(sys.argv[1])
account = source.simulated(asked["simulator"], asked["login"], asked["password"])
more = {"durable": False, "ports": Ports(**asked["ports"]), "extra_env": asked["env"]}
with Stack(Path(asked["home"]), source=account, **more) as stack:
    stack.chartline("schedules", "apply", asked["charts"])
    print("ready", flush=True)
    sys.stdin.read()
"""
"""Runs an installation until its input ends."""


@pytest.fixture(scope="module")
def before() -> Iterator[Path]:
    """The code of `BEFORE`."""
    folder = Path(tempfile.mkdtemp(prefix="chartline-before-"))
    with tarfile.open(BEFORE) as tar:
        tar.extractall(folder, filter="data")
    yield folder
    shutil.rmtree(folder)


class Upgrade:
    """One folder, for the version before and for today's, with a simulator that outlives both."""

    def __init__(self, home: Path) -> None:
        port, key = free_port(), secrets.token_urlsafe(24)
        self.account = source.simulated(f"http://{LOOPBACK}:{port}", APP_ID, key)
        self.env = {"CHARTLINE_HISTORY_WINDOW": "5"}
        ports = Ports(web=free_port(), postgres=free_port(), simulator=port)
        self.stack = Stack(home, source=self.account, durable=False, ports=ports, extra_env=self.env)
        words = [sys.executable, "-m", "simulator", "--port", str(port)]
        env = {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY / "include"),
            TOKEN_VARIABLE: self.stack.secrets.simulator_control,
        }
        self.simulator = Service("e2e-simulator", words, env, logs=home / "logs", run=home, grace=3.0)
        self.asked: dict[str, Any] = {
            "home": str(home), "simulator": f"http://{LOOPBACK}:{port}", "login": APP_ID, "password": key,
            "env": self.env, "ports": asdict(ports), "charts": str(home / "charts.yaml"),
        }  # fmt: skip
        self.chartline = Chartline(self.stack, key)

    def start_simulator(self) -> None:
        self.simulator.start()
        until("the simulator", self._answers)
        self.chartline.simulate(key_pairs={APP_ID: self.chartline.api_key})
        self.chartline.make_world()

    def _answers(self) -> bool:
        try:
            self.stack.simulator_api("GET", "/_control/counts")
        except OSError:
            return False
        return True

    def run_before(self, code: Path) -> subprocess.Popen[str]:
        """The version before, ready."""
        path = os.pathsep.join(str(code / name) for name in ("include", "plugins"))
        process = subprocess.Popen(
            [sys.executable, "-c", STARTS, json.dumps(self.asked)],
            env=os.environ | {"PYTHONPATH": path}, cwd=code, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout
        assert "ready" in process.stdout.read(6)
        self.stack.airflow = LocalAirflow(self.stack.home, self.stack.env, self.stack.ports.web)
        return process


@pytest.fixture
def upgrade() -> Iterator[Upgrade]:
    home = Path(tempfile.mkdtemp(prefix="chartline-e2e-"))
    made = Upgrade(home)
    made.start_simulator()
    try:
        yield made
    finally:
        made.stack.stop()
        made.simulator.stop()
        shutil.rmtree(home, ignore_errors=True)


def test_an_installation_moves_over_and_no_call_is_made_twice(upgrade: Upgrade, before: Path) -> None:
    chartline, stack = upgrade.chartline, upgrade.stack
    history: dict[str, Any] = {"sync_historical_data": True, "history_days": HISTORY}
    charts = [{"chart": FOLLOWED, **history}, {"chart": PAUSED}]
    Path(upgrade.asked["charts"]).write_text(yaml.safe_dump({"charts": charts}))

    process = upgrade.run_before(before)
    try:
        ended = "select count(*) from chartline.chart_sync_execution where status = 'complete' and chart_slug = %s"
        until("the history", lambda: chartline.query(ended, FOLLOWED) == [(4,)], timeout=240)
        until("the other chart", lambda: chartline.query(ended, PAUSED) == [(1,)])
        stack.airflow.api("PATCH", f"dags/chart_sync.{PAUSED}", {"is_paused": True})
        chartline.change(
            """insert into chartline.fetch_ledger (resource, entity, facet, lease_owner, lease_until)
               values ('ranking', %s, 'latest', 'another run', now() + interval '1 hour')""",
            BY_HAND,
        )
        open_run = chartline.trigger("chart_cascade", chart=BY_HAND)
        running = "select dag_id, run_id from chartline.chart_sync_execution where status = 'running'"
        until("the open run", lambda: chartline.query(running) == [("chart_cascade", open_run)])
        rows = chartline.query(RUNS)
        made = chartline.made()
    finally:
        process.communicate()

    with stack:
        assert chartline.query(RUNS) == rows
        kinds = chartline.query("select kind, count(*) from chartline.chart_sync_execution group by 1 order by 1")
        assert kinds == [("on_demand", 1), ("scheduled", 2), ("window", 3)]
        until("the DAGs of today", lambda: {ON_DEMAND, f"chartline.chart_sync.{FOLLOWED}"} <= chartline.dags().keys())
        until("the DAG of the open run", lambda: "former" in tags(chartline, "chart_cascade"))
        assert made == chartline.made(), "nothing is asked for while there is nothing new"
        chartline.change("update chartline.fetch_ledger set lease_until = now() where lease_owner = 'another run'")
        row = chartline.succeed("chart_cascade", open_run)
        assert (row["status"], row["entries_stored"]) == ("complete", ENTRIES)

        dags = chartline.dags()
        assert f"chart_sync.{FOLLOWED}" not in dags or "former" in tags(chartline, f"chart_sync.{FOLLOWED}")
        assert dags[f"chartline.chart_sync.{PAUSED}"]["is_paused"]
        assert not dags[f"chartline.chart_sync.{FOLLOWED}"]["is_paused"]
        path = f"dags/chartline.chart_sync.{FOLLOWED}/dagRuns"
        assert stack.airflow.api("GET", path)["dag_runs"] == [], "the history is here: the next interval is to come"

        by_hand = chartline.trigger(f"chartline.chart_sync.{FOLLOWED}")
        assert chartline.succeed(f"chartline.chart_sync.{FOLLOWED}", by_hand)["calls"] == 0
        for _, dag_id, run_id, _ in rows:
            assert stack.airflow.api("GET", f"dags/{dag_id}/dagRuns/{run_id}")["dag_run_id"] == run_id
        assert chartline.repeated() == []
        assert stack.airflow.api("GET", "/chartline/api/executions/")["total"] == len(rows) + 1


def tags(chartline: Chartline, dag_id: str) -> set[str]:
    return {tag["name"] for tag in chartline.dags().get(dag_id, {"tags": []})["tags"]}
