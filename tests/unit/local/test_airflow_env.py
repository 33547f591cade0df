"""Airflow's settings, as its processes get them."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

import httpx
import pytest

from chartline.errors import BadInput
from chartline.local.airflow_env import TUNING, airflow_env, pools, warehouse_env
from chartline.local.secrets import Secrets
from chartline.places import REPOSITORY
from chartline.proxies import between as proxies_of_requests

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


PROXIES = {"http_proxy": "http://dead:9", "https_proxy": "http://dead:9", "all_proxy": "socks5h://dead:9"}


@pytest.mark.parametrize(
    "given", [{}, {"NO_PROXY": "intra"}, {"no_proxy": "intra"}, {"no_proxy": "[::1], a", "NO_PROXY": "b"}]
)
@pytest.mark.parametrize("upper", [False, True])
def test_the_loopback_is_never_asked_of_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], upper: bool
) -> None:
    """By none of the libraries through which our processes speak, whichever spelling they read."""
    proxies = {name.upper() if upper else name: value for name, value in PROXIES.items()}
    found = env(tmp_path, **proxies, **given)
    assert all(part.strip("[] ") in found["no_proxy"].split(",") for text in given.values() for part in text.split(","))
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name, value in found.items():
        if name.lower().endswith("_proxy"):
            monkeypatch.setenv(name, value)
    for host in ("127.0.0.1:8080", "localhost:8080", "[::1]:8080"):
        assert proxies_of_requests(f"http://{host}/") is None
        assert urllib.request.proxy_bypass(host) or host.startswith("["), "urllib has no way to exempt these"
        with httpx.Client() as client:
            assert client._transport_for_url(httpx.URL(f"http://{host}/")) is client._transport
    assert proxies_of_requests("https://customer.api.soundcharts.com/") == "http://dead:9"


def test_a_folder_with_the_name_of_a_variable_stands_as_it_is(tmp_path: Path) -> None:
    """Airflow expands `$NAME` in every setting, to the end."""
    found = env(tmp_path / "$x ${y}z", x="X", y="Y", z="Z")
    assert "z" in found
    assert not {"x", "y"} & found.keys()
    with pytest.raises(BadInput, match="Rename the folder"):
        env(tmp_path / "$AIRFLOW_HOME")


@pytest.mark.parametrize(("proxies", "all_direct"), [({}, True), ({"HTTPS_PROXY": "http://proxy"}, False)])
def test_macos_does_not_ask_the_system_in_a_forked_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxies: dict[str, str], all_direct: bool
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    found = env(tmp_path, **proxies)
    assert found["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] == "YES"
    assert {found["no_proxy"] == "*", found["NO_PROXY"] == "*"} == {all_direct}


def test_pools() -> None:
    made = pools(3, 4)
    assert {name: pool["slots"] for name, pool in made.items()} == {"chartline_rankings": 3, "chartline_fetch": 4}
    assert all(pool.keys() == {"slots", "description", "include_deferred"} for pool in made.values())


def test_the_warehouse_by_url_and_by_connection() -> None:
    found = warehouse_env("postgresql://x", {"host": "127.0.0.1"})
    assert found["CHARTLINE_WAREHOUSE_URL"] == "postgresql://x"
    assert found["AIRFLOW_CONN_CHARTLINE_WAREHOUSE"] == '{"conn_type": "postgres", "host": "127.0.0.1"}'
