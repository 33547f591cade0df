"""The quota: what is left, what was spent for what, and whether it lasts to the month's end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from pydantic import BaseModel

from chartline.cascade import resources
from chartline.operating.conditions.quota import RATE_DAYS, Forecast, Sum, forecast_of, sums, verdict
from chartline.operating.conditions.verdict import Status
from chartline.warehouse import usage
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import account, quota
from chartline.warehouse.reads.quota import Spent

CHARTS = 20


class OfDay(Sum):
    """The calls of a UTC day."""

    day: date


class OfChart(Sum):
    """The calls of a chart's runs; `chart` is empty for what belongs to none (catalogue, calendars, estimates)."""

    chart: str


class OfResource(Sum):
    """The calls for one kind of thing."""

    resource: str


class Quota(BaseModel):
    """The account's quota. `left` as the API last told it, at `left_at`; `status`, `detail` and `advice`: whether it
    lasts, and what to do; the sums are of `first` to `last`."""

    status: Status
    detail: str
    advice: str
    left: int | None
    left_at: datetime | None
    today: int
    this_month: int
    forecast: Forecast
    first: date
    last: date
    by_day: list[OfDay]
    by_chart: list[OfChart]
    by_resource: list[OfResource]


def overview(conn: Connection, now: datetime, days: int = 31) -> Quota:
    """The quota as it is, with what the last `days` days spent (all of them by day, the `CHARTS` most expensive
    charts).

    Six queries; past days are read from their sums.
    """
    today = now.astimezone(UTC).date()
    shown = today - timedelta(days=days - 1)
    first = min(shown, today.replace(day=1), today - timedelta(days=RATE_DAYS))
    seen = account.see(conn)
    spent = quota.spent(conn, first, today)
    dearest, _ = quota.by_chart(conn, shown, today, limit=CHARTS)
    by_day = sums(spent, lambda one: one.day)
    forecast = forecast_of(spent, usage.first_day(conn), seen, now)
    told = verdict(seen.left, forecast)
    return Quota(
        status=told.status,
        detail=told.what,
        advice=told.advice,
        left=seen.left,
        left_at=seen.left_at,
        today=by_day[today].billed if today in by_day else 0,
        this_month=sum(one.billed for day, one in by_day.items() if day >= today.replace(day=1)),
        forecast=forecast,
        first=shown,
        last=today,
        by_day=[OfDay(day=day, **dict(one)) for day, one in sorted(by_day.items()) if day >= shown],
        by_chart=[
            OfChart(chart=one.chart, **{name: getattr(one, name) for name in Sum.model_fields}) for one in dearest
        ],
        by_resource=_by_resource([one for one in spent if one.day >= shown]),
    )


def resource(one: Spent) -> str:
    """What the calls were for."""
    return resources.kind_of(one.endpoint)


def _by_resource(spent: Iterable[Spent]) -> list[OfResource]:
    days = [OfResource(resource=name, **dict(one)) for name, one in sums(spent, resource).items()]
    return sorted(days, key=lambda one: (-one.billed, one.resource))
