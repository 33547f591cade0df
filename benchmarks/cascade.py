"""Wall time of a cold chart on a real Airflow, against what no program could beat and what Airflow costs by itself.

    python -m benchmarks.cascade [--chart demo-global-daily] [--latency-ms 200] [--out FOLDER]

Floor: the calls it made, at the API's speed (calls x latency / connections in flight) or at its limit, whichever
takes longer. Empty: the same chain with as many task instances and nothing in them, in the same Airflow (median of
several). The aim is wall <= 1.3 x (floor + empty).
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.common import cpu_seconds, machine, parser, report, table, work_folder
from benchmarks.runs import EMPTY, DagRun, Instance, covered, dags_folder, processes, run, wait_for_dags

from chartline.local.stack import Stack
from chartline.settings import settings
from chartline.warehouse.connect import connect

CASCADE = "chartline.chart_cascade"
MAPPED = ("track_metadata", "artist_metadata", "track_audience", "artist_audience")
TASK_OF = {  # whose calls these are
    "ranking_latest": "fetch_ranking",
    "ranking_at": "fetch_ranking",
    "available_rankings": "fetch_ranking",
    "song": "track_metadata",
    "artist": "artist_metadata",
    "song_audience": "track_audience",
    "song_broadcast_groups": "track_audience",
}  # every other one is artist_audience's
AIM = 1.3


# -- where the time goes -------------------------------------------------------------------------------------


@dataclass
class Calls:
    """The calls of one task: number, seconds spent in them (all connections together), median ms of one."""

    count: int
    busy: float
    median_ms: float


def calls_by_task(stack: Stack, run_id: str) -> dict[str, Calls]:
    """From the call records. A call's time begins when it is sent: waiting for a slot of the minute is not in it."""
    took: dict[str, list[int]] = defaultdict(list)
    with connect(stack.warehouse_url) as conn:
        rows = conn.execute(
            "select c.endpoint, c.ms from api_call c join chart_sync_execution x on x.id = c.execution_id"
            " where x.run_id = %s",
            (run_id,),
        )
        for endpoint, ms in rows:
            took[TASK_OF.get(endpoint, "artist_audience")].append(ms)
    return {task: Calls(len(times), sum(times) / 1000, median(times)) for task, times in took.items()}


def parts(chart: DagRun, empty: DagRun, calls: dict[str, Calls], connections: int) -> list[dict[str, Any]]:
    """One row a task. `connections_busy`: share of its open connections that wait for an answer, on average; the rest
    of their time they wait for a slot of the minute's limit, or until their answer is stored."""
    found = []
    for task in dict.fromkeys(i.task for i in chart.instances):
        own, same = _of(chart, task), _of(empty, task)
        made = calls.get(task)
        held = sum(i.seconds for i in own) * connections
        fetches = made is not None and task in MAPPED
        found.append(
            {
                "task": task,
                "instances": len(own),
                "begins": (own[0].start - chart.first).total_seconds(),
                "wall": covered(own),
                "empty": covered(same) if same else None,
                "calls": made.count if made else 0,
                "calls_per_second": made.count / covered(own) if made and fetches else None,
                "call_ms": made.median_ms if made else None,
                "connections_busy": made.busy / held if made and fetches else None,
            }
        )
    return found


def _of(run: DagRun, task: str) -> list[Instance]:
    return [i for i in run.instances if i.task == task]


# -- the benchmark -------------------------------------------------------------------------------------------


