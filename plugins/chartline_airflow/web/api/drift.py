"""How the API's answers differ from what they were and from what was agreed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from chartline.warehouse import drift
from chartline.warehouse.drift import Kind
from chartline_airflow.web.access import Reader
from chartline_airflow.web.paging import Page, PageQuery, Text
from chartline_airflow.web.warehouse import Warehouse

router = APIRouter(prefix="/drift", tags=["drift"])


class DriftQuery(PageQuery):
    """Which differences."""

    endpoint: Text = Field("", description="such as ranking_latest, artist_audience")
    kind: list[Kind] = Field([], description="only these; may be given several times")
    since: AwareDatetime | None = Field(None, description="seen, or gone, after this moment")


class DriftLine(BaseModel):
    """One difference. `kind`: appeared (a field that is new), gone (one that always came and is missing in most
    answers), type (one of a new type), unread (optional and left out, as it cannot be read), in_part (a date of which
    only the year or month is given), refused (the item was not stored for it). `path`: such as `items[].song.name`;
    `found`: type and shape of what came, letters as a and digits as 9; `seen`: how often, null where it is gone;
    `example`: the path of the last such request."""

    endpoint: str
    path: str
    kind: Kind
    found: str
    seen: int | None
    first_seen_at: datetime
    last_seen_at: datetime
    example: str


@router.get("/")
def list_drift(query: Annotated[DriftQuery, Query()], conn: Warehouse, _: Reader) -> Page[DriftLine]:
    """How the API's answers differ from what they were or from what was agreed, the latest difference first."""
    differences, total = drift.listed(conn, **query.model_dump())
    return Page[DriftLine].of([DriftLine(**vars(one)) for one in differences], total, query)
