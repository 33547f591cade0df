"""The endpoints: which path means what, and how the truth answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from simulator import rankings, reference
from simulator.answers import ApiError, Asked, Json, bad_argument, collection, moved, not_found, single
from simulator.artists import Artist
from simulator.charts import Chart
from simulator.codes import ALBUM, identifier_of, uuid_of
from simulator.mixing import mix, salt
from simulator.odd_answers import SAME_REFUSAL
from simulator.oddities import Oddities
from simulator.settings import Settings
from simulator.shapes import Shapes, atom
from simulator.tracks import Track
from simulator.world import World

BATCH = 10
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to answer: the world and its time, what the path names, and what a fault hides (`absent`)."""

    world: World
    now: datetime
    settings: Settings
    oddities: Oddities
    entity: str
    facet: str
    asked: Asked
    quota_left: int
    absent: frozenset[str] = frozenset()

    @property
    def shapes(self) -> Shapes:
        """JSON builder."""
        return Shapes(self.oddities, self.world.odd)

    def series(self, points: Sequence[T], shape: Callable[[T], Json], related: Json, *, newest_first: bool) -> Json:
        """A dated series (given oldest first), in the order asked for or else usual for it."""
        ordered = points[::-1] if self.asked.newest_first(newest_first) else points
        page = self.asked.page(len(ordered))
        shown: Sequence[T] = self.asked.cut(ordered)
        if self.oddities.strikes("more_than_limit"):
            shown, page = ordered, page | {"next": None, "previous": None}
        items = [shape(point) for point in shown]
        if self.oddities.strikes("shuffled_items"):
            items.sort(key=lambda item: salt(item["date"]))
        return collection(items, page, related)

    def listing(self, things: Sequence[T], shape: Callable[[T], Any], related: Json | None = None) -> Json:
        """One page of a list."""
        return collection([shape(thing) for thing in self.asked.cut(things)], self.asked.page(len(things)), related)


