"""The quota: what is left, what was spent for what, and whether it lasts to the month's end."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import TypeVar

from pydantic import BaseModel

from chartline.cascade import resources
from chartline.warehouse import usage
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import quota
from chartline.warehouse.reads.quota import Left, Spent

Key = TypeVar("Key", bound=Hashable)

RATE_DAYS = 7
"""Complete days that the forecast is made from: audience comes in waves of a week."""
CHARTS = 20


class Sum(BaseModel):
    """Calls that have one thing in common. `billed` is estimated from above: refused requests are counted. `regular`:
    those billed that come again with each new day; the rest is the history and what people asked for."""

    calls: int
    billed: int
    failed: int
    regular: int


class OfDay(Sum):
    """The calls of a UTC day."""

    day: date


class OfChart(Sum):
    """The calls of a chart's runs; `chart` is empty for what belongs to none (catalogue, calendars, estimates)."""

    chart: str


class OfResource(Sum):
    """The calls for one kind of thing."""

    resource: str


class Forecast(BaseModel):
    """Until the month's end, from `days` days. `need_regular`: calls that the followed charts take if they go on as
    they do; `need_all`: if the history and what is asked for by hand go on as well. `enough`: whether what is left
    covers the regular need; None where it is not known. `runs_out`: the day on which it is spent, at the pace of all
    calls, None where that lies beyond the month."""

    until: date
    days: int
    regular_a_day: float
    all_a_day: float
    need_regular: int
    need_all: int
    left_regular: int | None
    left_all: int | None
    enough: bool | None
    runs_out: date | None


class Quota(BaseModel):
    """The account's quota. `left` as the API last told it, at `left_at`; the sums are of `first` to `last`."""

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


def look(conn: Connection, now: datetime, days: int = 31) -> Quota:
    """The quota as it is, with what the last `days` days spent (all of them by day, the `CHARTS` most expensive
    charts).

    Six queries; past days are read from their sums.
    """
    today = now.astimezone(UTC).date()
    shown = today - timedelta(days=days - 1)
    first = min(shown, today.replace(day=1), today - timedelta(days=RATE_DAYS))
    left = quota.left(conn)
    spent = quota.spent(conn, first, today)
    dearest, _ = quota.by_chart(conn, shown, today, limit=CHARTS)
    by_day = sums(spent, lambda one: one.day)
    return Quota(
        left=left.calls if left else None,
        left_at=left.at if left else None,
        today=by_day[today].billed if today in by_day else 0,
        this_month=sum(one.billed for day, one in by_day.items() if day >= today.replace(day=1)),
        forecast=forecast_of(spent, usage.first_day(conn), left, now),
        first=shown,
        last=today,
        by_day=[OfDay(day=day, **dict(one)) for day, one in sorted(by_day.items()) if day >= shown],
        by_chart=[
            OfChart(chart=one.chart, **{name: getattr(one, name) for name in Sum.model_fields}) for one in dearest
        ],
        by_resource=_by_resource([one for one in spent if one.day >= shown]),
    )


def sums(spent: Iterable[Spent], key: Callable[[Spent], Key]) -> dict[Key, Sum]:
    """What was spent, by something that the calls have in common."""
    found: dict[Key, Sum] = {}
    for one in spent:
        own = found.setdefault(key(one), Sum(calls=0, billed=0, failed=0, regular=0))
        for name in Sum.model_fields:
            setattr(own, name, getattr(own, name) + getattr(one, name))
    return found


def resource(one: Spent) -> str:
    """What the calls were for."""
    return resources.kind_of(one.endpoint)


def forecast(conn: Connection, now: datetime) -> Forecast:
    """Whether what is left lasts to the month's end. Four queries."""
    return forecast_of(lately(conn, now), usage.first_day(conn), quota.left(conn), now)


def lately(conn: Connection, now: datetime) -> list[Spent]:
    """What a forecast is made from, and what was spent today. Two queries."""
    today = now.astimezone(UTC).date()
    return quota.spent(conn, today - timedelta(days=RATE_DAYS), today)


def forecast_of(spent: Iterable[Spent], first: date | None, told: Left | None, now: datetime) -> Forecast:
    """The forecast. spent: by day, of `RATE_DAYS` days at least; first: day of the first call that is known; told: what
    is left, None when it is not known."""
    by_day = sums(spent, lambda one: one.day)
    left = told.calls if told else None
    today = now.astimezone(UTC).date()
    until = today.replace(day=monthrange(today.year, today.month)[1])
    known = (today - first).days if first else 0
    days = min(max(known, 0), RATE_DAYS)
    if days:
        seen = [today - timedelta(days=back) for back in range(1, days + 1)]
    else:  # the first day says something already
        days, seen = 1, [today]
    found = [one for day in seen if (one := by_day.get(day))]
    regular, every = (sum(getattr(one, name) for one in found) / days for name in ("regular", "billed"))
    ends = datetime(until.year, until.month, until.day, tzinfo=UTC) + timedelta(days=1)
    rest = (ends - now) / timedelta(days=1)
    need_regular, need_all = ceil(regular * rest), ceil(every * rest)
    lasts = left / every if left is not None and every else None
    return Forecast(
        until=until,
        days=days,
        regular_a_day=round(regular, 1),
        all_a_day=round(every, 1),
        need_regular=need_regular,
        need_all=need_all,
        left_regular=None if left is None else left - need_regular,
        left_all=None if left is None else left - need_all,
        enough=None if left is None else left >= need_regular,
        runs_out=(now + timedelta(days=lasts)).date() if lasts is not None and lasts < rest else None,
    )


def _by_resource(spent: Iterable[Spent]) -> list[OfResource]:
    found = [OfResource(resource=name, **dict(one)) for name, one in sums(spent, resource).items()]
    return sorted(found, key=lambda one: (-one.billed, one.resource))
