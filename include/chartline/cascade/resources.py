"""The registry: each kind of thing that is fetched, and all that is particular about it.

What a run asks for, plans, leases, calls and records, what an estimate counts and what people are shown comes from
these entries. A new resource is one entry here, its answer's model and its table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from math import ceil
from typing import Any, Literal, Protocol

from pydantic import BaseModel

from chartline.domain import platforms
from chartline.settings import Settings
from chartline.soundcharts import endpoints, models
from chartline.soundcharts.calls import Answer
from chartline.soundcharts.endpoints import Endpoint
from chartline.warehouse import artists, audience, tables, tracks
from chartline.warehouse.connect import Connection
from chartline.warehouse.executions import Counts
from chartline.warehouse.ledger import Item
from chartline.warehouse.merge import MergeTable

Subject = Literal["chart", "track", "artist"]


class Wanted(Protocol):
    """What a run wants of tracks and artists, as `CascadeAsk` and `RefreshAsk` say it."""

    @property
    def track_platforms(self) -> Sequence[str]: ...

    @property
    def artist_platforms(self) -> Sequence[str]: ...

    @property
    def audience_days(self) -> int | None:
        """How far back a series goes the first time; None: as far as one call brings."""


@dataclass(frozen=True)
class Weight:
    """What a call leaves behind: `rows` of the first table, each with what the other `tables` hold of it; `size`: bytes
    of such a row with its indexes, as measured on the simulator's demo charts, for a table that holds too little."""

    tables: tuple[str, ...]
    rows: int
    size: int


@dataclass(frozen=True)
class Window:
    """Whole days, both ends included."""

    start: date
    end: date


@dataclass(frozen=True)
class SeriesPart:
    """What one answer says of a series; `crawled_at`: when Soundcharts itself last read the platform, if it says so."""

    points: list[Any]
    crawled_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Registered:
    """What every kind of thing has.

    `step`: the step of a run that fetches it, "" where none does. `setting`: the field of `Settings` that turns it on,
    "" where it is always on. `fresh`: the field that says for how many days or hours, as its name ends, it stays fresh.
    """

    name: str
    subject: Subject
    step: str
    weight: Weight | None = None
    setting: str = ""
    fresh: str = ""

    @property
    def title(self) -> str:
        """Its name in words."""
        return self.name.replace("_", " ")

    def kind(self, facet: str) -> str:
        """What its calls are counted as: by platform where there is one in their address."""
        return self.name

    def is_on(self, settings: Settings) -> bool:
        """Whether it is fetched at all."""
        return not self.setting or bool(getattr(settings, self.setting))

    def freshness(self, settings: Settings) -> timedelta:
        """How long an answer stays fresh."""
        _, _, unit = self.fresh.rpartition("_")
        return timedelta(**{unit: getattr(settings, self.fresh)})


@dataclass(frozen=True, kw_only=True)
class Paged(Registered):
    """A list of one chart or of all, whose pages belong together: it has a step of its own instead of the engine."""

    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, kw_only=True)
