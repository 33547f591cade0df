"""`chartline.alerts`: finds every five minutes what is wrong, from the warehouse alone, and sends alerts."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, PokeReturnValue, get_current_context, task
from airflow.sdk.exceptions import AirflowRescheduleException

from chartline.alerts import heartbeat, telling
from chartline.checks import looking
from chartline.domain import dag_ids
from chartline.gaps import healing
from chartline.settings import settings
from chartline.warehouse import alerts, schema
from chartline_airflow.channels import base_url, channels
from chartline_airflow.dagbuild import docs, runtime
from chartline_airflow.dagbuild.cascade import DEFAULT_ARGS
from chartline_airflow.dagbuild.standing import standing_dag

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=5)
KEPT_DAYS = 90
CHECKS_SECONDS = 30.0
"""Of each look for what checks find; what is left is checked at the next."""


def build() -> DAG:
    """The DAG."""
    dag = standing_dag(
        dag_ids.ALERTS,
        description="Finds what is wrong, also in what is stored, and sends alerts",
        doc_md=docs.ALERTS,
        cron="*/5 * * * *",
        max_active_runs=1,
        default_args=DEFAULT_ARGS | {"retries": 1, "execution_timeout": timedelta(minutes=4)},
    )
    with dag:

        @task.sensor(mode="reschedule")
        def look_and_tell() -> PokeReturnValue:
            ways = channels(settings())
            with runtime.warehouse() as conn:
                schema.check(conn)
                context = get_current_context()
                lost = healing.find_lost(conn, runtime.run_state(context))
                for run, reason in healing.close_lost(conn, lost).items():
                    log.warning("%s: %s", run, reason)
                seen = looking.look(conn, seconds=CHECKS_SECONDS)
                log.info("%d rankings, %d series checked in %.1f s", seen.rankings, seen.series, seen.seconds)
                for event in telling.update(
                    conn, settings(), channels=ways, base_url=base_url(), awaited=runtime.awaited(context)
                ):
                    log.info("%s: %s", event.event, event.alert.title)
                telling.run_succeeded(conn, dag_ids.ALERTS, channels=ways, base_url=base_url())
                done = telling.deliver(conn, ways)
                alerts.prune(conn, KEPT_DAYS)
                heartbeat.looked(conn)
                heartbeat.beat(conn, settings())
            log.info("%d sent, %d to be tried again, %d given up", done.told, done.failed, done.given_up)
            if done.next_due is not None and done.next_due < EVERY.total_seconds():
                raise AirflowRescheduleException(datetime.now(UTC) + timedelta(seconds=max(done.next_due, 1.0)))
            return PokeReturnValue(is_done=True)

        look_and_tell()
    return dag
