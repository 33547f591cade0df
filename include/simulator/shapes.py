"""Truth to JSON: the shapes of each version of the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from simulator.airplay import Broadcast, Station, StationPlays
from simulator.answers import Json
from simulator.artists import Artist
from simulator.charts import Chart
from simulator.located import LocatedPoint
from simulator.odd_answers import PHP_NULL, OddAnswers
from simulator.oddities import Oddities
from simulator.rankings import Entry
from simulator.series import ArtistPoint, SongPoint, ValuePoint
from simulator.tracks import Track

_NEWER_KEYS = ("webUrl", "iswcs", "previewUrl", "growthLevel", "careerStage")


def atom(moment: datetime) -> str:
    """ISO 8601 with a numeric offset, as the API writes times."""
    return moment.isoformat(timespec="seconds")


class Shapes:
    """Builds the JSON of things, with the oddities and the odd answers that strike them."""

    def __init__(self, oddities: Oddities, answers: OddAnswers) -> None:
        self._odd, self._answers = oddities, answers
        self._midnight = "T00:00:00+02:00" if oddities.strikes("paris_midnight") else "T00:00:00+00:00"

    def day(self, day: date) -> str:
        """A day as the API dates values: midnight with an offset."""
        return day.isoformat() + self._midnight

    def _day_or_none(self, day: date | None) -> str | None:
        return None if day is None else self.day(day)

    def _finish(self, thing: Json, about: str, blank: Sequence[str] = ()) -> Json:
        """Write what is unknown in one of the ways the API does: null, an empty text, or no key at all."""
        if self._odd.strikes("blank_for_null", about):
            thing |= {name: "" for name in blank if thing.get(name, "") is None}
        if self._odd.strikes("missing_keys", about):
            thing = {
                name: value for name, value in thing.items() if name not in _NEWER_KEYS or value not in (None, "", [])
            }
        if self._odd.strikes("unknown_keys", about):
            thing["simulatedKey"] = {"since": "v9", "values": [1, None]}
        return thing

    # -- charts ------------------------------------------------------------------------------------------------

    def chart(self, chart: Chart) -> Json:
        """A chart's light form."""
        thing: Json = {
            "name": chart.name,
            "type": chart.kind,
            "slug": chart.slug,
            "platform": chart.platform,
            "frequency": chart.frequency,
            "countryCode": chart.country_code,
            "countryName": chart.country_name,
            "cityName": chart.city_name,
            "maxResultsCount": chart.capacity,
        }
        if chart.web_url is not None:
            thing["webUrl"] = chart.web_url
        if self._odd.strikes("unknown_keys", chart.slug):
            thing["simulatedKey"] = True
        return thing

    def chart_with_metric(self, chart: Chart) -> Json:
        """A chart as v2.14 rankings relate it."""
        if chart.metric is None:
            return self.related_chart(chart)
        kind, description = chart.metric
        return self.related_chart(chart) | {"metric": {"type": kind, "description": description}}

    def related_chart(self, chart: Chart) -> Json:
        """A chart as rankings and calendars relate it."""
        return self._answers.chart(self.chart(chart))

    def entry(self, chart: Chart, day: date, row: Entry, light: Json, *, with_metric: bool) -> Json:
        """A row of a ranking."""
        about = f"{chart.slug} {light['uuid']}"
        time = "T12:00:00+00:00"
        if self._odd.strikes("entry_minutes", about):
            time = "T11:43:52+00:00" if row.position % 10 else "T10:10:02+00:00"
        thing: Json = {
            chart.kind: light,
            "position": row.position,
            "positionEvolution": row.evolution,
            "metric": row.metric,
            "entryState": "new" if row.old_position == 0 and self._odd.strikes("entry_state", about) else "",
            "entryDate": row.entry_day.isoformat() + time,
            "rankDate": day.isoformat() + "T12:00:00+00:00",
            "oldPosition": row.old_position,
            "timeOnChart": row.time_on_chart,
            "timeOnChartUnit": row.time_unit,
        }
        if not with_metric or (row.metric is None and self._odd.strikes("missing_keys", chart.slug)):
            del thing["metric"]
        if self._answers.strikes("php-null-date", chart.slug, light["uuid"]):
            thing["entryDate"] = PHP_NULL
        return thing

    # -- tracks and artists --------------------------------------------------------------------------------------

    def song_light(self, track: Track) -> Json:
        """A track inside rankings and series."""
        return {
            "uuid": track.uuid,
            "name": track.name,
            "creditName": track.credit_name or "",
            "imageUrl": track.image_url or "",
        }

    def album_light(self, uuid: str, track: Track) -> Json:
        """An album inside rankings: it bears its lead track's name."""
        return {
            "uuid": uuid,
            "name": track.name,
            "creditName": track.credit_name or "",
            "releaseDate": self._day_or_none(track.release_date),
        }

    def artist_light(self, artist: Artist) -> Json:
        """An artist inside tracks and series."""
        return {
            "uuid": artist.uuid,
            "slug": artist.slug,
            "name": artist.name,
            "appUrl": artist.app_url,
            "imageUrl": artist.image_url or "",
        }

    def song_v2(self, track: Track, artists: Sequence[Artist]) -> Json:
        """The oldest shape: isrc and label are texts."""
        return {
            "uuid": track.uuid,
            "name": track.name,
            "isrc": track.isrc.value if track.isrc else None,
            "creditName": track.credit_name or "",
            "artists": [self.artist_light(one) for one in artists],
            "releaseDate": self._day_or_none(track.release_date),
            "copyright": track.copyright or "",
            "label": track.labels[0][0] if track.labels else "",
            "appUrl": track.app_url,
            "imageUrl": track.image_url or "",
            "duration": track.duration,
        }

    def song_v2_8(self, track: Track, artists: Sequence[Artist]) -> Json:
        """The middle shape: isrc is an object, label still a text."""
        return self.song_v2(track, artists) | {
            "isrc": self._isrc(track),
            "explicit": track.explicit,
            "genres": self._genres(track.genres),
            "composers": list(track.composers),
            "producers": list(track.producers),
            "audio": track.audio,
            "languageCode": track.language_code or "",
        }

    def song(self, track: Track, artists: Sequence[Artist]) -> Json:
        """The newest shape, v2.25."""
        lights = [self.artist_light(one) for one in artists]
        thing: Json = {
            "uuid": track.uuid,
            "name": track.name,
            "isrc": self._isrc(track),
            "iswcs": list(track.iswcs),
            "creditName": track.credit_name or "",
            "artists": lights,
            "mainArtists": [light for light in lights if light["uuid"] in (track.main_artist_uuids or ())],
            "releaseDate": self._day_or_none(track.release_date),
            "copyright": track.copyright or "",
            "appUrl": track.app_url,
            "imageUrl": track.image_url,
            "previewUrl": track.preview_url,
            "duration": track.duration,
            "explicit": track.explicit,
            "genres": self._genres(track.genres),
            "composers": list(track.composers),
            "producers": list(track.producers),
            "labels": [{"name": name, "type": group} for name, group in track.labels],
            "audio": track.audio,
            "languageCode": track.language_code or "",
            "distributor": track.distributor,
        }
        if track.main_artist_uuids is None:
            del thing["mainArtists"]
        thing = self._finish(thing, track.uuid, ("imageUrl", "distributor", "previewUrl"))
        return self._answers.song(thing, track.uuid)

    def _isrc(self, track: Track) -> Json | None:
        if track.isrc is None:
            return None
        return {
            "value": track.isrc.value,
            "countryCode": track.isrc.country_code,
            "countryName": track.isrc.country_name,
        }

    def _genres(self, genres: Sequence[tuple[str, tuple[str, ...]]]) -> list[Json]:
        return [{"root": root, "sub": list(subs)} for root, subs in genres]

    def artist_v2(self, artist: Artist) -> Json:
        """The oldest shape: light with the country."""
        return self.artist_light(artist) | {"countryCode": artist.country_code or ""}

    def artist(self, artist: Artist) -> Json:
        """The full shape, v2.9."""
        genres: list[Any] = list(self._genres(artist.genres))
        if not any(subs for _, subs in artist.genres) and self._odd.strikes("genre_strings", artist.uuid):
            genres = [root for root, _ in artist.genres]
        thing: Json = {
            "uuid": artist.uuid,
            "slug": artist.slug,
            "name": artist.name,
            "appUrl": artist.app_url,
            "imageUrl": artist.image_url,
            "webUrl": artist.web_url,
            "countryCode": artist.country_code or "",
            "genres": genres,
            "biography": artist.biography,
            "isni": artist.isni,
            "ipi": artist.ipi,
            "gender": artist.gender,
            "type": artist.type,
            "birthDate": self._day_or_none(artist.birth_date),
            "careerStage": artist.career_stage,
            "growthLevel": artist.growth_level,
            "cityName": artist.city_name,
        }
        blank = ("imageUrl", "webUrl", "biography", "isni", "ipi", "gender", "type", "cityName")
        return self._answers.person(self._finish(thing, artist.uuid, blank), artist.uuid)

    # -- series ------------------------------------------------------------------------------------------------

    def song_point(self, point: SongPoint) -> Json:
        """A day of a track's audience."""
        return {
            "date": self.day(point.day),
            "plots": [{"identifier": identifier, "value": value} for identifier, value in point.plots],
        }

    def artist_point(self, point: ArtistPoint) -> Json:
        """A crawl of an artist's audience."""
        return {
            "date": self.day(point.day),
            "likeCount": point.like_count,
            "followerCount": point.follower_count,
            "followingCount": point.following_count,
            "postCount": point.post_count,
            "viewCount": point.view_count,
        }

    def value_point(self, point: ValuePoint) -> Json:
        """A day of a single-valued series."""
        return {"date": self.day(point.day), "value": point.value}

    def located_point(self, point: LocatedPoint) -> Json:
        """A day of a series by city and country; each place repeats the date."""
        dated = {"date": self.day(point.day)}
        cities = [
            dated
            | {
                "value": city.value,
                "countryName": city.country_name,
                "countryCode": city.country_code,
                "region": city.region or "",
                "cityName": city.city_name,
            }
            for city in point.cities
        ]
        countries = [
            dated | {"value": value, "countryName": name, "countryCode": code} for code, name, value in point.countries
        ]
        return dated | {"value": point.value, "cityPlots": cities, "countryPlots": countries}

    # -- radio -------------------------------------------------------------------------------------------------

    def station(self, station: Station) -> Json:
        """A radio station."""
        return {
            "slug": station.slug,
            "name": station.name,
            "countryCode": station.country_code,
            "countryName": station.country_name,
            "cityName": station.city_name,
            "timeZone": station.time_zone,
            "reach": station.reach,
            "imageUrl": "",
        }

    def station_plays(self, plays: StationPlays) -> Json:
        """A station's plays in the asked window."""
        return {"playCount": plays.play_count, "radio": self.station(plays.station)}

    def broadcast(self, play: Broadcast) -> Json:
        """One play."""
        return {"airedAt": atom(play.aired_at), "duration": play.duration, "radio": self.station(play.station)}
