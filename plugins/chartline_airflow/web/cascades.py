"""Starts runs of any chart, healing and retries: one of each kind at a time, with the rights of the person."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from chartline.domain.asks import CascadeAsk
from chartline.domain.dag_ids import CHART_CASCADE, GAP_AUDIT, of_chart
from chartline.domain.read_schedule import ReadSchedule
from chartline.domain.run_ids import OF_NO_SCHEDULE, Kind
from chartline.schedules import service
from chartline.warehouse import changes, schedules
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import charts
from chartline.wording import counted
from chartline_airflow.web import starting
from chartline_airflow.web.access import Person
from chartline_airflow.web.airflow_api import Airflow
from chartline_airflow.web.problems import Problem
from chartline_airflow.web.starting import TRIGGER, StartedRun

HEAL = "run.heal"
RETRY = "run.retry"

OF_SCHEDULE = frozenset({"day", "days", "force"})
"""What a followed chart's own DAG can be asked."""


class Started(BaseModel):
    """A run that is started. `tracks_count`: tracks of the chart's newest stored ranking, 0 before the first."""

    success: bool = True
    message: str
    chart: str
    dag_id: str
    run_id: str
    state: str
    tracks_count: int


def fill(
    conn: Connection, airflow: Airflow, chart_id: int, slug: str, config: dict[str, Any], person: Person
) -> Started:
    """Fetch a chart's ranking with its tracks, artists and audience, whether the chart is followed or not.

    config: as of `chart_cascade`, without the chart. A followed chart that is asked for nothing that its schedule does
    not say runs by its own DAG, unless that is paused, quarantined or not read yet. Raises BadInput, `Problem` 409 with
    `run` while one of the chart is under way.
    """
    asked = {"chart": slug, **config}
    CascadeAsk.from_config(asked)
    rows = schedules.rows(conn, [slug])
    if rows and ReadSchedule.of(rows[0]).schedule and set(config) <= OF_SCHEDULE:
        _none_on_demand(airflow, slug)
        try:
            return _started(
                conn, chart_id, starting.start(conn, airflow, slug, config, person), "by its schedule's settings"
            )
        except Problem as refused:
            if refused.more["kind"] not in ("not_read_yet", "dag_paused"):
                raise
    with conn.transaction():
        schedules.lock_triggers(conn, slug)
        _none_on_demand(airflow, slug)
        if rows:
            starting.must_be_idle(airflow, slug, of_chart(slug))
        run = _start(conn, airflow, CHART_CASCADE, asked, TRIGGER, slug, person)
    return _started(conn, chart_id, run, "on demand")


def heal(conn: Connection, airflow: Airflow, chart_id: int, slug: str, person: Person) -> Started:
    """Have the gaps of a followed chart found and fetched. Raises NotFollowed, `Problem` 409 with `run` while its gaps
    are looked for already."""
    if not schedules.rows(conn, [slug]):
        raise service.not_followed(slug)
    with conn.transaction():
        schedules.lock_triggers(conn, slug)
        for open_run in starting.at_work(airflow, GAP_AUDIT):
            conf = open_run.get("conf") or {}
            if conf.get("chart") in (slug, None) and conf.get("heal", True) and not conf.get("dry_run"):
                raise starting.under_way(slug, GAP_AUDIT, open_run)
        run = _start(conn, airflow, GAP_AUDIT, {"chart": slug, "heal": True}, HEAL, slug, person)
    return _started(conn, chart_id, run, "to find and fetch what is missing")


def again(conn: Connection, airflow: Airflow, slug: str, of: str, config: dict[str, Any], person: Person) -> StartedRun:
    """Start the run that a retry asks for. of: its DAG; slug: "" where it is of no chart. Raises `Problem` 409 with
    `run` while it runs already."""
    with conn.transaction():
        schedules.lock_triggers(conn, slug)
        for run in starting.at_work(airflow, of):
            if (run.get("conf") or {}) == config and (config or not starting.fills_past(run)):
                raise starting.under_way(slug, of, run)
        return _start(conn, airflow, of, config, RETRY, slug, person)


def _start(
    conn: Connection, airflow: Airflow, of: str, config: dict[str, Any], action: str, slug: str, person: Person
) -> StartedRun:
    starting.must_be_ready(airflow, of)
    changes.note(conn, person.name, action, slug or of, None, {"dag_id": of, **config})
    started = airflow.trigger(of, config)
    return StartedRun(chart=slug, dag_id=of, run_id=started["dag_run_id"], state=started["state"])


def _none_on_demand(airflow: Airflow, slug: str) -> None:
    for run in starting.at_work(airflow, CHART_CASCADE):
        conf = run.get("conf") or {}
        if conf.get("chart") == slug and not conf.get("dry_run"):
            raise starting.under_way(slug, CHART_CASCADE, run)


def _started(conn: Connection, chart_id: int, run: StartedRun, how: str) -> Started:
    tracks = charts.track_count(conn, chart_id)
    known = (
        f"{counted(tracks, 'track')} of its newest ranking stored already" if tracks else "nothing of it is stored yet"
    )
    return Started(message=f"A run of {run.chart} has started {how}; {known}.", tracks_count=tracks, **run.model_dump())


def may_use_own_dag(conn: Connection, slug: str, of: Kind) -> bool:
    """Whether the chart's own DAG can be asked to retry a run: it was its own, it is followed, and its schedule can be
    used."""
    rows = [] if of in OF_NO_SCHEDULE else schedules.rows(conn, [slug])
    return bool(rows) and ReadSchedule.of(rows[0]).schedule is not None
