"""Whether what is left of the quota lasts to the month's end."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import TypeVar

from pydantic import BaseModel

from chartline.operating.conditions.verdict import Verdict
from chartline.warehouse import usage
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import quota
from chartline.warehouse.reads.account import AccountStanding
from chartline.warehouse.reads.quota import Spent

Key = TypeVar("Key", bound=Hashable)

RATE_DAYS = 7
"""Complete days that the forecast is made from: audience comes in waves of a week."""
ENOUGH_DAYS = 3
"""Complete days, below which nothing is said of the need: the first ones fetch what others will not."""
SPARE = 1.1
"""Once there is an alert, the quota is enough again only with a tenth to spare."""

ADVICE = (
    "Follow fewer charts, sync them less often, or switch off parts of what is fetched (audience costs most; chartline "
    "estimate tells; docs/howto/cost.md). Or have the quota raised by Soundcharts. Rankings come before all "
    "else."
)
SPENT_ADVICE = f"Nothing is fetched until the billing cycle ends or the quota is raised. {ADVICE}"


class Sum(BaseModel):
    """Calls that have one thing in common. `billed` is estimated from above: refused requests are counted. `regular`:
    those billed that come again with each new day; the rest is history and what people asked for."""

    calls: int
    billed: int
    failed: int
    regular: int


class Forecast(BaseModel):
    """Until the month's end, from `days` days. `need_regular`: calls that the followed charts take if they go on as
    they do; `need_all`: if history and what is asked for by hand go on as well. `enough`: whether what is left covers
    the regular need; None where it is not known, as nothing is left to compare or the days are too few. `runs_out`: the
    day on which it is spent, at the pace of all calls, None where that lies beyond the month."""

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


def sums(spent: Iterable[Spent], key: Callable[[Spent], Key]) -> dict[Key, Sum]:
    """What was spent, by something that the calls have in common."""
    by_key: dict[Key, Sum] = {}
    for one in spent:
        own = by_key.setdefault(key(one), Sum(calls=0, billed=0, failed=0, regular=0))
        for name in Sum.model_fields:
            setattr(own, name, getattr(own, name) + getattr(one, name))
    return by_key


def lately(conn: Connection, now: datetime) -> list[Spent]:
    """What a forecast is made from, and what was spent today. Two queries."""
    today = now.astimezone(UTC).date()
    return quota.spent(conn, today - timedelta(days=RATE_DAYS), today)


def forecast(conn: Connection, account: AccountStanding, now: datetime) -> Forecast:
    """Whether what is left of the account's quota lasts to the month's end. Three queries."""
    return forecast_of(lately(conn, now), usage.first_day(conn), account, now)


def forecast_of(spent: Iterable[Spent], first: date | None, account: AccountStanding, now: datetime) -> Forecast:
    """The forecast. spent: by day, of `RATE_DAYS` days at least; first: day of the first call that is known."""
    by_day = sums(spent, lambda one: one.day)
    left = account.left
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
        enough=_enough(left, need_regular * (SPARE if account.is_warned else 1), days),
        runs_out=(now + timedelta(days=lasts)).date() if lasts is not None and lasts < rest else None,
    )


def _enough(left: int | None, need: float, days: int) -> bool | None:
    if left is None or (left and days < ENOUGH_DAYS):
        return None
    return left > 0 and left >= need


def verdict(left: int | None, forecast: Forecast | None) -> Verdict:
    """The quota. left: calls, None where not known; forecast: None where the warehouse cannot be read."""
    if left is None:
        return Verdict("quota", "unknown", "No answer of the API has said yet how many calls are left.")
    if left <= 0:
        return Verdict("quota", "error", "The quota is spent.", SPENT_ADVICE)
    if forecast is None or forecast.enough is None:
        return Verdict("quota", "ok", f"{left:,} calls are left.")
    what = f"{left:,} calls are left; until {forecast.until} about {forecast.need_regular:,} are needed."
    if forecast.enough:
        return Verdict("quota", "ok", what)
    return Verdict("quota", "warning", f"The quota will not last to the month's end: {what}", ADVICE)
