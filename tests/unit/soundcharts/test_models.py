"""Every shape of the API's answers, with every oddity it is known for. All values here are made up."""

from __future__ import annotations

import copy
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from chartline.errors import ContractBroken, Moved
from chartline.soundcharts import models
from chartline.soundcharts.calls import Answer, Call

UUID = "0f3c1a52-77aa-4f5e-9f0b-1c2d3e4f5a6b"
TIME_BASED = "11e8aaaa-9c1c-ce38-b96b-a0369fe50396"


def answer(data: Any, endpoint: str = "some_endpoint") -> Answer:
    call = Call(datetime.now(UTC), endpoint, "", "", 200, 1, 2, None, None)
    return Answer(endpoint, "/path", data, json.dumps(data).encode(), (call,), datetime.now(UTC))


CHART = {
    "name": "Some Daily 200", "type": "song", "slug": "some-daily-200", "platform": "spotify", "frequency": "daily",
    "countryCode": "", "countryName": "Worldwide", "cityName": "", "maxResultsCount": 200,
    "webUrl": "https://example.org/chart", "metric": {"type": "streamcount", "description": "Streams"},
}  # fmt: skip
ITEM: dict[str, Any] = {
    "song": {"uuid": UUID, "name": "Paper Lantern", "creditName": "Ada Vale & The Knots", "imageUrl": "https://x.org/a"},
    "position": 7, "positionEvolution": 3, "metric": 1234567, "entryState": "", "oldPosition": 10, "timeOnChart": 59,
    "entryDate": "2026-01-02T11:43:52+00:00", "rankDate": "2026-03-01T12:00:00+00:00", "timeOnChartUnit": "DOC",
}  # fmt: skip
PAGE = {"offset": 0, "limit": 100, "next": "/api/x?offset=100&limit=100", "previous": None, "total": 200}
RANKING: dict[str, Any] = {
    "related": {"chart": CHART, "date": "2026-03-01T12:00:00+00:00"}, "items": [ITEM], "page": PAGE, "errors": []
}  # fmt: skip
LIGHT = {"uuid": TIME_BASED, "slug": "ada-vale", "name": "Ada Vale", "appUrl": "https://x.org/b", "imageUrl": "u"}
SONG: dict[str, Any] = {
    "uuid": UUID, "name": "Paper Lantern", "isrc": {"value": "XXABC2600001", "countryCode": "XX", "countryName": "No"},
    "iswcs": ["T-1"], "creditName": "Ada Vale", "artists": [LIGHT], "mainArtists": [LIGHT],
    "releaseDate": "2026-01-16T00:00:00+00:00", "copyright": "℗ 2026 Example", "appUrl": "https://x.org/c",
    "imageUrl": "https://x.org/d", "previewUrl": "https://x.org/e", "duration": 194, "explicit": False,
    "genres": [{"root": "pop", "sub": ["pop", "art pop"]}], "composers": ["A. Vale"], "producers": ["B. Knot"],
    "labels": [{"name": "Example Rec", "type": "Indie"}], "languageCode": "en", "distributor": "Some",
    "audio": {"acousticness": 0.3, "danceability": 0.7, "energy": 0.4, "instrumentalness": 0.1, "key": -1,
              "liveness": 0.1, "loudness": -10.9, "mode": 1, "speechiness": 0.3, "tempo": 135.1, "timeSignature": 4,
              "valence": 0.5},
}  # fmt: skip
ARTIST = LIGHT | {
    "webUrl": "https://x.org/f", "countryCode": "FR", "genres": [{"root": "pop", "sub": []}],
    "biography": '<a href="x">Ada</a> &amp; co', "isni": "1", "ipi": "2", "gender": "female", "type": "person",
    "birthDate": "1999-12-18T00:00:00+00:00", "careerStage": "mid_level", "growthLevel": "steady", "cityName": "Lyon",
}  # fmt: skip


def broken(model: type[BaseModel], data: Any) -> ContractBroken:
    with pytest.raises(ContractBroken) as raised:
        models.parse(model, answer(data, "the_endpoint"))
    assert raised.value.endpoint == "the_endpoint"
    assert raised.value.body == json.dumps(data).encode()
    assert raised.value.calls == (), "the answer's calls are recorded with the answer"
    assert "the_endpoint" in str(raised.value)
    return raised.value


def spoiled(data: Any, *path: Any, value: Any) -> Any:
    """A copy in which the value at `path` is another one; `...` as value takes the key away."""
    copied = copy.deepcopy(data)
    inner = copied
    for step in path[:-1]:
        inner = inner[step]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copied


# -- rankings ------------------------------------------------------------------------------------------------


