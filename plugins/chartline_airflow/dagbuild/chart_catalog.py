"""`chartline.chart_catalog`: the API's platforms and charts into the warehouse, weekly and on demand."""

from __future__ import annotations

import logging

from airflow.sdk import DAG, Param, get_current_context, task

from chartline.cascade import catalogue
from chartline.domain import dag_ids
from chartline.errors import BadInput
from chartline.identifiers import MAX_PLATFORM, PLATFORM, in_form
from chartline.warehouse import schema
from chartline_airflow.dagbuild import docs, runtime
from chartline_airflow.dagbuild.cascade import POOL_FETCH
from chartline_airflow.dagbuild.standing import standing_dag

log = logging.getLogger(__name__)


PARAMS = {
    "platforms": Param(
        [],
        type="array",
        items={"type": "string", "pattern": in_form(PLATFORM), "maxLength": MAX_PLATFORM},
        uniqueItems=True,
        title="Platforms",
        description="Codes such as spotify or apple-music, one a line. None: every platform that has charts.",
    ),
    "force": Param(
        False,
        type="boolean",
        title="Fetch again",
        description="Ask again for what is younger than seven days. Each call is billed.",
    ),
}


def build() -> DAG:
    """The DAG. It waits for its first Monday: a full catalogue costs calls that nobody asked for yet."""
    dag = standing_dag(
        dag_ids.CHART_CATALOG,
        description="Platforms and charts that the API offers",
        doc_md=docs.CATALOGUE,
        cron="0 4 * * 1",
        max_active_runs=1,
        solves=True,
        params=PARAMS,
    )
    with dag:

        @task(pool=POOL_FETCH)
        def refresh_catalogue() -> None:
            context = get_current_context()
            config = dict(context["params"])
            unknown = sorted(set(config) - set(PARAMS))
            if unknown:
                raise BadInput(f"config: unknown key {', '.join(unknown)}.", field=unknown[0])
            with runtime.warehouse() as conn, runtime.api_client() as client:
                schema.check(conn)
                report = catalogue.refresh(
                    conn,
                    client,
                    config["platforms"] or None,
                    lambda platform, stored, total: log.info("%s: %d of %d charts", platform, stored, total),
                    force=config["force"],
                    owner=f"{context['dag_run'].dag_id}/{context['dag_run'].run_id}",
                )
            log.info("%d charts stored, %d calls, fresh: %s", report.charts, report.calls, report.skipped or "none")
            for what, reason in report.failed.items():
                log.warning("%s: %s", what, reason)

        refresh_catalogue()
    return dag
