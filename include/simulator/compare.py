"""A warehouse against the truth it was filled from: every entry, track, artist, link and audience point.

What ought to be there is worked out from the world and from which charts were followed with which settings, never from
what the warehouse holds. Only the time of each fetch is taken from the call records: it decides how much of a
series could be seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import psycopg

from simulator.artists import GenreList
from simulator.world import World

Rows = dict[tuple[Any, ...], Any]

ARTIST_COLUMNS = (
    "slug", "name", "app_url", "web_url", "image_url", "country_code", "city_name", "biography", "isni", "ipi",
    "gender", "type", "birth_date", "career_stage", "growth_level",
)  # fmt: skip
TRACK_COLUMNS = (
    "name", "credit_name", "image_url", "app_url", "preview_url", "release_date", "copyright", "duration", "explicit",
    "language_code", "distributor",
)  # fmt: skip
AUDIO_COLUMNS = {
    "musical_key": "key", "time_signature": "timeSignature", "mode": "mode", "loudness": "loudness", "tempo": "tempo",
    "acousticness": "acousticness", "danceability": "danceability", "energy": "energy", "valence": "valence",
    "instrumentalness": "instrumentalness", "liveness": "liveness", "speechiness": "speechiness",
}  # fmt: skip
COUNTERS = {
    "followers": "follower_count",
    "likes": "like_count",
    "following": "following_count",
    "posts": "post_count",
    "views": "view_count",
}


@dataclass(frozen=True)
class Part:
    """One table compared. The lists name the first few rows of each kind of difference."""

    name: str
    expected: int
    found: int
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    differences: int = 0

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


@dataclass(frozen=True)
class Followed:
    """What an execution was asked for, and when it began."""

    slug: str
    days: tuple[date, ...]
    latest_at: datetime
    settings: Mapping[str, Any]


def compare(world: World, dsn: str) -> list[Part]:
    """Every part of the warehouse against the world. Items recorded as failed are left out on both sides."""
    with psycopg.connect(dsn, options="-c search_path=chartline -c timezone=UTC") as conn:
        return Comparison(world, conn).parts()


class Comparison:
    """One comparison; holds what several parts need."""

    def __init__(self, world: World, conn: psycopg.Connection[Any]) -> None:
        self._world, self._conn = world, conn
        self._failed: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for resource, entity, facet in conn.execute("select resource, entity, facet from execution_failure"):
            self._failed[resource].add((entity, facet))
        self._fetches = self._fetch_times()
        self._followed = list(self._executions())

    def parts(self) -> list[Part]:
        """All tables, in the order of the cascade."""
        return [
            self._rankings(),
            *self._tracks(),
            *self._artists(),
            self._track_audience(),
            self._airplay(),
            self._artist_audience(),
        ]

    def _rows(self, query: str) -> Iterable[tuple[Any, ...]]:
        return self._conn.execute(query)

    def _executions(self) -> Iterable[Followed]:
        rows = self._rows(
            """select x.chart_slug, x.settings, x.started_at,
                      array(select r.day from execution_ranking join chart_ranking r on r.id = ranking_id
                            where execution_id = x.id)
               from chart_sync_execution x where x.settings <> '{}' order by x.id"""
        )
        for slug, settings, started, days in rows:
            asked = date.fromisoformat(settings["day"]) if settings.get("day") else None
            latest = self._world.latest_day(slug, started)
            # A ranking published between the start and the call is as right as the one before it.
            want = asked or (latest if latest not in days and latest is not None else None)
            yield Followed(slug, tuple({*days, *([want] if want else [])}), started, settings)

    def _fetch_times(self) -> dict[tuple[str, str, str], tuple[datetime, datetime]]:
        """(endpoint, entity, platform): first and last good call."""
        rows = self._rows(
            """select endpoint, entity, facet, min(at), max(at) from api_call
               where status = 200 and error_kind is null group by 1, 2, 3"""
        )
        return {(endpoint, entity, facet): (first, last) for endpoint, entity, facet, first, last in rows}

    # -- rankings, tracks, artists ---------------------------------------------------------------------------

    def _rankings(self) -> Part:
        expected: Rows = {}
        for slug, day in {(f.slug, day) for f in self._followed for day in f.days}:
            for e in self._world.ranking(slug, day).entries:
                metric = (e.old_position, e.evolution, e.metric, e.entry_day, day, e.time_on_chart, e.time_unit)
                expected[slug, day, e.position, e.track_uuid] = metric
        found = {
            tuple(row[:4]): tuple(row[4:])
            for row in self._rows(
                """select c.slug, r.day, e.position, e.track::text, e.old_position, e.position_evolution, e.metric,
                          e.entry_date, e.rank_date, e.time_on_chart, e.time_on_chart_unit
                   from chart_ranking_entry e join chart_ranking r on r.id = e.ranking_id
                   join chart c on c.id = r.chart_id"""
            )
        }
        return _part("ranking entries", expected, found)

    def _wanted_tracks(self, step: str) -> set[str]:
        return {
            uuid
            for f in self._followed
            if step in f.settings["steps"]
            for day in f.days
            for uuid in self._world.tracks_of(f.slug, day)
        }

    def _wanted_artists(self, step: str) -> set[str]:
        known = self._wanted_tracks("track_metadata") - {uuid for uuid, _ in self._failed["track_metadata"]}
        wanted = self._wanted_tracks(step) & known
        return {uuid for track in wanted for uuid in self._song(track).artist_uuids}

    def _song(self, uuid: str) -> Any:
        return self._world.song(uuid)

    def _tracks(self) -> list[Part]:
        uuids = self._wanted_tracks("track_metadata") - {uuid for uuid, _ in self._failed["track_metadata"]}
        songs = [self._song(uuid) for uuid in uuids]
        columns = ", ".join((*TRACK_COLUMNS, *AUDIO_COLUMNS))
        found = {
            (row[0],): tuple(row[1:])
            for row in self._rows(
                f"select uuid::text, isrc, isrc_country, coalesce(iswcs, '{{}}'), {columns} from track "
                "where metadata_at is not null"
            )
        }
        return [
            _part("tracks", {(s.uuid,): _track_values(s) for s in songs}, found),
            self._links(
                "track artists",
                (link for song in songs for link in _artist_links(song)),
                "select track::text, position, artist::text, role from track_artist",
            ),
            self._links(
                "track genres",
                ((s.uuid, *path) for s in songs for path in _genre_paths(s.genres)),
                """select l.track::text, p.name, g.name from track_genre l join genre g on g.id = l.genre_id
                   left join genre p on p.id = g.parent_id""",
            ),
            self._links(
                "track labels",
                ((s.uuid, n, *label) for s in songs for n, label in enumerate(dict.fromkeys(s.labels), 1)),
                "select t.track::text, t.position, l.name, l.type from track_label t join label l on l.id = t.label_id",
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
            ),
        ]

    def _artists(self) -> list[Part]:
        uuids = self._wanted_artists("artist_metadata") - {uuid for uuid, _ in self._failed["artist_metadata"]}
        known = [artist for artist in map(self._world.artist, uuids) if artist]
        found = {
            (row[0],): tuple(row[1:])
            for row in self._rows(
                f"select uuid::text, {', '.join(ARTIST_COLUMNS)} from artist where metadata_at is not null"
            )
        }
        return [
            _part("artists", {(a.uuid,): tuple(getattr(a, c) for c in ARTIST_COLUMNS) for a in known}, found),
            self._links(
                "artist genres",
                ((a.uuid, *path) for a in known for path in _genre_paths(a.genres)),
                """select l.artist::text, p.name, g.name from artist_genre l join genre g on g.id = l.genre_id
                   left join genre p on p.id = g.parent_id""",
            ),
        ]

    def _links(self, name: str, expected: Iterable[tuple[Any, ...]], query: str) -> Part:
        return _part(name, dict.fromkeys(expected, True), {tuple(row): True for row in self._rows(query)})

    # -- audience --------------------------------------------------------------------------------------------

    def _asked(self, step: str, key: str, uuids_of: Callable[[Followed], Iterable[str]]) -> dict[tuple[str, str], int]:
        """(uuid, platform): days of history asked the first time."""
        asked: dict[tuple[str, str], int] = {}
        for f in self._followed:
            if step in f.settings["steps"]:
                for uuid in uuids_of(f):
                    for platform in f.settings[key]:
                        asked.setdefault((uuid, platform), f.settings["audience_days"])
        return asked

    def _window(self, endpoint: str, uuid: str, platform: str, days: int) -> tuple[date, date, datetime] | None:
        """From which day, to which, seen when; None when it was never fetched (then all of it is missing)."""
        times = self._fetches.get((endpoint, uuid, platform))
        if times is None:
            return None
        first, last = times
        return first.date() - timedelta(days=days - 1), last.date(), last

    def _track_platforms(self) -> dict[tuple[str, str], int]:
        def uuids_of(f: Followed) -> Iterable[str]:
            return (uuid for day in f.days for uuid in self._world.tracks_of(f.slug, day))

        return self._asked("track_audience", "track_platforms", uuids_of)

    def _track_audience(self) -> Part:
        expected: Rows = {}
        for (uuid, platform), days in self._track_platforms().items():
            if platform == "airplay" or (uuid, platform) in self._failed["track_audience"]:
                continue
            window = self._window("song_audience", uuid, platform, days)
            if window is None:
                expected[uuid, platform, None, "never fetched"] = None
                continue
            for point in self._world.song_audience(uuid, platform, *window):
                for identifier, value in point.plots:
                    expected[uuid, platform, point.day, identifier] = value
        query = "select track::text, platform, day, identifier, value from track_audience"
        return _part("track audience points", expected, {tuple(r[:4]): r[4] for r in self._rows(query)})

    def _airplay(self) -> Part:
        expected: Rows = {}
        stored = defaultdict(set)
        for uuid, first, last in self._rows("select distinct track::text, from_day, to_day from track_airplay"):
            stored[uuid].add((first, last))
        for (uuid, platform), days in self._track_platforms().items():
            if platform != "airplay" or (uuid, platform) in self._failed["track_airplay"]:
                continue
            window = self._window("song_broadcast_groups", uuid, "airplay", days)
            if window is None:
                expected[uuid, None, None, "never fetched"] = None
                continue
            first, last = window[0] - timedelta(days=1), window[1] - timedelta(days=1)
            windows = stored[uuid] or {(first, last)}
            if min(w[0] for w in windows) != first or max(w[1] for w in windows) != last:
                windows = {(first, last)}
            for start, end in windows:
                for group in self._world.broadcast_groups(uuid, start, end):
                    expected[uuid, start, end, group.station.slug] = group.play_count
        query = "select track::text, from_day, to_day, radio, plays from track_airplay"
        return _part("airplay by station", expected, {tuple(r[:4]): r[4] for r in self._rows(query)})

    def _artist_audience(self) -> Part:
        expected: Rows = {}
        known = self._wanted_artists("artist_audience")

        def uuids_of(f: Followed) -> Iterable[str]:
            tracks = {uuid for day in f.days for uuid in self._world.tracks_of(f.slug, day)}
            return {a for uuid in tracks for a in self._song(uuid).artist_uuids} & known

        for (uuid, platform), days in self._asked("artist_audience", "artist_platforms", uuids_of).items():
            if (uuid, platform) not in self._failed["artist_audience"]:
                window = self._window("artist_audience", uuid, platform, days)
                if window is None:
                    expected[uuid, platform, None, "never fetched"] = None
                else:
                    for point in self._world.artist_audience(uuid, platform, *window):
                        for metric, counter in COUNTERS.items():
                            if (value := getattr(point, counter)) is not None:
                                expected[uuid, platform, metric, point.day] = value
            if platform == "spotify" and (uuid, platform) not in self._failed["artist_listeners"]:
                window = self._window("artist_listening", uuid, platform, days)
                if window is None:
                    expected[uuid, platform, "monthly_listeners", "never fetched"] = None
                else:
                    for listeners in self._world.listening(uuid, platform, *window):
                        expected[uuid, platform, "monthly_listeners", listeners.day] = listeners.value
        query = "select artist::text, platform, metric, day, value from artist_audience"
        return _part("artist audience points", expected, {tuple(r[:4]): r[4] for r in self._rows(query)})


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


def _part(name: str, expected: Rows, found: Rows, shown: int = 5) -> Part:
    missing = [key for key in expected if key not in found]
    unexpected = [key for key in found if key not in expected]
    different = [key for key, value in expected.items() if key in found and found[key] != value]
    return Part(
        name,
        len(expected),
        len(found),
        [_show(key) for key in missing[:shown]],
        [_show(key) for key in unexpected[:shown]],
        [f"{_show(key)}: {found[key]!r:.200} is {expected[key]!r:.200} in truth" for key in different[:shown]],
        len(missing) + len(unexpected) + len(different),
    )


def _show(key: tuple[Any, ...]) -> str:
    return " ".join(str(part) for part in key)
