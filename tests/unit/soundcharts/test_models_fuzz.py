"""Whatever an answer holds, it is read, or refused by name: by each model, and from the bytes on."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from requests.structures import CaseInsensitiveDict
from tests.hostile import anything, deep, fuzzed, places, put, readable, spoiled, texts

from chartline.errors import ChartlineError, ContractBroken
from chartline.soundcharts import drift, models, statuses
from chartline.soundcharts.calls import Answer
from chartline.soundcharts.client import _data, _Question
from chartline.soundcharts.endpoints import SONG
from chartline.soundcharts.transport import Reply

from .test_models import ARTIST, CHART, ITEM, LIGHT, PAGE, RANKING, TIME_BASED, UUID
from .test_models import SONG as TRACK

pytestmark = pytest.mark.fuzz

DAY = "2026-03-01T00:00:00+00:00"
PLOT = {"value": 5, "countryCode": "US", "region": "", "cityName": "New York", "countryName": "USA"}
RADIO = {"slug": "r", "name": "R", "countryCode": "FR", "cityName": "Lyon", "timeZone": "x", "reach": 5}
GOOD: list[tuple[type[BaseModel], Any]] = [
    (models.RankingPage, RANKING),
    (models.Song, {"type": "song", "object": TRACK, "errors": []}),
    (models.Artist, {"type": "artist", "object": ARTIST, "errors": []}),
    (models.SongAudience, {"related": ITEM["song"], "page": PAGE,
                           "items": [{"date": DAY, "plots": [{"identifier": "a", "value": 5}]}]}),
    (models.ArtistAudience, {"related": {"artist": LIGHT, "lastCrawlDate": DAY},
                             "items": [{"date": DAY, "likeCount": 1, "followerCount": 2, "viewCount": None}]}),
    (models.Listening, {"items": [{"date": DAY, "value": 5}], "page": PAGE}),
    (models.Located, {"items": [{"date": DAY, "value": 5, "cityPlots": [PLOT], "countryPlots": [PLOT]}]}),
    (models.BroadcastGroups, {"items": [{"playCount": 3, "radio": RADIO}], "page": PAGE}),
    (models.AvailableRankings, {"related": CHART, "items": [DAY, DAY], "page": PAGE}),
    (models.PlatformList, {"items": [{"name": "Spotify", "code": "spotify"}], "page": PAGE}),
    (models.ChartList, {"items": [CHART], "page": PAGE}),
]  # fmt: skip
BY_MODEL = pytest.mark.parametrize(("model", "good"), GOOD, ids=[model.__name__ for model, _ in GOOD])


def answer(data: dict[str, Any]) -> Answer:
    return Answer("some_endpoint", "/path", data, b"{}", (), datetime.now(UTC))


def read(model: type[BaseModel], data: Any) -> BaseModel | None:
    if not isinstance(data, dict):
        return None
    drift.look(answer(data))
    fields = []
    try:
        found = models.parse(model, answer(data))
    except ContractBroken as refused:
        fields.append((refused.field, str(refused)))
    if fields:
        assert all(field and readable(text) for field, text in fields), "a refusal says where"
        return None
    found.model_dump_json().encode()
    return found


@BY_MODEL
@fuzzed
@given(data=st.data())
def test_a_spoiled_answer_is_read_or_refused_by_name(model: type[BaseModel], good: Any, data: st.DataObject) -> None:
    assert read(model, good) is not None, "it is good as it stands"
    read(model, data.draw(spoiled(good)))


@BY_MODEL
@fuzzed
@given(data=st.dictionaries(st.sampled_from(["items", "object", "related", "page", "errors"]), anything))
def test_any_answer_is_read_or_refused_by_name(model: type[BaseModel], good: Any, data: dict[str, Any]) -> None:
    read(model, data)


@BY_MODEL
@pytest.mark.parametrize("levels", [100, 900])
def test_what_is_deep_is_read_or_refused_wherever_it_stands(model: type[BaseModel], good: Any, levels: int) -> None:
    for place in places(good):
        read(model, put(good, place, deep(levels)))


@pytest.mark.parametrize("model", [models.Song, models.Artist])
@fuzzed
@given(data=st.data())
def test_each_of_a_batch_is_told_of_or_left_out(model: type[Any], data: st.DataObject) -> None:
    thing = TRACK if model is models.Song else ARTIST
    good = {"items": [thing, thing | {"uuid": TIME_BASED}], "page": {"total": 2}}
    spoilt = data.draw(st.one_of(spoiled(good), spoiled({"object": thing})))
    asked = [UUID, TIME_BASED]
    if not isinstance(spoilt, dict):
        return
    with suppress(ContractBroken):
        check_batch(models.parse_batch(model, answer(spoilt), asked), asked)


def check_batch(found: models.BatchAnswer[Any], asked: list[str]) -> None:
    assert sorted([*found.told, *found.left_out]) == sorted(asked)
    for told in found.told.values():
        assert not isinstance(told, ChartlineError) or readable(str(told))


@fuzzed
@given(
    body=st.one_of(
        st.binary(max_size=200),
        anything.map(lambda value: json.dumps(value, ensure_ascii=True).encode()),
        spoiled({"errors": [{"key": "argument", "code": 400, "message": "Invalid."}], "items": []}).map(
            lambda value: json.dumps(value).encode()
        ),
    ),
    status=st.sampled_from([200, 204, 301, 400, 401, 403, 404, 410, 429, 500, 503]) | st.integers(100, 999),
    headers=st.dictionaries(
        st.sampled_from(["x-ratelimit-reset", "x-quota-remaining", "x-ratelimit-remaining", "retry-after", "location"]),
        texts,
    ),
    cut=st.booleans(),
)  # fmt: skip
def test_any_reply_is_data_or_a_named_error(body: bytes, status: int, headers: dict[str, str], cut: bool) -> None:
    reply = Reply(status, CaseInsensitiveDict(headers), body, cut)
    told = ""
    try:
        assert isinstance(_data(reply, _Question(SONG, UUID, "", f"/api/v2.25/song/{UUID}")), dict)
    except ChartlineError as refused:
        told = str(refused)
    assert readable(told)
    statuses.waiting_time(reply.headers)
