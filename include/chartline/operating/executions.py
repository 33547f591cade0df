"""Executions as people look at them: lists, one with what failed and what it spent, and what a retry would ask for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel

from chartline.cascade import resources
from chartline.cascade.report import NOT_THERE
from chartline.cascade.resources import RESOURCES
from chartline.domain import dag_ids
from chartline.domain.asks import MAX_DAYS, METADATA, STEPS
from chartline.domain.run_ids import OF_NO_SCHEDULE, PAST, Kind
from chartline.domain.run_status import GOOD, Status
from chartline.errors import ChartlineError
from chartline.operating import progress
from chartline.operating.progress import Progress
from chartline.settings import Settings
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import executions, quota
from chartline.warehouse.reads.executions import ExecutionFilter, Row


class ExecutionLine(BaseModel):
    """One run in a list. `seconds`: how long it took, or takes until now; `failed`: items that could not be fetched,
    `not_there` of them because Soundcharts has none; `is_past`: it fetches history."""

    id: int
    chart: str
    chart_name: str | None
    dag_id: str
    run_id: str
    trigger: str
    kind: Kind
    status: Status
    is_past: bool
    started_at: datetime
    finished_at: datetime | None
    seconds: float
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    rankings_created: int
    rankings_updated: int
    entries_stored: int
    tracks_created: int
    tracks_updated: int
    artists_created: int
    artists_updated: int
    audience_points: int
    calls: int
    deferred: int
    failed: int
    not_there: int
    failures: dict[str, int]
    error: str | None


class FailedItem(BaseModel):
    """An item that could not be fetched: a ranking (`entity` a chart, `facet` a day), or a track's or artist's metadata
    or series (`entity` a uuid, `facet` a platform). `open`: a retry would ask for it."""

    resource: str
    entity: str
    name: str | None
    facet: str
    kind: str
    reason: str
    at: datetime
    open: bool


class CallsOf(BaseModel):
    """The calls of a run to one endpoint."""

    endpoint: str
    resource: str
    calls: int
    failed: int
    bytes: int
    mean_ms: int


class Failed(BaseModel):
    """A page of a run's failed items."""

    items: list[FailedItem]
    total: int
    limit: int
    offset: int


class ExecutionDetail(ExecutionLine):
    """One run. `settings`: what it was asked; `retryable`: whether there is something that a retry would ask for."""

    settings: dict[str, Any]
    asked_early: int
    days_absent: list[date]
    days_left: list[date]
    progress: Progress
    failed_items: Failed
    calls_by_endpoint: list[CallsOf]
    retryable: bool


def find(
    conn: Connection,
    wanted: ExecutionFilter,
    now: datetime,
    *,
    limit: int = 50,
    offset: int = 0,
    oldest_first: bool = False,
) -> tuple[list[ExecutionLine], int]:
    """A page of the executions that are wanted, and how many there are. Two queries."""
    rows, total = executions.find(conn, wanted, limit=limit, offset=offset, oldest_first=oldest_first)
    return [line(row, now) for row in rows], total


def line(row: Row, now: datetime) -> ExecutionLine:
    """A row for people."""
    return ExecutionLine(**_line_fields(row, now))


def _line_fields(row: Row, now: datetime) -> dict[str, Any]:
    own = {name: value for name, value in vars(row).items() if name in ExecutionLine.model_fields}
    return own | {
        "chart": row.chart_slug,
        "is_past": row.kind in PAST,
        "seconds": round(max(((row.finished_at or now) - row.started_at).total_seconds(), 0), 1),
        "failed": sum(row.failures.values()),
        "not_there": sum(count for kind, count in row.failures.items() if kind in NOT_THERE),
    }


