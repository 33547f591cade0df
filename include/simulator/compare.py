"""A warehouse against the truth it was filled from: every ranking, entry, track, artist, link and audience point.

What ought to be there is worked out from the world and from what was asked: each run's own ask, and the past of each
schedule that wants it. Never from what the warehouse holds. Only the time of each fetch is taken from the call records:
it decides how much of a series could be seen. Large tables are compared piece by piece, so that years fit into memory.

Nothing is left out but what the simulator itself does not give. What the ledger says of a difference is told with it
(`known.py`): it explains it, and excuses nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import psycopg

from chartline.cascade.resources import RESOURCES
from simulator import reference
from simulator.airplay import StationPlays
from simulator.artists import GenreList
from simulator.known import OWED, Given, Item, Known, Ledger
from simulator.located import LocatedPoint
from simulator.needed import AIRPLAY, WINDOW_DAYS, ChartAsk, history_days
from simulator.settings import Settings
from simulator.world import World

Rows = dict[tuple[Any, ...], Any]
Key = tuple[Any, ...]
About = Callable[[Key], Item]
"""What the row of a table was fetched as."""
SHOWN = 5
_CUTS = [f"{first:x}{'0' * 7}-0000-0000-0000-000000000000" for first in range(16)]
SLICES = list(zip(_CUTS, [*_CUTS[1:], "ffffffff-ffff-ffff-ffff-ffffffffffff"], strict=True))
"""All uuids in sixteen pieces, each from (incl.) - to (excl.)."""

ARTIST_COLUMNS = (
    "slug", "name", "app_url", "web_url", "image_url", "country_code", "city_name", "biography", "isni", "ipi",
    "gender", "type", "birth_date", "birth_date_precision", "career_stage", "growth_level",
)  # fmt: skip
TRACK_COLUMNS = (
    "name", "credit_name", "image_url", "app_url", "preview_url", "release_date", "release_date_precision", "copyright",
    "duration", "explicit", "language_code", "distributor",
)  # fmt: skip
AUDIO_COLUMNS = {
    "musical_key": "key", "time_signature": "timeSignature", "mode": "mode", "loudness": "loudness", "tempo": "tempo",
    "acousticness": "acousticness", "danceability": "danceability", "energy": "energy", "valence": "valence",
    "instrumentalness": "instrumentalness", "liveness": "liveness", "speechiness": "speechiness",
}  # fmt: skip
LISTENERS = "monthly_listeners"
USUAL = {name: ChartAsk.model_fields[name].default for name in ("track_platforms", "artist_platforms")}
"""Platforms where none is named."""
COUNTERS = {
    "followers": "follower_count",
    "likes": "like_count",
    "following": "following_count",
    "posts": "post_count",
    "views": "view_count",
}


@dataclass
class Part:
    """One table compared. The lists name the first few rows of each kind of difference.

    `known`: how many of the `differences` the ledger tells of, by its outcome and kind (`failed cut_answer`).
    """

    name: str
    expected: int = 0
    found: int = 0
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    differences: int = 0
    known: Counter[str] = field(default_factory=Counter)

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    @property
    def unknown(self) -> int:
        """How many differences nobody told of."""
        return self.differences - self.known.total()

    def differs(self, *known: str) -> bool:
        """Whether it differs in more than these known ways (`failed cut_answer`)."""
        return self.differences > sum(self.known[way] for way in known)

    def add(self, expected: Rows, found: Rows, why: Callable[[Key], Known | None] = lambda key: None) -> None:
        """Compare a piece of the table. `why`: what is known of a row that differs."""
        missing = [key for key in expected if key not in found]
        unexpected = [key for key in found if key not in expected]
        different = [key for key, value in expected.items() if key in found and found[key] != value]
        self.expected += len(expected)
        self.found += len(found)
        self.differences += len(missing) + len(unexpected) + len(different)
        reasons = {key: why(key) for key in (*missing, *unexpected, *different)}
        self.known.update(known.way for known in reasons.values() if known)
        # Those that nobody told of are shown first.
        shown = [sorted(keys, key=lambda key: reasons[key] is not None) for keys in (missing, unexpected, different)]
        self.missing += [_show(key, reasons[key]) for key in shown[0][: SHOWN - len(self.missing)]]
        self.unexpected += [_show(key, reasons[key]) for key in shown[1][: SHOWN - len(self.unexpected)]]
        self.different += [
            f"{_show(key, reasons[key])}: {found[key]!r:.200} is {expected[key]!r:.200} in truth"
            for key in shown[2][: SHOWN - len(self.different)]
        ]


@dataclass(frozen=True)
class Followed:
    """What an execution was asked for, and when it began."""

    slug: str
    days: tuple[date, ...]
    latest_at: datetime
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Refreshed:
    """The audience that an execution without a ranking of its own was asked for; `rankings` are chart and day."""

    rankings: tuple[tuple[str, date], ...]
    settings: Mapping[str, Any]

    def platforms(self, served: Sequence[str], usual: Sequence[str]) -> list[str]:
        """Those asked of a kind of thing: its usual ones, or what was named and is served."""
        named = self.settings["platforms"]
        return list(usual) if named is None else [platform for platform in named if platform in served]


def compare(world: World, dsn: str, window_days: int = WINDOW_DAYS, settings: Settings | None = None) -> list[Part]:
    """Every part of the warehouse against the world. window_days: of a series, as one call brings them. settings: of
    the simulator's server, whose faults may keep things from being had for good (404 of single entities).
    """
    with psycopg.connect(dsn) as conn:
        conn.execute("set local search_path = chartline")
        conn.execute("set local timezone = 'UTC'")
        return Comparison(world, conn, window_days, Given(world, settings)).parts()


class Comparison:
    """One comparison; holds what several parts need."""

    def __init__(self, world: World, conn: psycopg.Connection[Any], window_days: int, given: Given) -> None:
        self._world, self._conn, self._window_days, self._given = world, conn, window_days, given
        self._ledger = Ledger(conn)
        self._fetches = self._fetch_times()
        asked = list(self._executions())
        self._followed = [one for one in asked if isinstance(one, Followed)]
        self._asks = asked
        self._wanted_tracks = cache(self._tracks_of_step)
        self._wanted_artists = cache(self._artists_of_step)
        self._tracks_of_artists = cache(self._name_artists)

    def parts(self) -> list[Part]:
        """All tables, in the order of the cascade."""
        return [
            self._rankings(),
            *self._tracks(),
            *self._artists(),
            self._track_audience(),
            self._track_airplay(),
            self._artist_audience(),
            self._artist_airplay(),
            self._located(),
            self._owed(),
            *([self._failures()] if self._world.odd else []),
        ]

    def _rows(self, query: str, *values: Any) -> Iterable[tuple[Any, ...]]:
        return self._conn.execute(query, values)

    def _executions(self) -> Iterator[Followed | Refreshed]:
        """What executions were asked for, in their order, but for those that were refused before their first call."""
        rows = self._rows(
            """select x.chart_slug, x.settings, x.started_at, x.status = 'failed' and x.calls = 0,
                      array(select r.day from execution_ranking join chart_ranking r on r.id = ranking_id
                            where execution_id = x.id order by r.id),
                      array(select c.slug from execution_ranking join chart_ranking r on r.id = ranking_id
                            join chart c on c.id = r.chart_id where execution_id = x.id order by r.id)
               from chart_sync_execution x where x.settings <> '{}' order by x.id"""
        )
        for slug, settings, started, refused, days, slugs in rows:
            if slug:
                asked = self._asked_days(slug, settings, started, days)
                yield Followed(slug, tuple({*days, *asked}), started, settings)
            elif not refused:
                yield Refreshed(tuple(zip(slugs, days, strict=True)), settings)

    def _asked_days(
        self, slug: str, settings: Mapping[str, Any], started: datetime, handled: Sequence[date]
    ) -> Iterable[date]:
        """The days of a run's ask that the source had when it began."""
        named = settings.get("days") or ([settings["day"]] if settings.get("day") else None)
        if named is None and not settings.get("current"):
            named = settings.get("interval")
        if named is not None:
            return [day for day in map(date.fromisoformat, named) if self._world.is_visible(slug, day, started)]
        latest = self._world.latest_day(slug, started)
        # A ranking published between the start and the call is as right as the one before it.
        return [latest] if latest and not any(day >= latest for day in handled) else []

    def _past_days(self) -> Iterator[tuple[str, date]]:
        """Chart and day of what schedules want of the past, up to the newest day that their own runs were about."""
        until: dict[str, date] = {}
        seen_at: dict[str, datetime] = {}
        for f in self._followed:
            if f.days and not (f.settings.get("day") or f.settings.get("days")):
                until[f.slug] = max(*f.days, until.get(f.slug, date.min))
                seen_at[f.slug] = max(f.latest_at, seen_at.get(f.slug, f.latest_at))
        rows = self._rows(
            """select c.slug, s.created_at, s.history_days from chart_sync_schedule s join chart c on c.id = s.chart_id
               where s.sync_historical_data and not s.history_held"""
        )
        for slug, created, days in rows:
            if slug in until:
                past = history_days(self._world, slug, seen_at[slug], created.date() - timedelta(days=days))
                yield from ((slug, day) for day in past if day <= until[slug])

    def _fetch_times(self) -> dict[tuple[str, str, str], tuple[datetime, datetime]]:
        """(endpoint, entity, platform): first and last good call."""
        rows = self._rows(
            """select endpoint, entity, facet, min(at), max(at) from api_call
               where status = 200 and error_kind is null group by 1, 2, 3"""
        )
        return {(endpoint, entity, facet): (first, last) for endpoint, entity, facet, first, last in rows}

    # -- rankings, tracks, artists ---------------------------------------------------------------------------

    def _rankings(self) -> Part:
        days: dict[str, set[date]] = defaultdict(set)
        for f in self._followed:
            days[f.slug].update(f.days)
        for slug, day in self._past_days():
            days[slug].add(day)
        stored = [
            slug for (slug,) in self._rows("select distinct slug from chart_ranking join chart c on c.id = chart_id")
        ]
        part = Part("ranking entries")
        for slug in sorted({*days, *stored}):
            expected: Rows = {}
            for day in days[slug]:
                if not (chart := self._world.chart(slug)) or not self._world.has_ranking(chart, day):
                    continue  # whatever is stored of it is not in truth
                for e in self._world.ranking(slug, day).entries:
                    metric = (e.old_position, e.evolution, e.metric, e.entry_day, day, e.time_on_chart, e.time_unit)
                    expected[day, e.position, e.track_uuid] = metric
            rows = self._rows(
                """select r.day, e.position, e.track::text, e.old_position, e.position_evolution, e.metric,
                          e.entry_date, e.rank_date, e.time_on_chart, e.time_on_chart_unit
                   from chart_ranking_entry e join chart_ranking r on r.id = e.ranking_id
                   join chart c on c.id = r.chart_id where c.slug = %s""",
                slug,
            )
            found = {(slug, *row[:3]): tuple(row[3:]) for row in rows}
            part.add(
                {(slug, *key): value for key, value in expected.items()},
                found,
                lambda key: self._ledger.of(Item("ranking", key[0], key[1].isoformat())),
            )
        return part

    def _tracks_of_step(self, step: str) -> set[str]:
        days = {(f.slug, day) for f in self._followed if step in f.settings["steps"] for day in f.days}
        return {uuid for slug, day in days for uuid in self._world.tracks_of(slug, day)}

    def _artists_of_step(self, step: str) -> set[str]:
        return self._artists_of(self._wanted_tracks(step) & self._known_tracks())

    def _known_tracks(self) -> set[str]:
        """Those whose metadata is asked for, and can be had."""
        return {uuid for uuid in self._wanted_tracks("track_metadata") if self._gives_track(uuid)}

    def _gives_track(self, uuid: str) -> bool:
        return self._given.has(Item("track_metadata", uuid))

    def _artists_of(self, tracks: Iterable[str]) -> set[str]:
        return {uuid for track in tracks for uuid in self._song(track).artist_uuids}

    def _name_artists(self) -> dict[str, list[str]]:
        """Artist -> the tracks that name it, of those whose metadata is asked for."""
        named: dict[str, list[str]] = defaultdict(list)
        for track in self._wanted_tracks("track_metadata"):
            for artist in self._song(track).artist_uuids:
                named[artist].append(track)
        return dict(named)

    def _song(self, uuid: str) -> Any:
        return self._world.song(uuid)

    def _tracks(self) -> list[Part]:
        songs = [self._song(uuid) for uuid in self._known_tracks()]
        columns = ", ".join((*TRACK_COLUMNS, *AUDIO_COLUMNS))
        found = {
            (row[0],): tuple(row[1:])
            for row in self._rows(
                f"select uuid::text, isrc, isrc_country, coalesce(iswcs, '{{}}'), {columns} from track "
                "where metadata_at is not null"
            )
        }

        def about(key: Key) -> Item:
            return Item("track_metadata", key[0])

        tracks = Part("tracks")
        self._add(tracks, {(s.uuid,): _track_values(s) for s in songs}, found, about)
        return [
            tracks,
            self._links(
                "track artists",
                (link for song in songs for link in _artist_links(song)),
                "select track::text, position, artist::text, role from track_artist",
                about,
            ),
            self._links(
                "track genres",
                ((s.uuid, *path) for s in songs for path in _genre_paths(s.genres)),
                """select l.track::text, p.name, g.name from track_genre l join genre g on g.id = l.genre_id
                   left join genre p on p.id = g.parent_id""",
                about,
            ),
            self._links(
                "track labels",
                ((s.uuid, n, *label) for s in songs for n, label in enumerate(dict.fromkeys(s.labels), 1)),
                "select t.track::text, t.position, l.name, l.type from track_label t join label l on l.id = t.label_id",
                about,
            ),
            self._links(
                "track credits",
                (
                    (s.uuid, role, n, name)
                    for s in songs
                    for role, names in (("composer", s.composers), ("producer", s.producers))
                    for n, name in enumerate(names, 1)
                ),
                "select track::text, role, position, name from track_credit",
                about,
            ),
        ]

    def _artists(self) -> list[Part]:
        wanted = self._wanted_artists("artist_metadata")
        known = [artist for uuid in wanted if self._gives_artist(uuid) and (artist := self._world.artist(uuid))]
        found = {
            (row[0],): tuple(row[1:])
            for row in self._rows(
                f"select uuid::text, {', '.join(ARTIST_COLUMNS)} from artist where metadata_at is not null"
            )
        }

        def about(key: Key) -> Item:
            return Item("artist_metadata", key[0])

        artists = Part("artists")
        self._add(artists, {(a.uuid,): tuple(getattr(a, c) for c in ARTIST_COLUMNS) for a in known}, found, about)
        return [
            artists,
            self._links(
                "artist genres",
                ((a.uuid, *path) for a in known for path in _genre_paths(a.genres)),
                """select l.artist::text, p.name, g.name from artist_genre l join genre g on g.id = l.genre_id
                   left join genre p on p.id = g.parent_id""",
                about,
            ),
        ]

    def _links(self, name: str, expected: Iterable[Key], query: str, about: About) -> Part:
        part = Part(name)
        self._add(part, dict.fromkeys(expected, True), {tuple(row): True for row in self._rows(query)}, about)
        return part

    def _add(self, part: Part, expected: Rows, found: Rows, about: About) -> None:
        """Compare rows of things that are fetched; what the simulator does not give may be there from better days."""
        part.add(
            {key: value for key, value in expected.items() if self._gives(about(key))},
            {key: value for key, value in found.items() if self._gives(about(key))},
            lambda key: self._why(about(key)),
        )

    def _gives(self, item: Item) -> bool:
        """Whether it can be had; of an artist also whether any of the tracks that name it can."""
        if not self._given.has(item):
            return False
        return not item.resource.startswith("artist") or self._gives_artist(item.entity)

    def _gives_artist(self, uuid: str) -> bool:
        tracks = self._tracks_of_artists().get(uuid)
        return self._given.has(Item("artist_metadata", uuid)) and (not tracks or any(map(self._gives_track, tracks)))

    def _why(self, item: Item) -> Known | None:
        """What the ledger says of it, or, of an artist that it does not know, of the tracks that name it."""
        if (known := self._ledger.of(item)) or not item.resource.startswith("artist"):
            return known
        tracks = self._tracks_of_artists().get(item.entity, ())
        return self._ledger.of_any(Item("track_metadata", uuid) for uuid in tracks)

    # -- audience --------------------------------------------------------------------------------------------

    def _audience_days(self, f: Followed) -> Iterable[date]:
        """The days of a run whose tracks' audience it is to bring: of those that were out when its chart was followed
        only the latest."""
        if not f.settings.get("followed"):
            return f.days
        followed = date.fromisoformat(f.settings["followed"])
        then = [day for day in f.days if day <= followed]
        return [day for day in f.days if day >= max(then, default=day)]

    def _asked(
        self,
        step: str,
        key: str,
        uuids_of: Callable[[Followed], Iterable[str]],
        refreshed: Callable[[Refreshed], tuple[Iterable[str], Sequence[str]]],
    ) -> dict[tuple[str, str], int]:
        """(uuid, platform): days of history asked, by whoever asked for most, and never less than one call brings.
        `refreshed`: whose, and on which platforms."""
        asked: dict[tuple[str, str], int] = {}
        for one in self._asks:
            if isinstance(one, Refreshed):
                uuids, platforms = refreshed(one)
            elif step in one.settings["steps"]:
                uuids, platforms = uuids_of(one), one.settings[key]
            else:
                continue
            for uuid in uuids:
                for platform in platforms:
                    before = asked.get((uuid, platform), self._window_days)
                    asked[uuid, platform] = max(before, one.settings["audience_days"] or 0)
        return asked

    def _tracks_on(self, rankings: Iterable[tuple[str, date]]) -> set[str]:
        return {uuid for slug, day in rankings for uuid in self._world.tracks_of(slug, day)}

    def _window(self, endpoint: str, uuid: str, platform: str, days: int) -> tuple[date, date, datetime] | None:
        """From which day, to which, seen when; None when it was never fetched (then all of it is missing)."""
        times = self._fetches.get((endpoint, uuid, platform))
        if times is None:
            return None
        first, last = times
        return first.date() - timedelta(days=days - 1), last.date(), last

    def _series(
        self,
        name: str,
        query: str,
        asked: Mapping[tuple[str, str], int],
        points: Callable[[str, str, int], Iterable[tuple[tuple[Any, ...], Any]]],
        about: About,
    ) -> Part:
        """One table of series. `points`: what is true of a uuid and platform, and the days asked the first time."""
        part = Part(name)
        for first, last in SLICES:
            mine = ((key, days) for key, days in asked.items() if first <= key[0] < last)
            expected = dict(point for (uuid, platform), days in mine for point in points(uuid, platform, days))
            found = {tuple(row[:-1]): row[-1] for row in self._rows(query, first, last)}
            self._add(part, expected, found, about)
        return part

    def _track_platforms(self) -> dict[tuple[str, str], int]:
        def uuids_of(f: Followed) -> Iterable[str]:
            return (uuid for day in self._audience_days(f) for uuid in self._world.tracks_of(f.slug, day))

        def refreshed(r: Refreshed) -> tuple[Iterable[str], Sequence[str]]:
            platforms = r.platforms((*reference.SONG_AUDIENCE, AIRPLAY), USUAL["track_platforms"])
            return {*r.settings["tracks"], *self._tracks_on(r.rankings)}, platforms

        return self._asked("track_audience", "track_platforms", uuids_of, refreshed)

    def _track_audience(self) -> Part:
        def points(uuid: str, platform: str, days: int) -> Iterator[tuple[tuple[Any, ...], Any]]:
            window = self._window("song_audience", uuid, platform, days)
            if window is None:
                yield (uuid, platform, None, "never fetched"), None
                return
            for point in self._world.song_audience(uuid, platform, *window):
                for identifier, value in point.plots:
                    yield (uuid, platform, point.day, identifier), value

        return self._series(
            "track audience points",
            """select track::text, platform, day, identifier, value from track_audience
               where track >= %s and track < %s""",
            {key: days for key, days in self._track_platforms().items() if key[1] != AIRPLAY},
            points,
            lambda key: Item("track_audience", key[0], key[1]),
        )

    def _track_airplay(self) -> Part:
        asked = self._track_platforms()
        return self._airplay("track", "song_broadcast_groups", asked, self._world.broadcast_groups)

    def _artist_airplay(self) -> Part:
        asked = self._artist_platforms()
        return self._airplay("artist", "artist_broadcast_groups", asked, self._world.artist_broadcast_groups)

    def _airplay(
        self,
        whose: str,
        endpoint: str,
        asked: Mapping[tuple[str, str], int],
        played: Callable[[str, date, date], Sequence[StationPlays]],
    ) -> Part:
        stored: dict[str, set[tuple[date, date]]] = defaultdict(set)
        for uuid, first, last in self._rows(f"select distinct {whose}::text, from_day, to_day from {whose}_airplay"):
            stored[uuid].add((first, last))

        def points(uuid: str, platform: str, days: int) -> Iterator[tuple[tuple[Any, ...], Any]]:
            window = self._window(endpoint, uuid, platform, days)
            if window is None:
                yield (uuid, None, None, "never fetched"), None
                return
            whole = window[0] - timedelta(days=1), window[1] - timedelta(days=1)
            for start, end in _tiles(*whole, stored[uuid]):
                for group in played(uuid, start, end):
                    yield (uuid, start, end, group.station.slug), group.play_count

        return self._series(
            f"{whose} airplay by station",
            f"""select {whose}::text, from_day, to_day, radio, plays from {whose}_airplay
                where {whose} >= %s and {whose} < %s""",
            {key: days for key, days in asked.items() if key[1] == AIRPLAY},
            points,
            lambda key: Item(f"{whose}_airplay", key[0], AIRPLAY),
        )

    def _artist_platforms(self) -> dict[tuple[str, str], int]:
        known = self._wanted_artists("artist_audience")

        def uuids_of(f: Followed) -> Iterable[str]:
            return self._artists_of(self._tracks_on((f.slug, day) for day in self._audience_days(f))) & known

        def refreshed(r: Refreshed) -> tuple[Iterable[str], Sequence[str]]:
            met = self._artists_of(self._tracks_on(r.rankings) & self._known_tracks())
            platforms = r.platforms((*reference.ARTIST_AUDIENCE, AIRPLAY), USUAL["artist_platforms"])
            return {*r.settings["artists"], *met}, platforms

        return self._asked("artist_audience", "artist_platforms", uuids_of, refreshed)

    def _artist_audience(self) -> Part:
        def points(uuid: str, platform: str, days: int) -> Iterator[tuple[tuple[Any, ...], Any]]:
            window = self._window("artist_audience", uuid, platform, days)
            if window is None:
                yield (uuid, platform, None, "never fetched"), None
            else:
                for point in self._world.artist_audience(uuid, platform, *window):
                    for metric, counter in COUNTERS.items():
                        if (value := getattr(point, counter)) is not None:
                            yield (uuid, platform, metric, point.day), value
            if platform == "spotify":
                window = self._window("artist_listening", uuid, platform, days)
                if window is None:
                    yield (uuid, platform, LISTENERS, "never fetched"), None
                else:
                    for listeners in self._world.listening(uuid, platform, *window):
                        yield (uuid, platform, LISTENERS, listeners.day), listeners.value

        return self._series(
            "artist audience points",
            """select artist::text, platform, metric, day, value from artist_audience
               where artist >= %s and artist < %s""",
            {key: days for key, days in self._artist_platforms().items() if key[1] != AIRPLAY},
            points,
            lambda key: Item("artist_listeners" if key[2] == LISTENERS else "artist_audience", key[0], key[1]),
        )

    def _located(self) -> Part:
        """By city and country, where that was ever asked for: no run's ask tells whether it was on."""
        served = {
            "followers": ("artist_local_followers", self._world.local_followers),
            "listeners": ("artist_local_streaming", self._world.local_streaming),
        }
        on = {(endpoint, platform) for endpoint, _, platform in self._fetches}

        def points(uuid: str, platform: str, days: int) -> Iterator[tuple[tuple[Any, ...], Any]]:
            for metric, (endpoint, read) in served.items():
                if (endpoint, platform) not in on:
                    continue
                window = self._window(endpoint, uuid, platform, days)
                if window is None:
                    yield (uuid, platform, metric, None, "never fetched", 0), None
                    continue
                for point in read(uuid, platform, *window):
                    yield from _places((uuid, platform, metric, point.day), point)

        return self._series(
            "artist audience by place",
            """select artist::text, platform, metric, day, place, seq, value from artist_city_audience
               where artist >= %s and artist < %s""",
            self._artist_platforms(),
            points,
            lambda key: Item(served[key[2]][0], key[0], key[1]),
        )

    # -- what is to be fetched yet ----------------------------------------------------------------------------------

    def _owed(self) -> Part:
        """All that the ledger says is to be fetched yet: of a complete warehouse there is none."""
        part = Part("items owed")
        owed = {
            item: known
            for item, known in self._ledger.with_outcomes(OWED).items()
            if item.resource in RESOURCES and self._gives(item)  # rankings are missing themselves
        }
        part.add({}, {(i.resource, i.entity, i.facet): True for i in owed}, lambda key: owed[Item(*key)])
        return part

    # -- what odd answers must make fail -------------------------------------------------------------------------

    def _failures(self) -> Part:
        """The items that are not to be had, by name: no other may fail, and none of them may pass for stored."""
        expected: Rows = {}
        for uuid in self._wanted_tracks("track_metadata"):
            if self._world.odd.fails("track_metadata", uuid):
                expected["track_metadata", uuid, ""] = True
        for (uuid, platform), days in self._track_platforms().items():
            if platform != AIRPLAY:
                window = self._window("song_audience", uuid, platform, days) or self._today(days)
                points = bool(self._world.song_audience(uuid, platform, *window))
                if self._world.odd.fails("track_audience", uuid, platform, points=points):
                    expected["track_audience", uuid, platform] = True
        for (uuid, platform), days in self._artist_platforms().items():
            if platform != AIRPLAY:
                window = self._window("artist_audience", uuid, platform, days) or self._today(days)
                points = bool(self._world.artist_audience(uuid, platform, *window))
                if self._world.odd.fails("artist_audience", uuid, platform, points=points):
                    expected["artist_audience", uuid, platform] = True
        failed = self._ledger.with_outcomes(("failed", "absent", "unsupported"))
        found = {(i.resource, i.entity, i.facet): True for i in failed if i.resource in RESOURCES}
        part = Part("items that fail by name")
        part.add(expected, found)
        return part

    @staticmethod
    def _today(days: int) -> tuple[date, date, datetime]:
        """The window of a fetch that brought no good answer, which no time is known of."""
        now = datetime.now(UTC)
        return now.date() - timedelta(days=days - 1), now.date(), now


