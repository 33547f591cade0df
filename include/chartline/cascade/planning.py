"""From what is asked for to leased batches, sized for the pool."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any

from chartline.cascade.resources import Metadata, Resource, Series
from chartline.settings import Settings
from chartline.warehouse import ledger
from chartline.warehouse.connect import Connection
from chartline.warehouse.executions import Execution
from chartline.warehouse.ledger import Batch, Want


@dataclass(frozen=True)
class Ask:
    """What a run wants of one resource."""

    resource: Resource
    wants: Sequence[Want]
    options: dict[str, Any] = field(default_factory=dict)

    def reach(self, settings: Settings) -> date | None:
        """The day down to which known series are filled; None where they are long enough."""
        days = self.options.get("first_days")
        if not isinstance(self.resource, Series) or not days:
            return None
        return self.resource.reach(datetime.now(UTC).date(), days, settings)


def plan(
    conn: Connection,
    asks: Iterable[Ask],
    execution: Execution,
    settings: Settings,
    *,
    force: bool,
    stale_before: datetime | None = None,
) -> list[Batch]:
    """Lease what is due of `asks` and cut it into batches. One transaction.

    `force`: all that was fetched before the run is due; else what was fetched before `stale_before` is, too.

    As few batches as keep every slot of the fetch pool busy: Airflow's cost for a task instance is that of many
    calls. A batch is a whole number of calls, so cutting never adds one.
    """
    claimed = []
    lease = timedelta(minutes=settings.lease_minutes)
    with conn.transaction():
        for ask in asks:
            token, wants = ledger.claim(
                conn,
                ask.resource.name,
                ask.wants,
                owner=execution.owner,
                lease=lease,
                stale_before=execution.started_at if force else stale_before,
                reach=ask.reach(settings),
            )
            claimed.append((ask, token, wants))
        calls = sum(ceil(len(wants) / _per_call(ask.resource)) for ask, _, wants in claimed)
        share = min(max(ceil(calls / settings.pool_fetch), settings.batch_calls_min), settings.batch_calls_max)
        batches: list[Batch] = []
        laid = 0
        for ask, token, wants in claimed:
            batches += _cut(conn, ask, token, wants, share, laid)
            laid += ceil(len(wants) / _per_call(ask.resource))
    return batches


def _cut(conn: Connection, ask: Ask, token: str, wants: list[Want], share: int, laid: int) -> list[Batch]:
    """Batches of at most `share` calls; the claim's own token serves the first.

    All asks together are one rope, cut wherever another `share` is full (`laid`: the calls of the asks before), so
    that every slot of the pool has the same to do.
    """
    size = _per_call(ask.resource)
    parts = []
    start, room = 0, share - laid % share
    while start < len(wants):
        parts.append(wants[start : start + room * size])
        start, room = start + room * size, share
    batches = []
    for number, part in enumerate(parts):
        if number:
            token = ledger.new_token()
            ledger.assign(conn, ask.resource.name, token, part)
        label = _label(ask.resource, part, number, len(parts))
        batches.append(Batch(token, ask.resource.name, len(part), label, dict(ask.options)))
    return batches


def _label(resource: Resource, part: Sequence[Want], number: int, parts: int) -> str:
    """What a person reads on the map index: which part, which platforms, how many."""
    what = ", ".join(sorted({want.facet for want in part if want.facet})) or resource.name.replace("_", " ")
    if resource.name == "artist_listeners":
        what += " listeners"
    of = f" {number + 1}/{parts}" if parts > 1 else ""
    return f"{what}{of} · {len(part)}"


def _per_call(resource: Resource) -> int:
    return resource.endpoint.batch if isinstance(resource, Metadata) else 1
