"""Memory and CPU of a whole Chartline that has nothing to do: three charts followed, no run.

    python -m benchmarks.idle [--seconds 60] [--out FOLDER]

PSS counts shared memory once, by shares; RSS counts it in each process, so its sum is too high. CPU is the share of
one core, over the time given.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import psutil
from benchmarks.common import cpu_seconds, machine, parser, report, table, tree, work_folder
from benchmarks.runs import processes, wait_for_dags

from chartline.domain.dag_ids import of_chart
from chartline.local.stack import Stack
from chartline.local.up import DEMO_CHARTS

MIB = 2**20


def measure(folder: Path, charts: list[str], seconds: float) -> dict[str, Any]:
    """Start everything, follow `charts` from their next regular time on, settle, watch for `seconds`."""
    with Stack(folder / "home", say=lambda text: print(text, file=sys.stderr, flush=True)) as stack:
        for chart in charts:
            stack.chartline("schedules", "add", chart, "--no-sync-immediately")
        wait_for_dags(stack, *(of_chart(chart) for chart in charts), timeout=400)
        time.sleep(20)  # the last parse, and what starts late
        _require_no_runs(stack)
        pids = processes(stack)
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        begun = time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - begun
        spent = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
        _require_no_runs(stack)
        rows = [{"program": name, "cpu": spent[name] / took, **memory(pid)} for name, pid in pids.items()]
    total = {key: sum(row[key] or 0 for row in rows) for key in ("processes", "pss", "rss", "cpu")}
    return {"seconds": took, "charts": charts, "rows": rows, "total": total}


def _require_no_runs(stack: Stack) -> None:
    runs = stack.airflow.api("GET", "dags/~/dagRuns")["dag_runs"]
    if runs:
        raise SystemExit(f"Not idle: {', '.join(run['dag_id'] for run in runs)} ran.")


def memory(pid: int) -> dict[str, Any]:
    """MiB of a program and all below it. `pss` is None where the system does not tell (macOS)."""
    pss: float | None = 0.0
    rss = 0.0
    count = 0
    for process in tree(pid):
        try:
            full = process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        count += 1
        rss += full.rss / MIB
        pss = pss + full.pss / MIB if pss is not None and hasattr(full, "pss") else None
    return {"processes": count, "pss": pss, "rss": rss}


def main() -> None:
    """Measure once and print."""
    own = parser(__doc__)
    own.add_argument("--seconds", type=float, default=60)
    own.add_argument("--charts", nargs="+", default=list(DEMO_CHARTS))
    given = own.parse_args()
    on = machine()
    with work_folder(given.keep) as folder:
        got = measure(folder, given.charts, given.seconds)
    lines = [*got["rows"], {"program": "together", **got["total"]}]
    table(
        f"Idle for {got['seconds']:.0f} s, {len(got['charts'])} charts followed",
        ["program", "processes", "PSS, MiB", "RSS, MiB", "CPU, % of a core"],
        [[r["program"], r["processes"], r["pss"], r["rss"], 100 * r["cpu"]] for r in lines],
    )
    report("idle", given.out, got, on)


if __name__ == "__main__":
    main()
