"""The one loop that fetches a batch, whatever the resource.

A few connections work side by side (side_by_side.py). Each asks for one call's worth of items, hands in what came and
waits until it is stored before it asks again, so that a kill loses at most the calls in flight. What is handed in
meanwhile is stored in one transaction: data, raw answers, ledger rows, call records.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from chartline.cascade import observing, outcomes
from chartline.cascade.fetching import Fetched, Fetcher
from chartline.cascade.keeping import Keeper, Kept, Lease, Owner
from chartline.cascade.resources import RESOURCES, Metadata, Resource
from chartline.cascade.side_by_side import SideBySide
from chartline.errors import ChartlineError, QuotaSpent, ServerTrouble, SkipItem
from chartline.settings import Settings
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import executions
from chartline.warehouse.connect import Connection
from chartline.warehouse.executions import Counts, Execution, ItemFailure
from chartline.warehouse.ledger import Batch, Item, Want

log = logging.getLogger(__name__)


@dataclass
class Report:
    """What became of a batch."""

    resource: str
    items: int = 0
    ok: int = 0
    failed: int = 0
    unanswered: int = 0
    """Of the failed ones, those for which the API was away."""
    calls: int = 0
    put_off: int = 0
    """Not asked, as others were refused for the same reason one after the other: `refusal`."""
    refusal: ChartlineError | None = None
    counts: Counts = field(default_factory=Counts)

    def __str__(self) -> str:
        return f"{self.resource}: {self.ok} of {self.items} fetched, {self.failed} failed, {self.calls} calls"


class Engine:
    """Fetches batches for one execution."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        client: SoundchartsClient,
        execution: Execution,
        settings: Settings,
    ) -> None:
        self._connect, self._client, self._execution, self._settings = connect, client, execution, settings

    def run(self, batch: Batch, *, last_try: bool = False) -> Report:
        """Fetch what is left of `batch`. `last_try`: a batch for which the API is away ends with its items failed.

        Raises: StopRun (account trouble, except a spent quota: then the rest is deferred and the report says so),
        AskPerson (the installation), TryLater (the API or the warehouse is away), psycopg.Error (the warehouse went
        away midway), SkipItem (nothing of an answer can be stored). What is left stays with the batch for the task's
        retry.
        """
        resource = RESOURCES[batch.resource]
        report = Report(batch.resource)
        owner = Owner(self._execution.owner, self._execution.id, self._settings, lambda: datetime.now(UTC))
        with self._connect() as conn:
            keeper = Keeper(conn, owner, resource.name, timedelta(minutes=self._settings.lease_minutes))
            lease, items = keeper.take_up(batch.token)
            report.items = len(items)
            work = _Work(keeper, resource, Fetcher(self._client, self._settings, resource, batch), report)
            left, stop = work.drain(lease, items, self._client.account.connections)
            observing.keep(conn)
            if report.refusal is not None:
                why = f"{report.refusal} Many were refused alike: {report.put_off} of {report.items} were deferred."
                log.warning("%s: %s", report.resource, why)
                executions.note_error(conn, self._execution.id, why)
            if isinstance(stop, QuotaSpent):
                deferred = keeper.defer([Want(item.entity, item.facet) for item in left], stop)
                report.counts += Counts(deferred=deferred)
            elif stop is None and 0 < report.unanswered == report.items and not last_try:
                raise _api_away(report.unanswered)
            elif stop is not None:
                raise stop
        log.info("%s", report)
        return report


@dataclass
class _Work:
    """One batch, as it is fetched."""

    keeper: Keeper
    resource: Resource
    fetcher: Fetcher
    report: Report

    def drain(self, lease: Lease, items: list[Item], connections: int) -> tuple[set[Item], ChartlineError | None]:
        """Work off the items; those that are left, and why it stopped early, None when all is done."""
        left = set(items)
        stop: ChartlineError | None = None
        away = 0  # requests in a row that found the API away
        with SideBySide(self.fetcher.fetch, self.fetcher.requests(items), connections, self._book) as work:
            for handed in work.gather():
                gathered = [got for _, got in handed]
                self._store(gathered)
                for got in gathered:
                    left -= got.ended
                    work.add(got.again)
                    stop = stop or got.stop
                    unanswered = len(got.errors) if got.found_api_away else 0
                    self.report.unanswered += unanswered
                    away = away + 1 if unanswered else 0
                if away >= 2 * connections:
                    stop = stop or _api_away(away)
                if stop is not None:
                    work.halt()
                self.keeper.renew(lease)
        return left, stop

    def _store(self, gathered: Sequence[Fetched]) -> None:
        """One transaction for all that was handed in; one for each value when one of them cannot be stored.

        That one counts as failed, whatever the reason. When the warehouse itself fails, what was paid is booked if
        that can be done, and the error is raised.
        """
        kept = self._kept(gathered)
        try:
            counts = self.keeper.keep(kept, lambda: self._write(gathered))
        except SkipItem as trouble:
            parts = [part for got in gathered for part in _singly(got)]
            if len(parts) == 1:
                parts = [less] if (less := _less(parts[0], trouble)) else []
            if not parts:
                self.keeper.book(kept.calls)
                raise
            for part in parts:
                self._store([part])
            return
        put_off = [why for got in gathered for _, why in got.put_off]
        self.report.put_off += len(put_off)
        self.report.refusal = self.report.refusal or next(iter(put_off), None)
        self.report.calls += len(kept.calls)
        self.report.ok += sum(len(got.values) for got in gathered)
        self.report.failed += len(kept.failures)
        self.report.counts += counts

    def _write(self, gathered: Sequence[Fetched]) -> Counts:
        values = [value for got in gathered for value in got.values]
        if not values:
            return Counts()
        if isinstance(self.resource, Metadata):
            fetched_at = {item.entity: got.at for got in gathered for item, _ in got.values}
            return self.resource.store(self.keeper.conn, values, fetched_at)
        return Counts(audience_points=self.resource.store(self.keeper.conn, values))

    def _kept(self, gathered: Sequence[Fetched]) -> Kept:
        return Kept(
            raws=[answer for got in gathered for answer in got.raws],
            settled=[
                end for got in gathered for end in outcomes.settled(self.resource, got, self.keeper.owner.settings)
            ],
            calls=[call for got in gathered for call in got.calls],
            failures=[
                ItemFailure(self.resource.name, item.entity, item.facet, error.kind, str(error))
                for got in gathered
                if got.stop is None
                for item, error in got.errors
            ],
            deferred=sum(len(got.put_off) for got in gathered),
        )

    def _book(self, unstored: Sequence[Fetched]) -> None:
        self.keeper.book([call for got in unstored for call in got.calls])


def _singly(got: Fetched) -> list[Fetched]:
    """One for each value; the first keeps all that is not a value's."""
    first = replace(got, values=got.values[:1])
    return [first, *(Fetched(got.at, values=[value]) for value in got.values[1:])]


def _less(got: Fetched, trouble: ChartlineError) -> Fetched | None:
    """The same with a failure in place of its only value; if there is none, without raw answers; None: nothing less."""
    if got.values:
        [(item, _)] = got.values
        errors = [*(e for e in got.errors if e[0] != item), (item, trouble)]
        return replace(got, values=[], errors=errors, covered={})
    return replace(got, raws=[]) if got.raws else None


def _api_away(requests: int) -> ServerTrouble:
    return ServerTrouble(
        f"The Soundcharts API did not answer {requests} requests in a row.",
        after=60,
        advice="The task tries again with what is left.",
    )
