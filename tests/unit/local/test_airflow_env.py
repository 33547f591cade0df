"""Airflow's settings, as its processes get them."""

from __future__ import annotations

from pathlib import Path

import pytest

from chartline.local.airflow_env import REPOSITORY, TUNING, airflow_env, pools, warehouse_env
from chartline.local.secrets import Secrets

SECRETS = Secrets()


def env(home: Path, **base: str) -> dict[str, str]:
    return airflow_env(home, port=8081, database_url="postgresql://a:b@127.0.0.1:1/airflow", secrets=SECRETS, base=base)


def test_another_airflow_s_settings_are_left_out(tmp_path: Path) -> None:
    found = env(
        tmp_path,
        AIRFLOW__CORE__EXECUTOR="CeleryExecutor",
        AIRFLOW_CONN_OTHER="x",
        AIRFLOW_HOME="/elsewhere",
        PYTHONPATH="/elsewhere",
        PYTHONDONTWRITEBYTECODE="1",
        SOUNDCHARTS_API_KEY="hidden",
        LANG="C",
    )
    assert found["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert found["LANG"] == "C"
    assert not {"AIRFLOW_CONN_OTHER", "PYTHONDONTWRITEBYTECODE", "SOUNDCHARTS_API_KEY"} & found.keys()
    assert "/elsewhere" not in found["PYTHONPATH"] + found["AIRFLOW_HOME"]


def test_all_tuning_is_there(tmp_path: Path) -> None:
    assert TUNING.items() <= env(tmp_path).items()


def test_it_listens_on_the_loopback_only(tmp_path: Path) -> None:
    found = env(tmp_path)
    assert found["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert found["AIRFLOW__API__PORT"] == "8081"
    assert found["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8081/execution/"


def test_folders_of_the_repository(tmp_path: Path) -> None:
    found = env(tmp_path)
    assert Path(found["AIRFLOW__CORE__DAGS_FOLDER"]) == REPOSITORY / "dags"
    assert (REPOSITORY / "include" / "chartline").is_dir()
    assert found["PYTHONPATH"].split(":") == [str(REPOSITORY / "include"), str(REPOSITORY / "plugins")]
    assert found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "postgresql+psycopg2://a:b@127.0.0.1:1/airflow"


def test_the_loopback_is_never_asked_of_a_proxy(tmp_path: Path) -> None:
    assert env(tmp_path, NO_PROXY="intra")["NO_PROXY"] == "intra,127.0.0.1,localhost"


@pytest.mark.parametrize(("proxies", "all_direct"), [({}, True), ({"HTTPS_PROXY": "http://proxy"}, False)])
def test_macos_does_not_ask_the_system_in_a_forked_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxies: dict[str, str], all_direct: bool
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    found = env(tmp_path, **proxies)
    assert found["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] == "YES"
    assert (found.get("no_proxy") == "*") is all_direct


def test_pools() -> None:
    made = pools(3, 4)
    assert {name: pool["slots"] for name, pool in made.items()} == {"chartline_rankings": 3, "chartline_fetch": 4}
    assert all(pool.keys() == {"slots", "description", "include_deferred"} for pool in made.values())


def test_the_warehouse_by_url_and_by_connection() -> None:
    found = warehouse_env("postgresql://x", {"host": "127.0.0.1"})
    assert found["CHARTLINE_WAREHOUSE_URL"] == "postgresql://x"
    assert found["AIRFLOW_CONN_CHARTLINE_WAREHOUSE"] == '{"conn_type": "postgres", "host": "127.0.0.1"}'
