"""Series as they are answered, against the warehouse's own views."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from chartline.operating import refresh, series
from chartline.operating.refresh import Refresh
from chartline.operating.series import Span
from chartline.settings import Settings
from chartline.soundcharts.models import Artist, ArtistAudienceItem, BroadcastGroup, ListeningItem, SongAudienceItem
from chartline.warehouse import artists, audience, tables, tracks
from chartline.warehouse.connect import connect

Conn = psycopg.Connection[Any]
TRACK, ARTIST = str(UUID(int=1)), str(UUID(int=2))
TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOTHING = Refresh(state="not_needed")
SETTINGS = Settings()


@pytest.fixture
def conn(warehouse_url: str) -> Iterator[Conn]:
    with connect(warehouse_url) as conn:
        yield conn


def track_audience(conn: Conn, span: Span, *codes: str) -> series.AudienceOfTrack:
    return series.of_track(conn, TRACK, "T", refresh.ages(conn, "tracks", TRACK, codes, SETTINGS), span, NOTHING, NOW)


@pytest.mark.parametrize("seed", range(5))
def test_filled_days_are_the_views_own(conn: Conn, seed: int) -> None:
    chance = random.Random(seed)
    items = []
    for back in range(100):
        if chance.random() < 0.7:
            values = [name for name in "abc" if chance.random() < 0.6] or ["a"]
            plots = [{"identifier": name, "value": chance.randrange(10**10)} for name in values]
            items.append(SongAudienceItem.model_validate({"date": str(TODAY - timedelta(days=back)), "plots": plots}))
    audience.store_track(conn, [(TRACK, "spotify", items), (str(UUID(int=9)), "spotify", items[:3])])
    first = TODAY - timedelta(days=60)
    found = track_audience(conn, Span.of(first, TODAY, "day", TODAY), "spotify").platforms[0]
    truth = conn.execute(
        "select day, value from chartline.track_audience_daily where track = %s and platform = 'spotify'", [TRACK]
    ).fetchall()
    assert {p.day: p.value for p in found.points if not p.carried} == {day: v for day, v in truth if day >= first}
    days = [p.day for p in found.points]
    assert days == [first + timedelta(days=n) for n in range(len(days))]
    assert days[-1] == max(day for day, _ in truth)
    for before, after in zip(found.points, found.points[1:], strict=False):
        assert after.gain == after.value - before.value
        assert not after.carried or after.gain == 0
    stored = conn.execute(
        "select identifier, day, value from chartline.track_audience where track = %s and day >= %s", [TRACK, first]
    ).fetchall()
    assert sorted((one.identifier, p.day, p.value) for one in found.raw for p in one.points) == sorted(stored)


def test_an_artists_metrics_stand_for_themselves(conn: Conn) -> None:
    items = [
        ArtistAudienceItem.model_validate({"date": "2026-11-16", "followerCount": 10, "likeCount": 3}),
        ArtistAudienceItem.model_validate({"date": "2026-11-18", "followerCount": 16}),
    ]
    audience.store_artist(conn, [(ARTIST, "spotify", items)])
    audience.store_listening(
        conn, [(ARTIST, "spotify", [ListeningItem.model_validate({"date": "2026-11-18", "value": 99})])]
    )
    ages = refresh.ages(conn, "artists", ARTIST, ["spotify", "tiktok"], SETTINGS)
    span = Span.of(date(2026, 11, 15), TODAY, "day", TODAY)
    found = series.of_artist(conn, ARTIST, "A", ages, span, NOTHING, NOW)
    told = found.model_dump(mode="json", by_alias=True)
    assert (told["from"], told["to"], told["age_days"], told["stale"]) == ("2026-11-15", "2026-11-20", None, True)
    spotify, tiktok = told["platforms"]
    assert tiktok["metrics"] == []
    metrics = {one["metric"]: [(p["day"], p["value"], p["gain"]) for p in one["points"]] for one in spotify["metrics"]}
    assert metrics == {
        "followers": [("2026-11-16", 10, None), ("2026-11-17", 10, 0), ("2026-11-18", 16, 6)],
        "likes": [("2026-11-16", 3, None)],
        "monthly_listeners": [("2026-11-18", 99, None)],
    }


def test_airplay_is_told_by_window(conn: Conn) -> None:
    tracks.store_metadata(conn, [_song()], NOW)

    def group(slug: str, plays: int) -> BroadcastGroup:
        return BroadcastGroup.model_validate({"radio": {"slug": slug, "name": slug}, "playCount": plays})

    first, last = date(2026, 10, 1), date(2026, 11, 19)
    audience.store_airplay(conn, [(TRACK, first, last, group("one", 3)), (TRACK, first, last, group("two", 4))])
    found = track_audience(conn, Span.of(None, None, "day", TODAY), "spotify", "airplay")
    assert [one.platform for one in found.platforms] == ["spotify"]
    assert found.airplay is not None
    assert found.airplay.model_dump(mode="json", by_alias=True)["windows"] == [
        {"from": "2026-10-01", "to": "2026-11-19", "plays": 7, "stations": 2}
    ]
    assert track_audience(conn, Span.of(None, None, "day", TODAY), "spotify").airplay is None


def test_an_artist_s_airplay_is_told_where_it_is_asked_for(conn: Conn) -> None:
    artists.store_metadata(conn, [Artist.model_validate({"uuid": ARTIST, "name": "A"})], NOW)
    group = BroadcastGroup.model_validate({"radio": {"slug": "one", "name": "one"}, "playCount": 3})
    first, last = date(2026, 10, 1), date(2026, 11, 19)
    audience.store_airplay(conn, [(ARTIST, first, last, group)], table=tables.ARTIST_AIRPLAY)
    span = Span.of(None, None, "day", TODAY)
    ages = refresh.ages(conn, "artists", ARTIST, ["spotify", "airplay"], SETTINGS)
    found = series.of_artist(conn, ARTIST, "A", ages, span, NOTHING, NOW)
    assert [one.platform for one in found.platforms] == ["spotify"]
    assert found.airplay is not None
    assert found.airplay.model_dump(mode="json", by_alias=True)["windows"] == [
        {"from": "2026-10-01", "to": "2026-11-19", "plays": 3, "stations": 1}
    ]
    assert series.of_artist(conn, ARTIST, "A", ages[:1], span, NOTHING, NOW).airplay is None


def _song() -> Any:
    from chartline.soundcharts.models import Song

    return Song.model_validate({"uuid": TRACK, "name": "T"})
