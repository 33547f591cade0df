"""Followed charts as people look at them: lists with settings and state, one with its runs and what they came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import psycopg
from pydantic import BaseModel

from chartline.errors import BadInput
from chartline.operating import charts, executions, standing
from chartline.operating.charts import ChartLine
from chartline.operating.executions import ExecutionLine
from chartline.operating.standing import State
from chartline.schedules import service
from chartline.schedules.model import ScheduleSettings
from chartline.schedules.snapshot import SnapshotLine
from chartline.settings import Settings
from chartline.warehouse import chart_lists, execution_lists, schedule_lists, schedules
from chartline.warehouse.chart_lists import Wanted

Connection = psycopg.Connection[Any]

FollowedState = Literal["active", "overdue", "paused", "quarantined"]
RECENT = 10
MOST = 100_000
"""Followed charts that can be sorted by what only code knows."""

NEVER = datetime(1, 1, 1, tzinfo=UTC)

WORKED_OUT: dict[str, Callable[[ChartLine], Any]] = {
    "state": lambda line: line.state,
    "last_sync": lambda line: line.last_run.started_at if line.last_run else NEVER,
    "next_sync": lambda line: line.next_sync or NEVER,
    "success_rate": lambda line: -1 if line.success_rate is None else line.success_rate,
    "completeness": lambda line: -1 if line.completeness is None else line.completeness,
}
STORED = tuple(name for name in chart_lists.SORTS if name != "followed")
SORTS = (*STORED, *WORKED_OUT)


class ScheduleLine(ChartLine):
    """A followed chart. `frequency` is the chart's own, `settings` how it is kept (as they stand, also where they are
    wrong), `timing` the same in words; `history_held`: its past waits for a person's approval."""

    settings: dict[str, Any]
    timing: str
    dag_id: str
    created_by: str
    created_at: datetime
    history_held: bool


class Statistics(BaseModel):
    """What all executions of a chart came to. `success_rate`: of all that ended, 0 to 1."""

    runs: int
    good: int
    failed: int
    running: int
    success_rate: float | None
    calls: int
    median_seconds: float | None


class ScheduleDetail(ScheduleLine):
    """A followed chart with its newest executions."""

    executions: list[ExecutionLine]
    statistics: Statistics


def find(
    conn: Connection,
    wanted: Wanted,
    settings: Settings,
    now: datetime,
    *,
    state: State | None = None,
    sort: str = "name",
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[ScheduleLine], int]:
    """A page of the followed charts that are wanted, and how many there are.

    sort: one of `SORTS`, with `-` before it the other way round. Raises BadInput for `sort`. As many queries whatever
    the number of charts.
    """
    name = sort.removeprefix("-")
    if name not in SORTS:
        raise BadInput(f"sort: {name!r} is none of {', '.join(SORTS)}", field="sort")
    if name in STORED:
        found, total = charts.find(conn, wanted, settings, now, state=state, sort=sort, limit=limit, offset=offset)
    else:
        lines, total = charts.find(conn, wanted, settings, now, state=state, sort="slug", limit=MOST)
        lines.sort(key=WORKED_OUT[name], reverse=sort.startswith("-"))
        found = lines[offset : offset + limit]
    return _with_settings(conn, found), total


def totals(conn: Connection, settings: Settings, now: datetime) -> dict[str, int]:
    """How many charts are followed, by state; `all` of them together."""
    counted = Counter(one.state for one in standing.followed(conn, settings, now).values())
    return {"all": sum(counted.values()), **{state: counted[state] for state in get_args(FollowedState)}}


def slug_of(conn: Connection, key: str) -> str:
    """The slug of a chart, of its slug or its id. Raises UnknownChart."""
    found = schedule_lists.slug_of(conn, key) if "\0" not in key else None
    if found is None:
        raise service.unknown(key, "is not in the catalogue")
    return found


def line_if_followed(conn: Connection, slug: str, settings: Settings, now: datetime) -> ScheduleLine | None:
    """One chart; None where nobody follows it."""
    found, _ = find(conn, Wanted(slugs=[slug], followed=True), settings, now)
    return found[0] if found else None


def line(conn: Connection, slug: str, settings: Settings, now: datetime) -> ScheduleLine:
    """One followed chart. Raises NotFollowed."""
    found = line_if_followed(conn, slug, settings, now)
    if found is None:
        raise service.not_followed(slug)
    return found


def detail(conn: Connection, slug: str, settings: Settings, now: datetime) -> ScheduleDetail:
    """One followed chart with its runs. Raises NotFollowed."""
    one = line(conn, slug, settings, now)
    sums = schedule_lists.sums(conn, slug)
    ended = sums.good + sums.failed
    return ScheduleDetail(
        **one.model_dump(),
        executions=executions.find(conn, execution_lists.Wanted(chart=slug), now, limit=RECENT)[0],
        statistics=Statistics(**vars(sums), success_rate=round(sums.good / ended, 3) if ended else None),
    )


def _with_settings(conn: Connection, found: Sequence[ChartLine]) -> list[ScheduleLine]:
    rows = {row["slug"]: row for row in schedules.rows(conn, [one.slug for one in found])}
    return [_scheduled(one, rows[one.slug]) for one in found if one.slug in rows]


def _scheduled(one: ChartLine, row: dict[str, Any]) -> ScheduleLine:
    snapshot = SnapshotLine.of(row)
    return ScheduleLine(
        **one.model_dump(),
        settings={name: row[name] for name in ScheduleSettings.model_fields},
        timing=snapshot.schedule.grid.text() if snapshot.schedule else "",
        dag_id=snapshot.dag_id,
        created_by=row["created_by"],
        created_at=row["created_at"],
        history_held=row["history_held"],
    )
