"""Starting a followed chart's run by hand: one at a time, by the person's own right, kept with who did it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from chartline.domain import run_ids
from chartline.domain.asks import CascadeAsk
from chartline.operating.airflow_work import is_ahead
from chartline.schedules import service
from chartline.warehouse import changes, schedules
from chartline.warehouse.connect import Connection
from chartline_airflow.web.access import Person
from chartline_airflow.web.airflow_api import ACTIVE, Airflow
from chartline_airflow.web.problems import Problem

TRIGGER = "run.trigger"
LOOK_AT = 100


class StartedRun(BaseModel):
    """A run that is started, as Airflow names it."""

    chart: str
    dag_id: str
    run_id: str
    state: str


def start(conn: Connection, airflow: Airflow, slug: str, config: dict[str, Any], person: Person) -> StartedRun:
    """Start the run. config: `day` or `days` (ISO), `force`; {}: the latest ranking.

    Raises NotFollowed, BadInput for what the config says; `Problem` 409 with `run` while one is running that does not
    fetch history (which runs beside it), 409 where the chart's DAG is not there yet or paused, 403 as Airflow says.
    """
    schedule = schedules.get(conn, slug)
    if schedule is None:
        raise service.not_followed(slug)
    CascadeAsk.from_schedule(schedule, config)
    with conn.transaction():
        schedules.lock_triggers(conn, slug)
        must_be_ready(airflow, schedule.dag_id)
        must_be_idle(airflow, slug, schedule.dag_id)
        started = airflow.trigger(schedule.dag_id, config)
        changes.note(conn, person.name, TRIGGER, slug, None, config | {"run_id": started["dag_run_id"]})
    return StartedRun(chart=slug, dag_id=schedule.dag_id, run_id=started["dag_run_id"], state=started["state"])


def must_be_idle(airflow: Airflow, slug: str, own: str) -> None:
    """Raises `Problem` 409 with `run` while a run of the chart's own DAG is running that does not fetch history."""
    for run in at_work(airflow, own):
        if not fills_past(run):
            raise under_way(slug, own, run)


def at_work(airflow: Airflow, of: str) -> Iterator[dict[str, Any]]:
    """The runs of a DAG that are running, or will be as soon as there is room. Airflow also calls those running that it
    holds until their logical date has come: they stand in nobody's way."""
    now = datetime.now(UTC)
    active = airflow.runs(of, states=ACTIVE, limit=LOOK_AT)
    return (run for run in active if not is_ahead(run.get("logical_date"), now))


def fills_past(run: dict[str, Any]) -> bool:
    """Whether a run, as Airflow describes it, is about the history."""
    return run_ids.kind(run["dag_id"], run["run_type"], run["dag_run_id"]) in run_ids.PAST


def under_way(slug: str, of: str, run: dict[str, Any]) -> Problem:
    """409: a run of the DAG `of`, as Airflow describes it, is at what was asked."""
    told = StartedRun(chart=slug, dag_id=of, run_id=run["dag_run_id"], state=run["state"])
    return Problem(
        409,
        f"A run of {slug or of} is running.",
        kind="runs_already",
        advice="Wait until it ends.",
        run=told.model_dump(),
    )


def must_be_ready(airflow: Airflow, dag_id: str) -> None:
    """Raises `Problem` 409 where Airflow has not read the DAG yet, or it is paused: a new run would only wait."""
    try:
        dag = airflow.dag(dag_id)
    except Problem as refused:
        if refused.status != 404:
            raise
        raise Problem(
            409,
            f"Airflow has not read the DAG {dag_id} yet.",
            kind="not_read_yet",
            advice="Try again in a few seconds.",
            headers={"Retry-After": "5"},
        ) from None
    if dag["is_paused"]:
        raise Problem(
            409,
            f"The DAG {dag_id} is paused in Airflow: a new run would only wait.",
            kind="dag_paused",
            advice="Switch it on in Airflow's list of DAGs, then try again.",
        )
