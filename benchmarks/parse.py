"""Parse time of dags/chart_sync.py, and of one task's start, by the number of schedules.

    python -m benchmarks.parse [--counts 10 100 1000] [--repeats 3] [--out FOLDER]

Each measurement is a process of its own, with the modules loaded that the plugin preloads, and parses as Airflow's
processes do: all schedules for the DAG processor, one for a task (it knows which DAG it runs). A task's start must
not grow with the number of schedules. The list of schedules is on disk and fresh: no database is asked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.common import REPOSITORY, machine, parser, report, table, work_folder

from chartline.domain.dag_ids import of_chart
from chartline.schedules import snapshot

COLUMNS = ("parse", "parse_cpu", "parse_ms_each", "serialise_ms_each", "serialise_cpu_ms_each", "bytes_each")

CHILD = """
import json, sys, time
from pathlib import Path
import chartline_airflow.preload
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.serialization.serialized_objects import DagSerialization
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager
from chartline.schedules import snapshot

file, wanted = Path(sys.argv[1]), sys.argv[2] or None
snapshot.default_path().touch()  # fresh: nobody asks the warehouse for a newer one
start, cpu = time.perf_counter(), time.process_time()
with _airflow_parsing_context_manager(dag_id=wanted, task_id="upsert_tracks" if wanted else None):
    bag = BundleDagBag(
        dag_folder=str(file), safe_mode=False, load_op_links=False, bundle_path=file.parent, bundle_name="dags"
    )
parsed, cpu = time.perf_counter(), time.process_time() - cpu
assert not bag.import_errors, bag.import_errors
times = {"parse": parsed - start, "parse_cpu": cpu}
if not wanted:
    some = list(bag.dags.values())[:51]
    DagSerialization.to_dict(some.pop(0))  # what is loaded and made once
    start, cpu = time.perf_counter(), time.process_time()
    written = [DagSerialization.to_dict(dag) for dag in some]
    times["serialise"] = (time.perf_counter() - start) / len(some)
    times["serialise_cpu"] = (time.process_time() - cpu) / len(some)
    times["bytes"] = sum(len(json.dumps(one)) for one in written) / len(some)
print(json.dumps({"dags": len(bag.dags), **times}))
"""


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Valid schedules, as different from each other as real ones."""
    frequencies = ("daily", "weekly", "monthly", "custom")
    for n in range(count):
        frequency = frequencies[n % 4]
        yield {
            "slug": f"benchmark-chart-{n:05}",
            "name": f"Benchmark chart {n}",
            "platform": "spotify",
            "country_code": "DE" if n % 3 else "",
            "chart_id": n + 1,
            "frequency": "daily",
            "sync_frequency": frequency,
            "custom_interval_hours": 6 + n % 40 if frequency == "custom" else None,
            "created_at": datetime(2026, 1, 1 + n % 28, n % 24, tzinfo=UTC),
        }


def once(home: Path, wanted: str) -> dict[str, float]:
    """One process: all DAGs (`wanted` empty) or the one that is wanted."""
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CHARTLINE_", "PYTHON"))
    }
    env |= {
        "AIRFLOW_HOME": str(home / "airflow"),
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / name) for name in ("include", "plugins")),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "600",  # how long it takes is for the table to say
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "CHARTLINE_HOME": str(home),
        "CHARTLINE_WAREHOUSE_URL": "postgresql://nobody@127.0.0.1:1/none",  # asked by nobody while the list is fresh
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(REPOSITORY / "dags" / "chart_sync.py"), wanted],
        env=env, cwd=home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"The measuring process failed:\n{done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(folder: Path, counts: list[int], repeats: int) -> list[dict[str, Any]]:
    """One row a number of schedules. The numbers take turns, so that a busy moment of the machine meets all of them."""
    homes = {}
    for count in counts:
        homes[count] = folder / str(count)
        snapshot.write(homes[count] / "schedules.jsonl", rows(count))
    whole: dict[int, list[dict[str, float]]] = {count: [] for count in counts}
    one: dict[int, list[dict[str, float]]] = {count: [] for count in counts}
    for _ in range(repeats):
        for count, home in homes.items():
            whole[count].append(once(home, ""))
            one[count].append(once(home, of_chart(f"benchmark-chart-{count - 1:05}")))  # the last line of the list
    found = []
    for count in counts:
        if any(m["dags"] != count for m in whole[count]) or any(m["dags"] != 1 for m in one[count]):
            raise SystemExit(f"With {count} schedules not as many DAGs came, or not one for a task.")
        found.append(
            {
                "schedules": count,
                "parse": median(m["parse"] for m in whole[count]),
                "parse_cpu": median(m["parse_cpu"] for m in whole[count]),
                "parse_ms_each": 1000 * median(m["parse"] for m in whole[count]) / count,
                "serialise_ms_each": 1000 * median(m["serialise"] for m in whole[count]),
                "serialise_cpu_ms_each": 1000 * median(m["serialise_cpu"] for m in whole[count]),
                "bytes_each": round(whole[count][0]["bytes"]),
                "task_ms": 1000 * median(m["parse"] for m in one[count]),
                "task_cpu_ms": 1000 * median(m["parse_cpu"] for m in one[count]),
                "task_ms_all": [1000 * m["parse"] for m in one[count]],
            }
        )
    return found


def main() -> None:
    """Measure and print."""
    own = parser(__doc__)
    own.add_argument("--counts", type=int, nargs="+", default=[10, 100, 1000])
    own.add_argument("--repeats", type=int, default=3)
    given = own.parse_args()
    on = machine()
    with work_folder(given.keep) as folder:
        found = measure(folder, sorted(given.counts), given.repeats)
    growth = {key: found[-1][key] / found[0][key] for key in ("task_ms", "task_cpu_ms")}
    table(
        "Parsing dags/chart_sync.py",
        ["schedules", "all, s", "all, CPU-s", "each, ms", "serialise each, ms", "CPU ms", "bytes each"],
        [[f["schedules"], *(f[key] for key in COLUMNS)] for f in found],
    )
    table(
        "Parsing it for one task's start",
        ["schedules", "ms", "CPU ms"],
        [[f["schedules"], f["task_ms"], f["task_cpu_ms"]] for f in found]
        + [[f"{found[-1]['schedules']} against {found[0]['schedules']}", growth["task_ms"], growth["task_cpu_ms"]]],
    )
    report("parse", given.out, {"rows": found, "growth_of_task_start": growth}, on)


if __name__ == "__main__":
    main()
