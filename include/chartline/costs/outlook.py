"""What is known of a chart before its past is fetched: its calendar, its size, how fast it turns over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import ceil
from uuid import uuid4

from chartline.cascade import calendar as listing
from chartline.cascade import ranking_pages
from chartline.cascade.keeping import Owner
from chartline.cascade.ranking_pages import LATEST, RESOURCE
from chartline.costs import turnover
from chartline.costs.turnover import PERIODS, Rate
from chartline.domain.due_days import Rhythm
from chartline.settings import Settings
from chartline.soundcharts import endpoints, models
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.models import RankingItem, RankingPage
from chartline.warehouse import charts, ledger, raw
from chartline.warehouse.charts import ChartRow
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import costs, gaps
from chartline.warehouse.reads.costs import RankingSample

Look = Callable[[], SoundchartsClient]

RANKINGS = 31
PERIOD_DAYS = {"daily": 1, "weekly": 7, "monthly": 30}
USUAL_PLACES = (1, 200)
"""Entries of a ranking where not even the catalogue says how many places the chart has."""


@dataclass(frozen=True)
class Outlook:
    """A chart as it can be seen without fetching its past. `places`: entries of a ranking, least and most."""

    slug: str
    chart: ChartRow | None
    calendar: tuple[date, ...]
    """The days that Soundcharts is known to have, oldest first."""
    listed: bool
    """Whether that is the whole calendar; else only the days that came with other answers."""
    newest: date | None
    """Day of the newest ranking that is here, stored or kept raw."""
    newest_id: int | None
    """That ranking, where it is stored."""
    tracks: tuple[str, ...]
    """Its tracks."""
    places: tuple[int, int]
    rate: Rate
    here: frozenset[date]
    """Days whose ranking costs no call: stored whole, or kept raw."""
    asked: bool
    """Whether Soundcharts was asked for this, so that nothing newer is available."""
    knows_latest: bool
    """Whether the latest was asked for a moment ago, so that a run does not ask for it again."""
    notes: tuple[str, ...] = ()

    @property
    def pages(self) -> tuple[int, int]:
        """Calls for one ranking, least and most."""
        (low, high), page = self.places, endpoints.RANKING_AT.page_limit
        return max(1, ceil(low / page)), max(1, ceil(high / page))


def see(
    conn: Connection,
    slug: str,
    settings: Settings,
    look: Look | None = None,
    *,
    latest: bool = True,
    since: date | None = None,
    named: Collection[date] = (),
) -> Outlook:
    """The outlook on a chart.

    look: brings its calendar up to date, back to the day `since` where its past is wanted, for days that are `named` by
    hand too, and (`latest`) fetches its latest ranking where none is here; all would be fetched anyway and is kept.
    Raises the errors of the account then, and UnknownChart.
    """
    notes: list[str] = []
    asked = look is not None and latest
    if look is not None:
        notes += _ask(conn, slug, settings, look, latest=latest, since=since, named=named)
    chart = charts.find(conn, slug)
    calendar = gaps.listed_days(conn, chart.id) if chart else []
    rankings = costs.newest_rankings(conn, chart.id, RANKINGS) if chart else []
    kept = sorted(date.fromisoformat(day) for day in raw.facets(conn, RESOURCE, slug))
    here = set(kept)
    if chart:
        stored = gaps.stored_days(conn, chart.id, date.min, date.max)
        here |= {day for day, whole in stored.items() if whole}
    standing, tracks = (rankings[0], costs.tracks_of(conn, rankings[0].id)) if rankings else (None, [])
    if kept and (standing is None or kept[-1] > standing.day):
        standing, tracks = _standing(raw.latest(conn, RESOURCE, slug, kept[-1].isoformat()))
        rankings = [standing, *rankings]
    if standing:
        places = (standing.total, standing.total)
    elif chart and chart.capacity:
        places = (min(chart.capacity, USUAL_PLACES[0]), chart.capacity)
        notes.append(f"Nothing of {slug} is stored: a ranking may hold up to {chart.capacity} entries.")
    else:
        places = USUAL_PLACES
        notes.append(f"Nothing of {slug} is known: a ranking may hold up to {places[1]} entries.")
    if not standing:
        notes.append("Turnover and artists are taken as is usual: metadata is a wide range.")
    return Outlook(
        slug,
        chart,
        tuple(calendar),
        any(entry.fetched_at for entry in ledger.find(conn, listing.RESOURCE, slug, [""]).values()),
        standing.day if standing else None,
        (standing.id or None) if standing else None,
        tuple(sorted(tracks)),
        places,
        turnover.rate(rankings, chart.frequency if chart else "", places[1]),
        frozenset(here),
        asked,
        ranking_pages.knows_latest(conn, slug, datetime.now(UTC)),
        tuple(notes),
    )


def _ask(
    conn: Connection,
    slug: str,
    settings: Settings,
    look: Look,
    *,
    latest: bool,
    since: date | None,
    named: Collection[date],
) -> list[str]:
    """Ask Soundcharts for what is not here; what it cost, in words."""
    began = datetime.now(UTC)
    with look() as client:
        owner = Owner(f"estimate/{uuid4()}", None, settings, lambda: datetime.now(UTC))
        known = _is_known(conn, slug)
        if since:
            listing.bring_up_to_date(owner, conn, client, slug, [since, began.date()])
        if named:
            listing.bring_up_to_date(owner, conn, client, slug, named, by_name=True)
        if not since and latest and known:  # whether there is a newer one
            listing.bring_up_to_date(owner, conn, client, slug, [began.date()])
        made = gaps.calendar_calls(conn, [slug], began)
        if latest and not known:
            made += _keep_latest(owner, conn, client, slug)
    if not made:
        return []
    return [
        f"{made} call{'s were' if made > 1 else ' was'} made for this estimate; what came is kept and not asked again."
    ]


def _is_known(conn: Connection, slug: str) -> bool:
    """Whether a ranking of the chart is here, stored or kept raw."""
    chart = charts.find(conn, slug)
    return bool(chart and costs.newest_rankings(conn, chart.id, 1)) or bool(raw.facets(conn, RESOURCE, slug))


def _keep_latest(owner: Owner, conn: Connection, client: SoundchartsClient, slug: str) -> int:
    """Keep the latest ranking raw, as the first run would: it costs that run one call instead of all. How many calls
    were made: none where a run brought it meanwhile."""
    keeper = ranking_pages.keeper(conn, owner)
    try:
        ranking_pages.hold_latest(keeper, slug)
        if _is_known(conn, slug):
            return 0
        begun = ranking_pages.begun(conn, slug, LATEST, owner.now())
        pages = ranking_pages.ask_latest(keeper, client, slug, begun=begun)
    finally:
        keeper.release()
    return sum(len(answer.calls) for answer in pages.answers)


def _standing(kept: Sequence[raw.RawAnswer]) -> tuple[RankingSample, list[str]]:
    """A kept ranking as if it were stored."""
    pages = [models.parse(RankingPage, page.answer()) for page in kept]
    items = [item for page in pages for item in page.items if item.position > 0]
    ages = [age for item in items if (age := _age(item, pages[0].date)) is not None]
    newcomers = [sum(age <= days for age in ages) for days in PERIODS]
    standing = RankingSample(0, pages[0].date, pages[0].page.total, len(ages), newcomers)
    return standing, list({item.song.uuid for item in items})


def _age(item: RankingItem, day: date) -> int | None:
    if item.time_on_chart is not None:
        return item.time_on_chart
    return 1 if item.entry_date is not None and item.entry_date >= day else None


def guessed(seen: Outlook, first: date, last: date) -> tuple[date, ...]:
    """The days that Soundcharts may have, by the chart's frequency, counted back from its newest."""
    newest = seen.newest or last
    rhythm = Rhythm.of(seen.chart.frequency if seen.chart else "", [*seen.calendar, newest])
    if not rhythm.is_known:
        rhythm = Rhythm("daily")
    return tuple(sorted({*rhythm.days(first, min(newest, last)), *seen.calendar}))


def stretches(calendar: Sequence[date], missing: Iterable[date], here: Collection[date]) -> list[tuple[int, int]]:
    """Missing days that follow each other in the calendar, as (how many, how many of its two neighbours are here)."""
    wanted, runs = set(missing), []
    length, before = 0, False
    for day in calendar:
        if day in wanted:
            length += 1
            continue
        if length:
            runs.append((length, before + (day in here)))
            length = 0
        before = day in here
    if length:
        runs.append((length, int(before)))
    return runs
