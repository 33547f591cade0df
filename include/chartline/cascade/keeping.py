"""Whose it is to fetch a thing now, and what came of it: written in one way, whatever is fetched and for whom.

Each of hold, renew, keep, fail, defer is one transaction: a kill in its midst leaves nothing of it. All write in the
same order (data, raw answers, ledger, call records, the execution's row last), so that no two wait for each other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

import psycopg

from chartline.cascade import observing, storing
from chartline.cascade.run import Run
from chartline.errors import ChartlineError, NotYet, WarehouseUnavailable
from chartline.settings import Settings
from chartline.soundcharts.calls import Call
from chartline.warehouse import calls, executions, ledger, raw
from chartline.warehouse.connect import Connection, sibling
from chartline.warehouse.executions import Counts, ItemFailure
from chartline.warehouse.ledger import FOREVER, Item, Settled, Want
from chartline.warehouse.raw import RawAnswer

log = logging.getLogger(__name__)

POLL = 0.25
AGAIN = 15.0
"""Seconds after which what another holds is looked for again, without holding a slot meanwhile."""
_REASON = 2000
"""Characters of a reason that the ledger keeps."""


def broken(resource: str) -> str:
    """The name under which a resource's unreadable answers are kept raw: for people to look at, never read back."""
    return f"broken_{resource}"


@dataclass(frozen=True)
class Owner:
    """Who fetches, a run or an estimate: whose leases they are, whose calls (None: no execution's), by what clock."""

    name: str
    execution_id: int | None
    settings: Settings
    now: Callable[[], datetime]

    @classmethod
    def of(cls, run: Run) -> Self:
        """A run as the owner."""
        return cls(run.execution.owner, run.execution.id, run.settings, run.now)


@dataclass
class Lease:
    """What its owner, and nobody else, is to fetch now: `wants`, which may be none."""

    token: str
    wants: list[Want]
    since: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Kept:
    """What is kept beside the data. `deferred`: how many of those `settled` were deferred."""

    raws: Sequence[RawAnswer] = ()
    settled: Sequence[Settled] = ()
    calls: Sequence[Call] = ()
    failures: Sequence[ItemFailure] = ()
    deferred: int = 0


