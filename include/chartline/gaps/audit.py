"""Gaps of the followed charts: found by the API's own calendar, healed by days.

A gap is a day that the calendar lists and the warehouse lacks (missing) or holds with too few rows (short). A day that
the calendar itself lacks is no gap: it is absent, named and left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from chartline.domain import due_days
from chartline.domain.due_days import Rhythm
from chartline.domain.read_schedule import ReadSchedule
from chartline.domain.run_ids import OF_NO_SCHEDULE
from chartline.domain.schedule import Schedule
from chartline.schedules import service
from chartline.warehouse import charts, rankings, schedules
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import gaps
from chartline.warehouse.reads.gaps import Ended, Unclosed

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Overdue:
    """A schedule whose newest ranking should be here: the newest day that is missing, since when, and why."""

    day: date
    due_at: datetime
    reason: str


@dataclass(frozen=True)
class Month:
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
    months: tuple[Month, ...] = ()
    busy: frozenset[date] = frozenset()
    failed: frozenset[date] = frozenset()
    begins: date | None = None
    overdue: Overdue | None = None
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
            "overdue": self.overdue and f"{self.overdue.day}: {self.overdue.reason}",
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


def audit(conn: Connection, followed: Iterable[Schedule], now: datetime, slack: timedelta) -> list[ChartGaps]:
    """What each chart lacks at `now`. Makes no call: the calendar counts as it stands.

    slack: how long after its run time a schedule may go without its ranking before it is overdue.
    """
    at_work = gaps.unclosed(conn)
    return [
        _of_chart(conn, schedule, [run for run in at_work if run.chart_slug == schedule.slug], now, slack)
        for schedule in followed
    ]


def _of_chart(
    conn: Connection, schedule: Schedule, at_work: Sequence[Unclosed], now: datetime, slack: timedelta
) -> ChartGaps:
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
        overdue=_overdue(conn, schedule, listed, at_work, now, slack),
        history_held=schedule.history_held,
    )


def _absent(schedule: Schedule, listed: Sequence[date], first: date, last: date) -> tuple[date, ...]:
    return tuple(day for day in due_days.absent(schedule.frequency, listed) if first <= day <= last)


def _by_month(*days: Iterable[date]) -> tuple[Month, ...]:
    """Listed, stored, missing and short days as counts by month."""
    counts = [Counter(day.replace(day=1) for day in of) for of in days]
    return tuple(Month(month, *(of[month] for of in counts)) for month in sorted(set().union(*counts)))


def days_of(run: Unclosed) -> set[date]:
    """The days that a run was asked for, as far as it knew them beforehand."""
    asked = run.settings
    named = [asked["day"]] if asked.get("day") else asked.get("days") or asked.get("interval") or []
    return set(map(date.fromisoformat, named))


def _begins(schedule: Schedule, listed: Sequence[date], first: date) -> date | None:
    return listed[0] if listed and listed[0] - first >= due_days.step(schedule.frequency) else None


def _overdue(
    conn: Connection,
    schedule: Schedule,
    listed: Sequence[date],
    at_work: Sequence[Unclosed],
    now: datetime,
    slack: timedelta,
) -> Overdue | None:
    here = rankings.newest(conn, schedule.chart_id)
    return overdue(
        schedule, here, listed, at_work, lambda: gaps.last_execution(conn, schedule.slug), now=now, slack=slack
    )


def overdue(
    schedule: Schedule,
    here: date | None,
    listed: Sequence[date],
    at_work: Sequence[Unclosed],
    last: Callable[[], Ended | None],
    *,
    now: datetime,
    slack: timedelta,
) -> Overdue | None:
    """The schedule as overdue: the run of its latest interval had its time, and the ranking is neither stored nor being
    fetched. A chart slower than its schedule is expected only in its own rhythm.

    here: its newest stored day; listed: the calendar's days from then on, in order of time; at_work: its open
    executions; last: gives how the last run of its DAG went.
    """
    grid = schedule.grid
    end = grid.next(grid.latest_complete(now - slack))
    run_after = end + grid.publication_delay
    since = max(run_after, schedule.created_at)
    asked = schedule.sync_immediately or schedule.created_at <= run_after  # else its time had passed before
    if not schedule.is_active or not asked or now - since < slack:
        return None
    newest = end.date() - DAY
    if any(run.kind not in OF_NO_SCHEDULE and _may_bring(run, newest) for run in at_work):
        return None
    expected = _expected(schedule, here, listed, newest)
    if expected is None:
        return None
    return Overdue(expected, since, _why(last(), since, listed, here))


def _may_bring(run: Unclosed, day: date) -> bool:
    """Whether a run is about the newest ranking, or about that day."""
    asked = run.settings
    return bool(asked.get("current")) or not days_of(run) or day in days_of(run)


def _expected(schedule: Schedule, here: date | None, listed: Sequence[date], newest: date) -> date | None:
    """The newest day up to `newest` on which a ranking is expected, None when none is expected after what is stored."""
    if here is None:
        return newest
    owed = [day for day in listed if here < day <= newest]
    following = _rhythm(schedule, here).later(here)
    if following and following <= newest:
        owed.append(following)
    return max(owed, default=None)


def _rhythm(schedule: Schedule, here: date) -> Rhythm:
    """The chart's own, as its calendar tells it; of one without a calendar, as its newest ranking does."""
    own = Rhythm(schedule.frequency.strip().lower(), schedule.weekday, schedule.month_day)
    return own if own.is_known else Rhythm.of(schedule.frequency, [here])


def _why(last: Ended | None, since: datetime, listed: Sequence[date], here: date | None) -> str:
    if last is None or last.started_at < since:
        return "no run has started since: is its DAG paused, or Airflow's scheduler down?"
    ran = f"its run of {last.started_at:%Y-%m-%d %H:%M} ended {last.status}"
    if listed and here and listed[-1] <= here:
        return f"{ran}; Soundcharts lists nothing newer than {listed[-1]}"
    return f"{ran}: {' '.join(last.error.split())}" if last.error else ran
