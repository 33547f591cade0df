"""`python -m chartline.local.prepare`: what docker-compose.yaml runs once before Airflow starts.

Everything comes from the environment: Airflow's own settings, `CHARTLINE_WAREHOUSE_URL`, `CHARTLINE_ADMIN_PASSWORD` and
`CHARTLINE_VIEWER_PASSWORD`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from chartline.errors import ChartlineError, NotConfigured
from chartline.files import write_private
from chartline.local.airflow_env import pools
from chartline.settings import settings
from chartline.warehouse import schema

LOGINS = {"admin": "CHARTLINE_ADMIN_PASSWORD", "viewer": "CHARTLINE_VIEWER_PASSWORD"}


def main(env: Mapping[str, str] = os.environ) -> int:
    """Migrate both databases, write Airflow's logins, make the pools. Returns the exit code."""
    try:
        write_logins(env)
        schema.migrate(_needed(env, "CHARTLINE_WAREHOUSE_URL"))
    except ChartlineError as error:
        print(f"{error.what}\n{error.advice}".rstrip(), file=sys.stderr)
        return 1
    numbers = settings()
    path = Path(_needed(env, "AIRFLOW_HOME")) / "pools.json"
    write_private(path, json.dumps(pools(numbers.pool_rankings, numbers.pool_fetch)))
    for words in (["db", "migrate"], ["pools", "import", str(path)]):
        done = subprocess.run([sys.executable, "-m", "airflow", *words], check=False)
        if done.returncode:
            return done.returncode
    return 0


def write_logins(env: Mapping[str, str]) -> None:
    """The file that Airflow's simple auth manager reads. Raises `NotConfigured` for a password that is not set."""
    path = Path(_needed(env, "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, json.dumps({user: _needed(env, name) for user, name in LOGINS.items()}) + "\n")


def _needed(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise NotConfigured(f"{name} is not set.", advice="Set it in .env, as .env.example shows.")
    return value


if __name__ == "__main__":
    sys.exit(main())
