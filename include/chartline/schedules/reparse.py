"""Asking Airflow to look at the schedules now, not at its next regular parse.

Airflow's DAG processor parses a file at once when its modification time has moved (its default order of files,
`modified_time`), whatever the parse interval. So the DAG file that lists the schedules is touched; where that cannot be
done (another host, a read-only mount) the regular parse finds the change.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

DAG_FILE = "chart_sync.py"
AHEAD = 5.0
"""Seconds. Airflow compares the file's time with the end of its last parse, and one that is under way now may have
read the schedules already: so the file is dated past that end."""


def ask_reparse() -> str:
    """Have the schedules' DAG file parsed at once, if it is on this machine; returns when the change shows."""
    folder = os.environ.get("AIRFLOW__CORE__DAGS_FOLDER") or Path(__file__).parents[3] / "dags"
    try:
        moment = time.time() + AHEAD
        os.utime(Path(folder) / DAG_FILE, (moment, moment))
    except OSError:
        return "Airflow shows it when it next parses its DAG files."
    return "Airflow shows it in a few seconds."
