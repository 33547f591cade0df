"""The sums of an estimate while it is made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import ceil

from chartline.cascade.resources import (
    ARTIST_AIRPLAY,
    ARTIST_AUDIENCE,
    ARTIST_LISTENERS,
    ARTIST_LOCAL_FOLLOWERS,
    ARTIST_LOCAL_STREAMING,
    ARTIST_METADATA,
    TRACK_AIRPLAY,
    TRACK_AUDIENCE,
    TRACK_METADATA,
    Series,
)
from chartline.costs import outlook, turnover, weights
from chartline.costs.model import KINDS, NOTHING, Estimate, Range
from chartline.costs.outlook import Outlook
from chartline.domain import platforms
from chartline.domain.asks import Step
from chartline.settings import Settings
from chartline.soundcharts import endpoints
from chartline.warehouse import rankings
from chartline.warehouse.connect import Connection
from chartline.warehouse.ledger import Item, Want
from chartline.warehouse.reads import costs

PAGE, BATCH = endpoints.AVAILABLE_RANKINGS.page_limit, endpoints.SONG.batch
USUAL_CALENDAR = 1500
"""Days that a chart's calendar may hold where it is not known."""
AIRPLAY_PAGES = 3.0
ENOUGH_AIRPLAY = 100


@dataclass
class Tally:
    """Adds up the calls of one chart."""

    conn: Connection
    settings: Settings
    seen: Outlook
    today: date
    force: bool = False
    calls: dict[str, Range] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, low: int, high: int) -> None:
        if high:
            self.calls[kind] = self.calls.get(kind, NOTHING) + Range(low=min(low, high), high=high)

    def estimate(self, about: str, per_minute: int | None) -> Estimate:
        quota = costs.quota_left(self.conn)
        if quota is None:
            self.notes.append("How much of the quota is left is not known: no answer of the API has told it yet.")
        order = {kind: place for place, kind in enumerate(KINDS)}
        calls = dict(sorted(self.calls.items(), key=lambda pair: (order[pair[0].split()[0]], pair[0])))
        weight = weights.Weights.of(self.conn, self.seen.places[1])
        low, high = (
            sum(weight.of_calls(kind, getattr(count, side)) for kind, count in calls.items())
            for side in ("low", "high")
        )
        return Estimate(
            about=about,
            calls=calls,
            per_minute=per_minute or self.settings.calls_per_minute,
            quota_left=quota,
            storage_bytes=Range(low=low, high=high),
            notes=tuple(dict.fromkeys([*self.seen.notes, *self.notes])),
        )

    # -- the latest ranking, or one by hand --------------------------------------------------------------------

    def latest(
        self,
        steps: Sequence[Step],
        track_platforms: Sequence[str],
        artist_platforms: Sequence[str],
        audience_days: int,
        day: date | None = None,
        *,
        by_hand: bool = False,
    ) -> None:
        """The latest ranking, or that of one day, and all that is fetched for it.

        by_hand: a run by hand asks for the latest ranking even when it is here; a schedule's only when it expects more.
        """
        seen = self.seen
        known = self.tracks_known(day)
        low, high = seen.pages
        if day is not None:
            if day in seen.here and not self.force:
                low = high = 0
            elif day not in seen.calendar:
                self.calendar(day)
        elif seen.newest is not None and seen.newest in seen.here and not self.force:
            newer = bool(seen.calendar) and seen.calendar[-1] > seen.newest
            if not newer:
                low, high = int(by_hand and not seen.knows_latest), 1 if seen.asked else high
        self.add("ranking", low, high)
        tracks, unknown = known or [], (0, 0)
        if known is None:
            others = costs.other_charts_stored(self.conn, seen.chart.id if seen.chart else None)
            unknown = (0 if others or seen.newest else seen.places[0], seen.places[1])
        elif day is None and seen.newest:
            behind = sum(listed > seen.newest for listed in seen.calendar) or (0 if seen.asked else 1)
            unknown = (0, ceil(min(seen.rate.high * behind, seen.places[1])))
        if "track_metadata" in steps:
            due = len(self.due(TRACK_METADATA.name, tracks, [""]))
            self.add("track_metadata", ceil((due + unknown[0]) / BATCH), ceil((due + unknown[1]) / BATCH))
        if "track_audience" in steps:
            for code in track_platforms:
                resource = TRACK_AIRPLAY if code == platforms.AIRPLAY else TRACK_AUDIENCE
                self.series(resource, code, tracks, unknown, audience_days)
        artists, without = costs.artists_of(self.conn, tracks)
        unknown = (unknown[0] + without, unknown[1] + without)
        further = (0, 0) if "track_metadata" not in steps else self.artists_of_ranking(*unknown)
        if "artist_metadata" in steps:
            due = len(self.due(ARTIST_METADATA.name, artists, [""]))
            self.add("artist_metadata", ceil((due + further[0]) / BATCH), ceil((due + further[1]) / BATCH))
        if "artist_audience" in steps:
            for code in artist_platforms:
                resource = ARTIST_AIRPLAY if code == platforms.AIRPLAY else ARTIST_AUDIENCE
                self.series(resource, code, artists, further, audience_days)
            series = {ARTIST_LISTENERS: platforms.LISTENING_PLATFORMS}
            if self.settings.artist_cities:
                series |= {
                    ARTIST_LOCAL_FOLLOWERS: platforms.LOCAL_FOLLOWERS_PLATFORMS,
                    ARTIST_LOCAL_STREAMING: platforms.LOCAL_STREAMING_PLATFORMS,
                }
            for resource, served in series.items():
                for code in set(served) & set(artist_platforms):
                    self.series(resource, code, artists, further, audience_days)

    def tracks_known(self, day: date | None) -> list[str] | None:
        """The tracks of the newest ranking, or of that of a day; None where it is not here."""
        seen = self.seen
        if day is None or day == seen.newest:
            return list(seen.tracks) if seen.newest else None
        stored = rankings.find(self.conn, seen.chart.id, day) if seen.chart else None
        return costs.tracks_of(self.conn, stored.id) if stored else None

    def calendar(self, day: date) -> None:
        """A run for a day without a stamp asks for the calendar."""
        known = len(self.seen.calendar)
        self.add("calendar", 0, ceil((known if self.seen.listed else USUAL_CALENDAR) / PAGE) + 1)
        self.notes.append(f"The calendar of {self.seen.slug} has no ranking of {day}.")

    def due(
        self, resource: str, entities: Sequence[str], facets: Sequence[str], reach: date | None = None
    ) -> list[Item]:
        wants = [Want(entity, facet) for facet in facets for entity in entities]
        return costs.due(self.conn, resource, wants, force=self.force, reach=reach)

    def series(
        self, resource: Series, code: str, entities: Sequence[str], unknown: tuple[int, int], first_days: int
    ) -> None:
        """The windows of those that are due, exact; and of so many more that are not known."""
        items = self.due(resource.name, entities, [code], resource.reach(self.today, first_days, self.settings))
        windows = sum(len(resource.windows(item, self.today, first_days, self.settings)) for item in items)
        each = len(resource.windows(Item("", code), self.today, first_days, self.settings))
        low, high = windows + unknown[0] * each, windows + unknown[1] * each
        if code == platforms.AIRPLAY:
            self.add(resource.name, low, ceil(high * self.airplay_pages(resource)))
        else:
            self.add(f"{resource.name} {code}", low, high)

    def airplay_pages(self, resource: Series) -> float:
        """Pages of an airplay window, at the most and on average."""
        calls, first = costs.airplay_pages(self.conn, resource.name)
        return min(AIRPLAY_PAGES, calls / first * 1.5) if first >= ENOUGH_AIRPLAY else AIRPLAY_PAGES

    def artists_of_ranking(self, low: int, high: int) -> tuple[int, int]:
        """Artists not known yet of tracks of the newest ranking whose own are not known."""
        few, many = turnover.USUAL_ARTISTS
        others = costs.artist_sample(self.conn).artists
        return (0 if others else int(low * few), ceil(high * many))

    # -- the past -----------------------------------------------------------------------------------------------

    def range(self, first: date, last: date) -> list[date]:
        """The calendar's days in the range; says where the source begins later."""
        slug = self.seen.slug
        if not self.seen.listed:
            self.seen = replace(self.seen, calendar=outlook.guessed(self.seen, first, last))
            self.notes.append(f"The calendar of {slug} is not known: the source may have fewer of these days.")
            self.add("calendar", 1, ceil(USUAL_CALENDAR / PAGE) + 1)
        calendar = self.seen.calendar
        days = [day for day in calendar if first <= day <= last]
        if self.seen.listed and calendar and calendar[0] > first:
            asked = (last - first).days + 1
            self.notes.append(
                f"The source has {slug} from {calendar[0]} on: {len(days)} rankings in the {asked} days asked for."
            )
        return days

    def past(self, days: Sequence[date], steps: Sequence[Step], runs: int) -> None:
        """Rankings of past days and the metadata of tracks and artists that they bring."""
        seen, conn = self.seen, self.conn
        listed = set(seen.calendar) if seen.listed else {*seen.calendar, *days}
        here = set() if self.force else set(seen.here)
        if "ranking" in self.calls and seen.calendar:
            here.add(seen.calendar[-1])  # counted as the latest
        missing = [day for day in days if day in listed and day not in here]
        self.add("ranking", len(missing) * seen.pages[0] if seen.listed else 0, len(missing) * seen.pages[1])
        if not missing:
            return
        low, high = self.tracks_of(missing, here) if "track_metadata" in steps else (0, 0)
        if "track_metadata" in steps:
            due = costs.due_tracks_of_chart(conn, seen.chart.id, seen.newest_id) if seen.chart else 0
            self.batches("track_metadata", low, high + due, runs)
        if "artist_metadata" in steps:
            sample = costs.artist_sample(conn)
            few, many = turnover.artists(sample, low, high)
            due = sample.artists if self.force else costs.due_artists(conn)
            self.batches("artist_metadata", few, many + due, runs)

    def tracks_of(self, missing: Sequence[date], here: Collection[date]) -> tuple[int, int]:
        """New tracks of these days, at the least and at the most."""
        seen, conn = self.seen, self.conn
        low = high = 0.0
        for length, neighbours in outlook.stretches(sorted({*seen.calendar, *missing}), missing, here):
            alone = int(self.force or not neighbours)
            high += seen.places[1] * alone + seen.rate.high * (length - alone)
            if neighbours < 2 or self.force:
                low += seen.places[0] * alone + seen.rate.low * (length - alone)
        if not seen.listed:
            return 0, ceil(high)
        chart = seen.chart.id if seen.chart else None
        if not self.force and costs.other_charts_stored(conn, chart):
            known = costs.tracks_elsewhere(conn, chart, seen.tracks)
            low *= max(0.0, 1 - turnover.OTHER_TIMES * known / len(seen.tracks)) if seen.tracks else 0.0
        if not self.force:
            low = max(0.0, low - costs.loose_tracks(conn))
        return int(low), ceil(high)

    def batches(self, kind: str, low: int, high: int, runs: int) -> None:
        """Calls for so many things, ten to a call; each run rounds up by itself."""
        self.add(kind, ceil(low / BATCH), ceil(high / BATCH) + min(runs - 1, high))
