"""One DAG for each schedule; a schedule that cannot be built becomes a DAG that says so."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Context, Param, get_current_context, get_parsing_context, task
from airflow.sdk.exceptions import AirflowFailException

from chartline.cascade.run import Run
from chartline.domain import dag_ids
from chartline.domain.asks import CascadeAsk
from chartline.domain.grid import Grid
from chartline.domain.read_schedule import ReadSchedule
from chartline.domain.run_ids import PAST, Kind
from chartline.domain.schedule import Schedule
from chartline.errors import NotFollowed, UnknownChart
from chartline.gaps import healing
from chartline.schedules import snapshot
from chartline.settings import settings
from chartline.warehouse import schedules
from chartline.warehouse.connect import Connection
from chartline.warehouse.executions import Execution
from chartline_airflow.dagbuild import docs, former, runtime
from chartline_airflow.dagbuild.cascade import DAY_PARAMS, DEFAULT_ARGS, add_cascade, add_form, ranking_asset
from chartline_airflow.notifier import ChartlineNotifier
from chartline_airflow.timetable import ChartTimetable

log = logging.getLogger(__name__)

ANY_DATE = datetime(1970, 1, 1, tzinfo=UTC)
"""When a DAG starts, for Airflow: where the history begins is the timetable's to know. Airflow makes no task of a run
by hand whose logical date lies before the DAG's start, and calls it a success."""

AT_MOST = 2
"""Times that one parse looks at the schedules again."""

PARAMS = {
    **DAY_PARAMS,
    "force": Param(
        False,
        type="boolean",
        title="Fetch again",
        description="Ask again for what is stored and fresh. Each call is billed.",
    ),
}


def build_all() -> dict[str, DAG]:
    """The DAGs of all schedules by id, and those of former ids whose runs are open; in a task's process only the one
    that it runs. Never raises for one schedule."""
    wanted = get_parsing_context().dag_id
    if wanted and dag_ids.slug(dag_ids.today(wanted)) is None:
        return {}
    lines = _lines(wanted)
    dags = _built(lines, wanted)
    for _ in range(0 if wanted else AT_MOST):
        lines = _changed_meanwhile(snapshot.default_path(), lines)
        if not lines:
            break
        dags = _built(lines, wanted)
    return dags


def _built(lines: list[ReadSchedule], wanted: str | None) -> dict[str, DAG]:
    dags = {line.dag_id: line for line in lines}
    if wanted:
        ids = [wanted] if dag_ids.today(wanted) in dags else []
    else:
        ids = [*dags, *(one for one in snapshot.load_former(snapshot.default_path()) if dag_ids.today(one) in dags)]
    return {one: former.marked(build_or_quarantine(dags[dag_ids.today(one)], one)) for one in ids}


def _lines(wanted: str | None) -> list[ReadSchedule]:
    path = snapshot.default_path()
    if wanted:
        slug = dag_ids.slug(dag_ids.today(wanted)) or ""
        line = snapshot.load_one(path, slug)
        if line is None:  # a worker on another host, that has not seen the schedules yet
            former.refresh(path)
            line = snapshot.load_one(path, slug)
        return [line] if line else []
    former.refresh(path, max_age=0)  # a parse may be asked for by a change of a moment ago
    return snapshot.load(path)


def _changed_meanwhile(path: Path, lines: list[ReadSchedule]) -> list[ReadSchedule]:
    """The list where it has changed since it was read, else none: a parse that is asked for during one may be lost."""
    if not former.refresh(path, max_age=0):
        return []
    now = snapshot.load(path)
    return [] if now == lines else now


def build_or_quarantine(line: ReadSchedule, dag_id: str | None = None) -> DAG:
    """The schedule's DAG, or one with the same id that fails with the reason why it cannot be built. dag_id: a former
    id of the DAG."""
    dag_id = dag_id or line.dag_id
    if line.left:
        return ending(line.slug, dag_id)
    if line.schedule is None:
        return quarantine(line.slug, line.error or "The row cannot be read.", dag_id)
    try:
        return build(line.schedule, dag_id)
    except Exception as error:  # whatever it is, it must not reach the other charts
        log.exception("The DAG of %s cannot be built", line.slug)
        return quarantine(line.slug, f"{type(error).__name__}: {error}", dag_id)


