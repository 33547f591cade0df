"""The one loop that fetches a batch, whatever the resource.

A few connections work side by side. Each asks for one call's worth of items, hands in what came and waits until
it is stored before it asks again, so that a kill loses at most the calls in flight. What is handed in meanwhile
is stored in one transaction: data, raw answers, ledger rows, call records.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from chartline.cascade.resources import EARLY, RESOURCES, Metadata, Resource, Series
from chartline.errors import (
    AskPerson,
    ChartlineError,
    ContractBroken,
    CutAnswer,
    Gone,
    NotFound,
    QuotaSpent,
    RateLimited,
    ServerTrouble,
    SkipItem,
    StopRun,
    TryLater,
    UnsupportedPlatform,
    WarehouseUnavailable,
)
from chartline.settings import Settings
from chartline.soundcharts import models
from chartline.soundcharts.calls import Answer, Call
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import calls, executions, ledger, raw
from chartline.warehouse.executions import Counts, Execution, ItemFailure
from chartline.warehouse.ledger import Batch, Item, Outcome, Settled

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]  # in autocommit

OF_ALL = StopRun | AskPerson | RateLimited | WarehouseUnavailable
"""Failures that the next request would meet too."""

REFUSED = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)
"""What PostgreSQL says to a value that it cannot hold."""


@dataclass
class Fetched:
    """What one request brought, before it is stored: for each item a value, an error, or both (a series cut short)."""

    at: datetime
    values: list[tuple[Item, Any]] = field(default_factory=list)
    errors: list[tuple[Item, ChartlineError]] = field(default_factory=list)
    covered: dict[Item, tuple[date, date]] = field(default_factory=dict)
    raws: list[raw.RawAnswer] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    stop: ChartlineError | None = None
    """Set when nothing more should be asked: the account, not the item, is concerned."""


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
            stop = self._drain(conn, batch, resource, _requests(resource, items), report, left)
            if isinstance(stop, QuotaSpent):
                self._defer(conn, resource, left, stop, report)
            elif stop is None and 0 < report.unanswered == report.items and not last_try:
                raise _api_away(report.unanswered)
            elif stop is not None:
                raise stop
        log.info("%s", report)
        return report

    # -- fetching: worker threads --------------------------------------------------------------------------------

    def _drain(
        self,
        conn: Connection,
        batch: Batch,
        resource: Resource,
        requests: list[list[Item]],
        report: Report,
        left: set[Item],
    ) -> ChartlineError | None:
        """Work off the requests; returns why it stopped early, None when all is done."""
        todo: queue.SimpleQueue[list[Item]] = queue.SimpleQueue()
        for request in requests:
            todo.put(request)
        done: queue.SimpleQueue[tuple[Fetched, threading.Event] | BaseException | None] = queue.SimpleQueue()
        halt = threading.Event()
        refused: set[str] = set()  # platforms that the API turned out not to serve

        def work() -> None:
            try:
                while not halt.is_set():
                    try:
                        items = todo.get_nowait()
                    except queue.Empty:
                        return
                    stored = threading.Event()
                    done.put((self._fetch(resource, batch, items, refused), stored))
                    stored.wait()
            except BaseException as trouble:
                done.put(trouble)
            finally:
                done.put(None)

        count = min(self._connections, len(requests))
        threads = [threading.Thread(target=work, name=f"fetch-{n}", daemon=True) for n in range(count)]
        for thread in threads:
            thread.start()
        try:
            return self._settle_all(conn, batch, resource, done, halt, count, report, left)
        finally:
            halt.set()
            for thread in threads:
                while thread.is_alive():
                    _wake(done)  # after a failed store nobody else does
                    thread.join(0.1)

    def _fetch(self, resource: Resource, batch: Batch, items: list[Item], refused: set[str]) -> Fetched:
        if isinstance(resource, Metadata):
            return self._fetch_metadata(resource, items)
        return self._fetch_series(resource, items[0], int(batch.options.get("first_days", 0)), refused)

    def _fetch_metadata(self, resource: Metadata, items: list[Item]) -> Fetched:
        got = Fetched(datetime.now(UTC))
        uuids = [item.entity for item in items]
        try:
            answer = self._client.get(resource.endpoint, ",".join(uuids))
        except (CutAnswer, SkipItem, ServerTrouble) as error:
            _note(got, resource, items, error)
            if len(items) == 1:
                got.errors.append((items[0], error))
                return got
            # One bad item must not cost the other nine: halve until it stands alone.
            middle = len(items) // 2
            for half in (items[:middle], items[middle:]):
                if got.stop is not None:
                    break
                if len(items) > 3 and _found_api_away(got):  # two in a row alone: no item is to blame
                    got.errors.extend((item, error) for item in half)
                else:
                    _join(got, self._fetch_metadata(resource, half))
            return got
        except ChartlineError as error:
            return _failed(got, resource, items, error)
        got.raws.append(_raw(resource, ",".join(uuids), "", 0, answer))
        got.calls.extend(answer.calls)
        by_uuid = {item.entity: item for item in items}
        try:
            found = models.parse_batch(resource.model, answer, uuids)
        except ContractBroken as error:
            got.errors.extend((item, error) for item in items)
            return got
        for uuid, value in found.items():
            if isinstance(value, ChartlineError):
                got.errors.append((by_uuid[uuid], value))
            else:
                got.values.append((by_uuid[uuid], value))
        return got

    def _fetch_series(self, resource: Series, item: Item, first_days: int, refused: set[str]) -> Fetched:
        got = Fetched(datetime.now(UTC))
        if item.facet in refused:
            got.errors.append((item, UnsupportedPlatform(f"{item.facet} is not served for {resource.name}.")))
            return got
        points: list[Any] = []
        asked = None
        try:
            first = first_days or self._settings.audience_window_days
            for window in resource.windows(item, got.at.date(), first, self._settings):
                query = {"startDate": window.start.isoformat(), "endDate": window.end.isoformat()}
                answers = self._client.pages(resource.endpoint, item.entity, item.facet, query)
                for answer in answers:
                    got.raws.append(_raw(resource, item.entity, item.facet, len(got.raws), answer))
                    got.calls.extend(answer.calls)
                points += [point for answer in answers for point in resource.read(answer, window)]
                asked = (asked[0] if asked else window.start, window.end)
        except ChartlineError as error:
            if isinstance(error, UnsupportedPlatform):
                refused.add(item.facet)
            _failed(got, resource, [item], error)
        if asked is not None:
            got.values.append((item, points))
            days = [*asked] if resource.whole_days else resource.days(points)
            if days:
                got.covered[item] = (min(days), max(days))
        return got

    # -- storing: this thread ------------------------------------------------------------------------------------

    def _settle_all(
        self,
        conn: Connection,
        batch: Batch,
        resource: Resource,
        done: queue.SimpleQueue[tuple[Fetched, threading.Event] | BaseException | None],
        halt: threading.Event,
        workers: int,
        report: Report,
        left: set[Item],
    ) -> ChartlineError | None:
        stop: ChartlineError | None = None
        trouble: BaseException | None = None
        away = 0  # requests in a row that found the API away
        renewed = datetime.now(UTC)
        waiting: list[threading.Event] = []
        try:
            while workers:
                gathered: list[Fetched] = []
                handed: list[tuple[Fetched, threading.Event] | BaseException | None] = [done.get()]
                with suppress(queue.Empty):
                    while True:
                        handed.append(done.get_nowait())
                for one in handed:
                    if one is None:
                        workers -= 1
                    elif isinstance(one, BaseException):
                        trouble = trouble or one
                        halt.set()
                    else:
                        gathered.append(one[0])
                        waiting.append(one[1])
                if gathered:
                    self._store(conn, resource, gathered, report)
                    left.difference_update(item for got in gathered for item in _ended(got))
                for got in gathered:
                    stop = stop or got.stop
                    unanswered = len(got.errors) if _found_api_away(got) else 0
                    report.unanswered += unanswered
                    away = away + 1 if unanswered else 0
                if away >= 2 * self._connections:
                    stop = stop or _api_away(away)
                if stop is not None:
                    halt.set()
                if datetime.now(UTC) - renewed > self._lease / 3:
                    ledger.renew(conn, batch.token, self._lease)
                    renewed = datetime.now(UTC)
                while waiting:
                    waiting.pop().set()
        finally:
            halt.set()
            for event in waiting:
                event.set()
        if trouble is not None:
            raise trouble
        return stop

    def _store(self, conn: Connection, resource: Resource, gathered: Sequence[Fetched], report: Report) -> None:
        """One transaction for all that was handed in; repeated when another run's writes got in the way.

        One for each value when the warehouse refuses one of them, which then counts as failed.
        """
        for attempt in range(5):
            try:
                with conn.transaction():
                    self._write(conn, resource, gathered, report)
                return
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                if attempt == 4:
                    raise
            except REFUSED as refused:
                parts = [part for got in gathered for part in _singly(got)]
                if len(parts) == 1:
                    if not parts[0].values:
                        raise
                    parts = [_without_value(parts[0], resource, refused)]
                for part in parts:
                    self._store(conn, resource, [part], report)
                return

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
        executions.add_counts(conn, self._execution.id, counts)
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
                rows.append(Settled(item.entity, item.facet, outcome, got.at, due, first, last))
        for item, error in got.errors:
            if got.stop is None or item in got.covered:
                first, last = got.covered.get(item, (None, None))
                outcome, due = self._verdict(error, got.at)
                reason = str(error)[:2000]
                rows.append(Settled(item.entity, item.facet, outcome, got.at, due, first, last, error.kind, reason))
        return rows

    def _verdict(self, error: ChartlineError, at: datetime) -> tuple[Outcome, datetime]:
        """What a failure means for the ledger: absence is remembered for a while, trouble is due at once."""
        if isinstance(error, NotFound):
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


def _requests(resource: Resource, items: list[Item]) -> list[list[Item]]:
    size = resource.endpoint.batch if isinstance(resource, Metadata) else 1
    return [items[n : n + size] for n in range(0, len(items), size)]


def _raw(resource: Resource, entity: str, facet: str, part: int, answer: Answer) -> raw.RawAnswer:
    return raw.RawAnswer(
        resource.name, entity, facet, part, answer.endpoint, answer.path, answer.fetched_at, answer.body
    )


def _note(got: Fetched, resource: Resource, items: list[Item], error: ChartlineError) -> None:
    """Keep what a failed request cost and what it answered."""
    got.calls.extend(error.calls)
    if error.body:
        entity, facet = ",".join(i.entity for i in items), items[0].facet
        got.raws.append(
            raw.RawAnswer(resource.name, entity, facet, len(got.raws), resource.endpoint.name, "", got.at, error.body)
        )


def _failed(got: Fetched, resource: Resource, items: list[Item], error: ChartlineError) -> Fetched:
    _note(got, resource, items, error)
    got.errors.extend((item, error) for item in items)
    if isinstance(error, OF_ALL):
        got.stop = error
    return got


def _join(got: Fetched, part: Fetched) -> None:
    got.values += part.values
    got.errors += part.errors
    got.raws += part.raws
    got.calls += part.calls
    got.stop = got.stop or part.stop


def _singly(got: Fetched) -> list[Fetched]:
    """One for each value; the first keeps all that is not a value's."""
    first = replace(got, values=got.values[:1])
    return [first, *(Fetched(got.at, values=[value]) for value in got.values[1:])]


