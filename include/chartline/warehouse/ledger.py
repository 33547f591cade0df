"""The ledger: what was fetched when, when it is due again, and who is fetching it now.

One row for each (resource, entity, facet). Planning leases what is asked for, due and free, in batches; a batch
is known by its token alone, so its work can be taken up again by whoever holds the token. Settling an item
ends its lease. A failed or deferred item keeps its token without the lease: anyone may plan it anew, and rerunning
the batch takes it up again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, LiteralString
from uuid import UUID, uuid4

from chartline.errors import CameShort
from chartline.warehouse.connect import Connection

Outcome = Literal["ok", "empty", "absent", "unsupported", "failed", "deferred"]

FOREVER = datetime.max.replace(tzinfo=UTC)
"""Due never again; as `stale_before` of a claim: whatever was fetched is stale."""


@dataclass(frozen=True)
class Want:
    """One thing asked for: the entity (uuid or slug) and its facet (platform, or a ranking's day)."""

    entity: str
    facet: str = ""


@dataclass(frozen=True)
class Item:
    """A leased thing, with what the ledger knows of it."""

    entity: str
    facet: str
    covered_from: date | None = None
    covered_to: date | None = None
    was_deferred: bool = False
    """Deferred by this very batch, before it was taken up again."""
    came_short: bool = False
    """Its last answer was short of its own total."""
    fetched_on: date | None = None
    """The day (UTC) on which it was last had."""
    was_absent: bool = False
    """The API said, when it was last asked, that there is none."""


@dataclass(frozen=True)
class Batch:
    """A handle on leased items: small enough for XCom, holds no payload."""

    token: str
    resource: str
    count: int
    label: str
    options: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The XCom form."""
        return {"token": self.token, "resource": self.resource, "count": self.count, "label": self.label} | (
            {"options": self.options} if self.options else {}
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Batch:
        """Back from the XCom form."""
        return cls(**data)


@dataclass(frozen=True)
class Settled:
    """The end of one item's fetch. `error_kind` and `error`: of a failure, or of what came short and was kept."""

    entity: str
    facet: str
    outcome: Outcome
    fetched_at: datetime
    due_at: datetime
    covered_from: date | None = None
    covered_to: date | None = None
    error_kind: str | None = None
    error: str | None = None
    crawled_at: datetime | None = None
    """When Soundcharts itself last read the platform."""


@dataclass(frozen=True)
class LedgerRow:
    """What the ledger says of one thing. `fetched_at` is None when it was never had, `due_at` when it always is due,
    `covered_from` and `covered_to` where it has no days."""

    outcome: str
    fetched_at: datetime | None
    due_at: datetime | None
    covered_from: date | None = None
    covered_to: date | None = None


DUE: LiteralString = """(l.due_at <= now() or l.fetched_at < %(stale_before)s
               or (l.covered_from > %(reach)s and l.outcome in ('ok', 'empty')))"""
FREE: LiteralString = "(l.lease_until is null or l.lease_until < now())"
"""Of a row `l`: whether a claim takes it, unless it is the claimer's own already."""

_CLAIM: LiteralString = f"""
    with wanted as (
        select distinct entity, facet from unnest(%(entities)s::text[], %(facets)s::text[]) as w (entity, facet)
    )
    insert into chartline.fetch_ledger as l (resource, entity, facet, lease_token, lease_owner, lease_until)
    select %(resource)s, entity, facet, %(token)s, %(owner)s, now() + %(lease)s from wanted order by entity, facet
    on conflict (resource, entity, facet) do update
        set lease_token = excluded.lease_token, lease_owner = excluded.lease_owner, lease_until = excluded.lease_until
        where {DUE} and ({FREE} or l.lease_owner = excluded.lease_owner)
    returning entity, facet
"""


def claim(
    conn: Connection,
    resource: str,
    wants: Iterable[Want],
    *,
    owner: str,
    lease: timedelta,
    stale_before: datetime | None = None,
    reach: date | None = None,
) -> tuple[str, list[Want]]:
    """Lease, under one new token, those of `wants` that are due and that nobody else holds.

    `stale_before`: what was fetched before it counts as due (a forced run gives its own start, so that its
    retries do not fetch twice). `reach`: what is known from a later day on counts as due, to be filled down to it.
    What `owner` holds already is claimed again: planning can be repeated.
    Returns (token, the things leased, sorted by facet and entity).
    """
    asked = list(wants)
    token = new_token()
    rows = conn.execute(
        _CLAIM,
        {
            "entities": [w.entity for w in asked],
            "facets": [w.facet for w in asked],
            "resource": resource,
            "token": token,
            "owner": owner,
            "lease": lease,
            "stale_before": stale_before,
            "reach": reach,
        },
    ).fetchall()
    return token, sorted((Want(*row) for row in rows), key=lambda w: (w.facet, w.entity))


def new_token() -> str:
    """A batch's name."""
    return str(uuid4())


def assign(conn: Connection, resource: str, token: str, wants: Sequence[Want]) -> None:
    """Give `wants` (leased before by the caller) a token of their own: how a claim is cut into batches."""
    conn.execute(
        """update chartline.fetch_ledger l set lease_token = %s
           from unnest(%s::text[], %s::text[]) as w (entity, facet)
           where l.resource = %s and l.entity = w.entity and l.facet = w.facet""",
        (token, [w.entity for w in wants], [w.facet for w in wants], resource),
    )


def take_up(conn: Connection, token: str, owner: str, lease: timedelta) -> list[Item]:
    """What is left of a batch, leased to `owner` again. Empty when all is settled or others took it over."""
    # Locked, here and in `renew`, in the order in which claims go through the table: none waits for another in a ring.
    rows = conn.execute(
        """with own as (
               select resource, entity, facet, outcome = 'deferred' and lease_until is null as was_deferred,
                      coalesce(error_kind = %s, false) as came_short, outcome = 'failed' as failed,
                      coalesce(outcome = 'absent', false) as was_absent
               from chartline.fetch_ledger where lease_token = %s order by resource, entity, facet for update
           )
           update chartline.fetch_ledger l set lease_owner = %s, lease_until = now() + %s
           from own where (l.resource, l.entity, l.facet) = (own.resource, own.entity, own.facet)
           returning own.failed, l.facet, l.entity, l.covered_from, l.covered_to, own.was_deferred, own.came_short,
                     (l.fetched_at at time zone 'UTC')::date, own.was_absent""",
        (CameShort.kind, UUID(token), owner, lease),
    ).fetchall()
    # What failed before comes last: should it fail again, it does not stand before what was never asked.
    return [Item(entity, facet, *rest) for _, facet, entity, *rest in sorted(rows, key=lambda row: row[:3])]


def renew(conn: Connection, token: str, lease: timedelta) -> None:
    """Keep the lease of a batch's open items for another `lease`; failed ones stay free."""
    conn.execute(
        """with own as (
               select resource, entity, facet from chartline.fetch_ledger
               where lease_token = %s and lease_until is not null order by resource, entity, facet for update
           )
           update chartline.fetch_ledger l set lease_until = now() + %s
           from own where (l.resource, l.entity, l.facet) = (own.resource, own.entity, own.facet)""",
        (UUID(token), lease),
    )


def settle(conn: Connection, resource: str, settled: Iterable[Settled], *, only_newer: bool = False) -> None:
    """Write the ends of fetches, in the caller's transaction with the data they brought.

    A failure leaves what is known of the last good fetch untouched and is due at once, by the database's own clock;
    coverage only grows. only_newer: of fetches long ago, each at its own time: what was fetched about then or later
    is left as it is, and days that do not meet those known are not taken for known in between.
    """
    rows = sorted(settled, key=lambda s: (s.entity, s.facet))
    if not rows:
        return
    conn.execute(
        _SETTLE,
        {
            "resource": resource,
            "only_newer": only_newer,
            "entity": [s.entity for s in rows],
            "facet": [s.facet for s in rows],
            "outcome": [s.outcome for s in rows],
            "fetched_at": [s.fetched_at for s in rows],
            "due_at": [s.due_at for s in rows],
            "covered_from": [s.covered_from for s in rows],
            "covered_to": [s.covered_to for s in rows],
            "error_kind": [s.error_kind for s in rows],
            "error": [s.error for s in rows],
            "crawled_at": [s.crawled_at for s in rows],
        },
    )


APART: LiteralString = """coalesce(greatest(l.covered_from, excluded.covered_from)
               > least(l.covered_to, excluded.covered_to) + 1, false)"""
"""Of a row `l`: whether days lie between those it covers and those that are new."""

_SETTLE: LiteralString = f"""
    insert into chartline.fetch_ledger as l
        (resource, entity, facet, outcome, fetched_at, due_at, covered_from, covered_to, error_kind, error, attempts,
         crawled_at)
    select %(resource)s, s.entity, s.facet, s.outcome, s.fetched_at,
           case when s.outcome in ('failed', 'deferred') then now() else s.due_at end, s.covered_from, s.covered_to,
           s.error_kind, s.error, case when s.outcome in ('failed', 'deferred') then 1 else 0 end, s.crawled_at
    from unnest(%(entity)s::text[], %(facet)s::text[], %(outcome)s::text[], %(fetched_at)s::timestamptz[],
                %(due_at)s::timestamptz[], %(covered_from)s::date[], %(covered_to)s::date[],
                %(error_kind)s::text[], %(error)s::text[], %(crawled_at)s::timestamptz[])
        as s (entity, facet, outcome, fetched_at, due_at, covered_from, covered_to, error_kind, error, crawled_at)
    on conflict (resource, entity, facet) do update set
        outcome = excluded.outcome,
        fetched_at = case when excluded.outcome in ('failed', 'deferred') then l.fetched_at
                          else excluded.fetched_at end,
        due_at = excluded.due_at,
        covered_from = case
            when not (%(only_newer)s and {APART}) then least(l.covered_from, excluded.covered_from)
            when excluded.covered_to > l.covered_to then excluded.covered_from
            else l.covered_from end,
        covered_to = greatest(l.covered_to, excluded.covered_to),
        attempts = case when excluded.outcome in ('failed', 'deferred') then l.attempts + 1 else 0 end,
        error_kind = excluded.error_kind,
        error = excluded.error,
        crawled_at = greatest(l.crawled_at, excluded.crawled_at),
        lease_token = case when excluded.outcome in ('failed', 'deferred') then l.lease_token end,
        lease_owner = null,
        lease_until = null
    where not %(only_newer)s or l.fetched_at is null or l.fetched_at < excluded.fetched_at - interval '5 minutes'
"""


def held_by_others(conn: Connection, resource: str, entities: Sequence[str], owner: str) -> int:
    """How many of `entities` someone else is fetching at this moment."""
    row = conn.execute(
        """select count(*) from chartline.fetch_ledger
           where resource = %s and entity = any(%s) and lease_until > now() and lease_owner is distinct from %s""",
        (resource, list(entities), owner),
    ).fetchone()
    return int(row[0]) if row else 0


def find(conn: Connection, resource: str, entity: str, facets: Iterable[str]) -> dict[str, LedgerRow]:
    """What is known of those of an entity's `facets` that the ledger has."""
    rows = conn.execute(
        """select facet, outcome, fetched_at, nullif(due_at, '-infinity'), covered_from, covered_to
           from chartline.fetch_ledger
           where resource = %s and entity = %s and facet = any(%s)""",
        (resource, entity, list(facets)),
    )
    return {facet: LedgerRow(*rest) for facet, *rest in rows}


def absent(conn: Connection) -> dict[str, list[Settled]]:
    """By resource, what the API said that it does not have or serve, as `settle` takes it."""
    rows = conn.execute(
        """select resource, entity, facet, outcome, fetched_at, due_at, covered_from, covered_to, error_kind, error,
                  crawled_at
           from chartline.fetch_ledger where outcome in ('absent', 'unsupported') and fetched_at is not null
           order by resource, entity, facet"""
    )
    found: dict[str, list[Settled]] = {}
    for resource, *row in rows:
        found.setdefault(resource, []).append(Settled(*row))
    return found


def release(conn: Connection, owner: str, resource: str | None = None) -> int:
    """End the leases of `owner` (of one resource, or all) without settling: others can have them at once."""
    return conn.execute(
        """update chartline.fetch_ledger set lease_owner = null, lease_until = null
           where lease_owner = %s and (%s::text is null or resource = %s)""",
        (owner, resource, resource),
    ).rowcount
