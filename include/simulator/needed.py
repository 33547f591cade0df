"""The calls that a complete first fill needs, of the latest rankings or with history, worked out from the truth alone.

The yardstick for "calls made = calls needed". Which series there are to fetch it takes from Chartline's registry; what
they hold, and so how many calls bring them, from the made-up world alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from math import ceil

from pydantic import BaseModel, ConfigDict, Field

from chartline.cascade import resources
from chartline.cascade.resources import Metadata, Subject
from chartline.domain.asks import STEPS
from chartline.settings import Settings
from simulator.airplay import StationPlays
from simulator.world import World

PAGE = 100
BATCH = 10
WINDOW_DAYS = 90
AIRPLAY = "airplay"


class ChartAsk(BaseModel):
    """A followed chart: which steps are on, for which platforms, how many days of the past (None: no past).

    `airplay`, of tracks and of artists, is served by broadcast-groups. `cities`: also audience by place, of those
    platforms of artists that have it. `window_days`: of a series, asked in one call.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    slug: str
    fetch_track_metadata: bool = True
    fetch_artist_metadata: bool = True
    fetch_track_audience: bool = True
    fetch_artist_audience: bool = True
    track_platforms: tuple[str, ...] = ("spotify", "youtube", "shazam", "airplay")
    artist_platforms: tuple[str, ...] = ("spotify", "youtube", "instagram", "tiktok")
    cities: bool = False
    window_days: int = Field(WINDOW_DAYS, ge=1, le=WINDOW_DAYS)
    history_days: int | None = Field(None, ge=1)

    @property
    def audience_days(self) -> int:
        """Days of audience asked for the first time: as far back as the rankings go, and never less than one call
        brings."""
        return max(self.history_days or 0, self.window_days)


class _Claims:
    """What earlier charts already pay for."""

    def __init__(self) -> None:
        self._taken: dict[str, set[str]] = {}

    def claim(self, resource: str, entities: Iterable[str]) -> list[str]:
        """Those that nobody claimed before, in their order; from now on they are taken."""
        taken = self._taken.setdefault(resource, set())
        fresh = [entity for entity in dict.fromkeys(entities) if entity not in taken]
        taken.update(fresh)
        return fresh

    def has(self, resource: str, entity: str) -> bool:
        """Whether the entity is taken."""
        return entity in self._taken.get(resource, ())

    def count(self, resource: str) -> int:
        """How many are taken."""
        return len(self._taken.get(resource, ()))


def needed_calls(
    world: World,
    as_of: datetime,
    charts: Sequence[ChartAsk],
    track_order: Sequence[str] | None = None,
    artist_order: Sequence[str] | None = None,
) -> dict[str, dict[str, int]]:
    """Calls for the latest ranking of each chart into an empty warehouse: slug -> endpoint name -> calls.

    What charts share is paid by the first of them: in `track_order` (slugs) for tracks, in `artist_order` for
    artists, each the order of `charts` unless given. Page 1 of a ranking counts as `ranking_latest`, later pages as
    `ranking_at`. Artists are known from track metadata only, so a chart sees those of tracks whose metadata it or
    an earlier chart fetches. Series are asked in windows of `window_days`, always one page of audience each: one until
    today (airplay: before today), or as many as the chart's `history_days` need.
    `KeyError` for an unknown slug, `ValueError` for a chart without a visible ranking or an order that lacks a chart.
    """
    asks = {ask.slug: ask for ask in charts}
    days = {slug: _latest(world, slug, as_of) for slug in asks}
    calls: dict[str, dict[str, int]] = {slug: {} for slug in asks}
    claims = _Claims()
    for slug in asks:
        pages = ranking_pages(world, slug, days[slug])
        calls[slug] |= {"ranking_latest": 1, "ranking_at": pages - 1}
    for slug in _order(asks, track_order):
        calls[slug] |= _calls_of("track", world, as_of.date(), asks[slug], world.tracks_of(slug, days[slug]), claims)
    for slug in _order(asks, artist_order):
        known = _known_artists(world, world.tracks_of(slug, days[slug]), claims)
        calls[slug] |= _calls_of("artist", world, as_of.date(), asks[slug], known, claims)
    return {slug: {name: count for name, count in counted.items() if count} for slug, counted in calls.items()}


class HistoryNeeds(BaseModel):
    """What a complete fill with history needs.

    `charts`: slug -> endpoint -> calls, exact, without the metadata; `days`: slug -> rankings; `distinct`: how many
    tracks (`song`) and artists (`artist`) have to be fetched, each once; `at_least`: the metadata calls when all of
    them came in full batches. How many there are in truth depends on how many runs share them out.
    """

    charts: dict[str, dict[str, int]]
    days: dict[str, int]
    distinct: dict[str, int]
    at_least: dict[str, int]

    @property
    def calls(self) -> int:
        """The fewest calls that bring all of it."""
        return sum(sum(own.values()) for own in self.charts.values()) + sum(self.at_least.values())


