"""What is wrong, who was told, and a test of the ways to tell."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from chartline.alerts import telling
from chartline.settings import settings
from chartline.warehouse import alerts
from chartline_airflow.channels import base_url, channels
from chartline_airflow.web.access import Editor, Reader
from chartline_airflow.web.paging import Page, PageQuery
from chartline_airflow.web.warehouse import Warehouse

router = APIRouter(tags=["alerts"])

Kind = Literal[
    "", "failed_run", "overdue", "quota", "quarantine", "credentials", "slow_run", "field_gone", "approval", "data"
]


class AlertLine(BaseModel):
    """What is or was wrong, and what to do. `details`: facts, by kind; `lines` in it are for people. All of it is
    text, whatever it looks like."""

    id: int
    kind: str
    subject: str
    state: Literal["open", "solved"]
    title: str
    advice: str
    details: dict[str, Any]
    opened_at: datetime
    last_seen_at: datetime
    solved_at: datetime | None


class DeliveryLine(BaseModel):
    """One attempt to tell somebody. `status`: the receiver's HTTP status; `error` is null where it went well."""

    id: int
    alert_id: int | None = Field(description="null: a test")
    channel: str
    event: str
    attempt: int
    at: datetime
    status: int | None
    ms: int | None
    error: str | None


class Tested(BaseModel):
    """How a test went on one channel."""

    channel: str
    ok: bool
    status: int | None
    ms: int
    error: str


class AlertQuery(PageQuery):
    """Which alerts."""

    state: Literal["", "open", "solved"] = Field("", description="empty: both, open ones first")
    kind: Kind = Field("", description="empty: all")


class DeliveryQuery(PageQuery):
    """Which deliveries."""

    alert: int | None = Field(None, ge=1, le=2**62, description="of this alert; default: all, tests too")


@router.get("/alerts/")
def list_alerts(query: Annotated[AlertQuery, Query()], conn: Warehouse, _: Reader) -> Page[AlertLine]:
    """All alerts: the open ones first, then the newest."""
    rows, total = alerts.page(conn, query.state, query.kind, query.limit, query.offset)
    return Page[AlertLine].of([AlertLine.model_validate(vars(one)) for one in rows], total, query)


@router.get("/alerts/deliveries/")
def list_deliveries(query: Annotated[DeliveryQuery, Query()], conn: Warehouse, _: Reader) -> Page[DeliveryLine]:
    """Every attempt to send an alert, the newest first."""
    rows, total = alerts.deliveries(conn, query.alert, query.limit, query.offset)
    return Page[DeliveryLine].of([DeliveryLine.model_validate(vars(one)) for one in rows], total, query)


@router.post("/alerts/test/")
def send_test_alert(conn: Warehouse, person: Editor) -> list[Tested]:
    """Sends a test over every channel, once, and says how each went. An empty list: no channel is set."""
    outcomes = telling.send_test(conn, channels(settings()), person.name, base_url())
    return [
        Tested(channel=name, ok=one.ok, status=one.status, ms=one.ms, error=one.error) for name, one in outcomes.items()
    ]
