"""Who changed what, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from chartline.warehouse import changes
from chartline_airflow.web.access import Reader
from chartline_airflow.web.paging import Page, PageQuery, Text
from chartline_airflow.web.warehouse import Warehouse

router = APIRouter(prefix="/changes", tags=["changes"])


class ChangeQuery(PageQuery):
    """Which changes."""

    who: Text = ""
    action: Text = Field("", description="such as schedule.change, or its first part: schedule")
    subject: Text = Field("", description="a chart's slug, or what else was changed")
    since: AwareDatetime | None = None
    until: AwareDatetime | None = Field(None, description="this moment itself is left out")


class ChangeLine(BaseModel):
    """One change: `before` and `after` hold what differs, null where there was or is nothing. `who` "": not said."""

    id: int
    at: datetime
    who: str
    action: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@router.get("/")
def list_changes(query: Annotated[ChangeQuery, Query()], conn: Warehouse, _: Reader) -> Page[ChangeLine]:
    """Who changed what and when, the newest first."""
    lines, total = changes.listed(conn, **query.model_dump())
    return Page[ChangeLine].of([ChangeLine(**vars(one)) for one in lines], total, query)
