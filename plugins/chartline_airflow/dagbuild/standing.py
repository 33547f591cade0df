"""What the DAGs that are of no schedule have in common: who owns them, what they are tagged with, whom they tell."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable

from chartline.domain import dag_ids
from chartline_airflow.dagbuild import former
from chartline_airflow.dagbuild.cascade import DEFAULT_ARGS
from chartline_airflow.notifier import ChartlineNotifier


def standing_dag(
    dag_id: str,
    *,
    description: str,
    doc_md: str,
    max_active_runs: int,
    cron: str | None = None,
    solves: bool = False,
    default_args: dict[str, Any] = DEFAULT_ARGS,
    **more: Any,
) -> DAG:
    """One of `dag_ids.STANDING`, without its tasks.

    cron: when it runs, in UTC, from its first such time on; None: on demand. A former id has no schedule. solves: a run
    that went well solves the alerts of earlier ones, as it leaves no execution that would. more: as `DAG` has it.
    """
    # Not False, which in Airflow 3.3 means "if the last such time is less than a tenth of the period ago".
    timetable = CronTriggerTimetable(cron, timezone="UTC", run_immediately=timedelta()) if cron else None
    return DAG(
        dag_id,
        schedule=None if dag_ids.is_former(dag_id) else timetable,
        description=description,
        doc_md=doc_md,
        tags={"chartline", dag_ids.former(dag_id)},
        default_args=default_args,
        catchup=False,
        max_active_runs=max_active_runs,
        is_paused_upon_creation=former.comes_paused(dag_id),
        on_failure_callback=ChartlineNotifier(),
        on_success_callback=ChartlineNotifier(well=True) if solves else None,
        **more,
    )
