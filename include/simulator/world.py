"""The truth that the simulator serves: charts, rankings, tracks, artists and their series, made from a seed on demand.

Two worlds with equal settings are equal everywhere and always; nothing is stored but caches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from simulator import airplay, artists, located, rankings, series, tracks
from simulator.charts import DEMO_POOL, FIRST_OWN_POOL, SHARED_POOL, Chart, catalogue, demo_charts
from simulator.codes import ALBUM, ARTIST, TRACK, number_of, number_of_identifier, number_of_isrc, uuid_of
from simulator.mixing import chance, mix
from simulator.odd_answers import OddAnswers


class WorldSettings(BaseModel):
    """All that defines a world. Equal settings give equal worlds in any process."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(1, ge=0)
    entries: int = Field(200, ge=1, le=rankings.MAX_ENTRIES, description="places of each demo chart")
    overlap: float = Field(0.6, ge=0, le=1, description="share of tracks that the demo charts have in common")
    third_overlap: float = Field(
        0.05, ge=0, le=1, description="share that the third demo chart has in common with them"
    )
    demo_charts: int = Field(
        3, ge=3, le=1_000, description="charts for demonstrations; from the fourth on they are like the first two"
    )
    charts: int = Field(300, ge=0, le=20_000, description="further song charts")
    album_charts: int = Field(24, ge=0, le=2_000)
    catalogue_overlap: float = Field(0.3, ge=0, le=1, description="share that the further charts have in common")
    artists: int = Field(2_500, ge=1, le=10_000_000, description="population that tracks draw their artists from")
    first_day: date = Field(date(2023, 1, 1), ge=date(2015, 1, 1), description="first day of every chart")
    value_hour: int = Field(
        6, ge=0, le=23, description="values of a day are visible from this UTC hour of the next day"
    )
    missing_share: float = Field(0.004, ge=0, lt=1, description="share of chart days that the source lacks")
    missing_days: dict[str, list[date]] = Field(default_factory=dict, description="chart slug: days that it lacks too")
    publication_hours: dict[str, float] = Field(
        default_factory=dict, description="chart slug: hours from 00:00 UTC of the chart's day until it is published"
    )
    late_hours: dict[str, dict[date, Annotated[float, Field(ge=0, le=87_600)]]] = Field(
        default_factory=dict, description="chart slug: day: hours that its ranking comes later than usual"
    )


@dataclass(frozen=True, slots=True)
class RankedTrack:
    """One row of a ranking, as it is in truth."""

    track_uuid: str
    position: int
    old_position: int
    evolution: int
    metric: int | None
    entry_day: date | None
    time_on_chart: int
    time_unit: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """A chart on one day."""

    slug: str
    day: date
    stamp: datetime
    entries: tuple[RankedTrack, ...]