Handler = Callable[[Ask], Json]


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint: its name in counts and faults, its path (`{entity}`, `{facet}`), and whether calls are free."""

    name: str
    path: str
    handler: Handler
    free: bool = False


# -- charts ----------------------------------------------------------------------------------------------------


def _names(pairs: Sequence[tuple[str, str]]) -> Handler:
    def answer(ask: Ask) -> Json:
        return ask.listing(pairs, lambda pair: {"name": pair[0], "code": pair[1]})

    return answer


def _coded(codes: Sequence[str]) -> Handler:
    return _names([(reference.PLATFORM_NAMES.get(code, code.title()), code) for code in codes])


def _words(words: Sequence[str]) -> Handler:
    return _names([(word, word.lower().replace(" ", "-")) for word in words if word])


def _charts_by_platform(kind: str) -> Handler:
    platforms = reference.SONG_CHART_PLATFORMS if kind == "song" else reference.ALBUM_CHART_PLATFORMS

    def answer(ask: Ask) -> Json:
        if ask.entity not in {code for _, code in platforms}:
            raise not_found(f"Platform {ask.entity} not found.")
        country = ask.asked.query.get("countryCode")
        found = [
            chart
            for chart in ask.world.charts(kind)
            if chart.platform == ask.entity and country in (None, chart.country_code)
        ]
        return ask.listing(found, ask.shapes.chart)

    return answer


def _chart(ask: Ask, kind: str) -> Chart:
    chart = ask.world.chart(ask.entity, kind)
    if chart is None:
        raise not_found()
    return chart


def _ranking(ask: Ask, chart: Chart, day: date, *, with_metric: bool) -> Json:
    shapes, world = ask.shapes, ask.world
    rows, total = _rows(ask, chart, day)
    items = [
        shapes.entry(chart, day, row, _light(world, shapes, chart, row.number), with_metric=with_metric) for row in rows
    ]
    if ask.oddities.strikes("position_zero") and ask.asked.offset + ask.asked.limit >= chart.entries:
        gone = set(rankings.numbers(world.seed, chart, chart.day_before(day))) - set(
            rankings.numbers(world.seed, chart, day)
        )
        items += [
            items[-1] | {chart.kind: _light(world, shapes, chart, number), "position": 0} for number in sorted(gone)[:1]
        ]
    related = {
        "chart": shapes.chart_with_metric(chart) if with_metric else shapes.related_chart(chart),
        "date": atom(rankings.stamp(day)),
    }
    return collection(items, ask.asked.page(total), related)


def _rows(ask: Ask, chart: Chart, day: date) -> tuple[list[rankings.Entry], int]:
    """The rows of the asked page and the stated total. One row may come twice, and the total count it or not."""
    world, offset, limit = ask.world, ask.asked.offset, ask.asked.limit
    twice = world.odd.twice(chart.slug, day)
    if twice == "row-twice-total-rows":  # the first row is the one: the others move on by one place
        rows = world.rows(chart, day, max(0, offset - 1), limit)
        return (rows if offset else [rows[0], *rows][:limit]), chart.entries + 1
    rows = world.rows(chart, day, offset, limit)
    if twice and rows and offset + limit >= chart.entries:
        rows.append(rows[-1])
    return rows, chart.entries


def _light(world: World, shapes: Shapes, chart: Chart, number: int) -> Json:
    track = world.track(number)
    if chart.kind == "song":
        return shapes.song_light(track)
    return shapes.album_light(uuid_of(world.seed, ALBUM, number), track)


def _ranking_latest(kind: str, *, with_metric: bool) -> Handler:
    def answer(ask: Ask) -> Json:
        chart = _chart(ask, kind)
        day = ask.world.latest_day(chart.slug, ask.now)
        if day is None:
            raise not_found()
        return _ranking(ask, chart, day, with_metric=with_metric)

    return answer


def _ranking_at(kind: str, *, with_metric: bool) -> Handler:
    def answer(ask: Ask) -> Json:
        chart = _chart(ask, kind)
        try:
            moment = datetime.fromisoformat(ask.facet)
        except ValueError:
            raise bad_argument(f"{ask.facet!r} is not a date of the form 2026-03-01T12:00:00+00:00.") from None
        day = moment.date()
        if moment != rankings.stamp(day) or not ask.world.is_visible(chart.slug, day, ask.now):
            raise not_found()
        return _ranking(ask, chart, day, with_metric=with_metric)

    return answer


def _available_rankings(kind: str) -> Handler:
    def answer(ask: Ask) -> Json:
        chart = _chart(ask, kind)
        stamps = [rankings.stamp(day) for day in ask.world.days(chart.slug, ask.now)]
        if ask.oddities.strikes("two_stamps") and stamps:
            stamps.insert(1, stamps[0] - timedelta(hours=1))
        if ask.oddities.strikes("shuffled_items"):
            stamps.sort(key=lambda moment: salt(atom(moment)))
        return ask.listing(stamps, atom, ask.shapes.related_chart(chart))

    return answer


# -- metadata --------------------------------------------------------------------------------------------------


def _song(ask: Ask, uuid: str) -> Track:
    found = None if uuid in ask.absent else ask.world.song(uuid)
    if found is None:
        raise not_found()
    return found


def _artist(ask: Ask, uuid: str) -> Artist:
    found = None if uuid in ask.absent else ask.world.artist(uuid)
    if found is None:
        raise not_found()
    return found


def _one_or_batch(ask: Ask, kind: str, find: Callable[[Ask, str], T], shape: Callable[[T], Json], most: int) -> Json:
    """One uuid gives the single envelope; a comma list gives those that are known."""
    uuids = ask.entity.split(",")
    if len(uuids) > most:
        raise bad_argument(f"At most {most} uuids can be asked at once, got {len(uuids)}.")
    if len(uuids) == 1:
        return single(kind, shape(find(ask, uuids[0])))
    items = []
    for uuid in dict.fromkeys(uuids):
        try:
            items.append(shape(find(ask, uuid)))
        except ApiError as refusal:
            if refusal.status != 404:
                raise
    return collection(items, ask.asked.page(len(items)))


def _song_metadata(shape: Callable[[Shapes, Track, Sequence[Artist]], Json], most: int) -> Handler:
    def answer(ask: Ask) -> Json:
        if gone := ask.world.odd.moved(ask.entity.split(",")):
            raise moved(ask.asked.path.replace(gone, ask.world.odd.other_uuid(gone)))

        def build(track: Track) -> Json:
            return shape(ask.shapes, track, ask.world.artists_by_number(track.artist_numbers))

        return _one_or_batch(ask, "song", _song, build, most)

    return answer


def _artist_metadata(shape: Callable[[Shapes, Artist], Json], most: int) -> Handler:
    def answer(ask: Ask) -> Json:
        return _one_or_batch(ask, "artist", _artist, lambda artist: shape(ask.shapes, artist), most)

    return answer


def _found_song(ask: Ask, track: Track | None) -> Json:
    if track is None or track.uuid in ask.absent:
        raise not_found()
    return single("song", ask.shapes.song(track, ask.world.artists_by_number(track.artist_numbers)))


def _song_by_isrc(ask: Ask) -> Json:
    track = ask.world.song_by_isrc(ask.entity)
    if track is not None and mix(track.number, 77) % 50 == 0:
        raise ApiError(410, "gone", "This ISRC is blacklisted.")
    body = _found_song(ask, track)
    if ask.oddities.strikes("other_isrc", ask.entity) and body["object"]["isrc"]:
        body["object"]["isrc"]["value"] = f"{ask.entity[:2]}ZZZ{ask.entity[5:]}"  # recordings get merged
    return body


def _song_by_platform(ask: Ask) -> Json:
    if ask.facet not in reference.SONG_AUDIENCE:
        raise not_found(f"Platform {ask.facet} not found.")
    return _found_song(ask, ask.world.song_by_identifier(ask.facet, ask.entity))


def _song_identifiers(ask: Ask) -> Json:
    track = _song(ask, ask.entity)
    wanted = ask.asked.query.get("platform")
    rows = [(code, identifier_of(ask.world.seed, code, track.number, 0)) for code in reference.SONG_AUDIENCE]
    if track.isrc is not None:
        rows.append(("isrc", track.isrc.value))
    rows = [row for row in rows if wanted in (None, row[0])]

    def shape(row: tuple[str, str]) -> Json:
        code, identifier = row
        return {
            "platformName": reference.PLATFORM_NAMES[code],
            "platformCode": code,
            "identifier": identifier,
            "url": "" if code == "isrc" else f"https://{code}.example.org/track/{identifier}",
            "default": True,
        }

    return ask.listing(rows, shape, ask.shapes.song_light(track))


# -- series ----------------------------------------------------------------------------------------------------


def _platform(ask: Ask, valid: Sequence[str] | dict[str, Any], what: str, status: int) -> str:
    platform = "x" if ask.facet == "twitter" else ask.facet
    if platform in valid and platform not in ask.settings.dropped_platforms:
        return platform
    if status == 400:
        raise bad_argument(f"Invalid platform code {ask.facet} for {what}. Allowed: {', '.join(valid)}.")
    raise not_found(f"Platform {ask.facet} is not a {what} platform.")


def _song_audience(ask: Ask) -> Json:
    status = ask.settings.invalid_platform_song
    platform = _platform(ask, reference.SONG_AUDIENCE, "song audience", status)
    track = _song(ask, ask.entity)
    if ask.world.odd.refused_audience(track.uuid, platform):
        raise bad_argument(SAME_REFUSAL)
    first, last = ask.asked.days(ask.now.date())
    points = ask.world.song_audience(track.uuid, platform, first, last, ask.now)
    identifier = ask.asked.query.get("identifier")
    if identifier:
        points = [
            type(point)(point.day, tuple(plot for plot in point.plots if plot[0] == identifier)) for point in points
        ]
    body = ask.series(points, ask.shapes.song_point, ask.shapes.song_light(track), newest_first=True)
    return ask.world.odd.song_audience(body, track.uuid, platform)


def _artist_audience(ask: Ask) -> Json:
    valid = reference.ARTIST_AUDIENCE
    body = _artist_series(World.artist_audience, lambda shapes: shapes.artist_point, valid, "social")(ask)
    return ask.world.odd.artist_audience(body, ask.entity, ask.facet)


def _artist_related(ask: Ask, artist: Artist, platform: str) -> Json:
    crawled = ask.shapes.day(ask.now.date())
    return {"artist": ask.shapes.artist_light(artist), "platform": platform, "lastCrawlDate": crawled}


def _artist_series(
    read: Callable[[World, str, str, date, date, datetime], Sequence[T]],
    shape: Callable[[Shapes], Callable[[T], Json]],
    valid: Sequence[str] | dict[str, Any],
    what: str,
) -> Handler:
    def answer(ask: Ask) -> Json:
        platform = _platform(ask, valid, what, ask.settings.invalid_platform_artist)
        artist = _artist(ask, ask.entity)
        first, last = ask.asked.days(ask.now.date())
        points = read(ask.world, artist.uuid, platform, first, last, ask.now)
        return ask.series(points, shape(ask.shapes), _artist_related(ask, artist, platform), newest_first=False)

    return answer


# -- radio -----------------------------------------------------------------------------------------------------


def _radio_window(ask: Ask) -> tuple[date, date]:
    """Whole past days: today's plays are not told before the day is over."""
    first, last = ask.asked.days(ask.now.date())
    return first, min(last, date.fromordinal(ask.now.date().toordinal() - 1))


