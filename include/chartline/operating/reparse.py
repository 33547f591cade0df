"""Asking Airflow to look at the schedules now, not at its next regular parse.

Airflow is asked by its API, on whatever host its DAG processor is; where there is no API to ask, or Airflow knows no
chart's DAG yet, the DAG file that lists the schedules is touched, which its DAG processor sees where the file is on the
same disk. Never with a time ahead of the clock: such a file is parsed again without end.

A parse that is under way may have read the schedules already, and what is asked during it is dropped: so it is asked
once more when that one is over.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chartline.domain.dag_ids import CHART_SYNC
from chartline.operating.airflow import TROUBLES, AirflowServer
from chartline.places import dags_folder

DAG_FILE = "chart_sync.py"
AGAIN_AFTER = 5.0
"""Seconds: a parse is over by then."""
SOON = "Airflow shows it in a few seconds."
AT_LEAST = "Airflow shows it when it next parses its DAG files."

AskApi = Callable[..., Any]
"""Asks Airflow's REST API: method, path below `/api/v2/`, and `params`; the JSON of the answer."""


def ask_by(api: AskApi) -> bool:
    """Have the schedules' DAG file parsed, by Airflow's API. False: Airflow knows no DAG of it yet. Raises as `api`."""
    params = {"dag_id_prefix_pattern": CHART_SYNC, "limit": 1, "exclude_stale": False}
    dags = api("GET", "dags", params=params)["dags"]
    if not dags:
        return False
    api("PUT", f"parseDagFile/{dags[0]['file_token']}")
    return True


def touch() -> bool:
    """Have it parsed by its modification time. False: it is not on this machine, or may not be touched."""
    try:
        os.utime(dags_folder() / DAG_FILE)  # the clock of the disk, whosever it is
    except OSError:
        return False
    return True


def ask(api: AskApi | None, again: Callable[[Callable[[], object]], None], troubles: Any = TROUBLES) -> str:
    """Have the schedules looked at; when the change shows, in words. `again`: gets what is to be done once more after
    `AGAIN_AFTER` seconds. `troubles`: what `api` may raise."""

    def once() -> bool:
        if api is not None:
            try:
                if ask_by(api):
                    return True
            except troubles:
                return touch()
        return touch()

    if not once():
        return AT_LEAST
    again(once)
    return SOON


def ask_reparse() -> str:
    """For commands: ask by the login of the environment, and once more from a process of its own."""
    return ask(_of_environment(), _in_a_process)


def waiting(once: Callable[[], object]) -> None:
    """`again` for who has the time: a task."""
    time.sleep(AGAIN_AFTER)
    once()


def in_a_thread(once: Callable[[], object]) -> None:
    """`again` for a server."""
    timer = threading.Timer(AGAIN_AFTER, once)
    timer.daemon = True
    timer.start()


def _in_a_process(_: Callable[[], object]) -> None:
    here = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    subprocess.run(
        ["sh", "-c", '"$0" -m chartline.operating.reparse </dev/null >/dev/null 2>&1 &', sys.executable],
        start_new_session=True, env={**os.environ, "PYTHONPATH": path}, check=True,
    )  # fmt: skip


def _of_environment() -> AskApi | None:
    airflow = AirflowServer.from_environment()
    return airflow.ask if airflow.can_be_asked else None


if __name__ == "__main__":
    time.sleep(AGAIN_AFTER)
    ask(_of_environment(), lambda _: None)
