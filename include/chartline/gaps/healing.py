"""Gaps are healed by days: the calendars first, then runs for the days, the newest first; runs that died are closed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

from chartline.cascade import calendar
from chartline.cascade.keeping import Owner
from chartline.domain.schedule import Schedule
from chartline.errors import ChartlineError, StopRun, WarehouseUnavailable
from chartline.gaps.audit import ChartGaps, wanted
from chartline.settings import Settings
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import executions
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import gaps
from chartline.warehouse.reads.gaps import Unclosed

AT_WORK = ("queued", "running")


RunState = Callable[[str, str], str | None]
"""Of a DAG id and a run id: the state of that Airflow run, None when there is no such run."""


@dataclass(frozen=True)
class Heal:
    """One run that is to be triggered: exactly these days of a chart, the most urgent first."""

    slug: str
    dag_id: str
    days: tuple[date, ...]

    @property
    def conf(self) -> dict[str, Any]:
        """The run's config."""
        return {"days": [day.isoformat() for day in sorted(self.days, reverse=True)]}


@dataclass(frozen=True)
class Refreshed:
    """What bringing calendars up to date came to: calls made, and by chart why it could not be done."""

    calls: int
    failed: dict[str, str]


def refresh_calendars(
    connect: Callable[[], AbstractContextManager[Connection]],
    client: SoundchartsClient,
    followed: Collection[Schedule],
    settings: Settings,
    owner: str,
) -> Refreshed:
    """Bring the charts' calendars up to date, `settings.connections` side by side; fresh ones cost no call.

    connect: opens a connection in autocommit. owner: whose leases they are. Raises the errors of the account (StopRun)
    and WarehouseUnavailable; one chart's other trouble does not stop the others.
    """
    began = datetime.now(UTC)

    def refresh(schedule: Schedule) -> str:
        # Each chart an owner of its own: what ends with one list must not end the lease of another.
        own = Owner(f"{owner}/{schedule.slug}", None, settings, lambda: datetime.now(UTC))
        with connect() as conn:
            try:
                calendar.bring_up_to_date(own, conn, client, schedule.slug, wanted(schedule, began))
            except (StopRun, WarehouseUnavailable):
                raise
            except ChartlineError as error:
                return f"{error.kind}: {error}"
            return ""

    with ThreadPoolExecutor(settings.connections) as pool:
        try:
            outcomes = dict(zip([s.slug for s in followed], pool.map(refresh, followed), strict=True))
        except ChartlineError:
            pool.shutdown(cancel_futures=True)
            raise
    with connect() as conn:
        calls = gaps.calendar_calls(conn, list(outcomes), began)
    return Refreshed(calls, {slug: reason for slug, reason in outcomes.items() if reason})


def plan(
    charts: Iterable[ChartGaps], at_most: int, window: int, leave: Collection[str] = ()
) -> tuple[list[Heal], dict[str, int]]:
    """The runs that heal, and how many days of each chart are left for the next audit.

    The newest days of all charts first (those that failed before last), `at_most` days over all, at most `window` of
    one chart in a run. leave: slugs of charts that are not to be touched.
    """
    gaps_found = [(day, chart) for chart in charts if chart.slug not in leave for day in chart.open]
    by_day = sorted(gaps_found, key=lambda gap: (*gap[1].rank(gap[0]), gap[1].slug), reverse=True)
    left: dict[str, int] = {}
    for _, chart in by_day[at_most:]:
        left[chart.slug] = left.get(chart.slug, 0) + 1
    heals = [
        Heal(chart.slug, chart.dag_id, days)
        for chart in {chart.slug: chart for _, chart in by_day[:at_most]}.values()
        for days in _in_runs([day for day, of in by_day[:at_most] if of is chart], window)
    ]
    heals.sort(key=lambda heal: max(heal.days), reverse=True)
    return heals, left


def _in_runs(days: Iterable[date], window: int) -> Iterable[tuple[date, ...]]:
    rest = iter(days)
    while run := tuple(islice(rest, window)):
        yield run


def find_lost(conn: Connection, state_of: RunState) -> list[tuple[Unclosed, str]]:
    """The executions whose Airflow run is no longer running, and why each counts as lost."""
    lost = []
    for execution in gaps.unclosed(conn):
        state = state_of(execution.dag_id, execution.run_id)
        if state not in AT_WORK:
            ended = f"ended as {state} without its report" if state else "no longer exists"
            reason = f"Its Airflow run {ended}: a scheduler or worker died, or somebody stopped it."
            lost.append((execution, reason))
    return lost


def close_lost(conn: Connection, lost: Iterable[tuple[Unclosed, str]]) -> dict[str, str]:
    """Close them and free what they had leased; by `dag_id/run_id`, why. One that has meanwhile closed by itself
    keeps its status and is left out: a run's report is written before the run ends."""
    return {
        execution.owner: reason
        for execution, reason in lost
        if executions.close_lost(conn, execution.id, execution.owner, reason)
    }


def end(conn: Connection, dag_id: str, run_id: str, reason: str) -> None:
    """Close the execution of a run that does not go on, and free what it had leased; nothing where it opened none."""
    for execution in gaps.unclosed(conn):
        if (execution.dag_id, execution.run_id) == (dag_id, run_id):
            executions.close_lost(conn, execution.id, execution.owner, reason)


def at_work(conn: Connection, dag_id: str) -> int:
    """How many runs of a DAG have opened their execution and not closed it."""
    return sum(run.dag_id == dag_id for run in gaps.unclosed(conn))
