"""The calls that a complete first fill needs, worked out from the truth alone.

The yardstick for "calls made = calls needed": it knows nothing of any client.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from math import ceil

from pydantic import BaseModel, ConfigDict

from simulator.world import World

PAGE = 100
BATCH = 10
WINDOW_DAYS = 90
AIRPLAY = "airplay"


class ChartAsk(BaseModel):
    """A followed chart: which steps are on, and for which platforms. `airplay` is served by broadcast-groups."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slug: str
    fetch_track_metadata: bool = True
    fetch_artist_metadata: bool = True
    fetch_track_audience: bool = True
    fetch_artist_audience: bool = True
    track_platforms: tuple[str, ...] = ("spotify", "youtube", "shazam", "airplay")
    artist_platforms: tuple[str, ...] = ("spotify", "youtube", "instagram", "tiktok")
    listening_platforms: tuple[str, ...] = ("spotify",)


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
    an earlier chart fetches. Windows: audience 90 days until today (always one page), airplay the 90 days before today.
    `KeyError` for an unknown slug, `ValueError` for a chart without a visible ranking or an order that lacks a chart.
    """
    asks = {ask.slug: ask for ask in charts}
    days = {slug: _latest(world, slug, as_of) for slug in asks}
    calls: dict[str, dict[str, int]] = {slug: {} for slug in asks}
    claims = _Claims()
    for slug in asks:
        pages = max(1, ceil(len(world.tracks_of(slug, days[slug])) / PAGE))
        calls[slug] |= {"ranking_latest": 1, "ranking_at": pages - 1}
    for slug in _order(asks, track_order):
        calls[slug] |= _track_calls(world, as_of.date(), asks[slug], world.tracks_of(slug, days[slug]), claims)
    for slug in _order(asks, artist_order):
        calls[slug] |= _artist_calls(
            asks[slug], _known_artists(world, world.tracks_of(slug, days[slug]), claims), claims
        )
    return {slug: {name: count for name, count in counted.items() if count} for slug, counted in calls.items()}


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


def _track_calls(world: World, today: date, ask: ChartAsk, tracks: Sequence[str], claims: _Claims) -> dict[str, int]:
    calls = {"song": 0, "song_audience": 0, "song_broadcast_groups": 0}
    if ask.fetch_track_metadata:
        calls["song"] = ceil(len(claims.claim("song", tracks)) / BATCH)
    if ask.fetch_track_audience:
        for platform in dict.fromkeys(ask.track_platforms):
            fresh = claims.claim(f"song audience {platform}", tracks)
            if platform == AIRPLAY:
                calls["song_broadcast_groups"] = sum(airplay_pages(world, uuid, today) for uuid in fresh)
            else:
                calls["song_audience"] += len(fresh)
    return calls


def airplay_pages(world: World, uuid: str, today: date) -> int:
    """Pages of broadcast-groups of a track for the 90 days before `today`."""
    first, last = today - timedelta(days=WINDOW_DAYS), today - timedelta(days=1)
    return max(1, ceil(len(world.broadcast_groups(uuid, first, last)) / PAGE))


def _known_artists(world: World, tracks: Sequence[str], claims: _Claims) -> list[str]:
    """Distinct artists of those tracks whose metadata somebody fetches."""
    found: dict[str, None] = {}
    for uuid in tracks:
        track = world.song(uuid)
        if track is not None and claims.has("song", uuid):
            found |= dict.fromkeys(track.artist_uuids)
    return list(found)


def _artist_calls(ask: ChartAsk, artists: Sequence[str], claims: _Claims) -> dict[str, int]:
    calls = {"artist": 0, "artist_audience": 0, "artist_listening": 0}
    if ask.fetch_artist_metadata:
        calls["artist"] = ceil(len(claims.claim("artist", artists)) / BATCH)
    if ask.fetch_artist_audience:
        for platform in dict.fromkeys(ask.artist_platforms):
            calls["artist_audience"] += len(claims.claim(f"artist audience {platform}", artists))
        for platform in dict.fromkeys(ask.listening_platforms):
            calls["artist_listening"] += len(claims.claim(f"listening {platform}", artists))
    return calls
