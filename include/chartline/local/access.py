"""How programs reach a local installation: files in its secrets folder, so that no password is on a command line."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from chartline import proxies
from chartline.errors import NotConfigured
from chartline.files import write_private
from chartline.local.airflow_env import inherited, take_literally
from chartline.places import REPOSITORY

READER, OWNER = "chartline", "chartline_owner"
"""Names in `pg_service.conf`."""
AIRFLOW = ("AIRFLOW", "CHARTLINE_", "PYTHONPATH")
"""How the names of variables begin that Airflow's own command needs."""


def write(home: Path, command: Mapping[str, str], airflow: Mapping[str, str], services: Mapping[str, str]) -> None:
    """Write down the variables of the command line, those of Airflow's command, and the warehouse's urls by name."""
    folder = home / "secrets"
    write_private(folder / "environment.json", json.dumps(dict(command)))
    own = {name: value for name, value in airflow.items() if name.startswith(AIRFLOW)}
    write_private(folder / "airflow.json", json.dumps(own))
    write_private(folder / "pg_service.conf", "\n".join(_service(name, url) for name, url in services.items()))


def command_env(home: Path, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a `chartline` command: that of the last start; what is set by hand goes first."""
    return _read(home / "secrets" / "environment.json") | dict(env)


def airflow_command_env(home: Path, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of an `airflow` command: that of the last start. Raises `NotConfigured` when there was none."""
    kept = _read(home / "secrets" / "airflow.json")
    if not kept:
        raise NotConfigured(f"There is no Airflow in {home} yet.", advice="Start it with: bin/up")
    whole = {name: value for name, value in env.items() if inherited(name)} | kept | proxies.exempting(env)
    take_literally((home, REPOSITORY), whole)
    return whole


def _read(path: Path) -> dict[str, str]:
    try:
        kept: dict[str, str] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return kept


def _service(name: str, url: str) -> str:
    parts = conninfo_to_dict(url)
    return "\n".join([f"[{name}]", *(f"{key}={value}" for key, value in parts.items()), ""])