def _heard(ask: Ask, station: Any) -> bool:
    slugs, country = ask.asked.query.get("radioSlugs"), ask.asked.query.get("countryCode")
    return (not slugs or station.slug in slugs.split(",")) and (not country or station.country_code == country)


def _broadcast_groups(ask: Ask) -> Json:
    track = _song(ask, ask.entity)
    plays = [row for row in ask.world.broadcast_groups(track.uuid, *_radio_window(ask)) if _heard(ask, row.station)]
    return ask.listing(plays, ask.shapes.station_plays, ask.shapes.song_light(track))


def _artist_broadcast_groups(ask: Ask) -> Json:
    artist = _artist(ask, ask.entity)
    window = _radio_window(ask)
    plays = [row for row in ask.world.artist_broadcast_groups(artist.uuid, *window) if _heard(ask, row.station)]
    return ask.listing(plays, ask.shapes.station_plays, ask.shapes.artist_light(artist))


def _broadcasts(ask: Ask) -> Json:
    track = _song(ask, ask.entity)
    plays = [row for row in ask.world.broadcasts(track.uuid, *_radio_window(ask)) if _heard(ask, row.station)]
    return ask.listing(plays, ask.shapes.broadcast, ask.shapes.song_light(track))


# -- the rest --------------------------------------------------------------------------------------------------


