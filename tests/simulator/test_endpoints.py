"""Shapes of the answers, against what is known of the real API and against the truth."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from simulator.codes import identifier_of
from simulator.endpoints import ROUTES
from simulator.world import World

LATEST = "/api/v2.14/chart/song/demo-global-daily/ranking/latest"
DAY = "2026-11-18"
STAMP = f"{DAY}T12:00:00+00:00"
CHART_KEYS = {
    "name", "type", "slug", "platform", "frequency", "countryCode", "countryName", "cityName", "maxResultsCount",
    "webUrl",
}  # fmt: skip


def get(api: TestClient, path: str, **query: Any) -> dict[str, Any]:
    answer = api.get(path, params=query or None)  # httpx takes {} for "drop the query"
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def refused(api: TestClient, path: str, status: int, key: str, **query: Any) -> str:
    answer = api.get(path, params=query or None)  # httpx takes {} for "drop the query"
    assert answer.status_code == status, answer.text
    (error,) = answer.json()["errors"]
    assert set(error) == {"key", "code", "message"}
    assert (error["key"], error["code"]) == (key, status)
    message: str = error["message"]
    return message


def follow(api: TestClient, path: str | None) -> list[Any]:
    items: list[Any] = []
    while path:
        body = get(api, path)
        items += body["items"]
        path = body["page"]["next"]
    return items


# -- charts ----------------------------------------------------------------------------------------------------


def test_song_chart_platforms_are_the_21_known_ones(api: TestClient) -> None:
    body = get(api, "/api/v2/chart/song/platforms")
    assert set(body) == {"items", "page", "errors"}
    codes = [item["code"] for item in body["items"]]
    assert len(codes) == 21
    assert codes[0] == "airplay"
    assert codes[-1] == "itunes"
    assert [item["name"] for item in body["items"]] == sorted(item["name"] for item in body["items"])


def test_album_chart_platforms(api: TestClient) -> None:
    items = get(api, "/api/v2/chart/album/platforms")["items"]
    assert [item["code"] for item in items] == ["apple-music", "deezer", "itunes"]


def test_charts_of_a_platform(api: TestClient) -> None:
    items = follow(api, "/api/v2/chart/song/by-platform/spotify?limit=7")
    assert {"demo-global-daily", "demo-france-daily"} < {item["slug"] for item in items}
    assert {item["platform"] for item in items} == {"spotify"}
    assert all(CHART_KEYS - {"webUrl"} <= set(item) <= CHART_KEYS for item in items)
    world = next(item for item in items if item["slug"] == "demo-global-daily")
    assert (world["countryCode"], world["countryName"], world["cityName"]) == ("", "Worldwide", "")
    french = get(api, "/api/v2/chart/song/by-platform/spotify", countryCode="FR")["items"]
    assert {item["countryCode"] for item in french} == {"FR"}
    assert 0 < len(french) < len(items)
    refused(api, "/api/v2/chart/song/by-platform/nowhere", 404, "access")


def test_the_latest_ranking(api: TestClient, world: World) -> None:
    body = get(api, LATEST)
    assert set(body) == {"related", "items", "page", "errors"}
    assert body["errors"] == []
    assert body["related"]["date"] == STAMP
    assert set(body["related"]["chart"]) == CHART_KEYS | {"metric"}
    assert body["related"]["chart"]["metric"] == {"type": "streamcount", "description": "Streams"}
    assert body["page"] == {
        "offset": 0, "limit": 100, "next": f"{LATEST}?offset=100&limit=100", "previous": None, "total": 200,
    }  # fmt: skip
    truth = world.ranking("demo-global-daily", date.fromisoformat(DAY)).entries
    assert len(body["items"]) == 100
    for item, row in zip(body["items"], truth, strict=False):
        assert set(item) == {
            "song", "position", "positionEvolution", "metric", "entryState", "entryDate", "rankDate", "oldPosition",
            "timeOnChart", "timeOnChartUnit",
        }  # fmt: skip
        assert set(item["song"]) == {"uuid", "name", "creditName", "imageUrl"}
        assert item["song"]["uuid"] == row.track_uuid
        assert item["rankDate"] == STAMP
        assert item["entryDate"] == f"{row.entry_day}T12:00:00+00:00"
        assert (item["entryState"], item["timeOnChartUnit"]) == ("", "DOC")
        numbers = ("position", "oldPosition", "positionEvolution", "metric", "timeOnChart")
        told = (row.position, row.old_position, row.evolution, row.metric, row.time_on_chart)
        assert tuple(item[name] for name in numbers) == told


def test_a_ranking_by_its_stamp_has_the_same_rows(api: TestClient) -> None:
    path = f"/api/v2.14/chart/song/demo-global-daily/ranking/{quote(STAMP, safe='')}"
    assert follow(api, path) == follow(api, LATEST)
    assert "%2B00" in get(api, path)["page"]["next"]


@pytest.mark.parametrize(
    "stamp", ["2026-11-18T11:00:00+00:00", "2026-11-19T12:00:00+00:00", "2019-01-01T12:00:00+00:00"]
)
def test_a_stamp_without_a_visible_ranking_is_not_found(api: TestClient, stamp: str) -> None:
    refused(api, f"/api/v2.14/chart/song/demo-global-daily/ranking/{quote(stamp)}", 404, "access")


def test_a_stamp_that_is_none_is_refused(api: TestClient) -> None:
    refused(api, "/api/v2.14/chart/song/demo-global-daily/ranking/yesterday", 400, "argument")


def test_the_older_ranking_has_no_metric(api: TestClient) -> None:
    body = get(api, "/api/v2/chart/song/demo-global-daily/ranking/latest", limit=3)
    assert "metric" not in body["related"]["chart"]
    assert all("metric" not in item for item in body["items"])


def test_a_chart_without_a_measure_has_null_metric(api: TestClient) -> None:
    body = get(api, "/api/v2.14/chart/song/demo-shazam-daily/ranking/latest", limit=3)
    assert "metric" not in body["related"]["chart"]
    assert [item["metric"] for item in body["items"]] == [None] * 3


def test_available_rankings_are_stamps_newest_first(api: TestClient, world: World, now: Any) -> None:
    stamps = follow(api, "/api/v2/chart/song/demo-global-daily/available-rankings")
    assert stamps[0] == STAMP
    assert stamps == [f"{day}T12:00:00+00:00" for day in world.days("demo-global-daily", now)]
    related = get(api, "/api/v2/chart/song/demo-global-daily/available-rankings")["related"]
    assert set(related) == CHART_KEYS


def test_album_charts(api: TestClient) -> None:
    slug = get(api, "/api/v2/chart/album/by-platform/deezer")["items"][0]["slug"]
    stamps = get(api, f"/api/v2/chart/album/{slug}/available-rankings")["items"]
    latest = get(api, f"/api/v2.26/chart/album/{slug}/ranking/latest", limit=2)
    assert latest["related"]["date"] == stamps[0]
    assert set(latest["items"][0]["album"]) == {"uuid", "name", "creditName", "releaseDate"}
    assert latest == get(api, f"/api/v2.26/chart/album/{slug}/ranking/{quote(stamps[0])}", limit=2) | {
        "page": latest["page"]
    }


# -- paging ----------------------------------------------------------------------------------------------------


def test_links_keep_the_query_and_end_in_null(api: TestClient) -> None:
    path = "/api/v2/chart/song/by-platform/spotify"
    page = get(api, path, limit=1, offset=1, countryCode="FR", other="a b&c")["page"]
    assert page["previous"] == f"{path}?offset=0&limit=1&countryCode=FR&other=a+b%26c"
    assert page["next"] in (None, f"{path}?offset=2&limit=1&countryCode=FR&other=a+b%26c")
    last = get(api, LATEST, offset=190)
    assert len(last["items"]) == 10
    assert last["page"]["next"] is None
    assert last["page"]["previous"] == f"{LATEST}?offset=90&limit=100"
    assert get(api, LATEST, offset=500)["items"] == []


@pytest.mark.parametrize(
    ("name", "value"), [("limit", "101"), ("limit", "0"), ("limit", "x"), ("offset", "-1"), ("offset", "1.5")]
)
def test_bad_paging_is_refused(api: TestClient, name: str, value: str) -> None:
    assert name in refused(api, LATEST, 400, "argument", **{name: value})


# -- metadata --------------------------------------------------------------------------------------------------

SONG_KEYS = {
    "uuid", "name", "isrc", "iswcs", "creditName", "artists", "mainArtists", "releaseDate", "copyright", "appUrl",
    "imageUrl", "previewUrl", "duration", "explicit", "genres", "composers", "producers", "labels", "audio",
    "languageCode", "distributor",
}  # fmt: skip
LIGHT_ARTIST = {"uuid", "slug", "name", "appUrl", "imageUrl"}
AUDIO_KEYS = {
    "acousticness", "danceability", "energy", "instrumentalness", "key", "liveness", "loudness", "mode", "speechiness",
    "tempo", "timeSignature", "valence",
}  # fmt: skip


def test_a_song(api: TestClient, world: World, tracks: tuple[str, ...]) -> None:
    for uuid in tracks[:40]:
        body = get(api, f"/api/v2.25/song/{uuid}")
        assert set(body) == {"type", "object", "errors"}
        assert body["type"] == "song"
        song, truth = body["object"], world.song(uuid)
        assert truth is not None
        assert set(song) == SONG_KEYS - (set() if truth.main_artist_uuids is not None else {"mainArtists"})
        assert tuple(artist["uuid"] for artist in song.get("mainArtists", [])) == (truth.main_artist_uuids or ())
        assert [artist["uuid"] for artist in song["artists"]] == list(truth.artist_uuids)
        assert all(set(artist) == LIGHT_ARTIST for artist in song["artists"])
        if truth.isrc:
            assert song["isrc"] == {
                "value": truth.isrc.value,
                "countryCode": truth.isrc.country_code,
                "countryName": truth.isrc.country_name,
            }
        assert song["releaseDate"] == (truth.release_date and f"{truth.release_date}T00:00:00+00:00")
        assert song["genres"] == [{"root": root, "sub": list(subs)} for root, subs in truth.genres]
        assert song["labels"] == [{"name": name, "type": group} for name, group in truth.labels]
        assert song["audio"] is None or set(song["audio"]) == AUDIO_KEYS


def test_older_songs_have_texts_for_isrc_and_label(api: TestClient, world: World, tracks: tuple[str, ...]) -> None:
    uuid = next(uuid for uuid in tracks if (track := world.song(uuid)) and track.isrc and track.labels)
    truth = world.song(uuid)
    assert truth is not None
    assert truth.isrc is not None
    oldest = get(api, f"/api/v2/song/{uuid}")["object"]
    assert (oldest["isrc"], oldest["label"]) == (truth.isrc.value, truth.labels[0][0])
    assert not {"genres", "audio", "labels"} & set(oldest)
    middle = get(api, f"/api/v2.8/song/{uuid}")["object"]
    assert (middle["isrc"]["value"], middle["label"]) == (truth.isrc.value, truth.labels[0][0])
    assert {"genres", "composers", "producers", "audio"} <= set(middle)


def test_a_batch_leaves_out_what_it_does_not_know(api: TestClient, tracks: tuple[str, ...]) -> None:
    asked = [*tracks[:9], "00000000-0000-4000-8000-000000000000"]
    body = get(api, f"/api/v2.25/song/{','.join(asked)}")
    assert set(body) == {"items", "page", "errors"}
    assert {item["uuid"] for item in body["items"]} == set(tracks[:9])
    assert body["page"]["total"] == 9
    assert body["items"][0] == get(api, f"/api/v2.25/song/{body['items'][0]['uuid']}")["object"]


@pytest.mark.parametrize("path", ["/api/v2.25/song/", "/api/v2.9/artist/"])
def test_a_batch_holds_ten(api: TestClient, path: str, tracks: tuple[str, ...]) -> None:
    refused(api, path + ",".join(tracks[:11]), 400, "argument")


def test_an_artist(api: TestClient, world: World, artists: tuple[str, ...]) -> None:
    for start in range(0, 40, 10):
        items = get(api, f"/api/v2.9/artist/{','.join(artists[start : start + 10])}")["items"]
        assert len(items) == 10
        for item in items:
            truth = world.artist(item["uuid"])
            assert truth is not None
            assert set(item) == LIGHT_ARTIST | {
                "webUrl", "countryCode", "genres", "biography", "isni", "ipi", "gender", "type", "birthDate",
                "careerStage", "growthLevel", "cityName",
            }  # fmt: skip
            assert (item["name"], item["biography"], item["isni"]) == (truth.name, truth.biography, truth.isni)
            assert item["countryCode"] == (truth.country_code or "")
            assert item["birthDate"] == (truth.birth_date and f"{truth.birth_date}T00:00:00+00:00")
    one = get(api, f"/api/v2.9/artist/{artists[0]}")
    assert one["type"] == "artist"
    assert set(get(api, f"/api/v2/artist/{artists[0]}")["object"]) == LIGHT_ARTIST | {"countryCode"}


@pytest.mark.parametrize("path", ["/api/v2.25/song/", "/api/v2/song/", "/api/v2.9/artist/", "/api/v2/artist/"])
def test_an_unknown_entity_is_not_found(api: TestClient, path: str) -> None:
    assert refused(api, f"{path}00000000-0000-4000-8000-000000000000", 404, "access") == "Not found."


def test_a_song_is_found_by_isrc_and_identifier(api: TestClient, world: World, tracks: tuple[str, ...]) -> None:
    statuses = set()
    for uuid in tracks:
        track = world.song(uuid)
        assert track is not None
        if track.isrc:
            answer = api.get(f"/api/v2.25/song/by-isrc/{track.isrc.value}")
            statuses.add(answer.status_code)
            assert answer.status_code == 410 or answer.json()["object"]["uuid"] == uuid
    assert statuses == {200, 410}
    track = world.song(tracks[0])
    assert track is not None
    identifier = identifier_of(world.seed, "spotify", track.number, 0)
    assert get(api, f"/api/v2.25/song/by-platform/spotify/{identifier}")["object"]["uuid"] == tracks[0]
    rows = get(api, f"/api/v2/song/{tracks[0]}/identifiers", platform="spotify")["items"]
    assert [row["identifier"] for row in rows] == [identifier]
    refused(api, "/api/v2.25/song/by-isrc/USXXX2600001", 404, "access")
    refused(api, "/api/v2.25/song/by-platform/spotify/none", 404, "access")


# -- series ----------------------------------------------------------------------------------------------------


def busy(world: World, tracks: tuple[str, ...], now: Any) -> str:
    first, last = date(2026, 8, 23), date(2026, 11, 20)
    return next(uuid for uuid in tracks if len(world.song_audience(uuid, "spotify", first, last, now)) > 60)


def test_track_audience_is_newest_first(api: TestClient, world: World, tracks: tuple[str, ...], now: Any) -> None:
    uuid = busy(world, tracks, now)
    path = f"/api/v2/song/{uuid}/audience/spotify"
    body = get(api, path, startDate="2026-08-23", endDate="2026-11-20")
    assert set(body["related"]) == {"uuid", "name", "creditName", "imageUrl"}
    truth = world.song_audience(uuid, "spotify", date(2026, 8, 23), date(2026, 11, 20), now)
    assert body["items"] == [
        {
            "date": f"{point.day}T00:00:00+00:00",
            "plots": [{"identifier": identifier, "value": value} for identifier, value in point.plots],
        }
        for point in reversed(truth)
    ]
    assert body["page"]["total"] == len(truth) <= 90
    assert body["page"]["next"] is None
    ascending = get(api, path, startDate="2026-08-23", endDate="2026-11-20", sort="asc")
    assert ascending["items"] == body["items"][::-1]
    assert get(api, path, startDate="2026-08-23", limit=1, sort="desc")["items"] == body["items"][:1]
    year = f"{path}?startDate=2025-11-21&endDate=2026-11-20&limit=40"
    assert [item["date"] for item in follow(api, year)] == sorted((i["date"] for i in follow(api, year)), reverse=True)


def test_the_usual_window_is_the_last_thirty_days(
    api: TestClient, world: World, tracks: tuple[str, ...], now: Any
) -> None:
    uuid = busy(world, tracks, now)
    dates = [item["date"][:10] for item in get(api, f"/api/v2/song/{uuid}/audience/spotify")["items"]]
    assert max(dates) <= "2026-11-19"
    assert "2026-10-21" <= min(dates) <= "2026-10-25"


def test_one_identifier_can_be_asked_for(api: TestClient, world: World, tracks: tuple[str, ...], now: Any) -> None:
    window = (date(2026, 10, 1), date(2026, 11, 1))
    uuid, wanted = next(
        (uuid, point.plots[1][0])
        for uuid in tracks
        for point in world.song_audience(uuid, "spotify", *window, now)
        if len(point.plots) > 1
    )
    path = f"/api/v2/song/{uuid}/audience/spotify"
    items = get(api, path, startDate="2026-10-01", endDate="2026-11-01", identifier=wanted)["items"]
    assert {plot["identifier"] for item in items for plot in item["plots"]} == {wanted}


@pytest.mark.parametrize("query", [{"startDate": "2026-13-01"}, {"endDate": "soon"}, {"sort": "up"}])
def test_a_bad_window_is_refused(api: TestClient, tracks: tuple[str, ...], query: dict[str, str]) -> None:
    assert next(iter(query)) in refused(api, f"/api/v2/song/{tracks[0]}/audience/spotify", 400, "argument", **query)


def test_a_window_that_ends_before_it_starts_is_refused(api: TestClient, tracks: tuple[str, ...]) -> None:
    path = f"/api/v2/song/{tracks[0]}/audience/spotify"
    refused(api, path, 400, "argument", startDate="2026-03-02", endDate="2026-03-01")


@pytest.mark.parametrize("platform", ["airplay", "apple-music", "deezer", "amazon", "nowhere"])
def test_a_platform_without_song_audience(
    api: TestClient, tracks: tuple[str, ...], platform: str, configure: Any
) -> None:
    path = f"/api/v2/song/{tracks[0]}/audience/{platform}"
    assert "platform" in refused(api, path, 400, "argument")
    configure(invalid_platform_song=404)
    assert "platform" in refused(api, path, 404, "access")


def test_artist_audience_is_oldest_first(api: TestClient, world: World, artists: tuple[str, ...], now: Any) -> None:
    uuid = artists[0]
    path = f"/api/v2/artist/{uuid}/audience/tiktok"
    body = get(api, path, startDate="2026-08-23", endDate="2026-11-20")
    assert set(body["related"]) == {"artist", "platform", "lastCrawlDate"}
    assert set(body["related"]["artist"]) == LIGHT_ARTIST
    truth = world.artist_audience(uuid, "tiktok", date(2026, 8, 23), date(2026, 11, 20), now)
    assert body["items"] == [
        {
            "date": f"{point.day}T00:00:00+00:00",
            "likeCount": point.like_count,
            "followerCount": point.follower_count,
            "followingCount": point.following_count,
            "postCount": None,
            "viewCount": None,
        }
        for point in truth
    ]
    descending = get(api, path, startDate="2026-08-23", endDate="2026-11-20", sort="desc")
    assert descending["items"] == body["items"][::-1]


def test_x_is_also_known_by_its_old_name(api: TestClient, artists: tuple[str, ...]) -> None:
    old, new = (get(api, f"/api/v2/artist/{artists[0]}/audience/{code}") for code in ("twitter", "x"))
    assert old["items"] == new["items"]


@pytest.mark.parametrize(
    "path",
    ["audience/shazam", "audience/apple-music", "streaming/instagram/listening", "streaming/tidal", "audience/airplay"],
)
def test_a_platform_without_artist_series(api: TestClient, artists: tuple[str, ...], path: str, configure: Any) -> None:
    assert "platform" in refused(api, f"/api/v2/artist/{artists[0]}/{path}", 404, "access")
    configure(invalid_platform_artist=400)
    assert "platform" in refused(api, f"/api/v2/artist/{artists[0]}/{path}", 400, "argument")


def test_listening(api: TestClient, world: World, artists: tuple[str, ...], now: Any) -> None:
    body = get(api, f"/api/v2/artist/{artists[1]}/streaming/spotify/listening", startDate="2026-11-01")
    truth = world.listening(artists[1], "spotify", date(2026, 11, 1), date(2026, 11, 20), now)
    assert body["items"] == [{"date": f"{point.day}T00:00:00+00:00", "value": point.value} for point in truth]
    assert body["related"]["platform"] == "spotify"


def test_local_series(api: TestClient, world: World, artists: tuple[str, ...], now: Any) -> None:
    uuid = next(
        one for one in artists if world.local_followers(one, "tiktok", date(2026, 11, 1), date(2026, 11, 19), now)
    )
    path = f"/api/v2.37/artist/{uuid}/social/tiktok/followers"
    items = get(api, f"{path}/", startDate="2026-11-14", endDate="2026-11-15")["items"]
    assert [bool(item["cityPlots"]) for item in items] == [False, True]
    assert set(items[1]["cityPlots"][0]) == {"date", "value", "countryName", "countryCode", "region", "cityName"}
    assert set(items[1]["countryPlots"][0]) == {"date", "value", "countryName", "countryCode"}
    refused(api, path, 404, "access")  # the slash belongs to it
    uuid = next(
        one for one in artists if world.local_streaming(one, "spotify", date(2026, 11, 1), date(2026, 11, 19), now)
    )
    weekly = get(api, f"/api/v2/artist/{uuid}/streaming/spotify", startDate="2026-11-01")["items"]
    assert [date.fromisoformat(item["date"][:10]).weekday() for item in weekly] == [0] * len(weekly)
    assert "" in {plot["region"] for plot in weekly[0]["cityPlots"]}


# -- radio -----------------------------------------------------------------------------------------------------


def test_stations_of_a_track(api: TestClient, world: World, tracks: tuple[str, ...]) -> None:
    first, last = date(2026, 8, 22), date(2026, 11, 19)
    uuid = next(one for one in tracks if len(world.broadcast_groups(one, first, last)) > 100)
    path = f"/api/v2/song/{uuid}/broadcast-groups?startDate={first}&endDate={last}"
    items = follow(api, path)
    truth = world.broadcast_groups(uuid, first, last)
    assert [(item["radio"]["slug"], item["playCount"]) for item in items] == [
        (row.station.slug, row.play_count) for row in truth
    ]
    assert {"slug", "name", "countryCode", "countryName", "cityName", "timeZone", "reach"} <= set(items[0]["radio"])
    assert len({item["radio"]["slug"] for item in items}) == len(items)
    country = items[0]["radio"]["countryCode"]
    assert {item["radio"]["countryCode"] for item in follow(api, f"{path}&countryCode={country}")} == {country}
    slug = items[0]["radio"]["slug"]
    assert [item["radio"]["slug"] for item in follow(api, f"{path}&radioSlugs={slug}")] == [slug]


def test_stations_of_an_artist(api: TestClient, world: World, artists: tuple[str, ...]) -> None:
    first, last = date(2026, 8, 22), date(2026, 11, 19)
    uuid = next(one for one in artists if len(world.artist_broadcast_groups(one, first, last)) > 100)
    path = f"/api/v2/artist/{uuid}/broadcast-groups?startDate={first}&endDate={last}"
    items = follow(api, path)
    assert [(item["radio"]["slug"], item["playCount"]) for item in items] == [
        (row.station.slug, row.play_count) for row in world.artist_broadcast_groups(uuid, first, last)
    ]
    country, slug = items[0]["radio"]["countryCode"], items[0]["radio"]["slug"]
    assert {item["radio"]["countryCode"] for item in follow(api, f"{path}&countryCode={country}")} == {country}
    assert [item["radio"]["slug"] for item in follow(api, f"{path}&radioSlugs={slug}")] == [slug]
    assert get(api, f"/api/v2/artist/{uuid}/broadcast-groups", startDate="2026-11-20")["items"] == []
    assert api.get(f"/api/v2/artist/{uuid[:-4]}zzzz/broadcast-groups").status_code == 404


def test_today_is_not_told_before_it_is_over(api: TestClient, world: World, tracks: tuple[str, ...], now: Any) -> None:
    uuid = next(one for one in tracks if len(world.broadcast_groups(one, now.date(), now.date())) > 3)
    today = get(api, f"/api/v2/song/{uuid}/broadcast-groups", startDate="2026-11-20", endDate="2026-11-20")
    assert today["items"] == []


def test_single_plays(api: TestClient, world: World, tracks: tuple[str, ...]) -> None:
    day = date(2026, 11, 10)
    uuid = next(one for one in tracks if len(world.broadcast_groups(one, day, day)) > 3)
    items = follow(api, f"/api/v2/song/{uuid}/broadcasts?startDate={day}&endDate={day}")
    groups = world.broadcast_groups(uuid, day, day)
    assert len(items) == sum(row.play_count for row in groups)
    assert {"airedAt", "duration", "radio"} == set(items[0])
    assert all(item["airedAt"].startswith("2026-11-10T") and item["airedAt"].endswith("+00:00") for item in items)


# -- the rest --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["platforms", "platforms/social", "platforms/streaming", "label-types", "distributors"]
)
def test_reference_lists(api: TestClient, name: str) -> None:
    items = get(api, f"/api/v2/referential/{name}")["items"]
    assert items
    assert all(set(item) == {"name", "code"} for item in items)


def test_social_platforms_are_not_the_streaming_ones(api: TestClient) -> None:
    social = {item["code"] for item in get(api, "/api/v2/referential/platforms/social")["items"]}
    streaming = {item["code"] for item in get(api, "/api/v2/referential/platforms/streaming")["items"]}
    assert {"spotify", "instagram", "youtube", "tiktok"} <= social
    assert not {"shazam", "airplay", "apple-music"} & social
    assert {"spotify", "pandora", "youtube"} <= streaming


@pytest.mark.parametrize("path", ["/api/v2/referential/song/genres", "/api/v2/artist/genres"])
def test_genres_are_a_tree(api: TestClient, path: str) -> None:
    assert all(set(item) == {"root", "sub"} for item in get(api, path)["items"])


@pytest.mark.parametrize(
    "path",
    [
        "/api/v2.37/chart/demo-global-daily/ranking",
        "/api/v2.37/track/{uuid}",
        "/api/v2/track/{uuid}/streaming/spotify",
        "/api/v2.37/artist/{uuid}",
        "/api/v2.37/artist/search",
        "/api/v2/referential/tracks",
        "/api/v2/referential/venues",
        "/api/v2/referential/genres",
        "/api/v2/song/{uuid}/broadcasts/count",
    ],
)
def test_paths_that_only_old_papers_name_do_not_exist(api: TestClient, tracks: tuple[str, ...], path: str) -> None:
    refused(api, path.format(uuid=tracks[0]), 404, "access")


def test_writing_is_refused(api: TestClient) -> None:
    answer = api.post(LATEST)
    assert answer.status_code == 405
    assert answer.json()["errors"][0]["code"] == 405


def test_team_usage_is_free(api: TestClient) -> None:
    before = int(api.get("/api/v2/team/usage").headers["x-quota-remaining"])
    usage = get(api, "/api/v2/team/usage")["object"]
    assert usage["quota"]["remaining"] == before
    assert usage["rateLimit"]["limit"] == 5000


def test_no_two_endpoints_have_one_name_or_path() -> None:
    assert len({route.name for route in ROUTES}) == len(ROUTES) == len({route.path for route in ROUTES})


def test_a_day_later_there_is_a_new_ranking(api: TestClient, service: Any, now: Any) -> None:
    service.clock.set(now + timedelta(days=1), frozen=True)
    body = get(api, LATEST, limit=1)
    assert body["related"]["date"] == "2026-11-19T12:00:00+00:00"