def measure(folder: Path, chart: str, latency_ms: float, repeats: int) -> dict[str, Any]:
    """Start everything, warm Airflow up, run the chart once and the empty DAG `repeats` times."""
    stack = Stack(
        folder / "home",
        simulator_options=["--latency-ms", str(latency_ms)],
        extra_env={"AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder(folder))},
        say=lambda text: print(text, file=sys.stderr, flush=True),
    )
    with stack:
        wait_for_dags(stack, CASCADE, EMPTY)
        cold = run(stack, EMPTY, {})
        before = {name: cpu_seconds(pid) for name, pid in processes(stack).items()}
        counted = stack.simulator_api("GET", "/_control/counts")["total"]
        done = run(stack, CASCADE, {"chart": chart})
        cpu = {name: cpu_seconds(pid) - before[name] for name, pid in processes(stack).items()}
        counted = stack.simulator_api("GET", "/_control/counts")["total"] - counted
        counts = {mapped: len(_of(done, mapped)) for mapped in MAPPED}
        empties = [run(stack, EMPTY, counts) for _ in range(repeats)]
        made = calls_by_task(stack, done.run_id)
        entries, points = _stored(stack)
    numbers = settings()
    empty = sorted(empties, key=lambda e: e.wall)[len(empties) // 2]
    calls = sum(c.count for c in made.values())
    in_flight = numbers.pool_fetch * numbers.connections
    floors = {"speed": calls * latency_ms / 1000 / in_flight, "limit": calls / numbers.calls_per_minute * 60}
    floor = max(floors.values())
    return {
        "chart": chart,
        "latency_ms": latency_ms,
        "state": done.state,
        "entries": entries,
        "points": points,
        "calls": calls,
        "calls_counted_by_simulator": counted,
        "task_instances": len(done.instances),
        "wall": done.wall,
        "trigger_to_end": done.total,
        "floor": floor,
        "floors": floors,
        "in_flight": in_flight,
        "empty": empty.wall,
        "empty_all": [e.wall for e in empties],
        "empty_instances": len(empty.instances),
        "empty_first_after_start": cold.wall,
        "ratio": done.wall / (floor + empty.wall),
        "ratio_fastest_empty": done.wall / (floor + min(e.wall for e in empties)),
        "aim": AIM,
        "no_task_at_work": done.wall - done.at_work,
        "no_task_at_work_empty": empty.wall - empty.at_work,
        "parts": parts(done, empty, made, numbers.connections),
        "cpu_seconds": cpu,
        "instances": [asdict(i) for i in done.instances],
    }


def _stored(stack: Stack) -> tuple[int, int]:
    with connect(stack.warehouse_url) as conn:
        row = conn.execute("select sum(entries_stored), sum(audience_points) from chart_sync_execution").fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def main() -> None:
    """Measure once and print."""
    own = parser(__doc__)
    own.add_argument("--chart", default="demo-global-daily")
    own.add_argument("--latency-ms", type=float, default=200)
    own.add_argument("--repeats", type=int, default=3, help="runs of the empty DAG")
    given = own.parse_args()
    on = machine()
    with work_folder(given.keep) as folder:
        got = measure(folder, given.chart, given.latency_ms, given.repeats)
    print(f"\n{got['chart']}: {got['state']}, {got['entries']} entries, {got['points']:,} audience points, "
          f"{got['latency_ms']:.0f} ms latency, {got['in_flight']} connections at most")  # fmt: skip
    table(
        "Cold cascade, seconds",
        ["calls", "instances", "wall", "trigger to end", "floor", "empty DAG", "wall / (floor + empty)", "aim"],
        [[str(got["calls"]), got["task_instances"], got["wall"], got["trigger_to_end"], got["floor"], got["empty"],
          got["ratio"], got["aim"]]],
    )  # fmt: skip
    runs = ", ".join(f"{seconds:.1f}" for seconds in sorted(got["empty_all"]))
    print(f"\n  {got['ratio_fastest_empty']:.2f} against the fastest of the empty DAG's runs ({runs} s); the first one "
          f"after Airflow's start took {got['empty_first_after_start']:.1f} s")  # fmt: skip
    table(
        "Where it goes, seconds",
        ["task", "instances", "begins", "wall", "empty", "calls", "calls/s", "ms a call", "connections busy"],
        [[p["task"], p["instances"], p["begins"], p["wall"], p["empty"], p["calls"], p["calls_per_second"],
          p["call_ms"], p["connections_busy"]] for p in got["parts"]]
        + [["(no task at work)", None, None, got["no_task_at_work"], got["no_task_at_work_empty"]] + [None] * 4],
    )  # fmt: skip
    table(
        "CPU during the chart's run",
        ["program", "CPU-s", "cores"],
        [[name, spent, spent / got["trigger_to_end"]] for name, spent in got["cpu_seconds"].items()],
    )
    report("cascade", given.out, got, on)


if __name__ == "__main__":
    main()
