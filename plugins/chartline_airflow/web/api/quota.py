"""The quota: what is left, what was spent for what, whether it lasts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from chartline import operating
from chartline.operating.quota import Quota
from chartline.warehouse.reads import quota
from chartline_airflow.web.access import Reader
from chartline_airflow.web.paging import Page, PageQuery
from chartline_airflow.web.warehouse import Warehouse

router = APIRouter(prefix="/quota", tags=["quota"])

MOST_DAYS = 366


class QuotaQuery(BaseModel):
    """How far back."""

    model_config = ConfigDict(extra="forbid")

    days: int = Field(31, ge=1, le=MOST_DAYS, description="days to sum up, today included")


class ChartsQuery(PageQuery):
    """Which part, and how far back."""

    days: int = Field(31, ge=1, le=MOST_DAYS, description="days to sum up, today included")


class CallsByChart(BaseModel):
    """The calls that a chart's runs made; `chart` is empty for calls that belong to no chart."""

    chart: str
    name: str | None
    calls: int
    billed: int
    failed: int
    regular: int


class SpentPage(Page[CallsByChart]):
    """A part of the charts, the most expensive first."""


@router.get("/")
def get_quota(query: Annotated[QuotaQuery, Query()], conn: Warehouse, _: Reader) -> Quota:
    """The calls left, the calls made by day, resource and chart, and the forecast to the month's end."""
    return operating.quota.overview(conn, datetime.now(UTC), query.days)


@router.get("/charts/")
def list_calls_by_chart(query: Annotated[ChartsQuery, Query()], conn: Warehouse, _: Reader) -> SpentPage:
    """How many calls the runs of each chart made."""
    today = datetime.now(UTC).date()
    charts, total = quota.by_chart(
        conn, today - timedelta(days=query.days - 1), today, limit=query.limit, offset=query.offset
    )
    return SpentPage(**dict(Page[CallsByChart].of([CallsByChart(**vars(one)) for one in charts], total, query)))
