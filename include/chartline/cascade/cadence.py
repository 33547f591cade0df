"""How far apart a chart's rankings lie: from its own frequency, as the API words it."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise

STEPS = {"daily": 1, "weekly": 7, "monthly": 28}
"""Days between two rankings, at the least."""
SHIFT = {"daily": 0, "weekly": 3, "monthly": 14}
"""How many days a ranking may stray from its chart's rhythm and still be the expected one."""


def step(frequency: str) -> timedelta:
    """The shortest time between two rankings of the chart; a day where its frequency says nothing."""
    return timedelta(days=STEPS.get(frequency.strip().lower(), 1))


def later(frequency: str, day: date, periods: int = 1) -> date | None:
    """The day of the ranking so many periods after that of `day`; None for a frequency without a rhythm in days."""
    rhythm = frequency.strip().lower()
    if rhythm == "monthly":
        years, month = divmod(day.year * 12 + day.month - 1 + periods, 12)
        return date(years, month + 1, min(day.day, monthrange(years, month + 1)[1]))
    return day + timedelta(days=periods * STEPS[rhythm]) if rhythm in STEPS else None


def expected(frequency: str, newest: date, interval: Sequence[date]) -> list[date]:
    """The days of `interval` (sorted) on which a ranking is due after that of `newest`.

    A chart of no known frequency is taken to have one ranking in each interval.
    """
    if not interval:
        return []
    periods, found = 1, []
    while (day := later(frequency, newest, periods)) and day <= interval[-1]:
        if day >= interval[0]:
            found.append(day)
        periods += 1
    if day is None and newest < interval[0]:
        return [interval[-1]]
    return found


def absent(frequency: str, listed: Sequence[date]) -> list[date]:
    """The days between those listed (sorted) on which the chart should have a ranking and has none, sorted."""
    found = []
    for before, after in pairwise(listed):
        periods = 1
        while (day := later(frequency, before, periods)) and (after - day).days > SHIFT[frequency.strip().lower()]:
            found.append(day)
            periods += 1
    return found


def possible(frequency: str, days: Iterable[date], known: Iterable[date]) -> list[date]:
    """Those of `days` on which the chart may have a ranking: a step or more away from the others it has."""
    apart, taken = step(frequency), set(known)
    near = [timedelta(days=n) for n in range(1, apart.days)]
    return [day for day in days if not any(day - n in taken or day + n in taken for n in near)]