def test_a_ranking_page() -> None:
    page = models.parse(models.RankingPage, answer(RANKING))
    assert (page.date, page.stamp) == (date(2026, 3, 1), "2026-03-01T12:00:00+00:00")
    assert (page.chart.slug, page.chart.max_results_count, page.chart.metric_type) == (
        "some-daily-200",
        200,
        "streamcount",
    )
    assert (page.chart.country_code, page.chart.city_name, page.chart.country_name) == ("", "", "Worldwide")
    (item,) = page.items
    assert item.song == models.SongLight(
        uuid=UUID, name="Paper Lantern", credit_name="Ada Vale & The Knots", image_url="https://x.org/a"
    )
    assert item.model_dump(exclude={"song"}) == {
        "position": 7, "position_evolution": 3, "metric": 1234567, "entry_state": None,
        "entry_date": date(2026, 1, 2), "rank_date": date(2026, 3, 1), "old_position": 10, "time_on_chart": 59,
        "time_on_chart_unit": "DOC", "entry_date_precision": "day", "rank_date_precision": "day",
    }  # fmt: skip
    assert (page.page.total, page.page.next) == (200, "/api/x?offset=100&limit=100")


def test_a_chart_without_a_metric() -> None:
    without = spoiled(spoiled(RANKING, "related", "chart", "metric", value=...), "items", 0, "metric", value=None)
    page = models.parse(models.RankingPage, answer(without))
    assert (page.chart.metric_type, page.chart.metric_description, page.items[0].metric) == (None, None, None)


@pytest.mark.parametrize("stamp", ["2026-03-01T00:00:00+02:00", "2026-03-01T23:59:59-11:00", "2026-03-01"])
def test_the_day_is_taken_from_the_text_before_any_conversion(stamp: str) -> None:
    page = models.parse(models.RankingPage, answer(spoiled(RANKING, "related", "date", value=stamp)))
    assert (page.date, page.stamp) == (date(2026, 3, 1), stamp)


def test_a_row_that_left_the_chart_is_kept_for_counting() -> None:
    item = spoiled(ITEM, "position", value=0) | {"oldPosition": 0, "positionEvolution": 0, "timeOnChartUnit": "WOC"}
    page = models.parse(models.RankingPage, answer(RANKING | {"items": [item]}))
    assert (page.items[0].position, page.items[0].old_position, page.items[0].time_on_chart_unit) == (0, 0, "WOC")


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("items", 0, "song", "uuid"), "not-a-uuid", "items.0.song.uuid"),
        (("items", 0, "song", "uuid"), ..., "items.0.song.uuid"),
        (("items", 0, "song"), None, "items.0.song"),
        (("items", 0, "position"), "first", "items.0.position"),
        (("items", 0, "position"), -1, "items.0.position"),
        (("items", 0, "position"), True, "items.0.position"),
        (("related", "date"), "9999-12-31T00:00:00+00:00", "related.date"),
        (("related", "date"), "0001-01-01T00:00:00+00:00", "related.date"),
        (("related", "date"), "2026-03", "related.date"),
        (("items",), None, "items"),
        (("items",), {}, "items"),
        (("related", "chart", "slug"), "", "related.chart.slug"),
        (("related", "chart"), None, "related.chart"),
        (("related", "date"), None, "related.date"),
        (("related",), [], "related.chart"),
        (("related",), ..., "related.chart"),
        (("page", "total"), None, "page.total"),
        (("page",), ..., "page"),
    ],
)
def test_a_broken_ranking_names_the_field(path: Any, value: Any, field: str) -> None:
    assert broken(models.RankingPage, spoiled(RANKING, *path, value=value)).field == field


def test_what_was_got_is_told_by_type_and_shortened() -> None:
    told = str(broken(models.RankingPage, spoiled(RANKING, "items", 0, "song", "uuid", value="z" * 5000)))
    assert "got str 'zzz" in told
    assert len(told) < 400
    assert "got nothing" in str(broken(models.RankingPage, spoiled(RANKING, "page", value=...)))


# -- tracks and artists ------------------------------------------------------------------------------------------


def test_a_song_in_full() -> None:
    song = models.parse(models.Song, answer({"type": "song", "object": SONG, "errors": []}))
    assert (song.isrc, song.isrc_country, song.iswcs) == ("XXABC2600001", "XX", ["T-1"])
    assert song.artists == song.main_artists == [models.ArtistLight.model_validate(LIGHT)]
    assert song.artists[0].uuid == TIME_BASED
    assert song.release_date == date(2026, 1, 16)
    assert song.genres == [models.Genre(root="pop", sub=["pop", "art pop"])]
    assert song.labels == [models.Label(name="Example Rec", type="Indie")]
    assert song.audio is not None
    assert (song.audio.key, song.audio.time_signature, song.audio.loudness) == (-1, 4, -10.9)
    assert (song.duration, song.explicit, song.language_code, song.distributor) == (194, False, "en", "Some")
    assert (song.preview_url, song.app_url, song.copyright) == ("https://x.org/e", "https://x.org/c", "℗ 2026 Example")