class Metadata(Registered):
    """Facts about one entity, several entities to a call, matched by uuid."""

    endpoint: Endpoint
    model: type[BaseModel]
    store: Callable[[Connection, Sequence[tuple[Item, Any]], Mapping[str, datetime]], Counts]
    """With the time at which each entity was fetched."""
    fresh: str = "freshness_metadata_days"

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What is called for it."""
        return (self.endpoint,)

    @property
    def per_call(self) -> int:
        """Items that go in one request."""
        return self.endpoint.batch

    def facets(self, codes: Iterable[str]) -> tuple[str, ...]:
        """One, whatever the platforms."""
        return ("",)

    def calls(self, items: Sequence[Item], today: date, first_days: int, settings: Settings) -> int:
        """Calls that bring these items."""
        return ceil(len(items) / self.per_call)


@dataclass(frozen=True, kw_only=True)
class Series(Registered):
    """Dated values of one entity on one platform (the item's facet), asked in windows of days."""

    endpoint: Endpoint
    platforms: tuple[str, ...]
    read: Callable[[Answer, Window], SeriesPart]
    days: Callable[[list[Any]], list[date]]
    store: Callable[[Connection, Sequence[tuple[Item, list[Any]]]], int]
    fresh: str = "freshness_audience_days"
    label: str = ""
    """What a batch's label says after the platforms."""
    whole_days: bool = False
    """Counts over a window rather than values of days: asked up to yesterday, never overlapping."""
    pages: float = 1.0
    """Pages of a window, at the most and on average: how many there are is not known before, and is learned."""

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What is called for it."""
        return (self.endpoint,)

    @property
    def per_call(self) -> int:
        """Items that go in one request."""
        return 1

    def kind(self, facet: str) -> str:
        """What its calls are counted as: by platform where there is one in their address."""
        return f"{self.name} {facet}" if "{facet}" in self.endpoint.path else self.name

    def facets(self, codes: Iterable[str]) -> tuple[str, ...]:
        """Those of the platforms that it serves."""
        return tuple(code for code in codes if code in self.platforms)

    def calls(self, items: Sequence[Item], today: date, first_days: int, settings: Settings) -> int:
        """Calls that bring these items, a page for each window."""
        return sum(len(self.windows(item, today, first_days, settings)) for item in items)

    def windows(self, item: Item, today: date, first_days: int, settings: Settings) -> list[Window]:
        """The windows still to ask: first those up to today, oldest first; then, where more history is wanted than was
        asked for before, those before what is known, newest first, so that what is known never has a gap.

        The first time `first_days`, or as many as one call can bring where that is more. Later from the last stored day
        on: values of days are asked with a small overlap, as late values of another identifier cost no further call. At
        least one window, so that a forced fetch reads the last day again; but what was had today is only filled.
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
        fetched = []
        while start <= end and not (fills and item.fetched_on == today):
            fetched.append(Window(start, min(start + step - timedelta(days=1), end)))
            start += step
        while reach is not None and known is not None and known > reach:
            before = max(known - step, reach)
            fetched.append(Window(before, known - timedelta(days=1)))
            known = before
        return fetched

    def reach(self, today: date, first_days: int, settings: Settings) -> date | None:
        """The day down to which a series that is known already is filled; None where no more history is wanted than one
        call brings."""
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


def _store_tracks(conn: Connection, fetched: Sequence[tuple[Item, Any]], at: Mapping[str, datetime]) -> Counts:
    stored = tracks.store_metadata(conn, [song for _, song in fetched], at)
    return Counts(tracks_created=stored.created, tracks_updated=stored.updated, artists_created=stored.artists_created)


def _store_artists(conn: Connection, fetched: Sequence[tuple[Item, Any]], at: Mapping[str, datetime]) -> Counts:
    stored = artists.store_metadata(conn, [artist for _, artist in fetched], at)
    return Counts(artists_created=stored.created, artists_updated=stored.updated)


def _items(model: type[models.Dated]) -> Callable[[Answer, Window], SeriesPart]:
    def read(answer: Answer, window: Window) -> SeriesPart:
        fetched = models.parse(model, answer)
        return SeriesPart(list(fetched.items), fetched.last_crawled_at)

    return read


def _airplay(answer: Answer, window: Window) -> SeriesPart:
    groups = models.parse(models.BroadcastGroups, answer).items
    return SeriesPart([(window.start, window.end, group) for group in groups])


def _by_platform(
    store: Callable[[Connection, list[tuple[str, str, list[Any]]]], int],
) -> Callable[[Connection, Sequence[tuple[Item, list[Any]]]], int]:
    def write(conn: Connection, fetched: Sequence[tuple[Item, list[Any]]]) -> int:
        return store(conn, [(item.entity, item.facet, points) for item, points in fetched])

    return write


def _by_station(table: MergeTable) -> Callable[[Connection, Sequence[tuple[Item, list[Any]]]], int]:
    def write(conn: Connection, fetched: Sequence[tuple[Item, list[Any]]]) -> int:
        groups = [(item.entity, start, end, group) for item, points in fetched for start, end, group in points]
        # The window that came short was a day shorter, and its days would count twice.
        again = [(item.entity, start, end) for item, points in fetched if item.came_short for start, end, _ in points]
        audience.clear_airplay(conn, again, table=table)
        return audience.store_airplay(conn, groups, table=table)

    return write


def _dates(points: list[Any]) -> list[date]:
    return [point.date for point in points]


def _window_ends(points: list[Any]) -> list[date]:
    return [end for _, end, _ in points]


CALENDAR = Paged(
    name="calendar",
    subject="chart",
    step="ranking",
    fresh="calendar_hours",
    endpoints=(endpoints.AVAILABLE_RANKINGS,),
)
RANKING = Paged(
    name="ranking",
    subject="chart",
    step="ranking",
    weight=Weight(("chart_ranking_entry",), rows=100, size=165),
    endpoints=(endpoints.RANKING_LATEST, endpoints.RANKING_AT),
)
CATALOGUE = Paged(
    name="catalogue",
    subject="chart",
    step="",
    endpoints=(
        endpoints.SONG_PLATFORMS,
        endpoints.CHARTS_BY_PLATFORM,
        endpoints.SOCIAL_PLATFORMS,
        endpoints.STREAMING_PLATFORMS,
    ),
)
USAGE = Paged(name="usage", subject="chart", step="", endpoints=(endpoints.TEAM_USAGE,))

TRACK_METADATA = Metadata(
    name="track_metadata",
    subject="track",
    step="track_metadata",
    endpoint=endpoints.SONG,
    model=models.Song,
    store=_store_tracks,
    weight=Weight(("track", "track_artist", "track_genre", "track_label", "track_credit"), rows=10, size=1_900),
)
ARTIST_METADATA = Metadata(
    name="artist_metadata",
    subject="artist",
    step="artist_metadata",
    endpoint=endpoints.ARTIST,
    model=models.Artist,
    store=_store_artists,
    weight=Weight(("artist", "artist_genre"), rows=10, size=930),
)
TRACK_AUDIENCE = Series(
    name="track_audience",
    subject="track",
    step="track_audience",
    endpoint=endpoints.SONG_AUDIENCE,
    platforms=tuple(code for code in platforms.TRACK_PLATFORMS if code != platforms.AIRPLAY),
    read=_items(models.SongAudience),
    days=_dates,
    store=_by_platform(audience.store_track),
    weight=Weight(("track_audience",), rows=80, size=220),
)
TRACK_AIRPLAY = Series(
    name="track_airplay",
    subject="track",
    step="track_audience",
    endpoint=endpoints.SONG_BROADCAST_GROUPS,
    platforms=(platforms.AIRPLAY,),
    read=_airplay,
    days=_window_ends,
    store=_by_station(tables.TRACK_AIRPLAY),
    whole_days=True,
    pages=3.0,
    weight=Weight(("track_airplay",), rows=40, size=180),
)
ARTIST_AUDIENCE = Series(
    name="artist_audience",
    subject="artist",
    step="artist_audience",
    endpoint=endpoints.ARTIST_AUDIENCE,
    platforms=tuple(code for code in platforms.ARTIST_PLATFORMS if code != platforms.AIRPLAY),
    read=_items(models.ArtistAudience),
    days=_dates,
    store=_by_platform(audience.store_artist),
    weight=Weight(("artist_audience",), rows=110, size=200),
)
ARTIST_LISTENERS = Series(
    name="artist_listeners",
    subject="artist",
    step="artist_audience",
    endpoint=endpoints.ARTIST_LISTENING,
    platforms=platforms.LISTENING_PLATFORMS,
    read=_items(models.Listening),
    days=_dates,
    store=_by_platform(audience.store_listening),
    label="listeners",
    weight=Weight(("artist_audience",), rows=90, size=200),
)
ARTIST_AIRPLAY = Series(
    name="artist_airplay",
    subject="artist",
    step="artist_audience",
    endpoint=endpoints.ARTIST_BROADCAST_GROUPS,
    platforms=(platforms.AIRPLAY,),
    read=_airplay,
    days=_window_ends,
    store=_by_station(tables.ARTIST_AIRPLAY),
    whole_days=True,
    pages=3.0,
    weight=Weight(("artist_airplay",), rows=60, size=180),
)
ARTIST_LOCAL_FOLLOWERS = Series(
    name="artist_local_followers",
    subject="artist",
    step="artist_audience",
    endpoint=endpoints.ARTIST_LOCAL_FOLLOWERS,
    platforms=platforms.LOCAL_FOLLOWERS_PLATFORMS,
    read=_items(models.Located),
    days=_dates,
    store=_by_platform(partial(audience.store_located, metric="followers")),
    fresh="freshness_metadata_days",  # the API renews them about once a month
    setting="artist_cities",
    label="followers by city",
    weight=Weight(("artist_city_audience",), rows=270, size=250),
)
ARTIST_LOCAL_STREAMING = Series(
    name="artist_local_streaming",
    subject="artist",
    step="artist_audience",
    endpoint=endpoints.ARTIST_LOCAL_STREAMING,
    platforms=platforms.LOCAL_STREAMING_PLATFORMS,
    read=_items(models.Located),
    days=_dates,
    store=_by_platform(partial(audience.store_located, metric="listeners")),
    fresh="freshness_metadata_days",
    setting="artist_cities",
    label="listeners by city",
    weight=Weight(("artist_city_audience",), rows=820, size=250),
)

LISTS: tuple[Paged, ...] = (CALENDAR, RANKING, CATALOGUE, USAGE)

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
"""What the engine fetches, by name."""


# -- what follows from the entries ---------------------------------------------------------------------------


def entries() -> list[Paged | Resource]:
    """All of them, in the order in which people are shown them."""
    return [*LISTS, *RESOURCES.values()]


def entry(name: str) -> Paged | Resource:
    """The entry of that name. Raises KeyError."""
    return {one.name: one for one in entries()}[name]


def kind_of(endpoint: str) -> str:
    """The name of what an endpoint is called for; that of the catalogue for one that no entry has."""
    calls = {called.name: one.name for one in entries() for called in one.endpoints}
    return calls.get(endpoint, CATALOGUE.name)


def resources_of(step: str, settings: Settings) -> list[Resource]:
    """What a step fetches, as far as it is turned on."""
    return [one for one in RESOURCES.values() if one.step == step and one.is_on(settings)]


def pieces(step: str, wanted: Wanted, settings: Settings) -> Iterator[tuple[Resource, tuple[str, ...]]]:
    """What a step fetches for `wanted`, each with its facets: platforms, or one that is "" where there are none."""
    for one in resources_of(step, settings):
        yield one, one.facets(wanted.track_platforms if one.subject == "track" else wanted.artist_platforms)


def series_tables() -> list[tuple[str, str]]:
    """The tables that hold series, each with whose they are."""
    held = [(one.subject, one.weight.tables[0]) for one in RESOURCES.values() if isinstance(one, Series) and one.weight]
    return list(dict.fromkeys(held))


def series_for(subject: Subject, codes: Iterable[str], settings: Settings) -> list[tuple[Series, str]]:
    """The series that these platforms of tracks or of artists consist of."""
    asked = tuple(codes)
    return [
        (one, code)
        for one in RESOURCES.values()
        if isinstance(one, Series) and one.subject == subject and one.is_on(settings)
        for code in one.facets(asked)
    ]
