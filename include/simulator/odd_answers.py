"""Odd answers: shapes that real answers of the API, or of its like, were found to have, each with a switch of its own.

Unlike the odd habits of `oddities.py` they change what an answer says, so the truth knows of them: `World` shows what
is right for whatever a shape strikes. What it strikes is chosen by a hash of the seed, the shape and what it is about
(its key, see `SHAPES`), or named by pattern: the same at every call, in every process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Any

from simulator.answers import Json
from simulator.artists import Artist
from simulator.charts import Chart
from simulator.located import LocatedPoint
from simulator.mixing import chance, mix, salt
from simulator.tracks import Track

SHAPES: dict[str, str] = {
    # name: what the key is made of, as patterns name it
    "point-far-future": "track platform",
    "point-year-one": "artist platform",
    "release-year": "track",
    "release-month": "track",
    "birth-year": "artist",
    "zero-date": "track",
    "php-null-date": "chart track",
    "empty-list-for-object": "track",
    "empty-object-for-list": "track",
    "empty-isrc": "track",
    "row-twice-total-distinct": "chart day",
    "row-twice-total-rows": "chart day",
    "total-too-large": "track platform",
    "renamed-chart": "chart",
    "other-uuid": "track",
    "moved-one": "track",
    "reset-huge": "endpoint entity facet",
    "long-name": "track",
    "long-label": "track",
    "same-400": "track platform",
    "off-weekday": "chart",
    "located-value": "artist platform",
    "echo": "endpoint entity facet",
    "field-new": "track",
    "field-gone": "track",
    "field-retyped": "track",
}

FAR_FUTURE, YEAR_ONE = "9999-12-31T00:00:00+00:00", "0001-01-01T00:00:00+00:00"
PHP_NULL, ZERO = "-0001-11-30T00:00:00+00:00", "0000-00-00"
HUGE_RESET = 60_000
"""Seconds: no minute limit can mean it."""
SAME_REFUSAL = "Invalid period: at most 30 days."
WORLDWIDE = 123_456
NAME_LENGTH, LABEL_LENGTH = 3_000, 4_000

# Where two shapes would strike the same field, the first one does.
_RELEASE = ("release-year", "release-month", "zero-date")
_NO_ISRC = ("empty-isrc", "empty-list-for-object")
_TWICE = ("row-twice-total-distinct", "row-twice-total-rows")
_SONG_AUDIENCE = ("same-400", "point-far-future", "total-too-large")
_MOVED = ("moved-one", "other-uuid")

Wanted = float | Mapping[str, float | Sequence[str]]


class OddAnswers:
    """Which shapes strike what.

    `wanted`: one share (0 to 1) for all shapes, or by shape a share or a list of patterns of keys (`"* spotify"`).
    """

    def __init__(self, seed: int = 0, wanted: Wanted = 0) -> None:
        self._seed = seed
        given = dict.fromkeys(SHAPES, wanted) if isinstance(wanted, int | float) else wanted
        self._shares = {name: chosen for name, chosen in given.items() if chosen}

    def __bool__(self) -> bool:
        return bool(self._shares)

    def strikes(self, name: str, *about: str) -> bool:
        """Whether the shape strikes what these parts of a key name."""
        chosen = self._shares.get(name)
        if chosen is None:
            return False
        key = " ".join(about)
        if isinstance(chosen, int | float):
            return chance(mix(self._seed, salt(name), salt(key)), chosen)
        return any(fnmatchcase(key, pattern) for pattern in chosen)

    def first(self, names: Iterable[str], *about: str) -> str:
        """The first of these shapes that strikes, or an empty text."""
        return next((name for name in names if self.strikes(name, *about)), "")

    # -- what is true of what is struck ------------------------------------------------------------------------

    def track(self, track: Track) -> Track:
        """A track as a warehouse must hold it: what cannot be read is not known, a year or month is its first day."""
        if not self._shares:
            return track
        uuid = track.uuid
        true: dict[str, Any] = {}
        release = self.first(_RELEASE, uuid)
        if release == "zero-date":
            true["release_date"], true["release_date_precision"] = None, None
        elif release:
            day = track.release_date or track.released
            year = release == "release-year"
            true["release_date"] = day.replace(day=1, month=1 if year else day.month)
            true["release_date_precision"] = "year" if year else "month"
        if self.first(_NO_ISRC, uuid):
            true["isrc"] = None
        if self.strikes("empty-list-for-object", uuid):
            true["audio"] = None
        if self.strikes("empty-object-for-list", uuid):
            true["genres"] = ()
        if self.strikes("long-name", uuid):
            true["name"] = _lengthened(track.name, NAME_LENGTH)
        if self.strikes("long-label", uuid):
            true["labels"] = ((_lengthened(f"Label of {track.number}", LABEL_LENGTH), "indie"), *track.labels)
        if self.strikes("field-gone", uuid):
            true["copyright"] = None
        return replace(track, **true) if true else track

    def artist(self, artist: Artist) -> Artist:
        """An artist as a warehouse must hold it."""
        if artist.birth_date is None or not self.strikes("birth-year", artist.uuid):
            return artist
        return replace(artist, birth_date=artist.birth_date.replace(month=1, day=1), birth_date_precision="year")

    def located(self, artist: str, platform: str, points: list[LocatedPoint]) -> list[LocatedPoint]:
        """A located series, with the worldwide figure of each day."""
        if not self.strikes("located-value", artist, platform):
            return points
        return [replace(point, value=WORLDWIDE) for point in points]

    def off_weekdays(self, chart: Chart, own: Iterable[date]) -> list[date]:
        """Days on which a weekly chart has a ranking besides its `own`: five days after one in four of these."""
        if chart.frequency != "weekly" or not self.strikes("off-weekday", chart.slug):
            return []
        later = timedelta(days=5)
        return [day + later for day in own if mix(self._seed, salt(chart.slug), day.toordinal()) % 4 == 0]

    def pages_of_ranking(self, slug: str, day: date, entries: int, size: int) -> int:
        """How many pages of `size` must be asked for it: a total that counts the row twice may need one more."""
        counted = self.twice(slug, day) == "row-twice-total-rows"
        return max(1, -(-(entries + counted) // size))

    def fails(self, resource: str, entity: str, facet: str = "", *, points: bool = True) -> bool:
        """Whether an item must fail by name. `points`: a series has any, else there is none to be odd."""
        if resource == "track_metadata":
            return bool(self.first(_MOVED, entity))
        if resource == "track_audience":
            odd = self.first(_SONG_AUDIENCE, entity, facet)
            return odd == "same-400" or (odd == "point-far-future" and points)
        return resource == "artist_audience" and points and self.strikes("point-year-one", entity, facet)

    def comes_short(self, track: str, platform: str) -> bool:
        """Whether a track's audience states one point more than there is: what came is right."""
        return self.first(_SONG_AUDIENCE, track, platform) == "total-too-large"

    # -- how it is written -------------------------------------------------------------------------------------

    def other_uuid(self, uuid: str) -> str:
        """Another uuid that the world does not have, for a track that was merged into another one."""
        return f"00000000-0000-4000-8000-{mix(self._seed, salt(uuid), 3) >> 16:012x}"

    def moved(self, uuids: Iterable[str]) -> str:
        """The first of these tracks that is answered with a redirect; an empty text when none is."""
        return next((uuid for uuid in uuids if self.strikes("moved-one", uuid)), "")

    def song(self, thing: Json, uuid: str) -> Json:
        """The newest shape of a track, already as it is true, written as the API wrote it."""
        if not self._shares:
            return thing
        release = self.first(_RELEASE, uuid)
        if release == "zero-date":
            thing["releaseDate"] = ZERO
        elif release:
            thing["releaseDate"] = thing["releaseDate"][: 4 if release == "release-year" else 7]
        without_isrc = self.first(_NO_ISRC, uuid)
        if without_isrc:
            thing["isrc"] = {} if without_isrc == "empty-isrc" else []
        if self.strikes("empty-list-for-object", uuid):
            thing["audio"] = []
        if self.strikes("empty-object-for-list", uuid):
            thing["genres"] = {}
        if self.strikes("field-new", uuid):
            thing["simulatedField"] = {"since": "v2.99"}
        if self.strikes("field-gone", uuid):
            del thing["copyright"]
        if self.strikes("field-retyped", uuid) and thing["duration"] is not None:
            thing["duration"] = str(thing["duration"])
        if self.first(_MOVED, uuid) == "other-uuid":
            thing["uuid"] = self.other_uuid(uuid)
        return thing

    def person(self, thing: Json, uuid: str) -> Json:
        """The newest shape of an artist, already as it is true, written as the API wrote it."""
        if thing["birthDate"] is not None and self.strikes("birth-year", uuid):
            thing["birthDate"] = thing["birthDate"][:4]
        return thing

    def chart(self, thing: Json) -> Json:
        """A chart as rankings and calendars relate it: a renamed one has another slug there than it was asked by."""
        return thing | {"slug": f"{thing['slug']}-renamed"} if self.strikes("renamed-chart", thing["slug"]) else thing

    def song_audience(self, body: Json, track: str, platform: str) -> Json:
        """A page of a track's audience."""
        odd = self.first(_SONG_AUDIENCE, track, platform)
        if odd == "point-far-future" and body["items"]:
            body["items"][-1]["date"] = FAR_FUTURE
        elif odd == "total-too-large":
            body["page"]["total"] += 1
        return body

    def refused_audience(self, track: str, platform: str) -> bool:
        """Whether a track's audience is refused with the same 400 as others'."""
        return self.first(_SONG_AUDIENCE, track, platform) == "same-400"

    def artist_audience(self, body: Json, artist: str, platform: str) -> Json:
        """A page of an artist's audience."""
        if body["items"] and self.strikes("point-year-one", artist, platform):
            body["items"][0]["date"] = YEAR_ONE
        return body

    def twice(self, slug: str, day: date) -> str:
        """Which of the two shapes of a row sent twice strikes a ranking, or an empty text."""
        return self.first(_TWICE, slug, day.isoformat())


def mistakes(wanted: Wanted) -> str:
    """What is wrong with the names in `wanted`; an empty text when nothing is."""
    unknown = sorted(set(wanted) - set(SHAPES)) if isinstance(wanted, Mapping) else []
    return f"unknown odd answers {', '.join(unknown)}; known are {', '.join(SHAPES)}" if unknown else ""


def _lengthened(text: str, length: int) -> str:
    return (f"{text} " * (length // (len(text) + 1) + 1))[:length].rstrip().ljust(length, "x")
