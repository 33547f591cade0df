"""What a refresh may be asked, refused by field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chartline.cascade import audience
from chartline.cascade.audience import RefreshAsk
from chartline.domain import platforms
from chartline.errors import BadInput
from chartline.settings import Settings

UUID = "0b8cd290-92d7-4e2e-9f3d-4b3c1d9e0a11"


@pytest.mark.parametrize(
    ("config", "field", "said"),
    [
        ({}, "tracks", "name a track, an artist or a chart"),
        ({"tracks": ["x"]}, "tracks.0", "'x' is not a UUID"),
        ({"artists": [UUID, "y"]}, "artists.1", "'y' is not a UUID"),
        ({"charts": ["a b"]}, "charts.0", "String should match"),
        ({"tracks": [UUID], "platforms": ["facebook"]}, "platforms", "no audience of tracks for 'facebook'"),
        ({"artists": [UUID], "platforms": ["shazam"]}, "platforms", "no audience of artists for 'shazam'"),
        ({"charts": ["c"], "platforms": ["cassette"]}, "platforms", "tracks and artists for 'cassette'"),
        ({"tracks": [UUID], "stale": True}, "stale", "there is no such setting"),
        ({"tracks": [UUID], "audience_days": 0}, "audience_days", "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_named(config: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(BadInput, match=field) as refused:
        RefreshAsk.from_config(config)
    assert refused.value.field == field
    assert said in str(refused.value)


def test_each_platform_is_asked_for_what_it_serves() -> None:
    ask = RefreshAsk.from_config({"charts": ["c"], "platforms": ["spotify", "shazam", "facebook"]})
    assert (ask.track_platforms, ask.artist_platforms) == (("spotify", "shazam"), ("spotify", "facebook"))
    usual = RefreshAsk.from_config({"charts": ["c"], "platforms": []})
    assert usual.track_platforms == platforms.DEFAULT_TRACK_PLATFORMS
    assert usual.artist_platforms == platforms.DEFAULT_ARTIST_PLATFORMS
    assert "airplay" not in usual.artist_platforms


def test_uuids_are_told_as_the_warehouse_holds_them() -> None:
    assert RefreshAsk.from_config({"tracks": [UUID.upper()]}).tracks == (UUID,)


def test_which_fetches_count_as_too_old() -> None:
    started = datetime(2026, 11, 20, 15, tzinfo=UTC)
    asked = {"tracks": [UUID]}
    assert RefreshAsk.from_config(asked).stale_before(started) is None
    today = RefreshAsk.from_config(asked | {"stale_only": False})
    assert today.stale_before(started) == datetime(2026, 11, 20, tzinfo=UTC)
    assert RefreshAsk.from_config(asked | {"force": True}).stale_before(started) == started


def test_what_is_asked_for_makes_the_wants() -> None:
    ask = RefreshAsk.from_config({"charts": ["c"], "platforms": ["airplay", "spotify", "tiktok"], "audience_days": 9})
    found = audience.asks(ask, ["t"], ["a"], Settings(artist_cities=True))
    assert {one.resource.name: [(w.entity, w.facet) for w in one.wants] for one in found} == {
        "track_audience": [("t", "spotify"), ("t", "tiktok")],
        "track_airplay": [("t", "airplay")],
        "artist_audience": [("a", "spotify"), ("a", "tiktok")],
        "artist_listeners": [("a", "spotify")],
        "artist_airplay": [("a", "airplay")],
        "artist_local_followers": [("a", "tiktok")],
        "artist_local_streaming": [("a", "spotify")],
    }
    assert all(one.options == {"first_days": 9} for one in found)
    assert not {one.resource.setting for one in audience.asks(ask, ["t"], ["a"], Settings())} - {""}
