"""From what is asked for to leased batches, sized for the pool."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any

from chartline.cascade import resources
from chartline.cascade.resources import Resource, Series, Wanted
from chartline.settings import Settings
from chartline.warehouse import ledger
from chartline.warehouse.connect import Connection
from chartline.warehouse.executions import Execution
from chartline.warehouse.ledger import Batch, Item, Want


@dataclass(frozen=True)
class Ask:
    """What a run wants of one resource: each facet of each entity. `first_days`: how far back a series goes the first
    time; 0 for what is none, and for as far as one call brings."""

    resource: Resource
    entities: Sequence[str]
    facets: Sequence[str] = ("",)
    first_days: int = 0

    @property
    def wants(self) -> list[Want]:
        """The single things."""
        return [Want(entity, facet) for facet in self.facets for entity in self.entities]

    @property
    def options(self) -> dict[str, Any]:
        """What its batches carry beside their items."""
        return {"first_days": self.first_days} if self.first_days else {}

    def reach(self, today: date, settings: Settings) -> date | None:
        """The day down to which known series are filled; None where they are long enough."""
        if not isinstance(self.resource, Series):
            return None
        return self.resource.reach(today, self.first_days, settings)

    def calls(self, items: Sequence[Item], today: date, settings: Settings) -> int:
        """Calls that bring these of it, a page for each window."""
        return self.resource.calls(items, today, self.first_days, settings)


def asks(step: str, uuids: Sequence[str], wanted: Wanted, settings: Settings) -> list[Ask]:
    """What a step asks for of these tracks or artists: both what is planned and what an estimate counts."""
    days = wanted.audience_days or settings.audience_window_days
    return [
        Ask(one, uuids, facets, days if isinstance(one, Series) else 0)
        for one, facets in resources.pieces(step, wanted, settings)
    ]


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
                reach=ask.reach(datetime.now(UTC).date(), settings),
            )
            claimed.append((ask, token, wants))
        calls = sum(ceil(len(wants) / ask.resource.per_call) for ask, _, wants in claimed)
        share = min(max(ceil(calls / settings.pool_fetch), settings.batch_calls_min), settings.batch_calls_max)
        batches: list[Batch] = []
        laid = 0
        for ask, token, wants in claimed:
            batches += _cut(conn, ask, token, wants, share, laid)
            laid += ceil(len(wants) / ask.resource.per_call)
    return batches


def _cut(conn: Connection, ask: Ask, token: str, wants: list[Want], share: int, laid: int) -> list[Batch]:
    """Batches of at most `share` calls; the claim's own token serves the first.

    All asks together are one rope, cut wherever another `share` is full (`laid`: the calls of the asks before), so
    that every slot of the pool has the same to do.
    """
    size = ask.resource.per_call
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
        batches.append(Batch(token, ask.resource.name, len(part), label, ask.options))
    return batches


def _label(resource: Resource, part: Sequence[Want], number: int, parts: int) -> str:
    """What a person reads on the map index: which part, which platforms, how many."""
    what = ", ".join(sorted({want.facet for want in part if want.facet})) or resource.title
    if isinstance(resource, Series) and resource.label:
        what += f" {resource.label}"
    of = f" {number + 1}/{parts}" if parts > 1 else ""
    return f"{what}{of} · {len(part)}"
