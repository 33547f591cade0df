"""`chartline.housekeeping`: removes what is old and prepares what is coming, daily."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from airflow.sdk import DAG, task

from chartline.domain import dag_ids
from chartline.settings import settings
from chartline.warehouse import partitions, raw, schema, usage
from chartline_airflow.dagbuild import docs, runtime
from chartline_airflow.dagbuild.standing import standing_dag

log = logging.getLogger(__name__)


def build() -> DAG:
    """The DAG."""
    dag = standing_dag(
        dag_ids.HOUSEKEEPING,
        description="Removes old raw answers, makes the coming months' partitions, sums up past calls",
        doc_md=docs.HOUSEKEEPING,
        cron="30 3 * * *",
        max_active_runs=1,
        solves=True,
    )
    with dag:

        @task
        def prune_raw_answers() -> None:
            with runtime.warehouse() as conn:
                schema.check(conn)
                days = settings().raw_days
                log.info("%d raw answers older than %d days removed", raw.prune(conn, days), days)

        @task
        def make_partitions() -> None:
            with runtime.warehouse() as conn:
                schema.check(conn)
                partitions.ensure_standing(conn, datetime.now(UTC).date())

        @task
        def sum_up_calls() -> None:
            with runtime.warehouse() as conn:
                schema.check(conn)
                log.info("The calls of %d days summed up", usage.roll_up(conn, datetime.now(UTC).date()))

        prune_raw_answers()
        make_partitions()
        sum_up_calls()
    return dag
