"""`chartline doctor` on a real warehouse and the simulator: what it finds, what it advises, how it ends."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from chartline.operating import doctor
from chartline.operating.airflow import AirflowServer as ByLogin
from chartline.settings import settings
from chartline.soundcharts.account import ApiAccount
from chartline.warehouse import privileges

Say = Callable[..., tuple[int, str, str]]
PASSWORD = "admin-password-of-tests"


class Airflow(ThreadingHTTPServer):
    """Plays Airflow's web server: its health, its login, its pools."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.health = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": "healthy"}, "triggerer": None}
        self.connection = False
        self.runs: list[dict[str, str]] = []
        self.parses = False
        self.pools = {"default_pool": 128, "chartline_rankings": 2, "chartline_fetch": 2}


class Answers(BaseHTTPRequestHandler):
    server: Airflow

    def do_GET(self) -> None:
        if self.path == "/api/v2/monitor/health":
            self.answer(200, self.server.health)
        elif self.headers["Authorization"] != "Bearer good":
            self.answer(401, {})
        elif self.path == "/api/v2/connections/soundcharts":
            self.answer(200 if self.server.connection else 404, {})
        elif self.path.startswith("/api/v2/dags/~/dagRuns?"):
            self.answer(200, {"dag_runs": self.server.runs})
        elif self.path.startswith("/api/v2/dags?"):
            parsed = datetime.now(UTC) - timedelta(0 if self.server.parses else 1)
            self.answer(200, {"dags": [{"dag_id": "chartline.chart_sync.one", "last_parsed_time": parsed.isoformat()}]})
        else:
            self.answer(200, {"pools": [{"name": name, "slots": n} for name, n in self.server.pools.items()]})

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers["content-length"])))
        good = given == {"username": "admin", "password": PASSWORD}
        self.answer(201 if good else 401, {"access_token": "good"})

    def answer(self, status: int, body: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def airflow(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    server = Airflow()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "airflow-logins.json").write_text(json.dumps({"admin": PASSWORD}))
    monkeypatch.delenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", raising=False)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", f"http://127.0.0.1:{server.server_address[1]}")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _fresh_settings() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def ask(say: Say) -> Callable[[], dict[str, dict[str, str]]]:
    """What the doctor says, by check; its exit code must fit."""

    def run() -> dict[str, dict[str, str]]:
        code, out, _ = say("doctor", "--json")
        lines = json.loads(out)
        assert code == int(any(line["state"] == "problem" for line in lines))
        for line in lines:
            assert line["what"]
            assert line["advice"] or line["state"] != "problem", line
        return {line["check"]: line for line in lines}

    return run


def states(found: dict[str, dict[str, str]]) -> dict[str, str]:
    return {name: line["state"] for name, line in found.items()}


@pytest.mark.usefixtures("account", "airflow")
def test_all_is_well(ask: Any, monkeypatch: pytest.MonkeyPatch, say: Say) -> None:
    monkeypatch.setenv("CHARTLINE_ALERT_WEBHOOKS", "pager")
    found = states(ask())
    assert found.pop("packages") in ("ok", "warning")  # the environment of the tests may be newer than the lock
    assert set(found.values()) == {"ok"}
    assert set(found) == {
        "python", "settings", "warehouse", "schema", "permissions", "warehouse clock", "connection", "credentials",
        "quota", "API clock", "proxy", "airflow", "pools", "runs", "parsing", "dag files", "alerts", "answers", "data",
        "quarantined", "overdue", "failing", "api",
    }  # fmt: skip
    code, out, _ = say("doctor")
    assert code == 0
    assert "ok       schema: At " in out
    assert out.endswith("No problem.\n")


@pytest.mark.usefixtures("account", "airflow")
def test_it_makes_one_call_and_no_billed_one(ask: Any, simulator: Any) -> None:
    ask()
    assert [call.endpoint for call in simulator.service.counts.log()] == ["team_usage"]


@pytest.mark.usefixtures("airflow")
def test_without_an_account(ask: Any) -> None:
    found = ask()
    assert states(found)["connection"] == "problem"
    assert "credentials" not in found
    assert found["alerts"]["state"] == "warning"


def test_an_account_that_only_airflow_has_is_no_problem(ask: Any, airflow: Airflow) -> None:
    airflow.connection = True
    found = ask()
    assert found["connection"]["state"] == "warning"
    assert "Test" in found["connection"]["advice"]


@pytest.mark.usefixtures("airflow")
def test_refused_credentials(ask: Any, simulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"conn_type": "http", "host": simulator.url, "login": "soundcharts", "password": "wrong-key-9876"}
    monkeypatch.setenv("AIRFLOW_CONN_SOUNDCHARTS", json.dumps(wrong))
    found = ask()
    assert found["credentials"]["state"] == "problem"
    assert "wrong-key-9876" not in json.dumps(found)


