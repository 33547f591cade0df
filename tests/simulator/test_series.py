from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from simulator.reference import ARTIST_AUDIENCE, SONG_AUDIENCE
from simulator.world import World

LAST = date(2026, 11, 19)
FIRST = LAST - timedelta(days=364)
NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)


def test_a_window_is_the_same_whatever_was_asked_around_it(world: World, tracks: tuple[str, ...]) -> None:
    for uuid in tracks[:20]:
        year = world.song_audience(uuid, "spotify", FIRST, LAST, NOW)
        month = world.song_audience(uuid, "spotify", LAST - timedelta(days=29), LAST, NOW)
        assert month == [point for point in year if point.day >= LAST - timedelta(days=29)]


def test_track_series_have_every_oddity_of_the_real_ones(world: World, tracks: tuple[str, ...]) -> None:
    found = dict.fromkeys(("gap", "no plots", "several", "repeat", "fall", "64 bit", "empty"), 0)
    for uuid in tracks:
        points = world.song_audience(uuid, "spotify", FIRST, LAST, NOW)
        days = [point.day for point in points]
        assert days == sorted(set(days))
        found["empty"] += not points
        found["gap"] += any((b - a).days > 1 for a, b in pairwise(days))
        found["no plots"] += any(not point.plots for point in points)
        found["several"] += any(len(point.plots) > 1 for point in points)
        single = [point.plots[0][1] for point in points if len(point.plots) == 1]
        found["repeat"] += any(a == b for a, b in pairwise(single))
        found["fall"] += any(b < 0.6 * a for a, b in pairwise(single))
        found["64 bit"] += any(value > 2**31 for value in single)
    assert all(found.values()), found
    assert found["fall"] < len(tracks) / 3


def test_identifiers_are_distinct_within_a_day(world: World, tracks: tuple[str, ...]) -> None:
    for uuid in tracks[:60]:
        for point in world.song_audience(uuid, "youtube", FIRST, LAST, NOW):
            assert len({identifier for identifier, _ in point.plots}) == len(point.plots)


@pytest.mark.parametrize("platform", SONG_AUDIENCE)
def test_every_platform_of_tracks_has_values(world: World, tracks: tuple[str, ...], platform: str) -> None:
    assert any(world.song_audience(uuid, platform, LAST, LAST, NOW) for uuid in tracks[:20])


@pytest.mark.parametrize("platform", ARTIST_AUDIENCE)
def test_counters_that_a_platform_lacks_are_none(world: World, artists: tuple[str, ...], platform: str) -> None:
    extra = ARTIST_AUDIENCE[platform][1]
    points = [
        point
        for uuid in artists[:25]
        for point in world.artist_audience(uuid, platform, LAST - timedelta(days=60), LAST, NOW)
    ]
    assert points
    for name in ("like", "following", "post", "view"):
        values = [getattr(point, f"{name}_count") for point in points]
        assert any(value is not None for value in values) == (name in extra)
    assert all(isinstance(point.follower_count, int) for point in points)


def test_small_artists_are_crawled_more_rarely(world: World, artists: tuple[str, ...]) -> None:
    rarely: set[int] = set()
    for uuid in artists:
        days = [point.day for point in world.artist_audience(uuid, "spotify", FIRST, LAST, NOW)]
        rarely |= {min((b - a).days for a, b in pairwise(days))} if len(days) > 1 else set()
    assert {1, 2, 3} <= rarely


def test_listening_has_one_value_a_day(world: World, artists: tuple[str, ...]) -> None:
    points = world.listening(artists[0], "spotify", FIRST, LAST, NOW) or world.listening(
        artists[1], "spotify", FIRST, LAST, NOW
    )
    days = [point.day for point in points]
    assert days == sorted(set(days))
    assert 300 < len(days) < 365


def test_places_of_local_series(world: World, artists: tuple[str, ...]) -> None:
    followers = next(
        points for uuid in artists if (points := world.local_followers(uuid, "instagram", FIRST, LAST, NOW))
    )
    assert {point.day.day for point in followers if point.cities} == {15}
    streams = next(points for uuid in artists if (points := world.local_streaming(uuid, "spotify", FIRST, LAST, NOW)))
    for point in streams:
        names = [city.city_name for city in point.cities]
        assert len(names) == 50
        assert names.count("New York") == 2
        assert any(city.region is None for city in point.cities)
        listed = sum(city.value for city in point.cities)
        assert listed == sum(value for _, _, value in point.countries)
        assert listed < point.value


def test_plays_of_single_days_add_up_to_the_window(world: World, tracks: tuple[str, ...]) -> None:
    first = LAST - timedelta(days=13)
    for uuid in tracks[:25]:
        window = {row.station.slug: row.play_count for row in world.broadcast_groups(uuid, first, LAST)}
        summed: dict[str, int] = {}
        for step in range(14):
            day = first + timedelta(days=step)
            for row in world.broadcast_groups(uuid, day, day):
                summed[row.station.slug] = summed.get(row.station.slug, 0) + row.play_count
        assert summed == window
        plays = world.broadcasts(uuid, first, LAST)
        assert len(plays) == sum(window.values())
        assert all(first <= play.aired_at.date() <= LAST for play in plays)


def test_plays_of_an_artist_add_up_too(world: World, artists: tuple[str, ...]) -> None:
    first = LAST - timedelta(days=13)
    for uuid in artists[:25]:
        halves = [*world.artist_broadcast_groups(uuid, first, first + timedelta(days=6))]
        halves += world.artist_broadcast_groups(uuid, first + timedelta(days=7), LAST)
        summed: dict[str, int] = {}
        for row in halves:
            summed[row.station.slug] = summed.get(row.station.slug, 0) + row.play_count
        whole = world.artist_broadcast_groups(uuid, first, LAST)
        assert summed == {row.station.slug: row.play_count for row in whole}


def test_some_tracks_need_several_pages_of_stations_and_some_have_none(world: World, tracks: tuple[str, ...]) -> None:
    counts = [len(world.broadcast_groups(uuid, LAST - timedelta(days=89), LAST)) for uuid in tracks]
    assert max(counts) > 200
    assert min(counts) == 0
    assert sum(count > 100 for count in counts) > 10


def test_an_unknown_track_or_artist_is_named(world: World) -> None:
    with pytest.raises(KeyError, match="no track nobody"):
        world.song_audience("nobody", "spotify", FIRST, LAST, NOW)
    with pytest.raises(KeyError, match="no artist nobody"):
        world.listening("nobody", "spotify", FIRST, LAST, NOW)
