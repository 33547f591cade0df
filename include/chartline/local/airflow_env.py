"""Airflow's settings that matter, in one place: `bin/up`, the tests, the benchmarks and docker-compose.yaml use these.

`TUNING` holds wherever Chartline runs. `airflow_env` adds what depends on the place: folders, addresses, secrets.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from chartline import proxies
from chartline.errors import BadInput
from chartline.local.ports import LOOPBACK
from chartline.local.secrets import Secrets
from chartline.places import REPOSITORY

LOGINS = "admin:admin,viewer:viewer"  # user:role

TUNING = {
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    # Two slots for rankings, four to fetch the rest, and room for the tasks that call nobody.
    "AIRFLOW__CORE__PARALLELISM": "8",
    # Plugins load, and with them the heavy imports, before workers are forked: each task then starts four times faster.
    "AIRFLOW__CORE__LAZY_LOAD_PLUGINS": "False",
    # The default, 5, keeps the slot of a short task for seconds after its end.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    # A chain of short tasks waits for the scheduler's next loop at each link; the default is 1. Shorter costs more
    # while nothing happens: all of Airflow and its database take 6 % of a core at 1, 15 % at 0.25.
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    # After a power cut the new scheduler takes up the old one's tasks this soon (s); the default is 300.
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "60",
    # Many charts with their past at once: each loop makes one run of so many DAGs (the default is 10), and looks after
    # so many runs (20), so that among a thousand runs of the history a new day's is soon looked at again.
    "AIRFLOW__SCHEDULER__MAX_DAGRUNS_TO_CREATE_PER_LOOP": "50",
    "AIRFLOW__SCHEDULER__MAX_DAGRUNS_PER_LOOP_TO_SCHEDULE": "50",
    # Schedules change rarely, and a change asks for a parse by itself.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "300",
    "AIRFLOW__DAG_PROCESSOR__PRINT_STATS_INTERVAL": "300",
    # The default, 30 s, leaves a DAG that is changed twice within it as it was, until the next parse: with a past that
    # was just approved, the scheduler would go on from the new runs by the old schedule.
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
    # A thousand charts on a busy machine take most of the default, 30 s; past it they all would go stale at once.
    "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "180",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": LOGINS,
    "AIRFLOW__API__EXPOSE_CONFIG": "False",
    "AIRFLOW__API__INSTANCE_NAME": "Chartline",
}

_NOT_INHERITED = ("AIRFLOW", "SOUNDCHARTS_", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "_AIRFLOW")


def airflow_env(
    home: Path,
    *,
    port: int,
    database_url: str,
    secrets: Secrets,
    repository: Path = REPOSITORY,
    base: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The whole environment of Airflow's processes.

    `home`: the state folder. `port`: of the web server. `database_url`: Airflow's own database, `postgresql://…`.
    `base`: what to build upon, default this process's environment; another Airflow's settings in it are left out.
    """
    web = f"http://{LOOPBACK}:{port}"
    env = {name: value for name, value in (os.environ if base is None else base).items() if inherited(name)}
    env |= TUNING
    env |= {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(repository / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(repository / "plugins"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs" / "tasks"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home / "logs" / "dag-files"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url.replace("postgresql://", "postgresql+psycopg2://", 1),
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": web,
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",  # the Test button: all who log in here own the machine
        "AIRFLOW__API__SECRET_KEY": secrets.api,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.jwt,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{web}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": secrets.fernet,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "secrets" / "airflow-logins.json"),
        "CHARTLINE_HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(repository / "include"), str(repository / "plugins")]),
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
    }
    env |= proxies.exempting(env)
    take_literally((home, repository), env)
    if sys.platform == "darwin":  # macOS stops a forked process that touches its system libraries
        env["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] = "YES"
        if not any(name.lower().endswith("_proxy") and name.lower() != "no_proxy" for name in env):
            env |= dict.fromkeys(proxies.NAMES, "*")  # otherwise each request asks the system for its proxies
    return env


def take_literally(folders: Iterable[Path], env: dict[str, str]) -> None:
    """Airflow puts a variable's value where a setting has `$NAME`, in a folder's name too: take such variables out."""
    for folder in folders:
        for name in re.findall(r"\$\{?(\w+)", str(folder), re.ASCII):
            if name.startswith(("AIRFLOW", "CHARTLINE", "PYTHONPATH")):
                raise BadInput(
                    f"{folder}: Airflow would take ${name} in the name of the folder for the variable.",
                    field="CHARTLINE_HOME",
                    advice="Rename the folder.",
                )
            env.pop(name, None)


def pools(rankings: int, fetch: int) -> dict[str, dict[str, object]]:
    """Airflow's pools as `airflow pools import` reads them. A task whose pool is missing waits forever, without a
    message."""
    return {
        "chartline_rankings": _pool(rankings, "Rankings of charts"),
        "chartline_fetch": _pool(fetch, "Metadata and audience of tracks and artists"),
    }


def warehouse_env(url: str, connection: Mapping[str, object]) -> dict[str, str]:
    """The warehouse by url, for the command line and DAG files, and as Airflow's connection, for tasks."""
    return {
        "CHARTLINE_WAREHOUSE_URL": url,
        "AIRFLOW_CONN_CHARTLINE_WAREHOUSE": json.dumps({"conn_type": "postgres", **connection}),
    }


def _pool(slots: int, description: str) -> dict[str, object]:
    return {"slots": slots, "description": description, "include_deferred": False}


def inherited(name: str) -> bool:
    """Whether a variable of the caller's environment is passed on: not where it is another Airflow's."""
    return not name.startswith(_NOT_INHERITED)