def _genres(ask: Ask) -> Json:
    return ask.listing(list(reference.GENRES.items()), lambda item: {"root": item[0], "sub": list(item[1])})


def _team_usage(ask: Ask) -> Json:
    usage = {
        "quota": {"limit": ask.settings.quota, "remaining": ask.quota_left, "period": "month"},
        "rateLimit": {"limit": ask.settings.rate_limit_per_minute, "period": "minute"},
    }
    return single("team_usage", usage)


_COUNTRY_PAIRS = [(name, code) for code, name in reference.COUNTRIES.items() if code]

ROUTES: tuple[Route, ...] = (
    Route("song_platforms", "/api/v2/chart/song/platforms", _names(reference.SONG_CHART_PLATFORMS)),
    Route("album_platforms", "/api/v2/chart/album/platforms", _names(reference.ALBUM_CHART_PLATFORMS)),
    Route("charts_by_platform", "/api/v2/chart/song/by-platform/{entity}", _charts_by_platform("song")),
    Route("album_charts_by_platform", "/api/v2/chart/album/by-platform/{entity}", _charts_by_platform("album")),
    Route("available_rankings", "/api/v2/chart/song/{entity}/available-rankings", _available_rankings("song")),
    Route("album_available_rankings", "/api/v2/chart/album/{entity}/available-rankings", _available_rankings("album")),
    Route("ranking_latest", "/api/v2.14/chart/song/{entity}/ranking/latest", _ranking_latest("song", with_metric=True)),
    Route("ranking_at", "/api/v2.14/chart/song/{entity}/ranking/{facet}", _ranking_at("song", with_metric=True)),
    Route(
        "ranking_latest_v2", "/api/v2/chart/song/{entity}/ranking/latest", _ranking_latest("song", with_metric=False)
    ),
    Route("ranking_at_v2", "/api/v2/chart/song/{entity}/ranking/{facet}", _ranking_at("song", with_metric=False)),
    Route(
        "album_ranking_latest",
        "/api/v2.26/chart/album/{entity}/ranking/latest",
        _ranking_latest("album", with_metric=False),
    ),
    Route(
        "album_ranking_at", "/api/v2.26/chart/album/{entity}/ranking/{facet}", _ranking_at("album", with_metric=False)
    ),
    Route("song", "/api/v2.25/song/{entity}", _song_metadata(Shapes.song, BATCH)),
    Route("song_v2_8", "/api/v2.8/song/{entity}", _song_metadata(Shapes.song_v2_8, 1)),
    Route("song_v2", "/api/v2/song/{entity}", _song_metadata(Shapes.song_v2, 1)),
    Route("song_by_isrc", "/api/v2.25/song/by-isrc/{entity}", _song_by_isrc),
    Route("song_by_platform", "/api/v2.25/song/by-platform/{facet}/{entity}", _song_by_platform),
    Route("song_identifiers", "/api/v2/song/{entity}/identifiers", _song_identifiers),
    Route("song_audience", "/api/v2/song/{entity}/audience/{facet}", _song_audience),
    Route("song_broadcasts", "/api/v2/song/{entity}/broadcasts", _broadcasts),
    Route("song_broadcast_groups", "/api/v2/song/{entity}/broadcast-groups", _broadcast_groups),
    Route("artist", "/api/v2.9/artist/{entity}", _artist_metadata(Shapes.artist, BATCH)),
    Route("artist_genres", "/api/v2/artist/genres", _genres),
    Route("artist_v2", "/api/v2/artist/{entity}", _artist_metadata(Shapes.artist_v2, 1)),
    Route(
        "artist_audience",
        "/api/v2/artist/{entity}/audience/{facet}",
        _artist_audience,
    ),
    Route(
        "artist_listening",
        "/api/v2/artist/{entity}/streaming/{facet}/listening",
        _artist_series(World.listening, lambda shapes: shapes.value_point, reference.LISTENING, "streaming"),
    ),
    Route(
        "artist_local_followers",
        "/api/v2.37/artist/{entity}/social/{facet}/followers/",
        _artist_series(
            World.local_followers,
            lambda shapes: shapes.located_point,
            reference.LOCAL_FOLLOWERS,
            "local social",
        ),
    ),
    Route(
        "artist_local_streaming",
        "/api/v2/artist/{entity}/streaming/{facet}",
        _artist_series(
            World.local_streaming,
            lambda shapes: shapes.located_point,
            reference.LOCAL_STREAMING,
            "local streaming",
        ),
    ),
    Route("artist_broadcast_groups", "/api/v2/artist/{entity}/broadcast-groups", _artist_broadcast_groups),
    Route("all_platforms", "/api/v2/referential/platforms", _coded(tuple(reference.PLATFORM_NAMES))),
    Route("social_platforms", "/api/v2/referential/platforms/social", _coded(tuple(reference.ARTIST_AUDIENCE))),
    Route("streaming_platforms", "/api/v2/referential/platforms/streaming", _coded(tuple(reference.LISTENING))),
    Route("label_types", "/api/v2/referential/label-types", _words(reference.LABEL_TYPES)),
    Route("distributors", "/api/v2/referential/distributors", _words(reference.DISTRIBUTORS)),
    Route("lyrics_attributes", "/api/v2/referential/lyrics-attributes", _words(reference.LYRICS_ATTRIBUTES)),
    Route("song_genres", "/api/v2/referential/song/genres", _genres),
    Route("playlist_platforms", "/api/v2/playlist/platforms", _coded(("apple-music", "deezer", "spotify", "youtube"))),
    Route("radio_countries", "/api/v2/radio/countries", _names(_COUNTRY_PAIRS)),
    Route("team_usage", "/api/v2/team/usage", _team_usage, free=True),
)


def _nothing_here(ask: Ask) -> Json:
    raise not_found()


UNKNOWN = Route("unknown", "/{entity:path}", _nothing_here)
TOKEN = Route("oauth_token", "/oauth/token", _nothing_here, free=True)
