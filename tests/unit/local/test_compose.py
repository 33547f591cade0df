"""docker-compose.yaml: valid, on the loopback, with the settings of bin/up."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import yaml

from chartline.local.airflow_env import TUNING, airflow_env
from chartline.local.postgres import LocalPostgres, binaries
from chartline.local.prepare import LOGINS
from chartline.local.secrets import Secrets
from chartline.places import REPOSITORY
from chartline.proxies import LOOPBACK
from chartline.warehouse import privileges, schema

FILE = REPOSITORY / "docker-compose.yaml"
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer", "prepare")
PLACE = {  # what depends on where it runs: in the file by other values, or left to the image
    "AIRFLOW__CORE__TEST_CONNECTION",  # the web server would ask any address that a login names: on this machine only
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
    "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS",  # a container's user is alone there
    "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS",
    "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY",
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return found


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    lines = (REPOSITORY / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_it_follows_the_compose_schema() -> None:
    subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)], check=True
    )


@pytest.mark.parametrize("service", AIRFLOW)
def test_settings_are_those_of_bin_up(compose: dict[str, Any], service: str) -> None:
    env = compose["services"][service]["environment"]
    assert {name: env.get(name) for name in TUNING} == TUNING


def test_every_setting_of_bin_up_has_its_place(compose: dict[str, Any]) -> None:
    ours = airflow_env(REPOSITORY, port=1, database_url="", secrets=Secrets(), base={})
    wanted = {name for name in ours if name.startswith("AIRFLOW__")} - PLACE
    assert wanted == {name for name in compose["services"]["scheduler"]["environment"] if name.startswith("AIRFLOW__")}


@pytest.mark.parametrize("service", AIRFLOW)
def test_no_service_asks_another_through_a_proxy(compose: dict[str, Any], service: str) -> None:
    env = compose["services"][service]["environment"]
    assert env["NO_PROXY"] == env["no_proxy"]
    exempt = env["no_proxy"].partition("}")[2].split(",")
    asked = {urlsplit(env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]).hostname, *LOOPBACK}
    assert set(exempt) == {*asked, "simulator", "postgres"}
    assert set(exempt) - {*LOOPBACK} <= compose["services"].keys()


def test_everything_is_published_on_the_loopback_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_has_a_default(compose: dict[str, Any], example: dict[str, str]) -> None:
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z_]+):\?", FILE.read_text()))
    assert asked == {name for name in example if not name.startswith(("COMPOSE_", "CHARTLINE_P", "CHARTLINE_API"))}
    assert {name for name, value in example.items() if not value} == asked - {"AIRFLOW_CONN_SOUNDCHARTS"}
    assert set(LOGINS.values()) <= compose["services"]["prepare"]["environment"].keys()


def test_its_databases_and_roles_are_those_of_bin_up(compose: dict[str, Any], tmp_path: Path) -> None:
    """The script that a new database server runs, on a new database server."""
    script = compose["configs"]["databases"]["content"].replace("$$", "$")
    assert not re.search(r"--set \w+=.*PASSWORD", script), "a password would be on a command line"
    with LocalPostgres(tmp_path, durable=False) as server:
        env = {
            "PATH": f"{binaries()}:{os.environ['PATH']}",
            **{"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGPASSWORD": server.password},
            **{"AIRFLOW_DATABASE_PASSWORD": "it's a", "WAREHOUSE_PASSWORD": 'w"', "READER_PASSWORD": "$r"},
        }
        subprocess.run(["sh", "-c", script], env=env, check=True)
        warehouse = server.url("chartline", "chartline", 'w"')
        schema.migrate(warehouse)
        with psycopg.connect(server.url("chartline", privileges.READER, "$r")) as conn:
            assert conn.execute("select count(*) from latest_ranking").fetchone() == (0,)
            told = {name: setting for name in privileges.READER_SETTINGS for (setting,) in conn.execute(
                "select current_setting(%s)", [name]).fetchall()}  # fmt: skip
        assert told == privileges.READER_SETTINGS
        with psycopg.connect(server.url("airflow", "airflow", "it's a")) as conn:
            conn.execute("create table public.any (n int)")
        with psycopg.connect(warehouse, autocommit=True) as conn:
            for text in ("create schema other", "create table public.any (n int)", "drop database airflow"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.execute(text)
        for database in ("airflow", "postgres"):
            with pytest.raises(psycopg.OperationalError, match="permission denied"):
                psycopg.connect(server.url(database, "chartline", 'w"'))


def test_airflow_starts_only_after_everything_is_prepared(compose: dict[str, Any]) -> None:
    for name in AIRFLOW[:-1]:
        assert compose["services"][name]["depends_on"] == {"prepare": {"condition": "service_completed_successfully"}}
    assert compose["services"]["prepare"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_the_simulator_is_a_choice(compose: dict[str, Any], example: dict[str, str]) -> None:
    assert compose["services"]["simulator"]["profiles"] == ["simulator"]
    assert example["COMPOSE_PROFILES"] == "simulator"
    assert "http://simulator:8085" in example["AIRFLOW_CONN_SOUNDCHARTS"]
