"""The cascade's DAG with nothing in its tasks: what Airflow itself costs for the same chain.

Made by the product's own builder, so its shape, pools, priorities, mapping and XComs cannot drift from the real one;
then each task's function is exchanged for one that only hands on what the next task is mapped over.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, cast

from airflow.sdk import DAG, Asset, BaseSensorOperator, BaseXCom, Context, Param, PokeReturnValue, get_current_context
from airflow.sdk.exceptions import DownstreamTasksSkipped

from chartline.cascade.run import Run
from chartline_airflow.dagbuild.cascade import DEFAULT_ARGS, add_cascade

PLANNERS = {  # task: the mapped task whose batches it plans
    "upsert_tracks": "track_metadata",
    "dedupe_artists": "artist_metadata",
    "plan_track_audience": "track_audience",
    "plan_artist_audience": "artist_audience",
}


def idle(*_: Any, **__: Any) -> list[str]:
    """The other tasks."""
    cast("dict[str, Any]", get_current_context())["batch_label"] = "nothing"
    return []


def planner(mapped: str) -> Callable[..., list[dict[str, Any]]]:
    """Handles for as many instances as the run's config asks for, as large as real ones."""

    def plan(*_: Any, **__: Any) -> list[dict[str, Any]]:
        count = get_current_context()["params"][mapped]
        return [{"token": "0" * 36, "resource": mapped, "count": 1, "label": "nothing"}] * count

    return plan


def first() -> list[str]:
    """The first task: a run whose config asks for no audience has no task for it, as the runs of the past have."""
    context = get_current_context()
    unwanted = [
        plan for plan, mapped in PLANNERS.items() if mapped.endswith("_audience") and not context["params"][mapped]
    ]
    if unwanted:
        context["ti"].xcom_push(key=BaseXCom.XCOM_RETURN_KEY, value=[])
        raise DownstreamTasksSkipped(tasks=unwanted)
    return []


def waiting(plan: Callable[..., Any]) -> Callable[..., PokeReturnValue]:
    """The same as a sensor that is content at once."""

    def poke(*_: Any, **__: Any) -> PokeReturnValue:
        return PokeReturnValue(is_done=True, xcom_value=plan())

    return poke


def no_run(context: Context) -> AbstractContextManager[Run]:
    """What the first task would open."""
    raise NotImplementedError


dag = DAG(
    "benchmark_empty",
    schedule=None,
    default_args=DEFAULT_ARGS | {"retries": 0},
    max_active_runs=32,  # more than can work at once; with hundreds open Airflow itself becomes slower
    params={mapped: Param(1, type="integer", minimum=0) for mapped in PLANNERS.values()},
    is_paused_upon_creation=False,
)
add_cascade(dag, no_run, Asset("benchmark_empty"))
operators: dict[str, Any] = dag.task_dict  # their types do not say that mapped ones have a function too
for task_id, operator in operators.items():
    work: Callable[..., Any] = planner(PLANNERS[task_id]) if task_id in PLANNERS else idle
    if task_id == "fetch_ranking":
        work = first
    operator.python_callable = waiting(work) if isinstance(operator, BaseSensorOperator) else work