@dataclass(frozen=True)
class Keeper:
    """Holds and keeps one resource for one owner. `conn` is in autocommit; `lasts`: how long a lease does."""

    conn: Connection
    owner: Owner
    resource: str
    lasts: timedelta

    # -- whose it is ---------------------------------------------------------------------------------------------

    def hold(
        self,
        wants: Iterable[Want],
        *,
        patience: float | None = None,
        still: Callable[[bool], Sequence[Want]] | None = None,
        stale_before: datetime | None = FOREVER,
        named: str = "",
    ) -> Lease:
        """Hold those of `wants` that are due (`stale_before` as in `ledger.claim`) and that nobody else holds.

        patience: seconds to wait in place while others hold all of them; None: not at all. still: which of them are
        still wanted, asked after each try, since some may have come meanwhile; its argument: whether others were waited
        for. named: what is wanted, in words, where they are not plain from `wants`. Nothing is held when none is.
        Raises NotYet when the patience is over.
        """
        until = time.monotonic() + (patience or 0)
        left, waited = list(wants), False
        while True:
            token, mine = ledger.claim(
                self.conn, self.resource, left, owner=self.owner.name, lease=self.lasts, stale_before=stale_before
            )
            if still is not None:
                left = list(still(waited))
                mine = [want for want in mine if want in left]
            if mine or not left or patience is None:
                return Lease(token, mine)
            if time.monotonic() > until:
                raise NotYet(f"Another run is fetching {named or _named(self.resource, left)}.", after=AGAIN)
            time.sleep(POLL)
            waited = True

    def take_up(self, token: str) -> tuple[Lease, list[Item]]:
        """Hold what is left of a batch again; the execution forgets what became of it before."""
        own = self.owner.execution_id
        with self.conn.transaction():
            items = ledger.take_up(self.conn, token, self.owner.name, self.lasts)
            if own is not None:
                executions.forget_failures(self.conn, own, self.resource, [(i.entity, i.facet) for i in items])
                executions.take_up_deferred(self.conn, own, sum(item.was_deferred for item in items))
        return Lease(token, [Want(item.entity, item.facet) for item in items]), items

    def renew(self, lease: Lease) -> None:
        """Hold on to what is not settled yet. To be called often: it writes when a third of the lease is over."""
        if time.monotonic() - lease.since > self.lasts.total_seconds() / 3:
            ledger.renew(self.conn, lease.token, self.lasts)
            lease.since = time.monotonic()

    def release(self) -> None:
        """Let others have at once what is held and not settled; what the answers looked like is kept."""
        ledger.release(self.conn, self.owner.name, self.resource)
        observing.keep(self.conn)

    # -- what came of it -----------------------------------------------------------------------------------------

    def keep(self, kept: Kept, store: Callable[[], Counts | None] = lambda: None) -> Counts:
        """Keep what came; `store` writes the data, and counts it. Again, a few times, when other writes got in its way.

        Where this cannot be stored, raises why by its name, with the calls and the first body, for `fail`.
        Where nothing can, raises what was raised; the calls are booked, as they were paid.
        """
        try:
            return storing.together(self.conn, lambda: self._write(kept, store))
        except Exception as raised:
            if storing.concerns_all(raised):
                self.book(kept.calls)
                raise
            error = storing.named(raised)
            error.calls = error.calls or tuple(kept.calls)
            error.body = error.body or next((answer.body for answer in kept.raws), b"")
            raise error from (None if error is raised else raised)

    def fail(self, want: Want, error: ChartlineError, begun: Sequence[RawAnswer] = ()) -> None:
        """Note that it failed, with what that cost and what was answered; it is due at once, and anybody's.

        begun: answers that came before it was broken off and can be gone on with.
        """
        now, raws = self.owner.now(), list(begun)
        if error.body:
            raws.append(RawAnswer(broken(self.resource), *_key(want), 0, self.resource, "", now, error.body))
        settled = Settled(*_key(want), "failed", now, now, error_kind=error.kind, error=reason(error))
        storing.together(self.conn, lambda: self._write(Kept(raws, [settled], error.calls)))

    def defer(self, wants: Iterable[Want], why: ChartlineError) -> int:
        """Note that these are deferred, and why the execution stopped. Returns how many they are."""
        now, own = self.owner.now(), self.owner.execution_id
        settled = [Settled(*_key(w), "deferred", now, now, error_kind=why.kind, error=reason(why)) for w in wants]

        def write() -> None:
            self._write(Kept(settled=settled, deferred=len(settled)))
            if own is not None:
                executions.note_error(self.conn, own, str(why))

        storing.together(self.conn, write)
        return len(settled)

    def book(self, made: Sequence[Call]) -> None:
        """Book the calls of what could not be stored, by another connection where this one broke. Where the warehouse
        is away, the log says so."""
        if not made:
            return
        try:
            with sibling(self.conn) if self.conn.broken else nullcontext(self.conn) as conn, conn.transaction():
                calls.record(conn, made, self.owner.execution_id)
        except (psycopg.Error, WarehouseUnavailable) as trouble:
            log.warning("%d calls could not be booked, as the warehouse is away: %s", len(made), type(trouble).__name__)

    def _write(self, kept: Kept, store: Callable[[], Counts | None] = lambda: None) -> Counts:
        """In the caller's transaction, in the order in which everybody writes."""
        counts = store() or Counts()
        if kept.raws:
            raw.keep(self.conn, kept.raws, self.owner.execution_id)
        ledger.settle(self.conn, self.resource, kept.settled)
        if kept.calls:
            calls.record(self.conn, kept.calls, self.owner.execution_id)
        if self.owner.execution_id is None:
            return counts
        executions.add_failures(self.conn, self.owner.execution_id, kept.failures)
        counts += Counts(deferred=kept.deferred)
        executions.add_counts(self.conn, self.owner.execution_id, counts)
        return counts


def reason(error: ChartlineError) -> str:
    """Why, as the ledger keeps it."""
    return str(error)[:_REASON]


def _key(want: Want) -> tuple[str, str]:
    return want.entity, want.facet


def _named(resource: str, wants: Sequence[Want]) -> str:
    facets = ", ".join(sorted(want.facet for want in wants if want.facet))
    return f"the {resource.replace('_', ' ')} of {wants[0].entity}" + (f": {facets}" if facets else "")