def needed_history(world: World, as_of: datetime, charts: Sequence[ChartAsk]) -> HistoryNeeds:
    """Calls for all rankings of each chart's past, into an empty warehouse, followed and filled at `as_of`.

    Audience is for the newest ranking only. What charts share is paid once, audience by the first of them. Page 1 of
    the newest ranking counts as `ranking_latest`, all other pages as `ranking_at`. The calendar is read down to
    the first day that is wanted: it is newest first. Raises as `needed_calls`.
    """
    newest = needed_calls(world, as_of, charts)
    claims = _Claims()
    found: dict[str, dict[str, int]] = {}
    days = {
        ask.slug: history_days(world, ask.slug, as_of, as_of.date() - timedelta(days=ask.history_days or 0))
        for ask in charts
    }
    tracks = {slug: {uuid for day in own for uuid in world.tracks_of(slug, day)} for slug, own in days.items()}
    for ask in charts:
        own = days[ask.slug]
        pages = sum(ranking_pages(world, ask.slug, day) for day in own)
        listed = list_pages(world, ask.slug, as_of, as_of.date() - timedelta(days=ask.history_days or 0))
        calls = newest[ask.slug] | {"ranking_at": pages - 1, "available_rankings": listed if ask.history_days else 0}
        found[ask.slug] = {name: count for name, count in calls.items() if count and name not in ("song", "artist")}
        if ask.fetch_track_metadata:
            claims.claim("song", tracks[ask.slug])
    for ask in charts:
        if ask.fetch_artist_metadata:
            claims.claim("artist", _known_artists(world, sorted(tracks[ask.slug]), claims))
    distinct = {"song": claims.count("song"), "artist": claims.count("artist")}
    return HistoryNeeds(
        charts=found,
        days={slug: len(own) for slug, own in days.items()},
        distinct=distinct,
        at_least={name: ceil(count / BATCH) for name, count in distinct.items()},
    )


def list_pages(world: World, slug: str, as_of: datetime, first: date) -> int:
    """Pages of the list of a chart's days, which is newest first, down to the one that reaches `first`, or all."""
    listed = world.days(slug, as_of)
    return 1 + min(sum(day > first for day in listed), len(listed) - 1) // PAGE


def history_days(world: World, slug: str, as_of: datetime, first: date) -> list[date]:
    """The latest day that can be read at `as_of` and all others from `first` on, newest first."""
    return [day for index, day in enumerate(world.days(slug, as_of)) if day >= first or not index]


def _latest(world: World, slug: str, as_of: datetime) -> date:
    day = world.latest_day(slug, as_of)
    if day is None:
        raise ValueError(f"{slug} has no ranking that is visible at {as_of.isoformat()}")
    return day


def _order(asks: dict[str, ChartAsk], order: Sequence[str] | None) -> list[str]:
    wanted = list(asks if order is None else order)
    if set(wanted) != set(asks) or len(wanted) != len(asks):
        raise ValueError(f"the order must name each chart once: {', '.join(asks)}")
    return wanted


def _calls_of(
    subject: Subject, world: World, today: date, ask: ChartAsk, uuids: Sequence[str], claims: _Claims
) -> dict[str, int]:
    """By endpoint, for these tracks or artists, as far as nobody claimed them before."""
    calls: dict[str, int] = defaultdict(int)
    settings = Settings(artist_cities=ask.cities)
    for step in STEPS:
        if not getattr(ask, f"fetch_{step}"):
            continue
        for resource, facets in resources.pieces(step, ask, settings):
            for facet in dict.fromkeys(facets if resource.subject == subject else ()):
                name = resource.endpoint.name
                fresh = claims.claim(f"{name} {facet}".strip(), uuids)
                if isinstance(resource, Metadata):
                    calls[name] += ceil(len(fresh) / BATCH)
                elif plays := PLAYS.get(name):
                    pages = (
                        airplay_pages(partial(plays, world), uuid, today, ask.audience_days, ask.window_days)
                        for uuid in fresh
                    )
                    calls[name] += sum(pages)
                else:
                    calls[name] += len(fresh) * len(_windows(today, ask.audience_days, ask.window_days))
    return calls


PLAYS: dict[str, Callable[[World, str, date, date], Sequence[StationPlays]]] = {
    "song_broadcast_groups": World.broadcast_groups,
    "artist_broadcast_groups": World.artist_broadcast_groups,
}
"""Endpoints whose answers have as many pages as there are stations."""


def ranking_pages(world: World, slug: str, day: date) -> int:
    """Pages of a ranking."""
    return world.odd.pages_of_ranking(slug, day, len(world.tracks_of(slug, day)), PAGE)


def airplay_pages(
    played: Callable[[str, date, date], Sequence[StationPlays]],
    uuid: str,
    today: date,
    days: int = WINDOW_DAYS,
    window: int = WINDOW_DAYS,
) -> int:
    """Pages of broadcast-groups of a track or an artist (`played` is the world's) for the `days` before `today`."""
    yesterday = today - timedelta(days=1)
    plays = (played(uuid, first, last) for first, last in _windows(yesterday, days, window))
    return sum(max(1, ceil(len(stations) / PAGE)) for stations in plays)


def _windows(last: date, days: int, window: int) -> list[tuple[date, date]]:
    """The `days` until `last` in windows, oldest first."""
    starts = range(last.toordinal() - days + 1, last.toordinal() + 1, window)
    return [(date.fromordinal(start), date.fromordinal(min(start + window - 1, last.toordinal()))) for start in starts]


def _known_artists(world: World, tracks: Sequence[str], claims: _Claims) -> list[str]:
    """Distinct artists of those tracks whose metadata somebody fetches."""
    found: dict[str, None] = {}
    for uuid in tracks:
        track = world.song(uuid)
        if track is not None and claims.has("song", uuid) and not world.odd.fails("track_metadata", uuid):
            found |= dict.fromkeys(track.artist_uuids)
    return list(found)
