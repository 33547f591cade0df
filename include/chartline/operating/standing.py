"""How followed charts stand: active, overdue, paused or quarantined, and when each runs next. All at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Literal

from chartline.domain.read_schedule import ReadSchedule
from chartline.domain.schedule import Schedule
from chartline.gaps import audit as gap
from chartline.gaps.audit import Overdue
from chartline.settings import Settings
from chartline.warehouse import schedules
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import gaps, health
from chartline.warehouse.reads.health import Standing

State = Literal["active", "overdue", "paused", "quarantined", "not_followed"]


@dataclass(frozen=True)
class Followed:
    """A followed chart. `schedule` is None and `error` says why where its row cannot be used (quarantined); `overdue`
    tells what it owes. All of it at the time `at`."""

    slug: str
    state: State
    schedule: Schedule | None
    error: str
    overdue: Overdue | None
    standing: Standing
    at: datetime

    @cached_property
    def next_sync(self) -> datetime | None:
        """When its next regular run is due; None where nothing runs by itself."""
        return next_sync(self.schedule, self.at) if self.schedule else None


def followed(
    conn: Connection, settings: Settings, now: datetime, slugs: Sequence[str] | None = None
) -> dict[str, Followed]:
    """The followed charts, or those of `slugs`, by slug. Three queries, however many there are."""
    if slugs is not None and not slugs:
        return {}
    standings = {one.slug: one for one in health.standings(conn, slugs)}
    at_work: dict[str, list[gaps.Unclosed]] = {}
    for run in gaps.unclosed(conn):
        at_work.setdefault(run.chart_slug, []).append(run)
    slack = timedelta(hours=settings.overdue_hours)
    found = {}
    for row in schedules.rows(conn, slugs):
        line, standing = ReadSchedule.of(row), standings.get(row["slug"])
        if standing is not None:  # else it was followed a moment ago
            found[line.slug] = _of(line, standing, at_work.get(line.slug, []), now, slack)
    return found


def _of(
    line: ReadSchedule, standing: Standing, at_work: Sequence[gaps.Unclosed], now: datetime, slack: timedelta
) -> Followed:
    tell = partial(Followed, line.slug, schedule=line.schedule, error=line.error, standing=standing, at=now)
    schedule = line.schedule
    if schedule is None:
        return tell(state="quarantined", overdue=None)
    if not schedule.is_active:
        return tell(state="paused", overdue=None)
    owed = gap.overdue(schedule, standing.here, standing.listed, at_work, lambda: standing.last, now=now, slack=slack)
    return tell(state="overdue" if owed else "active", overdue=owed)


def next_sync(schedule: Schedule, now: datetime) -> datetime | None:
    """When the schedule's next regular run is due; None where it is not active."""
    if not schedule.is_active:
        return None
    grid = schedule.grid
    end = grid.next(grid.latest_complete(now))
    due = end + grid.publication_delay
    return due if due > now else grid.next(end) + grid.publication_delay
