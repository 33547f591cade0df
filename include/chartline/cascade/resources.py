"""The registry: each kind of thing that is fetched, and all that is particular about it.

Planning, leasing, calling, recording are one engine over these entries (engine.py). A new resource is one
entry here, its answer model and its table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from pydantic import BaseModel

from chartline.settings import Settings
from chartline.soundcharts import endpoints, models
from chartline.soundcharts.calls import Answer
from chartline.soundcharts.endpoints import Endpoint
from chartline.warehouse import artists, audience, tables, tracks
from chartline.warehouse.connect import Connection
from chartline.warehouse.executions import Counts
from chartline.warehouse.ledger import Item
from chartline.warehouse.merge import MergeTable


@dataclass(frozen=True)
class Window:
    """Whole days, both ends included."""

    start: date
    end: date


@dataclass(frozen=True)
class Part:
    """What one answer says of a series; `crawled_at`: when the source itself last looked, if it says so."""

    points: list[Any]
    crawled_at: datetime | None = None


@dataclass(frozen=True)
class Metadata:
    """Facts about one entity, several entities to a call, matched by uuid."""

    name: str
    endpoint: Endpoint
    model: type[BaseModel]
    store: Callable[[Connection, Sequence[tuple[Item, Any]], datetime], Counts]

    def freshness(self, settings: Settings) -> timedelta:
        """How long an answer stays fresh."""
        return timedelta(days=settings.freshness_metadata_days)


@dataclass(frozen=True)
class Series:
    """Dated values of one entity on one platform (the item's facet), asked in windows of days."""

    name: str
    endpoint: Endpoint
    read: Callable[[Answer, Window], Part]
    days: Callable[[list[Any]], list[date]]
    store: Callable[[Connection, Sequence[tuple[Item, list[Any]]]], int]
    whole_days: bool = False
    """Counts over a window rather than values of days: asked up to yesterday, never overlapping."""
    monthly: bool = False
    """Located figures, that the API renews about once a month."""

    def freshness(self, settings: Settings) -> timedelta:
        """How long a fetch stays fresh."""
        return timedelta(days=settings.freshness_metadata_days if self.monthly else settings.freshness_audience_days)

    def windows(self, item: Item, today: date, first_days: int, settings: Settings) -> list[Window]:
        """The windows still to ask: first those up to today, oldest first; then, where more of the past is wanted than
        was asked for before, those before what is known, newest first, so that what is known never has a hole.

        The first time `first_days`, or as many as one call can bring where that is more. Later from the last stored day
        on: values of days are asked with a small overlap, as late values of another identifier cost no further call.
        At least one window, so that a forced fetch reads the last day again; but what was had today is only filled.
        """
        end = today - timedelta(days=1) if self.whole_days else today
        step = timedelta(days=settings.audience_window_days)
        if item.covered_to is not None:
            overlap = 0 if self.whole_days else settings.audience_overlap_days
            start = min(item.covered_to, end) + timedelta(days=1 - overlap)
        elif item.covered_from is not None:  # it was asked, and there was nothing
            start = end + timedelta(days=1) - step
        else:
            start = end + timedelta(days=1) - max(timedelta(days=first_days), step)
        start = min(start, end)
        reach, known = self.reach(today, first_days, settings), item.covered_from
        fills = reach is not None and known is not None and known > reach
        found = []
        while start <= end and not (fills and item.fetched_on == today):
            found.append(Window(start, min(start + step - timedelta(days=1), end)))
            start += step
        while reach is not None and known is not None and known > reach:
            before = max(known - step, reach)
            found.append(Window(before, known - timedelta(days=1)))
            known = before
        return found

    def reach(self, today: date, first_days: int, settings: Settings) -> date | None:
        """The day down to which a series that is known already is filled; None where no more of the past is wanted than
        one call brings."""
        if first_days <= settings.audience_window_days:
            return None
        end = today - timedelta(days=1) if self.whole_days else today
        return end - timedelta(days=first_days - 1)


Resource = Metadata | Series

EARLY = timedelta(hours=1)
"""So much before its freshness ends a thing is due: the run of seven days later comes a little sooner in the day."""


SHORT_AGAIN = timedelta(days=1)
"""After a series came short of its own total, until it is asked once more."""


# -- how each one is stored and read -------------------------------------------------------------------------


def _store_tracks(conn: Connection, found: Sequence[tuple[Item, Any]], at: datetime) -> Counts:
    stored = tracks.store_metadata(conn, [song for _, song in found], at)
    return Counts(tracks_created=stored.created, tracks_updated=stored.updated, artists_created=stored.artists_created)


def _store_artists(conn: Connection, found: Sequence[tuple[Item, Any]], at: datetime) -> Counts:
    stored = artists.store_metadata(conn, [artist for _, artist in found], at)
    return Counts(artists_created=stored.created, artists_updated=stored.updated)


def _items(model: type[models.Dated]) -> Callable[[Answer, Window], Part]:
    def read(answer: Answer, window: Window) -> Part:
        found = models.parse(model, answer)
        return Part(list(found.items), found.last_crawled_at)

    return read


def _airplay(answer: Answer, window: Window) -> Part:
    groups = models.parse(models.BroadcastGroups, answer).items
    return Part([(window.start, window.end, group) for group in groups])


def _by_platform(
    store: Callable[[Connection, list[tuple[str, str, list[Any]]]], int],
) -> Callable[[Connection, Sequence[tuple[Item, list[Any]]]], int]:
    def write(conn: Connection, found: Sequence[tuple[Item, list[Any]]]) -> int:
        return store(conn, [(item.entity, item.facet, points) for item, points in found])

    return write


def _by_station(table: MergeTable) -> Callable[[Connection, Sequence[tuple[Item, list[Any]]]], int]:
    def write(conn: Connection, found: Sequence[tuple[Item, list[Any]]]) -> int:
        groups = [(item.entity, start, end, group) for item, points in found for start, end, group in points]
        # The window that came short was a day shorter, and its days would count twice.
        again = [(item.entity, start, end) for item, points in found if item.came_short for start, end, _ in points]
        audience.clear_airplay(conn, again, table=table)
        return audience.store_airplay(conn, groups, table=table)

    return write


def _dates(points: list[Any]) -> list[date]:
    return [point.date for point in points]


def _window_ends(points: list[Any]) -> list[date]:
    return [end for _, end, _ in points]


TRACK_METADATA = Metadata("track_metadata", endpoints.SONG, models.Song, _store_tracks)
ARTIST_METADATA = Metadata("artist_metadata", endpoints.ARTIST, models.Artist, _store_artists)
TRACK_AUDIENCE = Series(
    "track_audience", endpoints.SONG_AUDIENCE, _items(models.SongAudience), _dates, _by_platform(audience.store_track)
)
TRACK_AIRPLAY = Series(
    "track_airplay",
    endpoints.SONG_BROADCAST_GROUPS,
    _airplay,
    _window_ends,
    _by_station(tables.TRACK_AIRPLAY),
    whole_days=True,
)
ARTIST_AIRPLAY = Series(
    "artist_airplay",
    endpoints.ARTIST_BROADCAST_GROUPS,
    _airplay,
    _window_ends,
    _by_station(tables.ARTIST_AIRPLAY),
    whole_days=True,
)
ARTIST_AUDIENCE = Series(
    "artist_audience",
    endpoints.ARTIST_AUDIENCE,
    _items(models.ArtistAudience),
    _dates,
    _by_platform(audience.store_artist),
)
ARTIST_LISTENERS = Series(
    "artist_listeners",
    endpoints.ARTIST_LISTENING,
    _items(models.Listening),
    _dates,
    _by_platform(audience.store_listening),
)

ARTIST_LOCAL_FOLLOWERS = Series(
    "artist_local_followers",
    endpoints.ARTIST_LOCAL_FOLLOWERS,
    _items(models.Located),
    _dates,
    _by_platform(partial(audience.store_located, metric="followers")),
    monthly=True,
)
ARTIST_LOCAL_STREAMING = Series(
    "artist_local_streaming",
    endpoints.ARTIST_LOCAL_STREAMING,
    _items(models.Located),
    _dates,
    _by_platform(partial(audience.store_located, metric="listeners")),
    monthly=True,
)

RESOURCES: dict[str, Resource] = {
    r.name: r
    for r in (
        TRACK_METADATA,
        ARTIST_METADATA,
        TRACK_AUDIENCE,
        TRACK_AIRPLAY,
        ARTIST_AUDIENCE,
        ARTIST_LISTENERS,
        ARTIST_AIRPLAY,
        ARTIST_LOCAL_FOLLOWERS,
        ARTIST_LOCAL_STREAMING,
    )
}
