"""`chartline.audience_refresh`: the audience of given tracks, artists and charts, by hand or from a page."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Context, Param, TriggerRule, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from chartline.cascade import audience, report
from chartline.cascade.audience import MAX_CHARTS, MAX_THINGS, RefreshAsk
from chartline.costs.estimate import estimate_refresh
from chartline.costs.model import Estimate
from chartline.domain import dag_ids, platforms
from chartline.domain.schedule import MAX_HISTORY_DAYS
from chartline.identifiers import SLUG, UUID, in_form
from chartline.operating import refresh
from chartline.settings import settings
from chartline.warehouse.connect import Connection
from chartline_airflow.dagbuild import docs, runtime
from chartline_airflow.dagbuild.approval import XCOM, EstimateGate, by_config, config
from chartline_airflow.dagbuild.cascade import add_form, failed_tasks, fetch_task, handles
from chartline_airflow.dagbuild.standing import standing_dag

log = logging.getLogger(__name__)

GATE = "estimate"
PLATFORMS = sorted({*platforms.TRACK_PLATFORMS, *platforms.ARTIST_PLATFORMS})


def _several(title: str, description: str, pattern: str, most: int) -> Param:
    return Param(
        [],
        type="array",
        items={"type": "string", "pattern": in_form(pattern)},
        maxItems=most,
        title=title,
        description=description,
        section="Whose audience",
    )


PARAMS = {
    "tracks": _several("Tracks", "UUIDs of tracks that are in the warehouse, a line each.", UUID, MAX_THINGS),
    "artists": _several("Artists", "UUIDs of artists that are in the warehouse, a line each.", UUID, MAX_THINGS),
    "charts": _several(
        "Charts", "Slugs: the tracks of their newest stored ranking, and the artists of those.", SLUG, MAX_CHARTS
    ),
    "platforms": Param(
        [],
        type="array",
        items={"type": "string", "enum": PLATFORMS},
        uniqueItems=True,
        examples=PLATFORMS,
        title="Platforms",
        description="Each is asked for what it serves: tracks, artists or both. None: the usual.",
    ),
    "audience_days": Param(
        None,
        type=["null", "integer"],
        minimum=1,
        maximum=MAX_HISTORY_DAYS,
        title="Days of audience",
        description="How far back a series goes the first time it is fetched. Empty: as far as one call brings.",
    ),
    "stale_only": Param(
        True,
        type="boolean",
        title="Stale only",
        description="Leave out what is still fresh. Off: ask for all that was not fetched today (UTC).",
    ),
    "force": Param(
        False,
        type="boolean",
        title="Fetch again",
        description="Ask again for everything, whatever is stored. Each call is billed.",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Only estimate",
        description="Say what the run would cost and fetch nothing.",
    ),
}


def _make_ask(config: dict[str, Any], conn: Connection) -> RefreshAsk:
    ask = RefreshAsk.from_config(config)
    audience.check(conn, ask)
    return ask


def _cost(conn: Connection, ask: RefreshAsk) -> Estimate:
    return estimate_refresh(conn, ask, settings(), per_minute=runtime.per_minute())


def _estimate(context: Context) -> Estimate | None:
    """What the run costs, weighed with the day's other refreshes."""
    estimate = by_config(RefreshAsk.from_config, _cost)(context)
    if estimate is None or context["params"].get("dry_run"):
        return estimate
    with runtime.warehouse() as conn:
        return refresh.weighed(conn, context["run_id"], estimate, datetime.now(UTC), settings())


def _approved(context: Context) -> None:
    """The gate has let the run pass, whether a person was asked or not."""
    estimated = context["ti"].xcom_pull(task_ids=GATE, key=XCOM)
    if estimated:
        with runtime.warehouse() as conn:
            refresh.approved(conn, context["run_id"], Estimate.model_validate(estimated).total.high, datetime.now(UTC))


def build(dag_id: str = dag_ids.AUDIENCE_REFRESH) -> DAG:
    """The DAG."""
    dag = standing_dag(
        dag_id,
        description="The audience of tracks, artists or a chart's tracks and artists, on demand",
        doc_md=docs.AUDIENCE_REFRESH,
        max_active_runs=16,  # some of them may wait for a person's approval
    )
    with dag:

        @task(priority_weight=95)
        def plan_audience() -> list[dict[str, Any]]:
            context = get_current_context()
            asked = config(context)
            with runtime.opened_run(context, "", lambda conn, _: _make_ask(asked, conn)) as run:
                _approved(context)
                return handles(audience.plan_refresh(run))

        @task(trigger_rule=TriggerRule.ALL_DONE, priority_weight=100)
        def report_run() -> None:
            context = get_current_context()
            with runtime.found_run(context) as run:
                if run is None:  # skipped, it would end the Airflow run green
                    raise AirflowFailException("The first task opened no run: its log says why.")
                row = audience.report_refresh(run, failed_tasks(context))
            log.info("%s", report.summary(row))

        batches = plan_audience()
        (EstimateGate(task_id=GATE, estimate=_estimate, priority_weight=100) >> batches)
        fetch_task("fetch_audience", 85).expand(batch=batches) >> report_run()
    add_form(dag, PARAMS)
    return dag
