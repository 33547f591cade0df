"""How far apart a chart's rankings lie: from its own frequency, as the API words it."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

STEPS = {"daily": 1, "weekly": 7, "monthly": 28}
"""Days between two rankings, at the least."""


def step(frequency: str) -> timedelta:
    """The shortest time between two rankings of the chart; a day where its frequency says nothing."""
    return timedelta(days=STEPS.get(frequency.strip().lower(), 1))


def expected(frequency: str, newest: date, interval: Sequence[date]) -> list[date]:
    """The days of `interval` (sorted) on which a ranking is due after that of `newest`.

    A chart of no known frequency is taken to have one ranking in each interval.
    """
    if not interval:
        return []
    after = _AFTER.get(frequency.strip().lower())
    if after is None:
        return [interval[-1]] if newest < interval[0] else []
    found, day = [], after(newest)
    while day <= interval[-1]:
        if day >= interval[0]:
            found.append(day)
        day = after(day)
    return found


def possible(frequency: str, days: Iterable[date], known: Iterable[date]) -> list[date]:
    """Those of `days` on which the chart may have a ranking: a step or more away from the others it has."""
    apart, taken = step(frequency), set(known)
    near = [timedelta(days=n) for n in range(1, apart.days)]
    return [day for day in days if not any(day - n in taken or day + n in taken for n in near)]


def _month_after(day: date) -> date:
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, monthrange(year, month)[1]))


_AFTER: dict[str, Callable[[date], date]] = {
    "daily": lambda day: day + timedelta(days=1),
    "weekly": lambda day: day + timedelta(days=7),
    "monthly": _month_after,
}
