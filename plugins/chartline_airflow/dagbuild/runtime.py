"""From a task's Airflow context to the run that a step works on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import BaseHook, Context
from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import GetPreviousDagRun
from psycopg.conninfo import make_conninfo
from pydantic import BaseModel

from chartline.cascade.report import RunFailed
from chartline.cascade.run import Run
from chartline.errors import ChartlineError, NotConfigured
from chartline.settings import settings
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import executions, schema
from chartline.warehouse.alerts import Alert
from chartline.warehouse.budget import PostgresLimiter
from chartline.warehouse.connect import Connection, connect
from chartline.warehouse.executions import Execution
from chartline_airflow.hook import SoundchartsHook

log = logging.getLogger(__name__)

Value = TypeVar("Value")

WAREHOUSE = "chartline_warehouse"

MakeAsk = Callable[[Connection, Execution], BaseModel]
"""Makes what the run is asked for, a CascadeAsk or a RefreshAsk, as its execution is opened."""


def known(ask: Callable[[], Value]) -> Value | None:
    """What Airflow answers; None when it knows no such thing."""
    try:
        return ask()
    except AirflowRuntimeError as error:
        if (error.error.detail or {}).get("status_code") == 404:
            return None
        raise


def run_state(context: Context) -> Callable[[str, str], str | None]:
    """Asks Airflow for the state of a run, by DAG and run; None where it has no such run."""
    ti: Any = context["ti"]
    return lambda dag_id, run_id: known(lambda: ti.get_dagrun_state(dag_id, run_id))


def awaited(context: Context) -> Callable[[Alert], bool]:
    """Asks Airflow whether the task of an alert of the kind `approval` still waits for its answer."""
    ti: Any = context["ti"]

    def ask(alert: Alert) -> bool:
        of = alert.details
        where = {"dag_id": of["dag_id"], "run_ids": [of["run_id"]], "task_ids": [of["task_id"]]}
        return bool(known(lambda: ti.get_ti_count(**where, states=["awaiting_input"])))

    return ask


def runs_held(dag_id: str, now: datetime) -> int:
    """How many runs of a DAG Airflow calls running and holds, as their logical date has yet to come."""
    held, before = 0, datetime.max.replace(tzinfo=UTC)
    while True:
        asked = GetPreviousDagRun(dag_id=dag_id, logical_date=before, state="running")
        reply: Any = task_runner.SUPERVISOR_COMMS.send(asked)
        run = reply.dag_run
        if run is None or run.logical_date is None or run.logical_date <= now:
            return held
        held, before = held + 1, run.logical_date


def warehouse_dsn(name: str = WAREHOUSE) -> str:
    """The connection string of the warehouse. Raises NotConfigured when the Airflow connection is missing."""
    try:
        conn = BaseHook.get_connection(name)
    except AirflowNotFoundException as error:
        raise NotConfigured(
            f"The Airflow connection {name} is missing.",
            advice="Add it under Admin > Connections (type postgres), or set AIRFLOW_CONN_CHARTLINE_WAREHOUSE.",
        ) from error
    return make_conninfo(
        host=conn.host, port=conn.port, user=conn.login, password=conn.password, dbname=conn.schema or "chartline"
    )


def _connect(dsn: str) -> Connection:
    """In autocommit: a step says itself where a transaction begins and ends, so no lease waits unseen for a commit."""
    conn = connect(dsn)
    conn.autocommit = True
    return conn


@contextmanager
def warehouse() -> Iterator[Connection]:
    """A connection to the warehouse, in autocommit."""
    with _connect(warehouse_dsn()) as conn:
        yield conn


def connector() -> Callable[[], Connection]:
    """Opens connections to the warehouse, in autocommit, from any thread."""
    dsn = warehouse_dsn()
    return lambda: _connect(dsn)


def api_client() -> SoundchartsClient:
    """The API by the Airflow connection `soundcharts`, under the account's minute limit."""
    return _client(SoundchartsHook(), warehouse_dsn())


def per_minute() -> int:
    """The account's limit, in calls a minute."""
    return SoundchartsHook().account.calls_per_minute


def _client(hook: SoundchartsHook, dsn: str) -> SoundchartsClient:
    account = hook.account
    return hook.client(PostgresLimiter(dsn, account.name, account.calls_per_minute))


def _run(execution: Execution, dsn: str) -> Run:
    hook = SoundchartsHook()
    return Run(execution, lambda: _connect(dsn), lambda: _client(hook, dsn), settings())


def open_run(context: Context, chart: str, make_ask: MakeAsk) -> tuple[Run, str]:
    """Open the execution of this Airflow run and fix what it is asked for.

    Raises WarehouseUnavailable, SchemaMismatch, and what `make_ask` raises; the row then holds the reason.
    """
    dsn = warehouse_dsn()
    dag_run = context["dag_run"]
    start, end = dag_run.data_interval_start, dag_run.data_interval_end
    with _connect(dsn) as conn:
        schema.check(conn)
        execution = executions.open_execution(
            conn,
            dag_id=dag_run.dag_id,
            run_id=dag_run.run_id,
            chart_slug=chart,
            trigger=str(getattr(dag_run.run_type, "value", dag_run.run_type)),
            interval=(start, end) if start and end else None,
        )
        with noting(execution, dsn):
            ask = make_ask(conn, execution)
        execution = executions.fix_settings(conn, execution, ask.model_dump(mode="json"))
    return _run(execution, dsn), dsn


@contextmanager
def found_run(context: Context) -> Iterator[Run | None]:
    """The run that the first task opened, to work on; None when none was opened or its ask was refused."""
    dsn = warehouse_dsn()
    dag_run = context["dag_run"]
    with _connect(dsn) as conn:
        execution = executions.find(conn, dag_run.dag_id, dag_run.run_id)
    if execution is None:
        yield None
        return
    with noting(execution, dsn):
        yield _run(execution, dsn)


@contextmanager
def opened_run(context: Context, chart: str, make_ask: MakeAsk) -> Iterator[Run]:
    """The first task's run, opened and to work on. Raises as `open_run`."""
    run, dsn = open_run(context, chart, make_ask)
    with noting(run.execution, dsn):
        yield run


@contextmanager
def noting(execution: Execution, dsn: str) -> Iterator[None]:
    """A named failure is written on the execution's row before Airflow gets it."""
    try:
        yield
    except RunFailed:
        raise  # its text is the row's own
    except ChartlineError as error:
        try:
            with _connect(dsn) as conn:
                executions.note_error(conn, execution.id, f"{error.kind}: {error}")
        except ChartlineError as unreachable:
            log.warning("The reason could not be noted in the warehouse: %s", unreachable)
        raise
