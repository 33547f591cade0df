"""Runs: what each did, what failed and why, and retrying only that."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from chartline import operating
from chartline.domain.run_status import Status
from chartline.operating.executions import ExecutionDetail, ExecutionLine, NothingToRetry
from chartline.settings import settings
from chartline.warehouse.reads import executions
from chartline.warehouse.reads.executions import ExecutionFilter
from chartline.wording import counted
from chartline_airflow.web import cascades, problems
from chartline_airflow.web.access import Editor, Reader
from chartline_airflow.web.airflow_api import AirflowApi
from chartline_airflow.web.paging import Page, PageQuery, Text
from chartline_airflow.web.problems import Problem
from chartline_airflow.web.warehouse import Warehouse

router = APIRouter(prefix="/executions", tags=["executions"])

Id = Annotated[int, Path(description="the execution's id", ge=1, le=2**63 - 1)]


class ExecutionQuery(PageQuery):
    """Which executions; the newest first, unless `oldest_first`."""

    chart: Text | None = Field(None, description="the chart's slug")
    status: list[Status] | None = Field(None, description="may be given several times", max_length=6)
    dag_id: Text | None = None
    trigger: Text | None = Field(None, description="scheduled, manual, backfill, asset_triggered")
    since: AwareDatetime | None = Field(None, description="started then or later")
    until: AwareDatetime | None = Field(None, description="started before")
    text: Text = Field("", description="is part of the chart's slug or the run's id")
    oldest_first: bool = False


class FailuresQuery(PageQuery):
    """Which part of what failed."""

    kind: Text | None = Field(None, description="of this reason only, such as not_found")


class ActivityQuery(BaseModel):
    """How far back."""

    model_config = ConfigDict(extra="forbid")

    days: int = Field(31, ge=1, le=366, description="days, today included")


class ActivityOfDay(BaseModel):
    """The runs that began on a UTC day, by how they ended (`other`: running, or deferred), and what they stored."""

    day: date
    good: int
    failed: int
    other: int
    rankings: int
    calls: int


class ActivityByDay(BaseModel):
    """What runs did, by day, the oldest first; days without a run are left out."""

    first: date
    last: date
    items: list[ActivityOfDay]


class ExecutionPage(Page[ExecutionLine]):
    """A part of the executions."""


class Retried(BaseModel):
    """The run that fetches again. `items`: how many failed items it is for; `config`: what it is asked to do."""

    model_config = ConfigDict(extra="forbid")

    success: bool = True
    message: str
    execution: int
    chart: str
    dag_id: str
    run_id: str
    state: str
    items: int
    config: dict[str, Any]


@router.get("/")
def list_executions(query: Annotated[ExecutionQuery, Query()], conn: Warehouse, _: Reader) -> ExecutionPage:
    """All runs of Chartline's DAGs as they were recorded, the newest first."""
    wanted = ExecutionFilter(
        chart=query.chart,
        dag_id=query.dag_id,
        statuses=query.status,
        trigger=query.trigger,
        since=query.since,
        until=query.until,
        text=query.text,
    )
    lines, total = operating.executions.find(
        conn,
        wanted,
        datetime.now(UTC),
        limit=query.limit,
        offset=query.offset,
        oldest_first=query.oldest_first,
    )
    return ExecutionPage(**dict(Page[ExecutionLine].of(lines, total, query)))


@router.get("/activity/")
def get_activity(query: Annotated[ActivityQuery, Query()], conn: Warehouse, _: Reader) -> ActivityByDay:
    """How many runs began on each day, how they ended, and what they stored."""
    last = datetime.now(UTC).date()
    first = last - timedelta(days=query.days - 1)
    items = [ActivityOfDay(**vars(one)) for one in executions.activity(conn, first, last)]
    return ActivityByDay(first=first, last=last, items=items)


@router.get("/{execution}/")
def get_execution(
    execution: Id, query: Annotated[FailuresQuery, Query()], conn: Warehouse, _: Reader
) -> ExecutionDetail:
    """One run: its progress by step, a page of its failed items with their reasons, and its calls by endpoint."""
    detail = operating.executions.detail(
        conn,
        execution,
        settings(),
        datetime.now(UTC),
        kind=query.kind,
        limit=query.limit,
        offset=query.offset,
    )
    if detail is None:
        raise problems.unknown("execution", f"There is no execution {execution}.")
    return detail


@router.post("/{execution}/retry/", status_code=202)
def retry_execution(execution: Id, conn: Warehouse, airflow: AirflowApi, person: Editor) -> Retried:
    """Starts a new run that fetches only what this one failed to fetch. 409 while the run or its retry is running, and
    when asking again could bring nothing."""
    row = executions.get(conn, execution)
    if row is None:
        raise problems.unknown("execution", f"There is no execution {execution}.")
    if row.status == "running":
        told = {"chart": row.chart_slug, "dag_id": row.dag_id, "run_id": row.run_id, "state": "running"}
        raise Problem(409, "The run is still running.", kind="runs_already", advice="Wait until it ends.", run=told)
    followed = cascades.may_use_own_dag(conn, row.chart_slug, row.kind)
    try:
        asked = operating.executions.retry(conn, row, followed=followed)
    except NothingToRetry as nothing:
        raise Problem(409, nothing.what, kind=nothing.kind, advice=nothing.advice) from None
    run = cascades.again(conn, airflow, row.chart_slug, asked.dag_id, asked.config, person)
    what = f"for {counted(asked.items, 'item')} that failed" if asked.items else "as it was asked before"
    return Retried(
        message=f"A run of {row.chart_slug or row.dag_id} has started {what}.",
        execution=row.id,
        items=asked.items,
        config=asked.config,
        **run.model_dump(),
    )