@pytest.mark.parametrize(
    ("isrc", "value", "country"),
    [
        ({"value": "XX1", "countryCode": "XX"}, "XX1", "XX"),
        ({"value": "XX1"}, "XX1", None),
        ({"value": "", "countryCode": ""}, None, None),
        ({"value": None, "countryCode": None}, None, None),
        ("XX1", "XX1", None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_isrc_in_all_its_shapes(
    isrc: dict[str, str | None] | str | None, value: str | None, country: str | None
) -> None:
    song = models.parse(models.Song, answer({"object": SONG | {"isrc": isrc}}))
    assert (song.isrc, song.isrc_country) == (value, country)


def test_the_oldest_shape_of_a_song() -> None:
    old = {"uuid": UUID.upper(), "name": "Paper Lantern", "isrc": "XX1", "label": "Example Rec", "creditName": ""}
    song = models.parse(models.Song, answer({"object": old}))
    assert song.uuid == UUID
    assert song.labels == [models.Label(name="Example Rec")]
    assert (song.credit_name, song.iswcs, song.main_artists, song.audio) == (None, None, None, None)
    assert (song.genres, song.composers, song.artists) == ([], [], [])


def test_labels_win_over_the_older_label() -> None:
    song = models.parse(models.Song, answer({"object": SONG | {"label": "Older"}}))
    assert [label.name for label in song.labels] == ["Example Rec"]
    song = models.parse(models.Song, answer({"object": SONG | {"label": "Older", "labels": []}}))
    assert song.labels == []


def test_genres_as_strings_and_as_objects() -> None:
    given_genres = [
        "pop",
        {"root": "rock", "sub": None},
        {"root": "jazz"},
        "",
        {"root": "folk", "sub": ["", "neo folk"]},
    ]
    artist = models.parse(models.Artist, answer({"object": ARTIST | {"genres": given_genres}}))
    assert [(genre.root, genre.sub) for genre in artist.genres] == [
        ("pop", []), ("rock", []), ("jazz", []), ("folk", ["neo folk"]),
    ]  # fmt: skip


def test_an_artist_in_full() -> None:
    artist = models.parse(models.Artist, answer({"type": "artist", "object": ARTIST}))
    assert artist.model_dump(exclude={"genres"}) == {
        "uuid": TIME_BASED, "slug": "ada-vale", "name": "Ada Vale", "app_url": "https://x.org/b",
        "web_url": "https://x.org/f", "image_url": "u", "country_code": "FR", "city_name": "Lyon",
        "biography": '<a href="x">Ada</a> &amp; co', "isni": "1", "ipi": "2", "gender": "female", "type": "person",
        "birth_date": date(1999, 12, 18), "birth_date_precision": "day", "career_stage": "mid_level",
        "growth_level": "steady",
    }  # fmt: skip


NEEDED = {"uuid", "name"}
NOTHING = st.sampled_from([None, ..., ""])


def thinned(data: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The same with any of the keys that are not needed missing, null, or empty in its own way."""

    def thin(chosen: dict[str, Any]) -> dict[str, Any]:
        result = dict(data)
        for key, empty in chosen.items():
            kind = data[key]
            if empty is ...:
                del result[key]
            elif isinstance(kind, list) and empty == "":
                result[key] = []
            elif empty == "" and not isinstance(kind, str):
                result[key] = None
            else:
                result[key] = empty
        return result | {"aKeyOfTomorrow": {"any": ["thing"]}}

    return st.dictionaries(st.sampled_from(sorted(set(data) - NEEDED)), NOTHING).map(thin)


@given(thinned(SONG))
def test_a_song_may_lack_anything_but_uuid_and_name(thin: dict[str, Any]) -> None:
    song = models.parse(models.Song, answer({"object": thin}))
    assert (song.uuid, song.name) == (UUID, "Paper Lantern")
    blanks = {name for name, value in song.model_dump().items() if value == ""}
    assert blanks == set(), "an empty text is no value"


@given(thinned(ARTIST))
def test_an_artist_may_lack_anything_but_uuid_and_name(thin: dict[str, Any]) -> None:
    artist = models.parse(models.Artist, answer({"object": thin}))
    assert (artist.uuid, artist.name) == (TIME_BASED, "Ada Vale")
    assert "" not in artist.model_dump(exclude={"genres"}).values()


@given(thinned(SONG["audio"]))
def test_audio_features_may_each_be_unknown(thin: dict[str, Any]) -> None:
    song = models.parse(models.Song, answer({"object": SONG | {"audio": thin}}))
    assert song.audio is not None
    assert song.audio.model_dump().keys() >= {"key", "tempo"}


@given(thinned({key: value for key, value in ITEM.items() if key not in ("song", "position")}))
def test_a_ranking_row_may_lack_all_but_song_and_position(thin: dict[str, Any]) -> None:
    row = thin | {"song": {"uuid": UUID, "name": "X"}, "position": 1}
    page = models.parse(models.RankingPage, answer(RANKING | {"items": [row]}))
    assert page.items[0].position == 1


@pytest.mark.parametrize("kind", [models.Song, models.Artist])
@pytest.mark.parametrize("envelope", [{}, {"object": None}, {"object": []}, {"object": "x"}, {"items": []}])
def test_a_single_without_its_object(kind: type[models.Song] | type[models.Artist], envelope: dict[str, Any]) -> None:
    assert broken(kind, envelope).field == "object"


@pytest.mark.parametrize(
    ("key", "value", "field"),
    [
        ("uuid", "x", "object.uuid"), ("uuid", None, "object.uuid"), ("name", None, "object.name"),
        ("name", ["x"], "object.name"),
    ],
)  # fmt: skip
def test_a_broken_song_names_the_field(key: str, value: str | list[str] | None, field: str) -> None:
    assert broken(models.Song, {"object": SONG | {key: value}}).field == field


def test_what_postgresql_cannot_hold_is_left_out_of_texts() -> None:
    song = models.parse(models.Song, answer({"object": SONG | {"name": "Pap\0er \ud83d", "composers": ["A\0da"]}}))
    assert (song.name, song.composers) == ("Paper ?", ["Ada"])


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_a_number_without_end_is_unknown(number: float) -> None:
    song = models.parse(models.Song, answer({"object": SONG | {"audio": {"tempo": number, "key": 3}}}))
    assert song.audio is not None
    assert (song.audio.tempo, song.audio.key) == (None, 3)


def test_escaped_slashes_and_other_alphabets() -> None:
    text = '{"object": {"uuid": "UUID", "name": "夜に駆ける", "imageUrl": "https:\\/\\/x.org\\/a"}}'.replace(
        "UUID", UUID
    )
    song = models.parse(models.Song, answer(json.loads(text)))
    assert (song.name, song.image_url) == ("夜に駆ける", "https://x.org/a")


# -- batches -----------------------------------------------------------------------------------------------------

OTHERS = [f"{n:08d}-0000-4000-8000-000000000000" for n in range(4)]


def batch(model: type[Any], data: dict[str, Any], asked: list[str], name: str = "song") -> models.BatchAnswer[Any]:
    return models.parse_batch(model, answer(data, name), asked)


def test_a_batch_is_matched_by_uuid_whatever_the_order() -> None:
    items = [SONG | {"uuid": uuid.upper(), "name": uuid} for uuid in reversed(OTHERS)]
    found = batch(models.Song, {"items": items}, OTHERS)
    assert list(found.told) == OTHERS
    assert [isinstance(song, models.Song) and song.name for song in found.told.values()] == OTHERS
    assert (found.left_out, found.short) == ([], False)


def test_one_bad_item_of_a_batch_does_not_harm_the_others() -> None:
    items = [SONG | {"uuid": OTHERS[0]}, SONG | {"uuid": OTHERS[1], "name": {}}, SONG | {"uuid": OTHERS[3]}]
    found = batch(models.Song, {"items": items}, OTHERS)
    assert isinstance(found.told[OTHERS[0]], models.Song)
    assert isinstance(found.told[OTHERS[3]], models.Song)
    broken = found.told[OTHERS[1]]
    assert isinstance(broken, ContractBroken)
    assert (broken.endpoint, broken.field) == ("song", "items.1.name")
    assert found.left_out == [OTHERS[2]]


def test_a_batch_of_one_comes_in_the_single_envelope() -> None:
    found = batch(models.Artist, {"type": "artist", "object": ARTIST}, [TIME_BASED])
    assert isinstance(found.told[TIME_BASED], models.Artist)


def test_uuids_are_answered_for_as_they_were_asked() -> None:
    found = batch(models.Song, {"items": [SONG]}, [UUID.upper()])
    assert isinstance(found.told[UUID.upper()], models.Song)


@pytest.mark.parametrize("nameless", [{"name": "x"}, SONG | {"uuid": None}, "text", None, 7])
def test_an_item_without_a_uuid_may_be_the_one_that_is_missing_but_no_more_than_one(nameless: Any) -> None:
    found = batch(models.Song, {"items": [SONG, nameless]}, [UUID, OTHERS[0]])
    assert isinstance(found.told[UUID], models.Song)
    broken = found.told[OTHERS[0]]
    assert isinstance(broken, ContractBroken)
    assert broken.field == "items.1.uuid"
    more = batch(models.Song, {"items": [SONG, nameless]}, [UUID, *OTHERS[:2]])
    assert (list(more.told), more.left_out) == ([UUID], OTHERS[:2])


@pytest.mark.parametrize("data", [{}, {"items": None}, {"items": {}}, {"object": None}])
def test_a_batch_answer_of_no_known_shape(data: dict[str, Any]) -> None:
    with pytest.raises(ContractBroken):
        batch(models.Song, data, OTHERS)


@given(st.lists(st.sampled_from(OTHERS), unique=True), st.lists(st.sampled_from(OTHERS), unique=True))
def test_each_uuid_asked_is_told_of_or_left_out(asked: list[str], there: list[str]) -> None:
    found = batch(models.Song, {"items": [SONG | {"uuid": uuid} for uuid in there]}, asked)
    assert sorted([*found.told, *found.left_out]) == sorted(asked)
    others = set(there) - set(asked)
    for uuid, value in found.told.items():
        assert isinstance(value, models.Song if uuid in there else Moved)
        assert uuid in there or others
    assert not set(found.left_out) & set(there)


@pytest.mark.parametrize(
    ("page", "short"),
    [({"total": 4}, True), ({"total": 3}, False), ({"total": 1}, False), (None, False), ({}, False), ("odd", False),
     ({"total": "4"}, True), ({"total": -4}, False), ({"total": 10**30}, False)],
)  # fmt: skip
def test_its_own_total_tells_whether_a_batch_is_short(page: Any, short: bool) -> None:
    items = [SONG | {"uuid": uuid} for uuid in (*OTHERS[:3], OTHERS[0])]
    assert batch(models.Song, {"items": items, "page": page}, OTHERS).short is short


def test_what_is_answered_under_another_uuid_has_moved_there() -> None:
    found = batch(models.Song, {"items": [SONG, SONG | {"uuid": OTHERS[3]}]}, [UUID, OTHERS[0]])
    assert isinstance(found.told[UUID], models.Song)
    moved = found.told[OTHERS[0]]
    assert isinstance(moved, Moved)
    assert (moved.to, OTHERS[3] in str(moved)) == (OTHERS[3], True)
    [single] = batch(models.Artist, {"object": ARTIST}, [OTHERS[0]]).told.values()
    assert isinstance(single, Moved)


def test_which_of_several_moved_is_not_guessed() -> None:
    assert batch(models.Song, {"items": [SONG]}, OTHERS[:2]).left_out == OTHERS[:2]
    short = batch(models.Song, {"items": [SONG, SONG | {"uuid": OTHERS[3]}], "page": {"total": 3}}, [UUID, OTHERS[0]])
    assert (short.left_out, short.short) == ([OTHERS[0]], True)


# -- audience ----------------------------------------------------------------------------------------------------


def test_song_audience_with_several_identifiers_and_none() -> None:
    items = [
        {"date": "2026-03-02T00:00:00+00:00", "plots": [{"identifier": "b", "value": 2_800_000_001},
                                                         {"identifier": "a", "value": 5}]},
        {"date": "2026-03-01T00:00:00+02:00", "plots": []},
        {"date": "2026-02-28T00:00:00+00:00", "plots": None},
        {"date": "2026-02-27T00:00:00+00:00"},
        {"date": "2026-02-26T00:00:00+00:00", "plots": [{"identifier": 77, "value": None},
                                                         {"identifier": 78, "value": 0}]},
    ]  # fmt: skip
    series = models.parse(models.SongAudience, answer({"related": SONG, "items": items, "page": PAGE}))
    assert [item.date for item in series.items] == [date(2026, 3, 2), date(2026, 3, 1), date(2026, 2, 28),
                                                     date(2026, 2, 27), date(2026, 2, 26)]  # fmt: skip
    assert [(plot.identifier, plot.value) for plot in series.items[0].plots] == [("b", 2_800_000_001), ("a", 5)]
    assert [len(item.plots) for item in series.items] == [2, 0, 0, 0, 1]
    assert (series.items[4].plots[0].identifier, series.items[4].plots[0].value) == ("78", 0)
    assert series.page is not None
    assert series.page.total == 200


@pytest.mark.parametrize(
    ("plot", "field"),
    [({"identifier": "a"}, "value"), ({"value": 1}, "identifier"), ({"identifier": "a", "value": "many"}, "value"),
     ({"identifier": "a", "value": False}, "value")],
)  # fmt: skip
def test_a_broken_plot_names_the_field(plot: dict[str, Any], field: str) -> None:
    data = {"items": [{"date": "2026-03-01", "plots": [plot]}]}
    assert broken(models.SongAudience, data).field == f"items.0.plots.0.{field}"


def test_artist_audience_counters_that_do_not_apply_are_none() -> None:
    items = [{"date": "2026-03-01T00:00:00+00:00", "likeCount": None, "followerCount": 5_000_000_000,
              "followingCount": None, "postCount": 12, "viewCount": None}, {"date": "2026-03-05"}]  # fmt: skip
    related = {"artist": LIGHT, "platform": "tiktok", "lastCrawlDate": "2026-04-01T08:00:00+00:00"}
    series = models.parse(models.ArtistAudience, answer({"related": related, "items": items}))
    assert series.last_crawled_at == datetime(2026, 4, 1, 8, tzinfo=UTC)
    assert series.items[0].model_dump(exclude={"date"}) == {
        "like_count": None, "follower_count": 5_000_000_000, "following_count": None, "post_count": 12,
        "view_count": None,
    }  # fmt: skip
    assert series.items[1].follower_count is None


NO_TIMES: list[Any] = [None, "", [], 7, "soon", "9999-12-31"]


@pytest.mark.parametrize("crawled", [{}, None, [], *({"lastCrawlDate": at} for at in NO_TIMES)])
@pytest.mark.parametrize("model", [models.SongAudience, models.ArtistAudience, models.Listening, models.Located])
def test_the_time_of_the_last_crawl_may_be_missing(model: type[models.Dated], crawled: Any) -> None:
    assert models.parse(model, answer({"related": crawled, "items": []})).last_crawled_at is None


@pytest.mark.parametrize("model", [models.SongAudience, models.ArtistAudience, models.Listening, models.Located])
def test_the_time_of_the_last_crawl_is_utc_unless_it_says_otherwise(model: type[models.Dated]) -> None:
    for text, hour in (("2026-04-01T08:00:00", 8), ("2026-04-01T08:00:00+02:00", 6), ("2026-04-01T08:00:00Z", 8)):
        series = models.parse(model, answer({"related": {"lastCrawlDate": text}, "items": []}))
        assert series.last_crawled_at == datetime(2026, 4, 1, hour, tzinfo=UTC)


def test_listening_without_the_days_that_were_not_measured() -> None:
    items = [
        {"date": "2026-03-01", "value": 10},
        {"date": "2026-03-02", "value": None},
        {"date": "2026-03-03", "value": 0},
    ]
    series = models.parse(models.Listening, answer({"items": items}))
    assert [(item.date.day, item.value) for item in series.items] == [(1, 10), (3, 0)]
    assert broken(models.Listening, {"items": [{"date": "2026-03-01"}]}).field == "items.0.value"


def test_located_values_with_the_same_city_twice() -> None:
    city = {"date": "2026-03-01", "value": 5, "countryName": "United States", "countryCode": "US", "region": "",
            "cityName": "New York"}  # fmt: skip
    country = {"date": "2026-03-01", "value": 9, "countryName": "United States", "countryCode": "US"}
    items = [
        {"date": "2026-03-01", "value": 100, "cityPlots": [city, city], "countryPlots": [country]},
        {"date": "2026-03-02", "value": None, "cityPlots": [], "countryPlots": None},
    ]
    series = models.parse(models.Located, answer({"items": items}))
    assert [plot.city_name for plot in series.items[0].city_plots] == ["New York", "New York"]
    (plot,) = series.items[0].country_plots
    assert (plot.value, plot.country_code, plot.region, plot.city_name) == (9, "US", "", "")
    assert (series.items[1].value, series.items[1].city_plots, series.items[1].country_plots) == (None, [], [])


def test_broadcast_groups() -> None:
    radio = {"slug": "radio-some", "name": "Radio Some", "countryCode": "FR", "countryName": "France", "cityName": "",
             "timeZone": "Europe/Paris", "reach": None, "imageUrl": "x", "webUrl": "new"}  # fmt: skip
    groups = models.parse(models.BroadcastGroups, answer({"items": [{"playCount": 12, "radio": radio}]}))
    assert (groups.items[0].play_count, groups.items[0].radio.slug, groups.items[0].radio.city_name) == (
        12,
        "radio-some",
        None,
    )
    assert (
        broken(models.BroadcastGroups, {"items": [{"playCount": 1, "radio": {"name": "x"}}]}).field
        == "items.0.radio.slug"
    )
    assert broken(models.BroadcastGroups, {"items": [{"radio": radio}]}).field == "items.0.playCount"


# -- lists ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("related", [CHART, {"chart": CHART}])
def test_the_calendar_keeps_the_stamps_and_knows_their_days(related: dict[str, Any]) -> None:
    stamps = ["2026-03-02T12:00:00+00:00", "2026-03-01T12:00:00+00:00", "2026-03-02T09:00:00+00:00"]
    calendar = models.parse(models.AvailableRankings, answer({"related": related, "items": stamps, "page": PAGE}))
    assert calendar.chart is not None
    assert calendar.chart.slug == "some-daily-200"
    assert calendar.stamps == stamps
    assert calendar.days == {date(2026, 3, 1): stamps[1], date(2026, 3, 2): stamps[0]}
    assert list(calendar.days) == [date(2026, 3, 1), date(2026, 3, 2)]


def test_a_calendar_without_its_chart_and_a_broken_one() -> None:
    assert models.parse(models.AvailableRankings, answer({"items": []})).chart is None
    some = models.parse(models.AvailableRankings, answer({"items": ["2026-03-01T12:00:00+00:00", "x"]}))
    assert some.stamps == ["2026-03-01T12:00:00+00:00"]
    assert (
        broken(models.AvailableRankings, {"items": ["2026-03-01T12:00:00+00:00", "x", "9999-12-31"]}).field == "items.1"
    )
    assert broken(models.AvailableRankings, {"items": [{"date": "2026-03-01"}]}).field == "items.0"


def test_charts_and_platforms() -> None:
    charts = models.parse(
        models.ChartList, answer({"items": [CHART, spoiled(CHART, "webUrl", value=...)], "page": PAGE})
    )
    assert [chart.web_url for chart in charts.items] == ["https://example.org/chart", None]
    platforms = models.parse(models.PlatformList, answer({"items": [{"name": "Apple Music", "code": "apple-music"}]}))
    assert platforms.items == [models.Platform(name="Apple Music", code="apple-music")]
    assert broken(models.PlatformList, {"items": [{"name": "x"}]}).field == "items.0.code"


@pytest.mark.parametrize("ends", [None, ""])
def test_the_last_page(ends: str | None) -> None:
    page = models.PageInfo.model_validate({"offset": 100, "limit": 100, "next": ends, "previous": ends, "total": 112})
    assert (page.next, page.previous) == (None, None)


KEYS = st.sampled_from(["items", "object", "related", "page", "date", "uuid", "chart"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "model",
    [models.RankingPage, models.Song, models.Artist, models.SongAudience, models.ArtistAudience, models.Listening,
     models.Located, models.BroadcastGroups, models.AvailableRankings, models.PlatformList, models.ChartList],
    ids=lambda model: model.__name__,
)  # fmt: skip
@settings(max_examples=40)
@given(data=st.dictionaries(st.sampled_from(["items", "object", "related", "page"]), JSON))
def test_whatever_comes_is_read_or_refused_by_name(model: type[BaseModel], data: dict[str, Any]) -> None:
    fields = []
    try:
        models.parse(model, answer(data))
    except ContractBroken as refused:
        fields.append(refused.field)
    assert all(fields), "a refusal says where"


# -- what is optional never refuses -------------------------------------------------------------------------------


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["0000-00-00", "-0001-11-30T00:00:00+00:00", "1965", "9999-12-31", "2026-13-45", "\ud800", 2**63])
    | st.just({}) | st.just([]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | KEYS, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def junk(data: dict[str, Any], needed: set[str]) -> st.SearchStrategy[dict[str, Any]]:
    """The same with anything at all in those that are not needed."""
    return st.dictionaries(st.sampled_from(sorted(set(data) - needed)), ANY, min_size=1).map(lambda odd: data | odd)


@settings(max_examples=200)
@given(junk(SONG | {"label": "older"}, NEEDED))
def test_no_junk_in_an_optional_field_refuses_a_song(odd: dict[str, Any]) -> None:
    assert models.parse(models.Song, answer({"object": odd})).uuid == UUID


@settings(max_examples=200)
@given(junk(ARTIST, NEEDED))
def test_no_junk_in_an_optional_field_refuses_an_artist(odd: dict[str, Any]) -> None:
    assert models.parse(models.Artist, answer({"object": odd})).uuid == TIME_BASED


@settings(max_examples=200)
@given(junk(ITEM, {"song", "position"}), junk(ITEM["song"], {"uuid"}), junk(CHART, {"slug", "platform", "frequency"}))
def test_no_junk_in_an_optional_field_refuses_a_ranking(
    row: dict[str, Any], song: dict[str, Any], chart: dict[str, Any]
) -> None:
    odd = RANKING | {"items": [ITEM, row | {"song": song}], "related": RANKING["related"] | {"chart": chart}}
    page = models.parse(models.RankingPage, answer(odd))
    assert [item.position for item in page.items] == [7, 7]
    assert page.items[0].metric == 1234567, "the row beside it is whole"


@settings(max_examples=100)
@given(junk({"date": "2026-03-01", "likeCount": 1, "followerCount": 2, "postCount": 3}, {"date"}), ANY, ANY)
def test_no_junk_in_an_optional_field_refuses_a_series(point: dict[str, Any], related: Any, crawled: Any) -> None:
    for top in ({"related": related}, {"related": {"lastCrawlDate": crawled}}):
        series = models.parse(models.ArtistAudience, answer({"items": [point], "page": related} | top))
        assert series.items[0].date == date(2026, 3, 1)


@settings(max_examples=100)
@given(junk({"value": 5, "countryCode": "US", "region": "", "cityName": "New York"}, {"value"}), ANY)
def test_no_junk_in_an_optional_field_refuses_places(plot: dict[str, Any], everywhere: Any) -> None:
    item = {"date": "2026-03-01", "value": everywhere, "cityPlots": [plot], "countryPlots": [plot]}
    series = models.parse(models.Located, answer({"items": [item]}))
    assert series.items[0].city_plots[0].value == 5


@settings(max_examples=100)
@given(junk({"slug": "r", "name": "R", "countryCode": "FR", "reach": 5, "timeZone": "x"}, {"slug"}))
def test_no_junk_in_an_optional_field_refuses_airplay(radio: dict[str, Any]) -> None:
    groups = models.parse(models.BroadcastGroups, answer({"items": [{"playCount": 3, "radio": radio}]}))
    assert groups.items[0].radio.slug == "r"


NO_DATES: list[Any] = [
    None, "", " ", "0000-00-00", "-0001-11-30", "-0001-11-30T00:00:00+00:00", "0001-01-01", "9999-12-31",
    "soon", "19650512", "1965-13", "1965-02-30", "1965-00-12", "196", [], {}, True, 7, 1.5,
]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "day", "precision"),
    [
        ("1965", date(1965, 1, 1), "year"), (1965, date(1965, 1, 1), "year"), ("1965-05", date(1965, 5, 1), "month"),
        ("1965-05-00", date(1965, 5, 1), "month"), ("1965-00-00", date(1965, 1, 1), "year"),
        ("1965-05-12", date(1965, 5, 12), "day"), ("1965-05-12T00:00:00+01:00", date(1965, 5, 12), "day"),
        *((odd, None, None) for odd in NO_DATES),
    ],
)  # fmt: skip
def test_a_date_is_kept_as_far_as_it_is_told(told: Any, day: date | None, precision: str | None) -> None:
    song = models.parse(models.Song, answer({"object": SONG | {"releaseDate": told}}))
    assert (song.name, song.release_date, song.release_date_precision) == ("Paper Lantern", day, precision)
    artist = models.parse(models.Artist, answer({"object": ARTIST | {"birthDate": told}}))
    assert (artist.name, artist.birth_date, artist.birth_date_precision) == ("Ada Vale", day, precision)
    row = ITEM | {"entryDate": told, "rankDate": told}
    (item,) = models.parse(models.RankingPage, answer(RANKING | {"items": [row]})).items
    assert (
        (item.entry_date, item.entry_date_precision) == (item.rank_date, item.rank_date_precision) == (day, precision)
    )


@pytest.mark.parametrize(
    ("odd", "attribute", "value"),
    [
        ({"audio": []}, "audio", None), ({"isrc": []}, "isrc", None), ({"isrc": {}}, "isrc", None),
        ({"isrc": {"value": [], "countryCode": "FR"}}, "isrc_country", "FR"), ({"genres": {}}, "genres", []),
        ({"genres": [7, {"sub": ["x"]}, "pop"]}, "genres", [models.Genre(root="pop")]),
        ({"artists": [{"name": "x"}, LIGHT]}, "artists", [models.ArtistLight.model_validate(LIGHT)]),
        ({"labels": [None, {"type": "x"}, "Y"]}, "labels", [models.Label(name="Y")]), ({"labels": {}}, "labels", []),
        ({"composers": "A. Vale"}, "composers", []), ({"composers": [{}, "", "B"]}, "composers", ["B"]),
        ({"mainArtists": {}}, "main_artists", None), ({"iswcs": ["T", None, []]}, "iswcs", ["T"]),
        ({"duration": "3:14"}, "duration", None), ({"duration": 2**31}, "duration", None), ({"name": 22}, "name", "22"),
    ],
)  # fmt: skip
def test_what_is_optional_and_cannot_be_read_is_left_out(
    odd: dict[str, Any], attribute: str, value: str | list[Any] | list[str] | None
) -> None:
    song = models.parse(models.Song, answer({"object": SONG | odd}))
    assert getattr(song, attribute) == value


def test_a_list_that_came_as_an_empty_object_is_empty_and_a_broken_value_is_not_left_out() -> None:
    items = [{"date": "2026-03-01", "plots": {}}]
    assert models.parse(models.SongAudience, answer({"items": items})).items[0].plots == []
    assert broken(models.SongAudience, {"items": [{"date": "2026-03-01", "plots": "x"}]}).field == "items.0.plots"


@pytest.mark.parametrize("odd", ["9999-12-31T00:00:00+00:00", "0001-01-01T00:00:00+00:00", "1999-12-31", "0000-00-00"])
def test_a_day_out_of_range_refuses_the_series_by_name(odd: dict[str, Any]) -> None:
    point = {"date": odd, "value": 1, "followerCount": 1, "plots": [{"identifier": "a", "value": 1}]}
    for model in (models.SongAudience, models.ArtistAudience, models.Listening, models.Located):
        assert broken(model, {"items": [point]}).field == "items.0.date"


@pytest.mark.parametrize("odd", [10**15 + 1, -(10**15) - 1, 2**63, 10**400, 1e300])
def test_a_total_out_of_range_refuses_the_series_by_name(odd: dict[str, Any]) -> None:
    plots = {"items": [{"date": "2026-03-01", "plots": [{"identifier": "a", "value": odd}]}]}
    assert broken(models.SongAudience, plots).field == "items.0.plots.0.value"
    assert broken(models.Listening, {"items": [{"date": "2026-03-01", "value": odd}]}).field == "items.0.value"


def test_a_name_that_no_index_holds_is_refused_where_it_names_the_thing_and_kept_elsewhere() -> None:
    long = "x" * 4000
    song = models.parse(models.Song, answer({"object": SONG | {"name": long, "labels": [{"name": long}]}}))
    assert (song.name, song.labels[0].name) == (long, long)
    assert broken(models.RankingPage, spoiled(RANKING, "related", "chart", "slug", value=long)).field == (
        "related.chart.slug"
    )
    plots = {"items": [{"date": "2026-03-01", "plots": [{"identifier": long, "value": 1}]}]}
    assert broken(models.SongAudience, plots).field == "items.0.plots.0.identifier"
