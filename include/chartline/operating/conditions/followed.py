"""How followed charts are: active, overdue, paused or quarantined, failing, with a held history. All at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Literal

from chartline.domain.read_schedule import ReadSchedule
from chartline.domain.schedule import Schedule
from chartline.operating.conditions.overdue import Overdue, overdue
from chartline.operating.conditions.verdict import OfCharts, Subject, Verdict
from chartline.settings import Settings
from chartline.warehouse import schedules
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import gaps, health
from chartline.warehouse.reads.health import Standing

State = Literal["active", "overdue", "paused", "quarantined", "not_followed"]

FAILING_RUNS = 2
"""Runs of a chart's own DAG that broke down in a row, from which on it counts as failing. One may be bad luck, and has
its alert."""

QUARANTINED = OfCharts(
    "quarantined",
    "error",
    "schedules cannot be used.",
    "Every schedule can be used.",
    "Correct the settings on the chart's page, or with: chartline schedules change SLUG ... The chart is synced again "
    "within minutes. Until then it is not; no other chart is concerned.",
)
OVERDUE = OfCharts(
    "overdue",
    "warning",
    "charts are overdue.",
    "No chart is overdue.",
    "Look at the chart's DAG and its last run: if the DAG is paused, unpause it; if the run waits or failed, its log "
    "says for what; if none starts, see whether Airflow's scheduler is up. Sync now on the chart's page tries at once.",
)
FAILING = OfCharts(
    "failing",
    "error",
    "charts fail again and again.",
    "No chart fails again and again.",
    "Open the newest failed run and read the log of the task that failed first: its last line says what to correct. "
    "Then clear that task; what is stored is not fetched again. Days that stay missing are healed by "
    "chartline.gap_audit.",
)


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

    @property
    def is_failing(self) -> bool:
        """Whether its own runs break down again and again. One that is paused has none."""
        return self.standing.failures >= FAILING_RUNS and self.state != "paused"

    @property
    def reason(self) -> str:
        """Why it is overdue or quarantined; empty where it is neither."""
        return self.overdue.text if self.overdue else self.error


def judge(
    conn: Connection, settings: Settings, now: datetime, slugs: Sequence[str] | None = None
) -> dict[str, Followed]:
    """The followed charts, or those of `slugs`, by slug. Three queries, however many there are."""
    if slugs is not None and not slugs:
        return {}
    standings = {one.slug: one for one in health.standings(conn, slugs)}
    running: dict[str, list[gaps.Unclosed]] = {}
    for run in gaps.unclosed(conn):
        running.setdefault(run.chart_slug, []).append(run)
    by_slug = {}
    for row in schedules.rows(conn, slugs):
        line, standing = ReadSchedule.of(row), standings.get(row["slug"])
        if standing is not None:  # else it was followed a moment ago
            by_slug[line.slug] = _of(line, standing, running.get(line.slug, []), settings, now)
    return by_slug


def _of(
    line: ReadSchedule, standing: Standing, running: Sequence[gaps.Unclosed], settings: Settings, now: datetime
) -> Followed:
    known_as = partial(Followed, line.slug, schedule=line.schedule, error=line.error, standing=standing, at=now)
    schedule = line.schedule
    if schedule is None:
        return known_as(state="quarantined", overdue=None)
    if not schedule.is_active:
        return known_as(state="paused", overdue=None)
    owed = overdue(schedule, standing, running, settings, now)
    return known_as(state="overdue" if owed else "active", overdue=owed)


def overdue_of(conn: Connection, settings: Settings, now: datetime, slugs: Sequence[str]) -> dict[str, str]:
    """Those of these charts that are overdue, and why."""
    return {slug: one.reason for slug, one in judge(conn, settings, now, slugs).items() if one.overdue}


def next_sync(schedule: Schedule, now: datetime) -> datetime | None:
    """When the schedule's next regular run is due; None where it is not active."""
    if not schedule.is_active:
        return None
    grid = schedule.grid
    end = grid.next(grid.latest_complete(now))
    due = end + grid.publication_delay
    return due if due > now else grid.next(end) + grid.publication_delay


def verdicts(follows: Mapping[str, Followed]) -> list[Verdict]:
    """What holds of which charts: quarantined, overdue, failing; the worst of each first."""
    charts = list(follows.values())
    late = sorted((one for one in charts if one.overdue), key=lambda one: one.overdue.due_at if one.overdue else one.at)
    failing = sorted((one for one in charts if one.is_failing), key=lambda one: -one.standing.failures)
    return [
        QUARANTINED.verdict([Subject(one.slug, one.reason) for one in charts if one.state == "quarantined"]),
        OVERDUE.verdict([Subject(one.slug, one.reason) for one in late]),
        FAILING.verdict([Subject(one.slug, _failed(one.standing)) for one in failing]),
    ]


def _failed(standing: Standing) -> str:
    reason = " ".join((standing.failed_with or "no reason").split())[:300]
    return f"{standing.failures} runs failed in a row: {reason}"


def last_success(at: datetime | None, follows: Iterable[Followed], now: datetime) -> Verdict:
    """Runs end well as often as the quickest schedule asks for them, and a day more. at: when the newest good one
    did."""
    periods = [_period(one.schedule) for one in follows if one.schedule and one.schedule.is_active]
    if at is None:
        if not periods:
            return Verdict("last_success", "ok", "No run has ended well yet.")
        return Verdict("last_success", "warning", "No run has ended well yet.", "See the newest runs for why.")
    what = f"The last run that went well ended {at:%Y-%m-%d %H:%M} UTC."
    if periods and now - at > min(periods) + timedelta(days=1):
        return Verdict(
            "last_success",
            "error",
            f"{what} That is longer ago than any schedule allows.",
            "Is Airflow's scheduler up, and are the DAGs unpaused? See the newest runs.",
        )
    return Verdict("last_success", "ok", what)


def _period(schedule: Schedule) -> timedelta:
    grid = schedule.grid
    boundary = grid.floor(schedule.created_at)
    return grid.next(boundary) - boundary + schedule.publication_delay
