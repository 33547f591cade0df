from __future__ import annotations

import pytest

from chartline.domain import platforms


def test_defaults_and_special_lists_are_served() -> None:
    assert set(platforms.DEFAULT_TRACK_PLATFORMS) <= set(platforms.TRACK_PLATFORMS)
    for codes in (
        platforms.DEFAULT_ARTIST_PLATFORMS,
        platforms.LISTENING_PLATFORMS,
        platforms.LOCAL_FOLLOWERS_PLATFORMS,
        platforms.LOCAL_STREAMING_PLATFORMS,
    ):
        assert set(codes) <= set(platforms.ARTIST_PLATFORMS)


@pytest.mark.parametrize("code", ["apple-music", "deezer", "amazon", "tidal", "Spotify", ""])
def test_what_has_no_track_audience_is_not_in_the_list(code: str) -> None:
    assert code not in platforms.TRACK_PLATFORMS


@pytest.mark.parametrize("code", ["apple-music", "shazam", "tidal", "twitter"])
def test_what_has_no_artist_audience_is_not_in_the_list(code: str) -> None:
    assert code not in platforms.ARTIST_PLATFORMS


def test_served_keeps_the_order_and_drops_repeats() -> None:
    assert platforms.served(["youtube", "spotify", "youtube"], platforms.TRACK_PLATFORMS, "tracks") == (
        "youtube",
        "spotify",
    )


def test_a_refusal_names_the_platforms_and_the_list_that_is_served() -> None:
    with pytest.raises(
        ValueError, match=r"no audience of artists for 'apple-music', 'shazam'; it does for airplay, amazon, .*youtube$"
    ):
        platforms.served(["apple-music", "spotify", "shazam"], platforms.ARTIST_PLATFORMS, "artists")
