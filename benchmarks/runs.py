"""A real Airflow under a benchmark: its DAGs, its runs and their task instances, its programs."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from benchmarks.common import REPOSITORY

from chartline.local.airflow import AirflowRefused
from chartline.local.stack import Stack

EMPTY = "benchmark_empty"


@dataclass
class Instance:
    """One task instance that ran."""

    task: str
    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass
class DagRun:
    """A finished run: seconds from its trigger, and from its first task's start, to its end."""

    run_id: str
    state: str
    total: float
    wall: float
    first: datetime
    instances: list[Instance] = field(default_factory=list)

    @property
    def at_work(self) -> float:
        """Seconds in which at least one task ran."""
        return covered(self.instances)


def covered(instances: Iterable[Instance]) -> float:
    """Length of the union of their times, in seconds."""
    spent, until = 0.0, None
    for one in sorted(instances, key=lambda i: i.start):
        begin = one.start if until is None else max(one.start, until)
        if one.end > begin:
            spent += (one.end - begin).total_seconds()
        until = one.end if until is None else max(until, one.end)
    return spent


def run(stack: Stack, dag_id: str, conf: dict[str, Any], timeout: float = 900) -> DagRun:
    """Trigger a DAG and wait for its end."""
    airflow = stack.airflow
    begun = airflow.api("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
    path = f"dags/{dag_id}/dagRuns/{begun['dag_run_id']}"
    deadline = time.monotonic() + timeout
    while (found := airflow.api("GET", path))["state"] not in ("success", "failed"):
        stack.require_alive()
        if time.monotonic() > deadline:
            raise SystemExit(f"{dag_id} did not end within {timeout:.0f} s; its state is {found['state']}.")
        time.sleep(0.5)
    if found["state"] == "failed" and dag_id == EMPTY:
        raise SystemExit(f"{dag_id} failed; see {stack.home / 'logs' / 'tasks'} (keep it with --keep).")
    rows = airflow.api("GET", f"{path}/taskInstances", params={"limit": 100})["task_instances"]
    ran = [Instance(r["task_id"], _time(r["start_date"]), _time(r["end_date"])) for r in rows if _ran(r)]
    first, end = min(i.start for i in ran), _time(found["end_date"])
    return DagRun(
        found["dag_run_id"],
        found["state"],
        total=(end - _time(found["queued_at"])).total_seconds(),
        wall=(end - first).total_seconds(),
        first=first,
        instances=sorted(ran, key=lambda i: i.start),
    )


def _ran(row: dict[str, Any]) -> bool:
    return bool(row["start_date"] and row["end_date"] and row["state"] != "skipped")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def wait_for_dags(stack: Stack, *dag_ids: str, timeout: float = 120) -> None:
    """Return when Airflow has parsed them."""
    deadline = time.monotonic() + timeout
    for dag_id in dag_ids:
        while True:
            try:
                stack.airflow.api("GET", f"dags/{dag_id}")
                break
            except AirflowRefused:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)


def dags_folder(folder: Path) -> Path:
    """The product's DAG files and the empty DAG, which has no place among them."""
    target = folder / "dags"
    shutil.copytree(REPOSITORY / "dags", target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    shutil.copy(REPOSITORY / "benchmarks" / "dags" / "empty.py", target)
    return target


def processes(stack: Stack) -> dict[str, int]:
    """The main process of each program of the stack."""
    postmaster = int((stack.postgres.data / "postmaster.pid").read_text().split()[0])
    noted = {note.stem: note for note in (stack.home / "run").glob("simulator.json")}
    pids = {f"airflow {name}": pid for name, pid in stack.airflow.pids().items()}
    return pids | {name: _noted_pid(note) for name, note in noted.items()} | {"postgres": postmaster}


def _noted_pid(note: Path) -> int:
    return int(json.loads(note.read_text())["pid"])


# -- many runs at once ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """One task instance of one of many runs; `start` is None where it did not run (skipped)."""

    dag_id: str
    run_id: str
    task: str
    state: str
    start: datetime | None
    end: datetime | None


def airflow_rows(stack: Stack, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows of Airflow's own database: the web API hands out a hundred instances at a time."""
    with psycopg.connect(stack.postgres.url("airflow", "airflow", stack.secrets.airflow_database)) as conn:
        return conn.execute(query, values).fetchall()


def instances(stack: Stack, dag_ids: str) -> list[Ran]:
    """All task instances of the DAGs whose id is like `dag_ids` (SQL)."""
    rows = airflow_rows(
        stack,
        """select dag_id, run_id, task_id, coalesce(state, ''), start_date, end_date from task_instance
           where dag_id like %s and map_index >= -1 order by start_date""",
        dag_ids,
    )
    return [Ran(*row) for row in rows]


def unfinished(stack: Stack, dag_ids: str) -> int:
    """Runs of these DAGs that have not ended."""
    query = "select count(*) from dag_run where dag_id like %s and state in ('queued', 'running')"
    return int(airflow_rows(stack, query, dag_ids)[0][0])


def run_many(stack: Stack, dag_id: str, confs: list[dict[str, Any]], timeout: float = 3_600) -> float:
    """Queue a run for each config, let them go all at once, and wait. Seconds from there to the end of the last one."""
    airflow = stack.airflow
    airflow.api("PATCH", f"dags/{dag_id}", {"is_paused": True})
    before = {row[0] for row in airflow_rows(stack, "select run_id from dag_run where dag_id = %s", dag_id)}
    for conf in confs:
        airflow.api("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
    begun = time.time()
    airflow.api("PATCH", f"dags/{dag_id}", {"is_paused": False})
    deadline = time.monotonic() + timeout
    while unfinished(stack, dag_id):
        stack.require_alive()
        if time.monotonic() > deadline:
            raise SystemExit(f"{dag_id}: {unfinished(stack, dag_id)} runs had not ended after {timeout:.0f} s.")
        time.sleep(0.5)
    rows = airflow_rows(stack, "select run_id, state, end_date from dag_run where dag_id = %s", dag_id)
    ours = [row for row in rows if row[0] not in before]
    failed = [run_id for run_id, state, _ in ours if state != "success"]
    if failed:
        raise SystemExit(f"{dag_id}: {len(failed)} runs failed, {failed[0]} among them.")
    return float(max(end.timestamp() for *_, end in ours) - begun)
