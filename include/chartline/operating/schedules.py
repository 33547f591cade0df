"""Followed charts as people look at them: lists with settings and state, one with its runs and what they came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from pydantic import BaseModel

from chartline.domain.read_schedule import ReadSchedule
from chartline.domain.schedule import ScheduleSettings
from chartline.errors import BadInput
from chartline.operating import charts, executions
from chartline.operating.charts import ChartLine
from chartline.operating.conditions import followed
from chartline.operating.conditions.followed import Followed, State
from chartline.operating.executions import ExecutionLine
from chartline.schedules import service, version
from chartline.settings import Settings
from chartline.warehouse import reads, schedules
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads.charts import ChartFilter
from chartline.warehouse.reads.schedules import slug_by_key, sums_of_runs

FollowedState = Literal["active", "overdue", "paused", "quarantined"]
RECENT = 10
NEVER = datetime(1, 1, 1, tzinfo=UTC)

WORKED_OUT = ("state", "next_sync", "completeness")
"""What only code knows: to sort by it all followed charts are looked at, else those of the page alone."""
SORTS = (
    *(name for name in reads.charts.SORTS if name != "followed"),
    "state",
    "last_sync",
    "next_sync",
    "success_rate",
    "completeness",
)


class ScheduleLine(ChartLine):
    """A followed chart. `frequency` is the chart's own, `settings` how it is kept (as they stand, also where they are
    wrong), `timing` the same in words; `version`: of the settings, for If-Match; `history_held`: its past waits for a
    person's approval."""

    settings: dict[str, Any]
    version: str
    timing: str
    dag_id: str
    created_by: str
    created_at: datetime
    history_held: bool


class Statistics(BaseModel):
    """What all executions of a chart came to. `good`: complete or partial; `failed`: or lost; `success_rate`: the good
    ones of those that `ended`, 0 to 1."""

    runs: int
    ended: int
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
    wanted: ChartFilter,
    settings: Settings,
    now: datetime,
    *,
    state: State | None = None,
    sort: str = "name",
    limit: int = 50,
    offset: int = 0,
    follows: Mapping[str, Followed] | None = None,
) -> tuple[list[ScheduleLine], int]:
    """A page of the followed charts that are wanted, and how many there are. `follows`: all that are, where known.

    sort: one of `SORTS`, with `-` before it the other way round. Raises BadInput for `sort`. As many queries whatever
    the number of charts.
    """
    name = sort.removeprefix("-")
    if name not in SORTS:
        raise BadInput(f"sort: {name!r} is none of {', '.join(SORTS)}", field="sort")
    if follows is None and (state or name in WORKED_OUT):
        follows = followed.judge(conn, settings, now)
    narrowed = charts.narrowed(wanted, state, follows)
    if name not in WORKED_OUT:
        lines, total = charts.page(conn, narrowed, settings, now, sort, limit, offset, follows)
        return _with_settings(conn, lines), total
    assert follows is not None
    slugs = reads.charts.slugs(conn, narrowed)
    rank = _ranks(conn, name, slugs, follows, now)
    slugs.sort(key=rank.__getitem__, reverse=sort.startswith("-"))
    shown = slugs[offset : offset + limit]
    listed = {one.slug: one for one in reads.charts.lines(conn, ChartFilter(slugs=shown), limit=limit)}
    here = [listed[slug] for slug in shown if slug in listed]
    return _with_settings(conn, charts.lines(conn, here, settings, now, follows)), len(slugs)


def _ranks(
    conn: Connection, sort: str, slugs: Sequence[str], follows: Mapping[str, Followed], now: datetime
) -> dict[str, Any]:
    """What each of these charts is sorted by."""
    if sort == "completeness":
        covered = charts.coverage(conn, slugs, follows, now)
        shares = {slug: charts.share(covered.get(slug)) for slug in slugs}
        return {slug: -1 if share is None else share for slug, share in shares.items()}
    known = ((slug, follows.get(slug)) for slug in slugs)
    if sort == "state":
        return {slug: one.state if one else "not_followed" for slug, one in known}
    return {slug: (one.next_sync if one else None) or NEVER for slug, one in known}


def totals(follows: Mapping[str, Followed]) -> dict[str, int]:
    """How many charts are followed, by state; `all` of them together."""
    counted = Counter(one.state for one in follows.values())
    return {"all": sum(counted.values()), **{state: counted[state] for state in get_args(FollowedState)}}


def slug_of(conn: Connection, key: str) -> str:
    """The slug of a chart, of its slug or its id. Raises UnknownChart."""
    slug = slug_by_key(conn, key) if "\0" not in key else None
    if slug is None:
        raise service.unknown(key, "is not in the catalogue")
    return slug


def line_if_followed(conn: Connection, slug: str, settings: Settings, now: datetime) -> ScheduleLine | None:
    """One chart; None where nobody follows it."""
    lines, _ = find(conn, ChartFilter(slugs=[slug], followed=True), settings, now)
    return lines[0] if lines else None


def line(conn: Connection, slug: str, settings: Settings, now: datetime) -> ScheduleLine:
    """One followed chart. Raises NotFollowed."""
    followed = line_if_followed(conn, slug, settings, now)
    if followed is None:
        raise service.not_followed(slug)
    return followed


def detail(conn: Connection, slug: str, settings: Settings, now: datetime) -> ScheduleDetail:
    """One followed chart with its runs. Raises NotFollowed."""
    one = line(conn, slug, settings, now)
    sums = sums_of_runs(conn, slug)
    return ScheduleDetail(
        **one.model_dump(),
        executions=executions.find(conn, reads.executions.ExecutionFilter(chart=slug), now, limit=RECENT)[0],
        statistics=Statistics(**vars(sums), success_rate=round(sums.good / sums.ended, 3) if sums.ended else None),
    )


def _with_settings(conn: Connection, lines: Sequence[ChartLine]) -> list[ScheduleLine]:
    rows = {row["slug"]: row for row in schedules.rows(conn, [one.slug for one in lines])}
    return [_scheduled(one, rows[one.slug]) for one in lines if one.slug in rows]


def _scheduled(one: ChartLine, row: dict[str, Any]) -> ScheduleLine:
    snapshot = ReadSchedule.of(row)
    return ScheduleLine(
        **one.model_dump(),
        settings={name: row[name] for name in ScheduleSettings.model_fields},
        version=version.of(row),
        timing=snapshot.schedule.grid.text() if snapshot.schedule else "",
        dag_id=snapshot.dag_id,
        created_by=row["created_by"],
        created_at=row["created_at"],
        history_held=row["history_held"],
    )
