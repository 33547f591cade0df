"""The API's own list of the days of a chart, brought up to date with few calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from chartline.cascade import observing, storing
from chartline.cascade.run import Run
from chartline.errors import ContractBroken, NotFound, NotYet, UnknownChart
from chartline.settings import Settings
from chartline.soundcharts import endpoints, models
from chartline.soundcharts.calls import Answer
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import calls, charts, ledger, rankings, raw
from chartline.warehouse.ledger import FOREVER, Settled, Want

Connection = psycopg.Connection[Any]  # in autocommit

RESOURCE = "calendar"
BROKEN = "broken_calendar"
RANKING = "ranking"
LEASE = timedelta(minutes=5)
SETTLED = timedelta(days=3)
"""So long after a day its ranking is taken to be out, if it ever comes: a list read then is the last word on it."""
PATIENCE = 30.0  # seconds: a list of many pages is some seconds' work
POLL = 0.5


@dataclass(frozen=True)
class Asker:
    """Who brings a calendar up to date: whose lease it is, whose call it is (None: no execution's), by what clock."""

    owner: str
    execution_id: int | None
    settings: Settings
    now: Callable[[], datetime]

    @classmethod
    def of(cls, run: Run) -> Asker:
        """A run as the asker."""
        return cls(run.execution.owner, run.execution.id, run.settings, run.now)


def bring_up_to_date(
    asker: Asker, conn: Connection, client: SoundchartsClient, slug: str, days: Iterable[date], *, now: bool = False
) -> None:
    """See to it that what the calendar says of `days` can be relied on, with a call for each 100 days at the most.

    No call when the list was fetched long after the newest of them or within `settings.calendar_hours` (`now`: only
    the former counts). One run at a time fetches a chart's list; the others wait for it in place. Raises UnknownChart,
    ContractBroken, ShortAnswer, NotYet (another run is still at it) and the errors of the account.
    """
    newest = max(days)
    until = time.monotonic() + PATIENCE
    while not _is_fresh(asker, conn, slug, newest, now=now):
        _, mine = ledger.claim(conn, RESOURCE, [Want(slug)], owner=asker.owner, lease=LEASE, stale_before=FOREVER)
        if mine:
            try:
                if not _is_fresh(asker, conn, slug, newest, now=now):  # it came while the lease was asked for
                    _fetch(asker, conn, client, slug)
                return
            finally:
                ledger.release(conn, asker.owner, RESOURCE)
                observing.keep(conn)
        if time.monotonic() > until:
            raise NotYet(f"Another run is fetching the calendar of {slug}.", after=15)
        now = False  # what another run brings meanwhile is as new as can be
        time.sleep(POLL)


def note(conn: Connection, slug: str, named: models.ChartLight | None, stamps: Iterable[str], seen_at: datetime) -> int:
    """Put the API's stamps into the calendar, with when a day was last asked for in vain. Returns the chart's id."""
    listed = list(stamps)
    days = {stamp[:10] for stamp in listed}
    in_vain = {
        date.fromisoformat(day): entry.fetched_at
        for day, entry in ledger.find(conn, RANKING, slug, days).items()
        if entry.outcome == "absent" and entry.fetched_at
    }
    chart_id = _chart_id(conn, slug, named)
    rankings.store_calendar(conn, chart_id, listed, seen_at, in_vain)
    return chart_id


def _is_fresh(asker: Asker, conn: Connection, slug: str, newest: date, *, now: bool) -> bool:
    entry = ledger.find(conn, RESOURCE, slug, [""]).get("")
    if entry is None or entry.fetched_at is None:
        return False
    if entry.fetched_at >= datetime.combine(newest, datetime.min.time(), UTC) + SETTLED:
        return True
    return not now and asker.now() - entry.fetched_at < timedelta(hours=asker.settings.calendar_hours)


def _fetch(asker: Asker, conn: Connection, client: SoundchartsClient, slug: str) -> None:
    chart = charts.find(conn, slug)

    def proves_the_rest(first: Answer) -> bool:
        """Whether the days known and those of this page are all that the API has; the order of its list is no proof."""
        page = models.parse(models.AvailableRankings, first)
        if chart is None or page.page is None or not page.stamps:
            return False
        days = sorted(page.days)
        known = rankings.stamps(conn, chart.id, days[0], days[-1])
        new = sum(day not in known for day in days)
        return page.page.total == rankings.calendar_size(conn, chart.id) + new

    answers: list[Answer] = []
    try:
        answers = client.pages(endpoints.AVAILABLE_RANKINGS, slug, enough=proves_the_rest)
        parsed = [models.parse(models.AvailableRankings, answer) for answer in answers]
    except Exception as unnamed:
        error = storing.named(unnamed)
        if not error.calls:
            error.calls = tuple(call for answer in answers for call in answer.calls)
        with conn.transaction():
            calls.record(conn, error.calls, asker.execution_id)
            if error.body:
                broken = raw.RawAnswer(BROKEN, slug, "", 0, RESOURCE, "", asker.now(), error.body)
                raw.keep(conn, [broken], asker.execution_id)
        if isinstance(error, NotFound):
            raise UnknownChart(f"chart: the Soundcharts API has no chart {slug!r}.", field="chart") from None
        raise error from (None if error is unnamed else unnamed)
    at = asker.now()
    made = [call for answer in answers for call in answer.calls]

    def write() -> None:
        note(conn, slug, parsed[0].chart, [stamp for page in parsed for stamp in page.stamps], at)
        parts = [raw.RawAnswer.of(RESOURCE, slug, "", part, answer, at) for part, answer in enumerate(answers)]
        raw.keep(conn, parts, asker.execution_id)
        calls.record(conn, made, asker.execution_id)
        ledger.settle(conn, RESOURCE, [Settled(slug, "", "ok", at, at)])

    try:
        storing.together(conn, write)
    except Exception as error:
        if storing.concerns_all(error):
            raise
        with conn.transaction():
            calls.record(conn, made, asker.execution_id)
        raise storing.named(error) from error


def _chart_id(conn: Connection, slug: str, named: models.ChartLight | None) -> int:
    """The chart that was asked, whatever slug the answer gives it now; where it names none, it must be known."""
    known = charts.find(conn, slug)  # else side-by-side runs of a chart would wait for each other's row
    if known is None and named:
        return charts.upsert_chart(conn, named.asked_as(slug))
    if known is None:
        raise ContractBroken(
            f"The calendar of {slug} does not say of which chart it is.",
            endpoint=endpoints.AVAILABLE_RANKINGS.name,
            field="related",
        )
    return known.id