def _without_value(got: Fetched, resource: Resource, refused: psycopg.Error) -> Fetched:
    """The same with a failure in place of its only value."""
    [(item, _)] = got.values
    error = ContractBroken(
        f"The warehouse cannot hold what came: {refused.diag.message_primary or type(refused).__name__}.",
        endpoint=resource.endpoint.name,
        advice="The raw answer is kept.",
    )
    return replace(got, values=[], errors=[*(e for e in got.errors if e[0] != item), (item, error)], covered={})


def _ended(got: Fetched) -> set[Item]:
    """The items that need no further call: what the account's trouble stopped is not among them."""
    stopped = {item for item, _ in got.errors} if got.stop else set()
    return {item for item, _ in (*got.values, *got.errors)} - stopped


def _wake(done: queue.SimpleQueue[Any]) -> None:
    """Let those go on who handed in what nobody will store."""
    with suppress(queue.Empty):
        while True:
            handed = done.get_nowait()
            if isinstance(handed, tuple):
                handed[1].set()


def _api_away(requests: int) -> ServerTrouble:
    return ServerTrouble(
        f"The Soundcharts API did not answer {requests} requests in a row.",
        after=60,
        advice="The task tries again with what is left.",
    )


def _found_api_away(got: Fetched) -> bool:
    return not got.values and any(isinstance(e, TryLater) and not isinstance(e, CutAnswer) for _, e in got.errors)
