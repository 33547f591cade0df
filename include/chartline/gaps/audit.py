"""Gaps of the followed charts: found by the API's own calendar, healed by days.

A gap is a day that the calendar lists and the warehouse lacks (missing) or holds with too few rows (short). A day that
the calendar itself lacks is no gap: it is absent, named and left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from chartline.domain import due_days
from chartline.domain.read_schedule import ReadSchedule
from chartline.domain.schedule import Schedule
from chartline.schedules import service
from chartline.warehouse import charts, schedules
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import gaps
from chartline.warehouse.reads.gaps import Unclosed

DAY = timedelta(days=1)


@dataclass(frozen=True)
class GapMonth:
    """Completeness of a chart in one month (its first day), as far as it is wanted: all counts are days."""

    month: date
    listed: int
    stored: int
    missing: int
    short: int


@dataclass(frozen=True)
class ChartGaps:
    """One followed chart against its calendar, from `first` to `last`. All days are in order of time.

    `begins`: the calendar's first day, where it has less than is wanted; `busy`: gaps that are being fetched now;
    `failed`: gaps whose last try failed.
    """

    slug: str
    dag_id: str
    is_active: bool
    first: date
    last: date
    listed: int
    stored: int
    missing: tuple[date, ...]
    short: tuple[date, ...]
    absent: tuple[date, ...]
    months: tuple[GapMonth, ...] = ()
    busy: frozenset[date] = frozenset()
    failed: frozenset[date] = frozenset()
    begins: date | None = None
    history_held: bool = False

    @property
    def open(self) -> list[date]:
        """What is to be healed and nobody is fetching, newest first; what failed before comes last, so that days that
        cannot be fetched do not keep the others from being healed."""
        return sorted({*self.missing, *self.short} - self.busy, key=self.rank, reverse=True)

    def rank(self, day: date) -> tuple[bool, date]:
        """The greater, the sooner it is healed."""
        return day not in self.failed, day

    def as_dict(self) -> dict[str, Any]:
        """As JSON values, for programs."""
        return {
            "chart": self.slug,
            "dag_id": self.dag_id,
            "is_active": self.is_active,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "listed": self.listed,
            "stored": self.stored,
            **{name: [day.isoformat() for day in sorted(getattr(self, name))] for name in DAYS},
            "source_begins": self.begins.isoformat() if self.begins else None,
            "history_held": self.history_held,
            "months": [vars(month) | {"month": f"{month.month:%Y-%m}"} for month in self.months],
        }


DAYS = ("missing", "short", "absent", "busy", "failed")


def followed(conn: Connection, slug: str = "") -> tuple[list[Schedule], dict[str, str]]:
    """The schedules of all charts, or of one, and why others cannot be used (their rows are wrong).

    Raises UnknownChart and BadInput (not followed) for `slug`.
    """
    lines = [ReadSchedule.of(row) for row in schedules.rows(conn, [slug] if slug else None)]
    if slug and not lines:
        if charts.find(conn, slug) is None:
            raise service.unknown(slug, "is not in the catalogue")
        raise service.not_followed(slug)
    return (
        [line.schedule for line in lines if line.schedule],
        {line.slug: line.error for line in lines if line.schedule is None},
    )


def wanted(schedule: Schedule, now: datetime) -> tuple[date, date]:
    """First and last day that the schedule wants at `now`, to the end of its latest complete interval; a history that
    is held is not wanted yet. Without history it begins with the ranking that came first, the latest when the chart was
    followed. The first lies behind the last where nothing is wanted yet."""
    grid = schedule.grid
    last = grid.next(grid.latest_complete(now)).date() - DAY
    if schedule.sync_historical_data and not schedule.history_held:
        return schedule.start_date.date(), last
    then = schedule.model_copy(update={"sync_historical_data": False, "history_asked_at": None})
    first = then.start_date.date()
    return max(first, schedule.began_with or first), last


def audit(conn: Connection, followed: Iterable[Schedule], now: datetime) -> list[ChartGaps]:
    """What each chart lacks at `now`. Makes no call: the calendar counts as it stands."""
    at_work = gaps.unclosed(conn)
    return [
        _of_chart(conn, schedule, [run for run in at_work if run.chart_slug == schedule.slug], now)
        for schedule in followed
    ]


def _of_chart(conn: Connection, schedule: Schedule, at_work: Sequence[Unclosed], now: datetime) -> ChartGaps:
    first, last = wanted(schedule, now)
    listed = gaps.listed_days(conn, schedule.chart_id)
    own = [day for day in listed if first <= day <= last]
    stored = gaps.stored_days(conn, schedule.chart_id, first, last)
    refused, failed = gaps.refused_days(conn, schedule.slug)
    missing = tuple(day for day in own if day not in stored and day not in refused)
    short = tuple(day for day, whole in stored.items() if not whole)
    fetching = gaps.leased_days(conn, schedule.slug).union(*map(days_of, at_work))
    return ChartGaps(
        slug=schedule.slug,
        dag_id=schedule.dag_id,
        is_active=schedule.is_active,
        first=first,
        last=last,
        listed=len(own),
        stored=len(stored),
        missing=missing,
        short=short,
        absent=_absent(schedule, [day for day in listed if day not in refused or day in stored], first, last),
        months=_by_month(own, stored, missing, short),
        busy=frozenset(fetching & {*missing, *short}),
        failed=frozenset(failed & {*missing, *short}),
        begins=_begins(schedule, listed, first),
        history_held=schedule.history_held,
    )


def _absent(schedule: Schedule, listed: Sequence[date], first: date, last: date) -> tuple[date, ...]:
    return tuple(day for day in due_days.absent(schedule.frequency, listed) if first <= day <= last)


def _by_month(*days: Iterable[date]) -> tuple[GapMonth, ...]:
    """Listed, stored, missing and short days as counts by month."""
    counts = [Counter(day.replace(day=1) for day in of) for of in days]
    return tuple(GapMonth(month, *(of[month] for of in counts)) for month in sorted(set().union(*counts)))


def days_of(run: Unclosed) -> set[date]:
    """The days that a run was asked for, as far as it knew them beforehand."""
    asked = run.settings
    named = [asked["day"]] if asked.get("day") else asked.get("days") or asked.get("interval") or []
    return set(map(date.fromisoformat, named))


def _begins(schedule: Schedule, listed: Sequence[date], first: date) -> date | None:
    return listed[0] if listed and listed[0] - first >= due_days.step(schedule.frequency) else None
