"""Where things lie: beside a checkout of the repository or, when installed as a package, in Airflow's folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[1]

INSTALLED = _FOLDER.name != "include"
"""Whether this is the wheel in some Python environment, and no checkout."""

REPOSITORY = _FOLDER.parent
"""The checkout; without meaning when `INSTALLED`."""


def airflow_home(env: Mapping[str, str] = os.environ) -> Path:
    """Airflow's own folder, found as Airflow finds it."""
    return Path(env.get("AIRFLOW_HOME") or "~/airflow").expanduser()


def state_folder(env: Mapping[str, str] = os.environ) -> Path:
    """`CHARTLINE_HOME`, else `.chartline` in the checkout, else `chartline` in Airflow's folder."""
    default = airflow_home(env) / "chartline" if INSTALLED else REPOSITORY / ".chartline"
    return Path(env.get("CHARTLINE_HOME") or default)


def dags_folder(env: Mapping[str, str] = os.environ) -> Path:
    """Where Airflow finds the DAG files."""
    default = airflow_home(env) / "dags" if INSTALLED else REPOSITORY / "dags"
    return Path(env.get("AIRFLOW__CORE__DAGS_FOLDER") or default)
