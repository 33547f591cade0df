"""Starting a chart's run, and how far it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from chartline.domain.asks import MAX_DAYS
from chartline.operating import executions, progress, schedules
from chartline.operating.executions import ExecutionLine
from chartline.operating.progress import Progress
from chartline.operating.schedules import ScheduleLine
from chartline.settings import settings
from chartline.warehouse.reads.executions import newest
from chartline_airflow.web import starting
from chartline_airflow.web.access import Editor, Reader
from chartline_airflow.web.airflow_api import AirflowApi
from chartline_airflow.web.paging import Day
from chartline_airflow.web.starting import StartedRun
from chartline_airflow.web.warehouse import Warehouse

router = APIRouter(prefix="/sync", tags=["sync"])


class TriggerBody(BaseModel):
    """The followed chart, by slug or id; one day or several, else the latest ranking. `force`: fetch again what is
    still fresh."""

    model_config = ConfigDict(extra="forbid")

    chart: str = Field(min_length=1, max_length=250)
    day: Day | None = None
    days: list[Day] | None = Field(None, min_length=1, max_length=MAX_DAYS)
    force: StrictBool = False

    @property
    def config(self) -> dict[str, Any]:
        """The config of the Airflow run: only what was given."""
        asked = self.model_dump(mode="json", exclude={"chart"}, exclude_none=True)
        return asked if self.force else {name: value for name, value in asked.items() if name != "force"}


class Status(BaseModel):
    """The state of a chart. `schedule` is None when it is not followed; `progress`: of its newest execution."""

    chart: str
    followed: bool
    schedule: ScheduleLine | None
    last_execution: ExecutionLine | None
    next_sync: datetime | None
    progress: Progress | None


@router.post("/trigger/", status_code=202)
def trigger_run(body: TriggerBody, conn: Warehouse, airflow: AirflowApi, person: Editor) -> StartedRun:
    """Starts a run of a followed chart. 409, naming the run, while one is running. For a chart that is not followed,
    use POST /charts/{chart}/trigger-cascade/."""
    return starting.start(conn, airflow, schedules.slug_of(conn, body.chart), body.config, person)


@router.get("/status/{chart}/")
def get_sync_status(
    chart: Annotated[str, Path(description="the chart's slug or id", max_length=250)], conn: Warehouse, _: Reader
) -> Status:
    """A chart's schedule, its newest execution with its progress, and when it runs next."""
    slug, now = schedules.slug_of(conn, chart), datetime.now(UTC)
    schedule = schedules.line_if_followed(conn, slug, settings(), now)
    last = newest(conn, slug)
    return Status(
        chart=slug,
        followed=schedule is not None,
        schedule=schedule,
        last_execution=executions.line(last, now) if last else None,
        next_sync=schedule.next_sync if schedule else None,
        progress=progress.of(conn, last, settings()) if last else None,
    )