def _places(key: tuple[Any, ...], point: LocatedPoint) -> Iterator[tuple[tuple[Any, ...], int]]:
    """The rows of one day, numbered as listed: everywhere, by city, by country."""
    yield (*key, "world", 1), point.value
    for seq, city in enumerate(point.cities, 1):
        yield (*key, "city", seq), city.value
    for seq, (_, _, value) in enumerate(point.countries, 1):
        yield (*key, "country", seq), value


def _tiles(first: date, last: date, stored: Iterable[tuple[date, date]]) -> Iterator[tuple[date, date]]:
    """`first` to `last` cut as it is stored: windows that are not stored must be empty in truth."""
    for start, end in sorted(stored):
        if start > first:
            yield first, min(start - timedelta(days=1), last)
        if first <= start and end <= last:
            yield start, end
        first = max(first, end + timedelta(days=1))
    if first <= last:
        yield first, last


def _track_values(song: Any) -> tuple[Any, ...]:
    isrc = (song.isrc.value, song.isrc.country_code) if song.isrc else (None, None)
    audio = song.audio or {}
    plain = (getattr(song, column) for column in TRACK_COLUMNS)
    return (*isrc, list(song.iswcs), *plain, *(audio.get(name) for name in AUDIO_COLUMNS.values()))


def _artist_links(song: Any) -> Iterable[tuple[str, int, str, str]]:
    """A track's artists in order; who is not known to be a main artist is an artist."""
    main = song.main_artist_uuids or ()
    listed = dict.fromkeys((*song.artist_uuids, *main)) if song.artist_uuids else ()
    return ((song.uuid, n, uuid, "main" if uuid in main else "artist") for n, uuid in enumerate(listed, 1))


def _genre_paths(genres: GenreList) -> set[tuple[str | None, str]]:
    roots: set[tuple[str | None, str]] = {(None, root) for root, _ in genres}
    return roots | {(root, sub) for root, subs in genres for sub in subs if sub != root}


def _show(key: Key, known: Known | None = None) -> str:
    shown = " ".join(str(part) for part in key)
    return f"{shown} (known: {known})" if known else shown
