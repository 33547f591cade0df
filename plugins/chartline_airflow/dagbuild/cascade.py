"""The task chain of every run: one builder for scheduled charts and for the cascade on demand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from airflow.sdk import (
    DAG,
    Asset,
    AssetAlias,
    BaseXCom,
    Context,
    Param,
    PokeReturnValue,
    TriggerRule,
    get_current_context,
    task,
)
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
    DownstreamTasksSkipped,
)

from chartline.cascade import artists, ranking, report, tracks
from chartline.cascade.engine import Engine
from chartline.cascade.run import Run
from chartline.errors import NotYet
from chartline.warehouse.ledger import Batch
from chartline_airflow.dagbuild import runtime
from chartline_airflow.notifier import ChartlineNotifier
from chartline_airflow.retry_policy import ByName

log = logging.getLogger(__name__)

POOL_RANKINGS = "chartline_rankings"
POOL_FETCH = "chartline_fetch"

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "chartline",
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_policy": ByName(),
    "execution_timeout": timedelta(minutes=15),
    "weight_rule": "chartline_airflow.priority.NewestFirst",
}

DAY_PARAMS: dict[str, Param] = {
    "day": Param(
        None,
        type=["null", "string"],
        format="date",
        title="Day",
        description="The ranking of this day (YYYY-MM-DD, UTC). Empty: the latest.",
    ),
    "days": Param(
        None,
        type=["null", "array"],
        items={"type": "string", "format": "date"},
        title="Days",
        description="The rankings of exactly these days, a line each (YYYY-MM-DD, UTC), without audience.",
    ),
}

OpenRun = Callable[[Context], AbstractContextManager[Run]]

FETCH: dict[str, Any] = {
    "pool": POOL_FETCH,
    "execution_timeout": timedelta(hours=2),
    "map_index_template": "{{ batch_label }}",
    "do_xcom_push": False,
}


def add_cascade(dag: DAG, open_run: OpenRun, asset: Asset | AssetAlias) -> None:
    """Put the chain into `dag`. `open_run` turns the first task's context into the run; `asset` is what it updates."""
    with dag:

        @task.sensor(mode="reschedule", pool=POOL_RANKINGS, priority_weight=100)
        def fetch_ranking() -> PokeReturnValue:
            context = get_current_context()
            ti = context["ti"]
            try:
                with _at_first(open_run, context) as run:
                    days = ranking.fetch_ranking(run, last_try=ti.try_number > ti.max_tries)
            except NotYet as wait:
                log.info("%s Asked again in %.0f seconds.", wait.what, wait.after)
                raise AirflowRescheduleException(datetime.now(UTC) + timedelta(seconds=wait.after)) from None
            unwanted = [f"plan_{step}" for step in ("track_audience", "artist_audience") if step not in run.ask.steps]
            if unwanted:  # the scheduler marks them: no process is started to say that there is nothing to do
                ti.xcom_push(key=BaseXCom.XCOM_RETURN_KEY, value=days)
                raise DownstreamTasksSkipped(tasks=unwanted)
            return PokeReturnValue(is_done=True, xcom_value=days)

        @task(priority_weight=90)
        def upsert_tracks(days: list[str]) -> list[dict[str, Any]]:
            with runtime.found_run(get_current_context()) as run:
                return handles(tracks.upsert_tracks(_needed(run), days))

        @task.sensor(mode="reschedule", priority_weight=70, trigger_rule=TriggerRule.ALL_DONE)
        def dedupe_artists() -> PokeReturnValue:
            context = get_current_context()
            with runtime.found_run(context) as found:
                run = _stored(found)
                waiting = artists.others_at_work(run)
                if not waiting:
                    return PokeReturnValue(is_done=True, xcom_value=handles(artists.dedupe_artists(run)))
            # No end to it is needed: what is waited for are leases, and a lease that nobody renews ends.
            log.info("Other runs are fetching %d of these tracks; their artists are not known yet.", waiting)
            raise AirflowRescheduleException(datetime.now(UTC) + _patience(context))

        @task(priority_weight=50)
        def plan_track_audience() -> list[dict[str, Any]]:
            with runtime.found_run(get_current_context()) as run:
                return handles(tracks.plan_track_audience(_needed(run)))

        @task(priority_weight=50)
        def plan_artist_audience() -> list[dict[str, Any]]:
            with runtime.found_run(get_current_context()) as run:
                return handles(artists.plan_artist_audience(_needed(run)))

        # The DAG tells of a failed run too, should this task never come to it, but some seconds later.
        @task(
            outlets=[asset],
            trigger_rule=TriggerRule.ALL_DONE,
            priority_weight=100,
            on_failure_callback=ChartlineNotifier(),
        )
        def report_run(**context: Any) -> None:
            with runtime.found_run(get_current_context()) as run:
                if run is None:  # skipped, it would end the Airflow run green
                    raise AirflowFailException("The first task opened no run: its log says why.")
                row = report.report_run(run, failed_tasks(get_current_context()))
            log.info("%s", report.summary(row))
            _emit(context["outlet_events"], asset, row)

        days = fetch_ranking()
        track_batches = upsert_tracks(cast("list[str]", days))  # what it is when the task runs
        track_metadata = fetch_task("track_metadata", 80).expand(batch=track_batches)
        artist_batches = dedupe_artists()
        [track_batches, track_metadata] >> artist_batches
        artist_metadata = fetch_task("artist_metadata", 60).expand(batch=artist_batches)
        track_plan, artist_plan = plan_track_audience(), plan_artist_audience()
        track_batches >> track_plan
        artist_batches >> artist_plan
        track_audience = fetch_task("track_audience", 40).expand(batch=track_plan)
        artist_audience = fetch_task("artist_audience", 30).expand(batch=artist_plan)
        [track_metadata, artist_metadata, track_audience, artist_audience] >> report_run()


