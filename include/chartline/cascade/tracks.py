"""Step 2: the kept pages become a ranking with its tracks; what is due of the tracks is planned."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from chartline.cascade import planning, ranking_pages, storing
from chartline.cascade.run import Run
from chartline.errors import ChartlineError, RankingIncomplete
from chartline.soundcharts import models
from chartline.soundcharts.calls import Answer
from chartline.warehouse import charts, executions, rankings, raw
from chartline.warehouse.connect import Connection
from chartline.warehouse.executions import Counts, ItemFailure
from chartline.warehouse.ledger import Batch
from chartline.warehouse.rankings import FetchedRanking, StoredRanking

log = logging.getLogger(__name__)

GROUP = 8
"""Rankings stored in one transaction: neighbouring days share most tracks, and a long one would hold others up."""


def upsert_tracks(run: Run, days: Sequence[str]) -> list[Batch]:
    """Store the rankings of `days` (ISO), a few in a transaction, and plan the track metadata that is due.

    A ranking whose pages cannot be read or stored is stored in no part, noted among the days left, and does not stop
    the others; clearing fetch_ranking fetches it anew. Raises its error (of a field, say) when there is
    no other.
    """
    with run.connect() as conn:
        broken = _store(conn, run, [date.fromisoformat(day) for day in days])
        for day in broken:
            # Else these pages would pass for the day's ranking for as long as they are kept.
            raw.set_aside(conn, ranking_pages.RESOURCE, run.ask.chart, day.isoformat(), ranking_pages.BROKEN)
        if broken and len(broken) == len(days):
            raise broken[min(broken)]
        with conn.transaction():
            executions.add_failures(
                conn,
                run.execution.id,
                [
                    ItemFailure(ranking_pages.RESOURCE, run.ask.chart, day.isoformat(), error.kind, str(error))
                    for day, error in sorted(broken.items())
                ],
            )
            executions.note_days(conn, run.execution.id, left=sorted(broken))
        return plan_track_metadata(conn, run)


def has_ranking(run: Run) -> bool:
    """Whether the run came to have a ranking."""
    with run.connect() as conn:
        return executions.ranking_count(conn, run.execution.id) > 0


def _store(conn: Connection, run: Run, days: Sequence[date]) -> dict[date, ChartlineError]:
    """Store what is not stored yet; the days that cannot be, with the reason."""
    slug = run.ask.chart
    chart = charts.find(conn, slug)
    stored = rankings.whole(conn, chart.id, days) if chart else {}
    kept = raw.times(conn, ranking_pages.RESOURCE, slug, [day.isoformat() for day in days])
    todo = []
    for day in days:
        if day in stored and kept.get(day.isoformat(), stored[day].fetched_at) <= stored[day].fetched_at:
            continue
        todo.append(day)
    known = [stored[day].id for day in days if day not in todo]
    if known:
        executions.link_rankings(conn, run.execution.id, known)
    broken: dict[date, ChartlineError] = {}
    for start in range(0, len(todo), GROUP):
        fetched: dict[date, FetchedRanking] = {}
        for day in todo[start : start + GROUP]:
            try:
                fetched[day] = _read(conn, slug, day)
            except RankingIncomplete as error:
                broken[day] = error
            except Exception as error:
                if storing.concerns_all(error):
                    raise
                broken[day] = storing.named(error)
        broken |= _store_group(conn, run, fetched)
    return broken


def _read(conn: Connection, slug: str, day: date) -> FetchedRanking:
    """The kept pages of a day, as `read` has them. Raises ContractBroken, RankingIncomplete."""
    pages = raw.latest(conn, ranking_pages.RESOURCE, slug, day.isoformat())
    if not pages:
        raise RankingIncomplete(
            f"The pages of {slug} of {day} are not kept any more.", advice="Clear fetch_ranking to fetch them again."
        )
    return read(slug, [page.answer() for page in pages], pages[0].fetched_at)


def read(slug: str, pages: Sequence[Answer], fetched_at: datetime) -> FetchedRanking:
    """A ranking's kept pages, parsed and checked. Raises ContractBroken, RankingIncomplete.

    They are of the chart that was asked, whatever slug the API gives it now: else its days would go to another chart,
    and its own would be missing for ever.
    """
    parsed = [models.parse(models.RankingPage, page) for page in pages]
    rankings.check(parsed)
    if (now := parsed[0].chart.slug) != slug:
        day = parsed[0].date
        log.warning("The API names the chart %s %s now; its ranking of %s is stored for %s.", slug, now, day, slug)
    return FetchedRanking([page.asked_as(slug) for page in parsed], fetched_at)


def store(conn: Connection, fetched: Sequence[FetchedRanking]) -> list[StoredRanking]:
    """Store rankings of one chart, in the caller's transaction. Raises as `rankings.store_all`."""
    named = fetched[0].pages[0].chart
    chart = charts.find(conn, named.slug)
    return rankings.store_all(conn, chart.id if chart else charts.upsert_chart(conn, named), fetched)


def _store_group(conn: Connection, run: Run, fetched: Mapping[date, FetchedRanking]) -> dict[date, ChartlineError]:
    """One transaction for a few rankings; one for each when one of them cannot be stored."""
    if not fetched:
        return {}
    try:
        storing.together(conn, lambda: _write(conn, run, list(fetched.values())))
        return {}
    except Exception as error:
        if storing.concerns_all(error):
            raise
        if len(fetched) == 1:
            return dict.fromkeys(fetched, storing.named(error))
    broken: dict[date, ChartlineError] = {}
    for day, one in fetched.items():
        broken |= _store_group(conn, run, {day: one})
    return broken


def _write(conn: Connection, run: Run, fetched: Sequence[FetchedRanking]) -> None:
    done = store(conn, fetched)
    executions.link_rankings(conn, run.execution.id, [one.ranking_id for one in done])
    counts = Counts(
        rankings_created=sum(one.created for one in done),
        rankings_updated=sum(not one.created for one in done),
        entries_stored=sum(one.entries for one in done),
        tracks_created=sum(one.tracks_created for one in done),
        tracks_updated=sum(one.tracks_updated for one in done),
    )
    executions.add_counts(conn, run.execution.id, counts)


def plan_track_metadata(conn: Connection, run: Run) -> list[Batch]:
    """Batches of the run's tracks whose metadata is due."""
    if "track_metadata" not in run.ask.steps:
        return []
    asks = planning.asks("track_metadata", executions.tracks(conn, run.execution.id), run.ask, run.settings)
    return planning.plan(conn, asks, run.execution, run.settings, force=run.ask.force)


def plan_track_audience(run: Run) -> list[Batch]:
    """Batches of the run's tracks and platforms whose audience is due."""
    ask = run.ask
    if "track_audience" not in ask.steps:
        return []
    with run.connect() as conn:
        uuids = executions.tracks(conn, run.execution.id, audience=True)
        asks = planning.asks("track_audience", uuids, ask, run.settings)
        return planning.plan(conn, asks, run.execution, run.settings, force=ask.force)