def build(schedule: Schedule, dag_id: str | None = None) -> DAG:
    """The DAG of a schedule. An inactive one keeps its DAG, for runs by hand, but has no timetable; nor has one of a
    former id (`dag_id`)."""
    dag_id = dag_id or schedule.dag_id
    window = settings().history_window
    asked_at = schedule.history_asked_at or schedule.created_at
    first, start = schedule.begins
    timetable = ChartTimetable(schedule.grid, first, asked_at, window, start)
    dag = DAG(
        dag_id,
        schedule=timetable if schedule.is_active and not dag_ids.is_former(dag_id) else None,
        start_date=ANY_DATE,
        catchup=schedule.catchup and not dag_ids.is_former(dag_id),
        description=f"{schedule.name}, {schedule.grid.text()}",
        doc_md=docs.chart_sync(schedule),
        tags=_tags(schedule),
        default_args=DEFAULT_ARGS,
        max_active_runs=schedule.max_active_runs(window),
        is_paused_upon_creation=former.comes_paused(dag_id),
        on_failure_callback=ChartlineNotifier(),
    )
    add_cascade(dag, _opener(schedule.slug), ranking_asset(schedule.slug))
    add_form(dag, PARAMS)
    return dag


def _tags(schedule: Schedule) -> set[str]:
    state = set() if schedule.is_active else {"inactive"}
    country = schedule.country_code or "worldwide"
    return {"chartline", "chart_sync", schedule.platform, country, schedule.sync_frequency} | state


def _opener(slug: str) -> Any:
    """Opens a run by the schedule as it stands in the warehouse now, which is newer than the parsed DAG."""

    @contextmanager
    def open_run(context: Context) -> Iterator[Run]:
        config = {key: value for key, value in context["params"].items() if value is not None}

        def ask(conn: Connection, execution: Execution) -> CascadeAsk:
            schedule = schedules.get(conn, slug)
            if schedule is None:
                raise UnknownChart(
                    f"{slug} is no longer followed.", advice=f"Follow it with: chartline schedules add {slug}"
                )
            dag_run = context["dag_run"]
            interval = _interval(schedule.grid, dag_run, execution.kind)
            return CascadeAsk.from_schedule(schedule, config, interval, _due(dag_run))

        with runtime.opened_run(context, slug, ask) as run:
            yield run

    return open_run


def _interval(grid: Grid, dag_run: Any, kind: Kind) -> tuple[list[date], bool] | None:
    """The days that the run's data interval owns, and whether it is the newest one complete; None for a run by hand,
    for which Airflow may infer an interval that nobody asked for."""
    start, end = dag_run.data_interval_start, dag_run.data_interval_end
    if kind not in ("scheduled", "window", "backfill") or start is None or end is None:
        return None
    following = grid.next(end) + grid.publication_delay
    return grid.days(start, end), kind not in PAST and datetime.now(UTC) < following


def _due(dag_run: Any) -> date | None:
    """The newest day that had ended with the run's data interval."""
    end = dag_run.data_interval_end
    return end.date() - timedelta(days=1) if end else None


def ending(slug: str, dag_id: str) -> DAG:
    """The DAG of a chart that is no longer followed, while runs of it may be running: it ends them, else Airflow
    would call them running for ever. It makes no run of its own, and tells nobody: a person removed the chart."""
    dag = DAG(
        dag_id,
        schedule=None,
        description="No longer followed: ends its runs, then disappears",
        doc_md=docs.ending(slug),
        tags={"chartline", "chart_sync", "removed"},
        default_args=DEFAULT_ARGS | {"retries": 0},
        params=PARAMS,
        is_paused_upon_creation=False,
    )
    reason = f"{NotFollowed.kind}: {slug} is no longer followed, so this run was ended."
    with dag:

        @task
        def end_run() -> None:
            dag_run = get_current_context()["dag_run"]
            with runtime.warehouse() as conn:
                healing.end(conn, dag_run.dag_id, dag_run.run_id, reason)
            raise AirflowFailException(reason)

        end_run()
    return dag


def quarantine(slug: str, error: str, dag_id: str) -> DAG:
    """A DAG with the schedule's id that fails daily with the reason, so that the ordinary alert fires."""
    dag = DAG(
        dag_id,
        schedule=None if dag_ids.is_former(dag_id) else "@daily",
        start_date=ANY_DATE,
        catchup=False,
        description="This schedule cannot be used; the task says why",
        doc_md=docs.quarantine(slug, error),
        tags={"chartline", "chart_sync", "config-error"},
        default_args=DEFAULT_ARGS | {"retries": 0},
        params=PARAMS,
        max_active_runs=1,
        is_paused_upon_creation=False,
        on_failure_callback=ChartlineNotifier(),
    )
    with dag:

        @task
        def explain() -> None:
            raise AirflowFailException(
                f"The schedule of {slug} cannot be used: {error} Correct it with: chartline schedules change {slug} ..."
            )

        explain()
    return dag
