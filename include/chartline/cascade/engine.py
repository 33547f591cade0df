"""The one loop that fetches a batch, whatever the resource.

A few connections work side by side. Each asks for one call's worth of items, hands in what came and waits until
it is stored before it asks again, so that a kill loses at most the calls in flight. What is handed in meanwhile
is stored in one transaction: data, raw answers, ledger rows, call records.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import psycopg

from chartline.cascade import observing, storing
from chartline.cascade.fetching import Fetched, Fetcher
from chartline.cascade.resources import EARLY, RESOURCES, SHORT_AGAIN, Metadata, Resource, Series
from chartline.cascade.side_by_side import SideBySide
from chartline.errors import (
    CameShort,
    ChartlineError,
    Gone,
    Moved,
    NotFound,
    QuotaSpent,
    ServerTrouble,
    UnsupportedPlatform,
    WarehouseUnavailable,
)
from chartline.settings import Settings
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import calls, executions, ledger, raw
from chartline.warehouse.connect import Connection
from chartline.warehouse.executions import Counts, Execution, ItemFailure
from chartline.warehouse.ledger import Batch, Item, Outcome, Settled

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
        self._connect, self._client, self._execution = connect, client, execution
        self._settings, self._connections = settings, client.account.connections
        self._lease = timedelta(minutes=settings.lease_minutes)

    def run(self, batch: Batch, *, last_try: bool = False) -> Report:
        """Fetch what is left of `batch`. `last_try`: a batch for which the API is away ends with its items failed.

        Raises: StopRun (account trouble, except a spent quota: then the rest is deferred and the report says so),
        AskPerson (the installation), TryLater (the API or the warehouse is away), psycopg.Error (the warehouse went
        away midway). What is left stays with the batch for the task's retry.
        """
        resource = RESOURCES[batch.resource]
        report = Report(batch.resource)
        with self._connect() as conn:
            with conn.transaction():
                items = ledger.take_up(conn, batch.token, self._execution.owner, self._lease)
                pairs = [(i.entity, i.facet) for i in items]
                executions.forget_failures(conn, self._execution.id, resource.name, pairs)
                executions.take_up_deferred(conn, self._execution.id, sum(item.was_deferred for item in items))
            report.items = len(items)
            left = set(items)
            fetcher = Fetcher(self._client, self._settings, resource, batch)
            stop = self._drain(conn, batch, fetcher, fetcher.requests(items), report, left)
            observing.keep(conn)
            if report.refusal is not None:
                why = f"{report.refusal} Many were refused alike: {report.put_off} of {report.items} were deferred."
                log.warning("%s: %s", report.resource, why)
                executions.note_error(conn, self._execution.id, why)
            if isinstance(stop, QuotaSpent):
                self._defer(conn, resource, left, stop, report)
            elif stop is None and 0 < report.unanswered == report.items and not last_try:
                raise _api_away(report.unanswered)
            elif stop is not None:
                raise stop
        log.info("%s", report)
        return report

    def _drain(
        self,
        conn: Connection,
        batch: Batch,
        fetcher: Fetcher,
        requests: list[list[Item]],
        report: Report,
        left: set[Item],
    ) -> ChartlineError | None:
        """Work off the requests; returns why it stopped early, None when all is done."""
        resource = RESOURCES[batch.resource]
        stop: ChartlineError | None = None
        away = 0  # requests in a row that found the API away
        renewed = datetime.now(UTC)
        with SideBySide(fetcher.fetch, requests, self._connections, lambda got: self._book(conn, got)) as work:
            for handed in work.gather():
                gathered = [got for _, got in handed]
                self._store(conn, resource, gathered, report)
                for got in gathered:
                    left -= got.ended
                    stop = stop or got.stop
                    unanswered = len(got.errors) if got.found_api_away else 0
                    report.unanswered += unanswered
                    away = away + 1 if unanswered else 0
                if away >= 2 * self._connections:
                    stop = stop or _api_away(away)
                if stop is not None:
                    work.halt()
                if datetime.now(UTC) - renewed > self._lease / 3:
                    ledger.renew(conn, batch.token, self._lease)
                    renewed = datetime.now(UTC)
        return stop

    def _store(self, conn: Connection, resource: Resource, gathered: Sequence[Fetched], report: Report) -> None:
        """One transaction for all that was handed in; one for each value when one of them cannot be stored.

        That one counts as failed, whatever the reason. When the warehouse itself fails, what was paid is booked if
        that can be done, and the error is raised.
        """
        try:
            storing.together(conn, lambda: self._write(conn, resource, gathered, report))
            return
        except Exception as error:
            trouble = error
        parts = [part for got in gathered for part in _singly(got)]
        if len(parts) == 1:
            parts = [less] if (less := _less(parts[0], trouble)) else []
        if storing.concerns_all(trouble) or not parts:
            self._book(conn, gathered)
            raise trouble
        for part in parts:
            self._store(conn, resource, [part], report)

    def _book(self, conn: Connection, gathered: Sequence[Fetched]) -> None:
        """The calls of what could not be stored: they were paid."""
        made = [call for got in gathered for call in got.calls]
        try:
            with self._connect() if conn.broken else nullcontext(conn) as own, own.transaction():
                calls.record(own, made, self._execution.id)
        except (psycopg.Error, WarehouseUnavailable) as trouble:
            log.warning("%d calls could not be booked, as the warehouse is away: %s", len(made), type(trouble).__name__)

    def _write(self, conn: Connection, resource: Resource, gathered: Sequence[Fetched], report: Report) -> None:
        values = [value for got in gathered for value in got.values]
        if isinstance(resource, Metadata):
            at = max(got.at for got in gathered)
            counts = resource.store(conn, values, at) if values else Counts()
        else:
            counts = Counts(audience_points=resource.store(conn, values) if values else 0)
        raw.keep(conn, [r for got in gathered for r in got.raws], self._execution.id)
        ledger.settle(conn, resource.name, [s for got in gathered for s in self._settled(resource, got)])
        made = [call for got in gathered for call in got.calls]
        calls.record(conn, made, self._execution.id)
        failures = [
            ItemFailure(resource.name, item.entity, item.facet, error.kind, str(error))
            for got in gathered
            if got.stop is None
            for item, error in got.errors
        ]
        executions.add_failures(conn, self._execution.id, failures)
        put_off = [(item, why) for got in gathered for item, why in got.put_off]
        counts += Counts(deferred=len(put_off))
        executions.add_counts(conn, self._execution.id, counts)
        report.put_off += len(put_off)
        report.refusal = report.refusal or next((why for _, why in put_off), None)
        report.calls += len(made)
        report.ok += sum(len(got.values) for got in gathered)
        report.failed += len(failures)
        report.counts += counts

    def _settled(self, resource: Resource, got: Fetched) -> list[Settled]:
        failed = {item for item, _ in got.errors}
        rows = []
        for item, value in got.values:
            if item not in failed:
                outcome: Outcome = "empty" if isinstance(resource, Series) and not value else "ok"
                due = got.at + resource.freshness(self._settings) - EARLY
                first, last = got.covered.get(item, (None, None))
                rows.append(
                    Settled(
                        item.entity, item.facet, outcome, got.at, due, first, last, crawled_at=got.crawled.get(item)
                    )
                )
        for item, error in got.errors:
            if got.stop is None or item in got.covered:
                first, last = got.covered.get(item, (None, None))
                outcome, due = self._verdict(error, got.at)
                if isinstance(error, CameShort) and item.came_short:
                    due = got.at + resource.freshness(self._settings) - EARLY
                reason = str(error)[:2000]
                crawled = got.crawled.get(item)
                rows.append(
                    Settled(item.entity, item.facet, outcome, got.at, due, first, last, error.kind, reason, crawled)
                )
        for item, why in got.put_off:
            reason = f"Not asked, as others were refused: {why}"[:2000]
            rows.append(Settled(item.entity, item.facet, "deferred", got.at, got.at, None, None, why.kind, reason))
        return rows

    def _verdict(self, error: ChartlineError, at: datetime) -> tuple[Outcome, datetime]:
        """What a failure means for the ledger: absence is remembered for a while, trouble is due at once."""
        if isinstance(error, CameShort):
            return "ok", at + SHORT_AGAIN - EARLY
        if isinstance(error, NotFound | Moved):
            return "absent", at + timedelta(days=self._settings.freshness_absent_days)
        if isinstance(error, Gone):
            return "absent", at + timedelta(days=365)
        if isinstance(error, UnsupportedPlatform):
            return "unsupported", at + timedelta(days=self._settings.freshness_metadata_days)
        return "failed", at

    def _defer(self, conn: Connection, resource: Resource, left: set[Item], why: QuotaSpent, report: Report) -> None:
        now = datetime.now(UTC)
        with conn.transaction():
            ledger.settle(
                conn,
                resource.name,
                [Settled(i.entity, i.facet, "deferred", now, now, None, None, why.kind, str(why)) for i in left],
            )
            report.counts += Counts(deferred=len(left))
            executions.add_counts(conn, self._execution.id, Counts(deferred=len(left)))
            executions.note_error(conn, self._execution.id, str(why))


def _singly(got: Fetched) -> list[Fetched]:
    """One for each value; the first keeps all that is not a value's."""
    first = replace(got, values=got.values[:1])
    return [first, *(Fetched(got.at, values=[value]) for value in got.values[1:])]


def _less(got: Fetched, trouble: Exception) -> Fetched | None:
    """The same with a failure in place of its only value; if there is none, without raw answers; None: nothing less."""
    if got.values:
        [(item, _)] = got.values
        errors = [*(e for e in got.errors if e[0] != item), (item, storing.named(trouble))]
        return replace(got, values=[], errors=errors, covered={})
    return replace(got, raws=[]) if got.raws else None


def _api_away(requests: int) -> ServerTrouble:
    return ServerTrouble(
        f"The Soundcharts API did not answer {requests} requests in a row.",
        after=60,
        advice="The task tries again with what is left.",
    )
