"""On which days a chart's rankings are due: its frequency, as the API words it, and its own day of week or month.

A ranking may stray a little from its chart's day, over a holiday say: it stands for the due day that it is near to, so
that neither the ranking itself nor the one after it is taken for missing.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Self

from chartline.domain.grid import own_month_day, own_weekday

STEPS = {"daily": 1, "weekly": 7, "monthly": 28}
"""Days between two rankings, at the least."""
EARLY = {"daily": 0, "weekly": 2, "monthly": 7}
"""So many days before its due day a ranking may be dated; any later it stands for the due day before."""
TELLING = 3
"""So many rankings tell a chart's own day."""


def step(frequency: str) -> timedelta:
    """The shortest time between two rankings of the chart; a day where its frequency says nothing."""
    return timedelta(days=STEPS.get(frequency.strip().lower(), 1))


@dataclass(frozen=True)
class Rhythm:
    """The due days of a chart. `weekday` (0 is Monday) matters to weekly ones, `month_day` (1..31; in a shorter month
    its last day) to monthly ones. Any other frequency than daily, weekly, monthly has no due days."""

    frequency: str
    weekday: int | None = None
    month_day: int | None = None

    @classmethod
    def of(cls, frequency: str, days: Iterable[date]) -> Self:
        """The rhythm that days with a ranking tell, the newest three of them. A weekly or monthly chart without any has
        no due days."""
        name = frequency.strip().lower()
        newest = sorted(days, reverse=True)[:TELLING] if name in ("weekly", "monthly") else []
        return cls(
            name,
            own_weekday(newest) if newest and name == "weekly" else None,
            own_month_day(newest) if newest and name == "monthly" else None,
        )

    @property
    def is_known(self) -> bool:
        """Whether there are due days."""
        if self.frequency == "weekly":
            return self.weekday is not None
        if self.frequency == "monthly":
            return self.month_day is not None
        return self.frequency == "daily"

    def due(self, day: date) -> date:
        """The due day that a ranking of `day` stands for; `day` itself where there are none."""
        if not self.is_known:
            return day
        ahead = self._at_or_after(day)
        return ahead if (ahead - day).days <= EARLY[self.frequency] else self._before(ahead)

    def days(self, first: date, last: date) -> list[date]:
        """The due days from `first` to `last`, oldest first."""
        days: list[date] = []
        if self.is_known and first <= last:
            day = self._at_or_after(first)
            while day <= last:
                days.append(day)
                day = self._at_or_after(day + timedelta(days=1))
        return days

    def later(self, day: date) -> date | None:
        """The due day after the one that a ranking of `day` stands for; None where there are none."""
        return self._at_or_after(self.due(day) + timedelta(days=1)) if self.is_known else None

    def expected(self, newest: date, interval: Sequence[date]) -> list[date]:
        """The days of `interval` (sorted) on which a ranking is due after that of `newest`.

        A chart without due days is taken to have one ranking in each interval.
        """
        if not interval:
            return []
        if not self.is_known:
            return [interval[-1]] if newest < interval[0] else []
        had, wanted = self.due(newest), set(interval)
        return [day for day in self.days(interval[0], interval[-1]) if day > had and day in wanted]

    def lacking(self, days: Collection[date], there: Iterable[date]) -> list[date]:
        """Those of `days` that are due and have no ranking among those of the days `there`, sorted: one for each
        ranking that is missing. Where there are no due days nothing can be said, and nothing is."""
        if not days:
            return []
        held, wanted = {self.due(day) for day in there}, set(days)
        return [day for day in self.days(min(days), max(days)) if day in wanted and day not in held]

    def _at_or_after(self, day: date) -> date:
        if self.frequency == "weekly":
            assert self.weekday is not None
            return day + timedelta(days=(self.weekday - day.weekday()) % 7)
        if self.frequency == "monthly":
            here = self._in_month(day.year, day.month)
            return here if here >= day else self._in_month(day.year + day.month // 12, day.month % 12 + 1)
        return day

    def _before(self, due: date) -> date:
        if self.frequency == "monthly":
            return self._in_month(due.year - (due.month == 1), (due.month - 2) % 12 + 1)
        return due - timedelta(days=STEPS[self.frequency])

    def _in_month(self, year: int, month: int) -> date:
        assert self.month_day is not None
        return date(year, month, min(self.month_day, monthrange(year, month)[1]))


def absent(frequency: str, listed: Sequence[date]) -> list[date]:
    """The due days between those listed (sorted) that have no ranking, sorted: one for each that is missing.

    The chart's own day is told by the rankings beside a missing day, as it may change over the years.
    """
    days: list[date] = []
    longest = step(frequency).days
    for number, (before, after) in enumerate(pairwise(listed), 1):
        if (after - before).days > longest:
            near = listed[max(0, number - TELLING + 1) : number + 1]
            hole = [before + timedelta(days=n) for n in range(1, (after - before).days)]
            days += Rhythm.of(frequency, near).lacking(hole, (before, after))
    return days
