"""`chartline.housekeeping`: removes what is old and prepares what is coming, daily."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable, task

from chartline.domain import dag_ids
from chartline.settings import settings
from chartline.warehouse import partitions, raw, schema, usage
from chartline_airflow.dagbuild import docs, former, runtime
from chartline_airflow.dagbuild.cascade import DEFAULT_ARGS
from chartline_airflow.notifier import ChartlineNotifier

log = logging.getLogger(__name__)


def build() -> DAG:
    """The DAG."""
    dag = DAG(
        dag_ids.HOUSEKEEPING,
        schedule=CronTriggerTimetable("30 3 * * *", timezone="UTC", run_immediately=False),
        description="Removes old raw answers, makes the coming months' partitions, sums up past calls",
        doc_md=docs.HOUSEKEEPING,
        tags={"chartline", "housekeeping"},
        default_args=DEFAULT_ARGS,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=former.comes_paused(dag_ids.HOUSEKEEPING),
        on_failure_callback=ChartlineNotifier(),
        on_success_callback=ChartlineNotifier(well=True),
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