@pytest.mark.usefixtures("airflow")
def test_an_api_that_is_away_is_not_called_refused(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    away = {"conn_type": "soundcharts", "host": "http://127.0.0.1:1", "login": "app", "password": "key-12345"}
    monkeypatch.setenv("AIRFLOW_CONN_SOUNDCHARTS", json.dumps(away))
    found = ask()
    assert (found["api"]["state"], found["credentials"]["state"]) == ("problem", "warning")
    assert "nothing is known of them" in found["credentials"]["what"]


@pytest.mark.usefixtures("account", "airflow")
def test_a_schema_that_is_older(ask: Any, conn: psycopg.Connection[Any]) -> None:
    conn.execute("update chartline.alembic_version set version_num = '0001'")
    found = ask()
    assert (found["schema"]["state"], found["schema"]["advice"]) == ("problem", "Run: chartline migrate")
    assert found["credentials"]["state"] == "ok"


@pytest.mark.usefixtures("account", "airflow")
def test_a_warehouse_that_is_away(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTLINE_WAREHOUSE_URL", "postgresql://someone:hidden-word@127.0.0.1:1/none")
    found = ask()
    assert found["warehouse"]["state"] == "problem"
    assert found["quota"]["state"] == "ok"
    assert "hidden-word" not in json.dumps(found)


@pytest.mark.usefixtures("account", "airflow")
def test_a_user_who_may_too_little(
    ask: Any, conn: psycopg.Connection[Any], warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = conninfo_to_dict(warehouse_url)
    role = f"reader_{parts['dbname']}"
    conn.execute(sql.SQL("create role {} login password 'reader-password'").format(sql.Identifier(role)))
    try:
        conn.execute(sql.SQL("grant usage on schema chartline to {}").format(sql.Identifier(role)))
        conn.execute(sql.SQL("grant select on all tables in schema chartline to {}").format(sql.Identifier(role)))
        url = f"postgresql://{role}:reader-password@{parts['host']}:{parts['port']}/{parts['dbname']}"
        monkeypatch.setenv("CHARTLINE_WAREHOUSE_URL", url)
        found = ask()
        assert found["permissions"]["state"] == "problem"
        assert "creation in schema chartline" in found["permissions"]["what"]
        assert "ownership of api_call" in found["permissions"]["what"]
        assert found["schema"]["state"] == "ok"
    finally:
        conn.execute(sql.SQL("drop owned by {}").format(sql.Identifier(role)))
        conn.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def test_the_owner_lacks_nothing(conn: psycopg.Connection[Any]) -> None:
    assert privileges.lacking(conn) == []


@pytest.mark.usefixtures("account")
def test_pools_and_parts_of_airflow(ask: Any, airflow: Airflow) -> None:
    del airflow.pools["chartline_fetch"]
    airflow.pools["chartline_rankings"] = 0
    airflow.health["scheduler"] = {"status": "unhealthy"}
    found = ask()
    assert "chartline_rankings, chartline_fetch" in found["pools"]["what"]
    assert found["airflow"]["what"] == "Not healthy: scheduler."


@pytest.mark.usefixtures("account")
def test_airflow_that_is_away_or_not_known(ask: Any, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__API__BASE_URL", raising=False)
    assert ask()["airflow"]["state"] == "warning"
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:1")
    assert ask()["airflow"]["state"] == "problem"


@pytest.mark.usefixtures("account", "airflow")
def test_a_setting_that_is_refused(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTLINE_RAW_DAYS", "many")
    found = ask()
    assert found["settings"]["state"] == "problem"
    assert "CHARTLINE_RAW_DAYS" in found["settings"]["what"]


@pytest.mark.parametrize(("seconds", "state"), [(0, "ok"), (20, "warning"), (-20, "warning"), (600, "problem")])
def test_clocks_that_differ(seconds: int, state: str) -> None:
    line = doctor._clock("clock", datetime.now(UTC) + timedelta(seconds=seconds), "it")
    assert line.state == state
    assert (not seconds) or f"{abs(seconds)} s {'ahead' if seconds > 0 else 'behind'}" in line.what


@pytest.mark.usefixtures("account", "airflow")
def test_a_proxy_is_named_and_never_asked_for_this_machine(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "intra")
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://me:hidden@127.0.0.1:9")
    found = ask()
    assert (found["credentials"]["state"], found["airflow"]["state"]) == ("ok", "ok")
    assert found["proxy"]["state"] == "ok"
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "http://api-server.example:8080/execution/")
    line = ask()["proxy"]
    assert line["state"] == "problem"
    assert "http://127.0.0.1:9" in line["what"]
    assert "hidden" not in line["what"]
    monkeypatch.delenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL")
    account = ApiAccount("https://customer.api.soundcharts.com", "a", "b")
    [warned] = doctor._proxies(lambda: account, ByLogin("", None))
    assert (warned.state, "soundcharts.com go through http://127.0.0.1:9" in warned.what) == ("warning", True)


@pytest.mark.usefixtures("account")
def test_runs_held_for_a_date_to_come_and_parses_without_end(
    ask: Any, airflow: Airflow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "dags"
    folder.mkdir()
    late = folder / "chart_sync.py"
    late.touch()
    os.utime(late, (datetime.now(UTC).timestamp() + 9e6,) * 2)
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(folder))
    monkeypatch.setattr("chartline.operating.airflow_work.APART", 0.01)
    airflow.runs = [
        {"dag_id": "chartline.chart_sync.one", "dag_run_id": "by_hand", "logical_date": "2099-01-01T00:00:00Z"}
    ]
    airflow.parses = True
    found = ask()
    assert {name: found[name]["state"] for name in ("runs", "parsing", "dag files")} == {
        "runs": "warning",
        "parsing": "warning",
        "dag files": "warning",
    }
    assert "chartline.chart_sync.one by_hand waits for 2099-01-01 00:00 UTC" in found["runs"]["what"]
    assert "logical date" in found["runs"]["advice"]
    assert "chart_sync.py" in found["dag files"]["what"]
