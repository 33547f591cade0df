"""Following charts with their past: what that would cost comes first, and the history waits where it is much.

The one place that decides it, for the command line, for files and for whoever else follows charts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from chartline.costs.estimate import estimate_schedule
from chartline.costs.model import Estimate
from chartline.domain.schedule import Schedule
from chartline.errors import UnknownChart
from chartline.schedules import declare, service, version
from chartline.schedules.declare import Difference
from chartline.schedules.service import Client
from chartline.settings import Settings
from chartline.warehouse import schedules
from chartline.warehouse.connect import Connection
from chartline.wording import counted


def proposed(conn: Connection, slug: str, settings: Mapping[str, Any], client: Client | None = None) -> Schedule:
    """The chart's schedule as `settings` would make it: what is not given stays, or has its default where nobody
    follows the chart. Raises BadInput, and as `service.find_chart`."""
    rows = schedules.rows(conn, [slug])
    if rows:
        return Schedule.of(rows[0] | service.with_timing(rows[0], settings))
    return service.proposed(service.find_chart(conn, slug, client), settings)


def price(
    conn: Connection, asked: Iterable[Schedule], own: Settings, client: Client | None, per_minute: int | None = None
) -> Estimate | None:
    """What following these charts costs, together; None where there is none.

    client: opens the API for what is not known of them.
    """
    parts = [estimate_schedule(conn, one, own, look=client, per_minute=per_minute) for one in asked]
    if len(parts) < 2:
        return parts[0] if parts else None
    return Estimate.together(counted(len(parts), "chart"), parts)


def would_wait(conn: Connection, proposed: Schedule, cost: Estimate, own: Settings) -> bool:
    """Whether the history that the schedule asks for, or asks for anew, is so much that a person must say yes first."""
    rows = schedules.rows(conn, [proposed.slug])
    asks = proposed.history_held or _asks_anew(rows[0] if rows else None, proposed)
    return asks and cost.needs_approval(own)


def follow(
    conn: Connection,
    slug: str,
    settings: Mapping[str, Any],
    own: Settings,
    *,
    created_by: str = "",
    client: Client | None = None,
    per_minute: int | None = None,
) -> tuple[Schedule, Estimate | None]:
    """Follow a chart as `service.add` does; its past is held where it is large.

    Returns the schedule and, where it asks for its past, what that costs. Raises as `service.add`.
    """
    service.check(settings)
    schedule = service.proposed(service.find_chart(conn, slug, client), settings)
    wanted = [schedule] if schedule.sync_historical_data and not schedules.rows(conn, [slug]) else []
    estimate = price(conn, wanted, own, client, per_minute)
    held = estimate is not None and estimate.needs_approval(own)
    return service.add(conn, slug, settings, created_by=created_by, client=client, held=held), estimate


def change(
    conn: Connection,
    slug: str,
    settings: Mapping[str, Any],
    own: Settings,
    *,
    by: str = "",
    client: Client | None = None,
    per_minute: int | None = None,
    seen: Collection[str] | None = None,
) -> tuple[Schedule, Estimate | None]:
    """Change a schedule as `service.change` does; a past that is asked for anew is held where it is large."""
    rows = schedules.rows(conn, [slug])
    if rows:
        version.must_be(conn, rows[0], seen)  # before a call is spent on the estimate
    after = Schedule.of(rows[0] | service.with_timing(rows[0], settings)) if rows else None
    wanted = [after] if after and _asks_anew(rows[0], after) else []
    estimate = price(conn, wanted, own, client, per_minute)
    held = estimate is not None and estimate.needs_approval(own)
    return service.change(conn, slug, settings, held=held, by=by, seen=seen), estimate


def apply(
    conn: Connection,
    declared: Mapping[str, Mapping[str, Any]],
    own: Settings,
    *,
    client: Client | None = None,
    per_minute: int | None = None,
    **more: Any,
) -> tuple[list[Difference], Estimate | None]:
    """Apply a file as `declare.apply` does (`more`: its other arguments).

    What the file asks for anew of the history of all its charts is one work, and is held where that is large.
    """
    there = {row["slug"]: row for row in schedules.rows(conn)}
    wanted = []
    for slug, settings in declared.items():
        try:
            schedule = service.proposed(service.find_chart(conn, slug, client), settings)
        except UnknownChart:
            continue  # declare.apply names all of them
        if _asks_anew(there.get(slug), schedule):
            wanted.append(schedule)
    estimate = price(conn, wanted, own, client, per_minute)
    held = estimate is not None and estimate.needs_approval(own)
    return declare.apply(conn, declared, client=client, held=held, **more), estimate


def _asks_anew(before: Mapping[str, Any] | None, after: Schedule) -> bool:
    """Whether a schedule asks for more of the history than it did."""
    if not before:
        return after.sync_historical_data
    return bool(service.past_asked(before, after.model_dump()).get("history_asked_at"))
