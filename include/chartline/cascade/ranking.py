"""Step 1: fetch the ranking, with all its pages, and keep the pages raw."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from chartline.cascade.run import Run
from chartline.errors import BadInput, ChartlineError, ContractBroken, NotFound, TryLater, UnknownChart
from chartline.soundcharts import endpoints, models
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import calls, charts, ledger, rankings, raw
from chartline.warehouse.ledger import Settled, Want

RESOURCE = "ranking"
CALENDAR = "calendar"
LATEST = "latest"
BROKEN = "broken_ranking"
LEASE = timedelta(minutes=5)
"""A ranking is a few calls; whoever waits for a run that died waits no longer than its task's retries."""
FOREVER = datetime.max.replace(tzinfo=UTC)


def fetch_ranking(run: Run) -> list[str]:
    """Fetch the asked day's ranking, or the latest, unless it is here already. Returns its day, ISO, in a list.

    One run at a time fetches a chart's ranking. Raises UnknownChart, BadInput (no ranking on that day),
    TryLater (another run is at it), ShortAnswer and the errors of the account.
    """
    ask = run.ask
    with run.connect() as conn:
        # One lease for all days: the latest ranking and that of a day asked for may be the same.
        _, mine = ledger.claim(
            conn,
            RESOURCE,
            [Want(ask.chart, LATEST)],
            owner=run.execution.owner,
            lease=LEASE,
            stale_before=FOREVER,
        )
        if not mine:
            raise TryLater(f"Another run is fetching a ranking of {ask.chart}.", after=LEASE.total_seconds() / 3)
        try:
            known = _known_days(conn, ask.chart, run.execution.started_at if ask.force else None)
            if ask.day and ask.day in known:
                return [ask.day.isoformat()]
            with run.client() as client:
                stamp = _stamp(conn, run, client, ask.chart, ask.day) if ask.day else None
                return [_fetch(conn, run, client, ask.chart, stamp, known).isoformat()]
        finally:
            ledger.release(conn, run.execution.owner, RESOURCE)


def _known_days(conn: psycopg.Connection[Any], slug: str, forced_since: datetime | None) -> set[date]:
    """Days that need no call: stored, or fetched whole by a run that did not come to store it.

    A forced run takes only what it fetched itself, before a retry.
    """
    kept = {date.fromisoformat(day) for day in raw.facets(conn, RESOURCE, slug, forced_since)}
    chart = None if forced_since else charts.find(conn, slug)
    return kept | rankings.known_days(conn, chart.id) if chart else kept


def _fetch(
    conn: psycopg.Connection[Any],
    run: Run,
    client: SoundchartsClient,
    slug: str,
    stamp: str | None,
    known: set[date],
) -> date:
    try:
        pages = client.ranking(slug, stamp, known.__contains__)
    except ChartlineError as error:
        _record_failure(conn, run, slug, stamp or LATEST, error)
        if isinstance(error, NotFound) and stamp is None:
            raise UnknownChart(
                f"chart: the Soundcharts API has no chart {slug!r}.",
                field="chart",
                advice="Look it up with: chartline charts search",
            ) from None
        raise
    day = pages.day.isoformat()
    now = datetime.now(UTC)
    with conn.transaction():
        if not pages.known:
            raw.keep(
                conn,
                [raw.RawAnswer.of(RESOURCE, slug, day, part, answer, now) for part, answer in enumerate(pages.answers)],
                run.execution.id,
            )
        calls.record(conn, [call for answer in pages.answers for call in answer.calls], run.execution.id)
        ledger.settle(
            conn,
            RESOURCE,
            [Settled(slug, day, "ok", now, FOREVER, pages.day, pages.day), Settled(slug, LATEST, "ok", now, now)],
        )
    return pages.day


def _stamp(conn: psycopg.Connection[Any], run: Run, client: SoundchartsClient, slug: str, day: date) -> str:
    """The API's own stamp of that day's ranking, from the calendar, which is fetched when it does not reach so far."""
    chart = charts.find(conn, slug)
    stamp = rankings.stamp(conn, chart.id, day) if chart else None
    if stamp:
        return stamp
    try:
        answers = client.pages(endpoints.AVAILABLE_RANKINGS, slug)
    except ChartlineError as error:
        _record_failure(conn, run, slug, CALENDAR, error)
        if isinstance(error, NotFound):
            raise UnknownChart(f"chart: the Soundcharts API has no chart {slug!r}.", field="chart") from None
        raise
    now = datetime.now(UTC)
    try:
        parsed = [models.parse(models.AvailableRankings, answer) for answer in answers]
    except ContractBroken as error:
        error.calls = tuple(call for answer in answers for call in answer.calls)
        _record_failure(conn, run, slug, CALENDAR, error)
        raise
    with conn.transaction():
        chart_id = _chart_id(conn, slug, parsed[0].chart)
        rankings.store_calendar(conn, chart_id, [stamp for page in parsed for stamp in page.stamps])
        raw.keep(
            conn,
            [raw.RawAnswer.of(CALENDAR, slug, "", part, answer, now) for part, answer in enumerate(answers)],
            run.execution.id,
        )
        calls.record(conn, [call for answer in answers for call in answer.calls], run.execution.id)
        ledger.settle(conn, CALENDAR, [Settled(slug, "", "ok", now, now)])
    stamp = rankings.stamp(conn, chart_id, day)
    if stamp is None:
        near = rankings.nearest_days(conn, chart_id, day)
        raise BadInput(
            f"day: {slug} has no ranking on {day}.",
            field="day",
            advice=f"The nearest days it has: {', '.join(str(d) for d in near) or 'none'}.",
        )
    return stamp


def _chart_id(conn: psycopg.Connection[Any], slug: str, named: models.ChartLight | None) -> int:
    """The chart that the calendar's answer names; where it names none, the one that is known."""
    if named:
        return charts.upsert_chart(conn, named)
    known = charts.find(conn, slug)
    if known is None:
        raise ContractBroken(
            f"The calendar of {slug} does not say of which chart it is.",
            endpoint=endpoints.AVAILABLE_RANKINGS.name,
            field="related",
        )
    return known.id


def _record_failure(conn: psycopg.Connection[Any], run: Run, slug: str, facet: str, error: ChartlineError) -> None:
    """Keep what the failed fetch cost and answered."""
    now = datetime.now(UTC)
    with conn.transaction():
        calls.record(conn, error.calls, run.execution.id)
        if error.body:
            raw.keep(
                conn,
                [raw.RawAnswer(BROKEN, slug, facet, 0, RESOURCE, "", now, error.body)],
                run.execution.id,
            )