class World:
    """The truth. Made of `WorldSettings` given by name: `World(seed=7, overlap=0.4)`.

    Set `odd` to `OddAnswers(world.seed, ...)` and it is the truth of a simulator that gives such answers.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = WorldSettings(**settings)
        own = self.settings
        listed = demo_charts(
            own.entries, own.overlap, own.third_overlap, own.first_day, own.publication_hours, own.demo_charts
        )
        pool = FIRST_OWN_POOL + len(listed)
        listed += catalogue(own.seed, own.charts, pool, own.catalogue_overlap, own.first_day, own.publication_hours)
        pool += own.charts
        albums = catalogue(
            own.seed, own.album_charts, pool, own.catalogue_overlap, own.first_day, own.publication_hours, "album"
        )
        self._charts = {chart.slug: chart for chart in listed}
        self._album_charts = {chart.slug: chart for chart in albums}
        self._pools = frozenset({SHARED_POOL, DEMO_POOL} | {chart.own_pool for chart in listed})
        self.odd = OddAnswers(own.seed)

    @property
    def seed(self) -> int:
        """The seed."""
        return self.settings.seed

    @property
    def odd(self) -> OddAnswers:
        """Which odd answers are given of this world."""
        return self._odd

    @odd.setter
    def odd(self, odd: OddAnswers) -> None:
        self._odd = odd
        self._due: dict[str, tuple[date, list[date]]] = {}

    # -- charts ----------------------------------------------------------------------------------------------

    def charts(self, kind: str = "song") -> list[Chart]:
        """All charts of a kind (`song`, `album`), the demo charts first."""
        return list((self._charts if kind == "song" else self._album_charts).values())

    def chart(self, slug: str, kind: str = "song") -> Chart | None:
        """The chart of this slug, or None."""
        return (self._charts if kind == "song" else self._album_charts).get(slug)

    def has_ranking(self, chart: Chart, day: date) -> bool:
        """Whether the source has a ranking of that day at all (published or not)."""
        if not (chart.owns(day) or self._is_off_weekday(chart, day)):
            return False
        if day in self.settings.missing_days.get(chart.slug, ()):
            return False
        return not chance(mix(self.seed, chart.own_pool, day.toordinal()), self.settings.missing_share)

    def _is_off_weekday(self, chart: Chart, day: date) -> bool:
        before = chart.day_before(day)
        return before >= chart.first_day and day in self.odd.off_weekdays(chart, [before])

    def days(self, slug: str, as_of: datetime) -> list[date]:
        """Days for which a chart has a visible ranking, newest first."""
        return [day for day in self._due_days(self._need(slug), as_of) if not self._is_late(slug, day, as_of)]

    def latest_day(self, slug: str, as_of: datetime) -> date | None:
        """The day of a chart's newest visible ranking; None when it has none yet."""
        due = self._due_days(self._need(slug), as_of)
        return next((day for day in due if not self._is_late(slug, day, as_of)), None)

    def is_visible(self, slug: str, day: date, as_of: datetime) -> bool:
        """Whether the ranking of that day exists and is published."""
        chart = self._need(slug)
        return self.visible_at(chart, day) <= as_of and self.has_ranking(chart, day)

    def visible_at(self, chart: Chart, day: date) -> datetime:
        """When the ranking of that day is published, late or not."""
        return chart.visible_at(day) + timedelta(hours=self.settings.late_hours.get(chart.slug, {}).get(day, 0.0))

    def _is_late(self, slug: str, day: date, as_of: datetime) -> bool:
        """Whether a ranking that is due at `as_of` is not out yet."""
        return day in self.settings.late_hours.get(slug, ()) and self.visible_at(self._need(slug), day) > as_of

    def _due_days(self, chart: Chart, as_of: datetime) -> list[date]:
        """Days whose usual hour has come, newest first; worked out once for each newest day."""
        newest, until = chart.newest_own_day(as_of), chart.published_until(as_of)
        known = self._due.get(chart.slug)
        if known is None or known[0] != until:
            own = list(chart.days_back_from(newest))
            odd = [day for day in self.odd.off_weekdays(chart, own) if day <= until]
            found = sorted((day for day in (*own, *odd) if self.has_ranking(chart, day)), reverse=True)
            known = self._due[chart.slug] = (until, found)
        return known[1]

    def ranking(self, slug: str, day: date) -> Ranking:
        """A chart's ranking of a day. `KeyError` for an unknown chart, `ValueError` for a day without a ranking."""
        chart = self._need(slug)
        if not self.has_ranking(chart, day):
            raise ValueError(f"{slug} has no ranking of {day}")
        rows = rankings.entries(self.seed, chart, day)
        kind = TRACK if chart.kind == "song" else ALBUM
        ranked = tuple(
            RankedTrack(
                track_uuid=uuid_of(self.seed, kind, row.number),
                position=row.position,
                old_position=row.old_position,
                evolution=row.evolution,
                metric=row.metric,
                entry_day=row.entry_day if self._entry_is_dated(slug, uuid_of(self.seed, kind, row.number)) else None,
                time_on_chart=row.time_on_chart,
                time_unit=row.time_unit,
            )
            for row in rows
        )
        return Ranking(slug, day, rankings.stamp(day), ranked)

    def _entry_is_dated(self, slug: str, uuid: str) -> bool:
        return not self.odd.strikes("php-null-date", slug, uuid)

    def rows(self, chart: Chart, day: date, offset: int, limit: int) -> list[rankings.Entry]:
        """Rows `offset` + 1 to `offset` + `limit` of a ranking."""
        return rankings.entries(self.seed, chart, day, offset, limit)

    def tracks_of(self, slug: str, day: date) -> tuple[str, ...]:
        """Uuids of a ranking's tracks, first place first."""
        return tuple(uuid_of(self.seed, TRACK, number) for number in rankings.numbers(self.seed, self._need(slug), day))

    def artists_of(self, slug: str, day: date) -> tuple[str, ...]:
        """Uuids of the distinct artists of a ranking's tracks, in order of first appearance."""
        found: dict[str, None] = {}
        for number in rankings.numbers(self.seed, self._need(slug), day):
            found |= dict.fromkeys(self.track(number).artist_uuids)
        return tuple(found)

    def _need(self, slug: str) -> Chart:
        chart = self._charts.get(slug) or self._album_charts.get(slug)
        if chart is None:
            raise KeyError(f"the world has no chart {slug}")
        return chart

    # -- tracks and artists ------------------------------------------------------------------------------------

    def track(self, number: int) -> tracks.Track:
        """The track of a known number."""
        return self.odd.track(tracks.track(self.seed, number, self.settings.artists))

    def song(self, uuid: str) -> tracks.Track | None:
        """The track of this uuid, or None when the world has no such track."""
        return self._known_track(number_of(self.seed, TRACK, uuid))

    def song_by_isrc(self, isrc: str) -> tracks.Track | None:
        """The track of this ISRC, or None."""
        return self._known_track(number_of_isrc(self.seed, isrc))

    def song_by_identifier(self, platform: str, identifier: str) -> tracks.Track | None:
        """The track behind a platform's identifier, or None."""
        return self._known_track(number_of_identifier(self.seed, platform, identifier))

    def _known_track(self, number: int | None) -> tracks.Track | None:
        if number is None or not rankings.exists(self.seed, number, self._pools):
            return None
        return self.track(number)

    def artist(self, uuid: str) -> artists.Artist | None:
        """The artist of this uuid, or None when the world has no such artist."""
        number = number_of(self.seed, ARTIST, uuid)
        return None if number is None or number >= self.settings.artists else self._artist(number)

    def _artist(self, number: int) -> artists.Artist:
        return self.odd.artist(artists.artist(self.seed, number))

    def artists_by_number(self, numbers: Sequence[int]) -> list[artists.Artist]:
        """The artists of known numbers."""
        return [self._artist(number) for number in numbers]

    # -- series ------------------------------------------------------------------------------------------------

    def last_value_day(self, as_of: datetime) -> date:
        """The newest day whose values are visible."""
        return (as_of.astimezone(UTC) - timedelta(hours=self.settings.value_hour)).date() - timedelta(days=1)

    def song_audience(
        self, uuid: str, platform: str, start: date, end: date, as_of: datetime
    ) -> list[series.SongPoint]:
        """A track's audience, oldest first: points of `start` to `end` that are visible at `as_of`."""
        last = min(end, self.last_value_day(as_of))
        return series.song_points(self.seed, self._track_number(uuid), self.settings.artists, platform, start, last)

    def artist_audience(
        self, uuid: str, platform: str, start: date, end: date, as_of: datetime
    ) -> list[series.ArtistPoint]:
        """An artist's audience, oldest first."""
        last = min(end, self.last_value_day(as_of))
        return series.artist_points(self.seed, self._artist_number(uuid), platform, start, last)

    def listening(self, uuid: str, platform: str, start: date, end: date, as_of: datetime) -> list[series.ValuePoint]:
        """An artist's listeners, oldest first."""
        last = min(end, self.last_value_day(as_of))
        return series.listening_points(self.seed, self._artist_number(uuid), platform, start, last)

    def local_followers(
        self, uuid: str, platform: str, start: date, end: date, as_of: datetime
    ) -> list[located.LocatedPoint]:
        """An artist's followers by place, oldest first."""
        last = min(end, self.last_value_day(as_of))
        points = located.local_followers(self.seed, self._artist_number(uuid), platform, start, last)
        return self.odd.located(uuid, platform, points)

    def local_streaming(
        self, uuid: str, platform: str, start: date, end: date, as_of: datetime
    ) -> list[located.LocatedPoint]:
        """An artist's weekly streams by place, oldest first."""
        last = min(end, self.last_value_day(as_of))
        points = located.local_streaming(self.seed, self._artist_number(uuid), platform, start, last)
        return self.odd.located(uuid, platform, points)

    def broadcast_groups(self, uuid: str, start: date, end: date) -> list[airplay.StationPlays]:
        """Stations that played a track from `start` to `end`, most plays first. Known at once: give past days only."""
        return airplay.groups(self.seed, self._track_number(uuid), self.settings.artists, start, end)

    def artist_broadcast_groups(self, uuid: str, start: date, end: date) -> list[airplay.StationPlays]:
        """Stations that played an artist from `start` to `end`, most plays first. Give past days only, too."""
        return airplay.artist_groups(self.seed, self._artist_number(uuid), start, end)

    def broadcasts(self, uuid: str, start: date, end: date) -> list[airplay.Broadcast]:
        """Every play of a track from `start` to `end`, newest first."""
        played = airplay.broadcasts(self.seed, self._track_number(uuid), self.settings.artists, start, end)
        return sorted(played, key=lambda play: (play.aired_at, play.station.slug), reverse=True)

    def _track_number(self, uuid: str) -> int:
        found = self.song(uuid)
        if found is None:
            raise KeyError(f"the world has no track {uuid}")
        return found.number

    def _artist_number(self, uuid: str) -> int:
        found = self.artist(uuid)
        if found is None:
            raise KeyError(f"the world has no artist {uuid}")
        return found.number
