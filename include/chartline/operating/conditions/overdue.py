"""When a followed chart is overdue: its newest ranking should be stored by now, and no run is fetching it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from chartline.domain.due_days import Rhythm
from chartline.domain.run_ids import OF_NO_SCHEDULE
from chartline.domain.schedule import Schedule
from chartline.gaps.audit import DAY, days_of
from chartline.settings import Settings
from chartline.warehouse.reads.gaps import Ended, Unclosed
from chartline.warehouse.reads.health import Standing


@dataclass(frozen=True)
class Overdue:
    """The newest day that is missing, since when, and why."""

    day: date
    due_at: datetime
    reason: str

    @property
    def text(self) -> str:
        """For people, whoever tells it."""
        return f"The ranking of {self.day} is overdue since {self.due_at:%Y-%m-%d %H:%M} UTC: {self.reason}."


def overdue(
    schedule: Schedule, standing: Standing, running: Sequence[Unclosed], settings: Settings, now: datetime
) -> Overdue | None:
    """Whether the schedule is overdue: the run of its latest interval was due `settings.overdue_hours` ago, and the
    ranking is neither stored nor being fetched. A chart slower than its schedule is expected only in its own rhythm.

    running: the chart's open executions.
    """
    slack = timedelta(hours=settings.overdue_hours)
    grid = schedule.grid
    end = grid.next(grid.latest_complete(now - slack))
    run_after = end + grid.publication_delay
    since = max(run_after, schedule.created_at)
    asked = schedule.sync_immediately or schedule.created_at <= run_after  # else its time had passed before
    if not schedule.is_active or not asked or now - since < slack:
        return None
    newest = end.date() - DAY
    if any(run.kind not in OF_NO_SCHEDULE and _may_bring(run, newest) for run in running):
        return None
    expected = _expected(schedule, standing.here, standing.listed, newest)
    return None if expected is None else Overdue(expected, since, _why(standing.last, since, standing))


def _may_bring(run: Unclosed, day: date) -> bool:
    """Whether a run is about the newest ranking, or about that day."""
    asked = run.settings
    return bool(asked.get("current")) or not days_of(run) or day in days_of(run)


def _expected(schedule: Schedule, here: date | None, listed: Sequence[date], newest: date) -> date | None:
    """The newest day up to `newest` on which a ranking is expected, None when none is after what is stored (`here`)."""
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


def _why(last: Ended | None, since: datetime, standing: Standing) -> str:
    if last is None or last.started_at < since:
        return "no run has started since; its DAG may be paused, or Airflow's scheduler down"
    ran = f"its run of {last.started_at:%Y-%m-%d %H:%M} ended {last.status}"
    if standing.listed and standing.here and standing.listed[-1] <= standing.here:
        return f"{ran}; Soundcharts lists nothing newer than {standing.listed[-1]}"
    return f"{ran}: {' '.join(last.error.split()).rstrip('.')}" if last.error else ran