def add_form(dag: DAG, params: dict[str, Param]) -> None:
    """Give the finished DAG its params.

    Not earlier: Airflow copies a DAG's params into each task that is made in it, and checks every copy whenever the
    DAG is serialised, which takes four times as long.
    """
    for param in params.values():
        param.source = "dag"
    dag.params = ParamsDict(params)


def fetch_task(name: str, priority: int) -> Any:
    """A task that works off one batch of handles; mapped over all of them."""

    @task(task_id=name, priority_weight=priority, **FETCH)
    def fetch(batch: dict[str, Any]) -> None:
        context = get_current_context()
        handle = Batch.from_dict(batch)
        cast("dict[str, Any]", context)["batch_label"] = handle.label
        with runtime.found_run(context) as found:
            run = _needed(found)
            with run.client() as client:
                ti = context["ti"]
                Engine(run.connect, client, run.execution, run.settings).run(
                    handle, last_try=ti.try_number > ti.max_tries
                )

    return fetch


def handles(batches: list[Batch]) -> list[dict[str, Any]]:
    """Batches as XCom carries them."""
    return [batch.as_dict() for batch in batches]


@contextmanager
def _at_first(open_run: OpenRun, context: Context) -> Iterator[Run]:
    """The run, opened; by a task that comes back from waiting it is taken up, as it was asked for then."""
    if _waits(context):
        with runtime.found_run(context) as found:
            if found is not None:
                yield found
                return
    with open_run(context) as run:
        yield run


def _waits(context: Context) -> int:
    """How many times the task has been deferred already."""
    return int(cast("dict[str, Any]", context).get("task_reschedule_count") or 0)


def _patience(context: Context) -> timedelta:
    """Until the next look: from 5 seconds, half as long again each time, to a minute."""
    return timedelta(seconds=min(5 * 1.5 ** min(_waits(context), 10), 60))


def _needed(run: Run | None) -> Run:
    if run is None:
        raise AirflowSkipException("The first task opened no run: its log says why.")
    return run


def _stored(run: Run | None) -> Run:
    """The run, if its ranking came to be stored; else there are no artists to look for."""
    run = _needed(run)
    if not tracks.has_ranking(run):
        raise AirflowSkipException("No ranking was stored: there is nothing to go on with.")
    return run


def failed_tasks(context: Context) -> list[str]:
    """The tasks of this run that Airflow counts as failed."""
    dag_run, ti = context["dag_run"], context["ti"]
    states = ti.get_task_states(dag_id=dag_run.dag_id, run_ids=[dag_run.run_id])
    return [name for name, state in states.get(dag_run.run_id, {}).items() if state == "failed"]


def _emit(events: Any, asset: Asset | AssetAlias, row: dict[str, Any]) -> None:
    """Tell the asset's consumers which chart, and by which execution."""
    extra = {"chart": row["chart_slug"], "execution": row["id"]}
    if isinstance(asset, AssetAlias):
        events[asset].add(ranking_asset(row["chart_slug"]), extra=extra)
    else:
        events[asset].extra = extra


def ranking_asset(slug: str) -> Asset:
    """The asset that a new ranking of a chart updates."""
    return Asset(name=f"chartline/rankings/{slug}", uri=f"chartline://rankings/{slug}")
