"""Interval maths of a chart's frequency: a fixed grid of moments in UTC that cuts all time into intervals.

Nothing here asks what time it is. An interval is `[floor(moment), next(moment))`. It owns the days that end in it, so
that each day has exactly one owner, on grids of hours too.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import mode
from typing import Any, Literal, get_args

from croniter import CroniterError, croniter

Frequency = Literal["daily", "weekly", "monthly", "custom"]
FREQUENCIES: tuple[str, ...] = get_args(Frequency)

FRIDAY = 4
"""The day of weekly charts that are not known better: music comes out on Fridays all over the world since July 2015."""

LAST_COMMON_DAY = 28
"""Of a month. A chart of a later day is one of the month's end."""

MAX_HOURS = 8760
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
NAMED_CRONS = {"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}


def check_cron(expression: str) -> str:
    """The expression with single spaces. Raises ValueError that says what is wrong with it.

    Five fields (minute hour day month weekday) or a name such as @daily. One that never comes (31 February) is
    refused, and so is a random one: it would be another schedule at each reading.
    """
    text = " ".join(expression.split())
    if text.startswith("@"):
        if text not in NAMED_CRONS:
            raise ValueError(f"{text!r} is no name of a cron schedule; known are {', '.join(sorted(NAMED_CRONS))}")
        return text
    if len(text.split(" ")) != 5:
        raise ValueError(f"{text!r} is not a cron expression of five fields: minute hour day month weekday")
    if re.search(r"\b[rh]\b", text, re.IGNORECASE):
        raise ValueError(f"{text!r} asks for a random time; give a fixed one")
    try:
        croniter(text, EPOCH).get_next(datetime)
    except (CroniterError, ValueError, KeyError, IndexError) as wrong:
        raise ValueError(f"{text!r} is not a cron expression that ever comes: {wrong}") from None
    return text


@dataclass(frozen=True, slots=True)
class Grid:
    """When one interval ends and the next begins. All moments given and returned are aware and in UTC.

    `weekday` (0 is Monday) and `month_day` (1..31) are the chart's own day, with which an interval ends; they matter to
    weekly and to monthly only. `month_day` None, or one that not all months have: the month's end. Custom takes either
    `hours` (1..8760, counted from 1970) or `cron`. `publication_delay` is how long after an interval's end its ranking
    can be had.
    """

    frequency: Frequency
    weekday: int = FRIDAY
    month_day: int | None = None
    hours: int | None = None
    cron: str | None = None
    publication_delay: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if self.frequency not in FREQUENCIES:
            raise ValueError(f"frequency must be one of {', '.join(FREQUENCIES)}, not {self.frequency!r}")
        if not 0 <= self.weekday <= 6:
            raise ValueError(f"weekday must be 0 (Monday) to 6 (Sunday), not {self.weekday}")
        if self.month_day is not None and not 1 <= self.month_day <= 31:
            raise ValueError(f"month_day must be 1 to 31, not {self.month_day}")
        if (self.frequency == "custom") != ((self.hours is None) != (self.cron is None)):
            raise ValueError("hours or cron, one of the two, goes with custom and with nothing else")
        if self.frequency != "custom" and (self.hours is not None or self.cron is not None):
            raise ValueError("hours and cron go with custom only")
        if self.hours is not None and not 1 <= self.hours <= MAX_HOURS:
            raise ValueError(f"hours must be 1 to {MAX_HOURS}, not {self.hours}")
        if self.cron is not None:
            check_cron(self.cron)
        if self.publication_delay < timedelta(0):
            raise ValueError(f"publication_delay must not be negative, not {self.publication_delay}")

    def floor(self, moment: datetime) -> datetime:
        """The last boundary at or before `moment`."""
        moment = _utc(moment)
        if self.cron:
            return _cron_before(self.cron, _minute(moment) + MINUTE)
        if self.frequency == "monthly":
            return self._of_month(moment - self._into_month) + self._into_month
        step, anchor = self._step()
        return moment - (moment - anchor) % step

    def next(self, moment: datetime) -> datetime:
        """The first boundary after `moment`."""
        moment = _utc(moment)
        if self.cron:
            return _cron_after(self.cron, _minute(moment))
        start = self.floor(moment)
        if self.frequency == "monthly":
            return self._of_month(start - self._into_month + timedelta(days=31)) + self._into_month
        return start + self._step()[0]

    def previous(self, moment: datetime) -> datetime:
        """The last boundary before `moment`."""
        return self.floor(_utc(moment) - timedelta(microseconds=1))

    def ceil(self, moment: datetime) -> datetime:
        """The first boundary at or after `moment`."""
        return self.next(_utc(moment) - timedelta(microseconds=1))

    def advance(self, moment: datetime, periods: int) -> datetime:
        """The boundary so many (0 or more) after `moment`; `moment` itself for 0."""
        moment = _utc(moment)
        if periods > 1 and not self.cron and self.frequency != "monthly":
            return self.next(moment) + (periods - 1) * self._step()[0]
        for _ in range(periods):
            moment = self.next(moment)
        return moment

    def back(self, moment: datetime, periods: int) -> datetime:
        """The boundary so many (0 or more) before `moment`; `moment` itself for 0."""
        moment = _utc(moment)
        if periods > 1 and not self.cron and self.frequency != "monthly":
            return self.previous(moment) - (periods - 1) * self._step()[0]
        for _ in range(periods):
            moment = self.previous(moment)
        return moment

    def days(self, start: datetime, end: datetime) -> list[date]:
        """The days that `[start, end)` owns, oldest first: those that end after `start` and not after `end`."""
        first, last = _utc(start).date(), _utc(end).date()
        return [first + timedelta(days=n) for n in range((last - first).days)]

    def owner_end(self, day: date) -> datetime:
        """The end of the interval that owns `day`."""
        return self.ceil(datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY)

    def latest_complete(self, now: datetime) -> datetime:
        """Start of the last interval that has ended and whose ranking can be had at `now`."""
        return self.previous(self.floor(_utc(now) - self.publication_delay))

    def text(self) -> str:
        """For people: `weekly, Fridays`, `every 6 hours`."""
        if self.cron:
            return f"cron {self.cron}"
        if self.hours:
            return "every hour" if self.hours == 1 else f"every {self.hours} hours"
        if self.frequency == "weekly":
            return f"weekly, {(EPOCH + timedelta(days=self.weekday - EPOCH.weekday())):%A}s"
        if self.frequency == "monthly" and self._into_month:
            return f"monthly, day {self.month_day}"
        return self.frequency

    def to_json(self) -> dict[str, Any]:
        """What `from_json` makes the same grid of; only JSON values."""
        return {
            "frequency": self.frequency,
            "weekday": self.weekday,
            "month_day": self.month_day,
            "hours": self.hours,
            "cron": self.cron,
            "publication_delay": self.publication_delay.total_seconds(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Grid:
        """The grid of `to_json`. Raises KeyError, ValueError or TypeError for anything else."""
        return cls(**data | {"publication_delay": timedelta(seconds=data["publication_delay"])})

    def _step(self) -> tuple[timedelta, datetime]:
        """Length of an interval, and one boundary."""
        if self.hours:
            return timedelta(hours=self.hours), EPOCH
        if self.frequency == "weekly":
            return timedelta(weeks=1), EPOCH + timedelta(days=self.weekday - EPOCH.weekday() + 1)
        return DAY, EPOCH

    @property
    def _into_month(self) -> timedelta:
        """How far into the calendar month a monthly interval begins: all months have that moment, if need be as the
        first of the next."""
        if self.month_day is None or self.month_day > LAST_COMMON_DAY:
            return timedelta(0)
        return timedelta(days=self.month_day)

    @staticmethod
    def _of_month(moment: datetime) -> datetime:
        return _midnight(moment).replace(day=1)


def own_weekday(days: Sequence[date]) -> int:
    """The weekday (0 is Monday) of a weekly chart, of the days of its rankings, newest first, at least one: what the
    newest three are most often, so that a ranking moved by a holiday moves nothing."""
    return mode(day.weekday() for day in days[:3])


def own_month_day(days: Sequence[date]) -> int:
    """The day of month of a monthly chart, as `own_weekday`, 31 for the month's end: what explains most of the newest
    three, and of several that do the greatest, since a month's end is the 28th in February."""
    newest = days[:3]
    ends = [monthrange(day.year, day.month)[1] for day in newest]

    def explains(own: int) -> int:
        return sum(day.day == min(own, end) for day, end in zip(newest, ends, strict=True))

    return max({31, *(day.day for day in newest)}, key=lambda own: (explains(own), own))


def _utc(moment: datetime) -> datetime:
    if type(moment) is datetime and moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    utc = moment.astimezone(UTC)
    # A plain datetime, whatever came: Airflow's own kind (pendulum) reckons differently.
    return datetime.combine(utc.date(), utc.time(), UTC)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _cron_before(expression: str, moment: datetime) -> datetime:
    boundary: datetime = croniter(expression, moment).get_prev(datetime)
    return boundary


def _cron_after(expression: str, moment: datetime) -> datetime:
    boundary: datetime = croniter(expression, moment).get_next(datetime)
    return boundary