def detail(
    conn: Connection,
    execution_id: int,
    settings: Settings,
    now: datetime,
    *,
    kind: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> ExecutionDetail | None:
    """One execution with its progress and a page of what failed (of `kind` only); None for an unknown id.

    Seven queries.
    """
    row = executions.get(conn, execution_id)
    if row is None:
        return None
    failures, total = executions.failures(conn, row.id, kind=kind, limit=limit, offset=offset)
    items = [
        FailedItem(
            **{name: value for name, value in vars(one).items() if name in FailedItem.model_fields},
            open=one.is_due and one.kind not in NOT_THERE,
        )
        for one in failures
    ]
    calls = quota.by_execution(conn, row.id, row.started_at, row.finished_at or now)
    told = _line_fields(row, now)
    if row.status == "running":  # the row learns of them at the end
        told["calls"] = sum(count for _, count, *_ in calls)
    return ExecutionDetail(
        **told,
        settings=row.settings,
        asked_early=row.asked_early,
        days_absent=row.days_absent,
        days_left=row.days_left,
        progress=progress.of(conn, row, settings),
        failed_items=Failed(items=items, total=total, limit=limit, offset=offset),
        calls_by_endpoint=[
            CallsOf(
                endpoint=endpoint,
                resource=resources.kind_of(endpoint),
                calls=count,
                failed=failed,
                bytes=size,
                mean_ms=mean,
            )
            for endpoint, count, failed, size, mean in calls
        ],
        retryable=_is_retryable(conn, row),
    )


# -- retry -------------------------------------------------------------------------------------------------------


class NothingToRetry(ChartlineError):
    """All that failed was fetched since, or is not available."""

    kind = "nothing_to_retry"


@dataclass(frozen=True)
class Retry:
    """The run that asks again: its DAG and config, and how many failed items it is for."""

    dag_id: str
    config: dict[str, Any]
    items: int


def _is_retryable(conn: Connection, row: Row) -> bool:
    if row.status == "running" or (_is_refresh(row) and not row.settings):
        return False
    return (
        row.status not in GOOD
        or bool(_ranking_days(conn, row))
        or bool(executions.retryable(conn, row.id, sorted(NOT_THERE)))
    )


def retry(conn: Connection, row: Row, *, followed: bool) -> Retry:
    """The run that fetches what this one failed to get, and as little else as can be.

    What is stored costs no call, so it is narrowed only as far as things might have become due since: rankings that
    failed are asked for by their days; failed items of tracks and artists by `chart_cascade` for the run's own day,
    with only the steps and platforms that failed; those of a run of the history by the fewest days whose rankings hold
    them (such runs fetch metadata, never audience). A run that failed as a whole, or put items off, is asked for
    again as it was: the ledger leaves out what came. The refresh of an audience is asked for by its own DAG, on the
    platforms that failed. followed: whether the chart's own DAG may be used. Raises NothingToRetry.
    """
    open_items = executions.retryable(conn, row.id, sorted(NOT_THERE))
    items = sum(one.items for one in open_items)
    failed_days = _ranking_days(conn, row)
    of_things = [one for one in open_items if one.resource in RESOURCES]
    asked = row.settings
    if _is_refresh(row):
        return _refresh(row, of_things, items or row.deferred)
    if row.status not in GOOD:
        return _as_it_was(conn, row, followed, items or row.deferred)
    past = asked.get("days") is not None or (asked.get("interval") is not None and not asked.get("current"))
    if past:
        days = {*failed_days, *executions.failed_days(conn, row.id, sorted(NOT_THERE), MAX_DAYS)}
        if days:
            return _by_days(row, sorted(days)[-MAX_DAYS:], followed, max(items, 1))
    elif failed_days:
        return _as_it_was(conn, row, followed, max(items, 1))
    elif of_things:
        return _narrowed(conn, row, of_things)
    raise _nothing()


def _nothing() -> NothingToRetry:
    return NothingToRetry(
        "Retrying this run would bring nothing: what failed was fetched since, or is not in Soundcharts.",
        advice="Its failed items say which. The next regular run asks for what has become due by then.",
    )


def _is_refresh(row: Row) -> bool:
    return row.kind == "refresh"


def _refresh(row: Row, failed: list[executions.Open], items: int) -> Retry:
    """Of the same tracks, artists and charts: what was asked by force is not asked again where it came today."""
    asked, good = row.settings, row.status in GOOD
    if not asked or (good and not failed):
        raise _nothing()
    codes = sorted({one.facet for one in failed}) if good else asked.get("platforms")
    config = {name: asked[name] for name in ("tracks", "artists", "charts") if asked.get(name)}
    config |= {"platforms": codes} if codes else {}
    config |= {"audience_days": asked["audience_days"]} if asked.get("audience_days") else {}
    config |= {"stale_only": False} if asked.get("force") or not asked.get("stale_only", True) else {}
    return Retry(dag_ids.AUDIENCE_REFRESH, config, items)


def _ranking_days(conn: Connection, row: Row) -> set[date]:
    """Days whose ranking the run could not get, and that are still not here."""
    here = set(executions.rankings_done(conn, row.id))
    return {day for day in row.days_left if day not in here}


def _own_dag(row: Row, followed: bool) -> bool:
    return followed and row.kind not in OF_NO_SCHEDULE


def _as_it_was(conn: Connection, row: Row, followed: bool, items: int) -> Retry:
    """The same question again; days of an interval are named, and so is the day of the latest ranking once it is
    here."""
    asked = row.settings
    days = asked.get("days") or (None if asked.get("current") else asked.get("interval"))
    done = executions.rankings_done(conn, row.id)
    day = asked.get("day") or (done[-1].isoformat() if done else None)
    config: dict[str, Any] = {"days": days} if days else {"day": day} if day else {}
    if _own_dag(row, followed):
        return Retry(dag_ids.of_chart(row.chart_slug), config, items)
    same = {
        name: asked[name]
        for name in ("steps", "track_platforms", "artist_platforms", "audience_days")
        if asked.get(name) is not None
    }
    return Retry(dag_ids.CHART_CASCADE, {"chart": row.chart_slug} | same | config, items)


def _by_days(row: Row, days: list[date], followed: bool, items: int) -> Retry:
    config: dict[str, Any] = {"days": [day.isoformat() for day in days]}
    if _own_dag(row, followed):
        return Retry(dag_ids.of_chart(row.chart_slug), config, items)
    steps = [step for step in row.settings.get("steps") or METADATA if step in METADATA]
    return Retry(dag_ids.CHART_CASCADE, {"chart": row.chart_slug, "steps": steps} | config, items)


def _narrowed(conn: Connection, row: Row, items: list[executions.Open]) -> Retry:
    """Only the steps and platforms that failed, for the run's own ranking."""
    asked = row.settings
    steps = {RESOURCES[one.resource].step for one in items}
    tracks = sorted({one.facet for one in items if RESOURCES[one.resource].step == "track_audience"})
    artists = sorted({one.facet for one in items if RESOURCES[one.resource].step == "artist_audience"})
    days = executions.rankings_done(conn, row.id)
    day = days[-1].isoformat() if days else asked.get("day")
    config: dict[str, Any] = {
        "chart": row.chart_slug,
        "steps": [step for step in asked.get("steps") or STEPS if step in steps],
        **({"day": day} if day else {}),
        **({"track_platforms": tracks} if tracks else {}),
        **({"artist_platforms": artists} if artists else {}),
        **({"audience_days": asked["audience_days"]} if asked.get("audience_days") else {}),
    }
    return Retry(dag_ids.CHART_CASCADE, config, sum(one.items for one in items))
