from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from simulator.world import World

DAY = date(2026, 11, 17)
NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)


def digest(world: World) -> str:
    tracks = world.tracks_of("demo-france-daily", DAY)[:20]
    artists = world.artists_of("demo-france-daily", DAY)[:20]
    first = DAY - timedelta(days=30)
    parts = [
        world.ranking("demo-france-daily", DAY),
        [world.song(uuid) for uuid in tracks],
        [world.artist(uuid) for uuid in artists],
        [world.song_audience(uuid, "spotify", first, DAY, NOW) for uuid in tracks],
        [world.artist_audience(uuid, "tiktok", first, DAY, NOW) for uuid in artists],
        [world.broadcast_groups(uuid, first, DAY) for uuid in tracks],
    ]
    return repr(parts)


def test_equal_settings_are_equal_worlds_even_in_another_process(world: World) -> None:
    code = (
        "import hashlib; from tests.simulator.test_world import digest; from simulator.world import World;"
        "print(hashlib.sha256(digest(World()).encode()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment())
    assert other.stdout.strip() == hashlib.sha256(digest(world).encode()).hexdigest()


def _environment() -> dict[str, str]:
    root = Path(__file__).parents[2]
    return os.environ | {"PYTHONPATH": f"{root}:{root / 'include'}", "PYTHONHASHSEED": "77"}


def test_another_seed_is_another_world(world: World) -> None:
    other = World(seed=2)
    assert not set(world.tracks_of("demo-global-daily", DAY)) & set(other.tracks_of("demo-global-daily", DAY))
    assert other.song(world.tracks_of("demo-global-daily", DAY)[0]) is None


def test_a_world_is_rebuilt_from_its_settings(world: World) -> None:
    changed = World(seed=5, overlap=0.2, missing_days={"demo-global-daily": [DAY]}, publication_hours={"x": 30})
    again = World(**changed.settings.model_dump(mode="json"))
    assert again.settings == changed.settings
    assert astuple(again.ranking("demo-france-daily", DAY)) == astuple(changed.ranking("demo-france-daily", DAY))


@pytest.mark.parametrize("wrong", [{"overlap": 2}, {"sede": 1}, {"entries": 0}, {"first_day": "2010-01-01"}])
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        World(**wrong)


def test_a_missing_day_is_skipped_everywhere() -> None:
    slug = "demo-global-daily"
    world = World(missing_share=0, missing_days={slug: [date(2026, 11, 18)]})
    assert world.latest_day(slug, NOW) == date(2026, 11, 17)
    assert world.days(slug, NOW)[:2] == [date(2026, 11, 17), date(2026, 11, 16)]
    with pytest.raises(ValueError, match="no ranking"):
        world.ranking(slug, date(2026, 11, 18))


def test_some_days_are_missing_by_nature() -> None:
    world = World(missing_share=0.1)
    chart = world.chart("demo-global-daily")
    assert chart is not None
    days = world.days(chart.slug, NOW)
    whole = chart.count_days(chart.first_day, days[0])
    assert 0.85 * whole < len(days) < 0.95 * whole


def test_the_latest_day_moves_with_publication() -> None:
    world = World(missing_share=0, publication_hours={"demo-global-daily": 40.5})
    assert world.latest_day("demo-global-daily", datetime(2026, 11, 20, 16, 29, tzinfo=UTC)) == date(2026, 11, 18)
    assert world.latest_day("demo-global-daily", datetime(2026, 11, 20, 16, 30, tzinfo=UTC)) == date(2026, 11, 19)
    assert world.latest_day("demo-global-daily", datetime(2020, 1, 1, tzinfo=UTC)) is None


def test_values_appear_at_their_hour_on_the_next_day(world: World) -> None:
    assert world.last_value_day(datetime(2026, 11, 20, 5, 59, tzinfo=UTC)) == date(2026, 11, 18)
    assert world.last_value_day(datetime(2026, 11, 20, 6, tzinfo=UTC)) == date(2026, 11, 19)


def test_metadata_has_the_holes_of_real_metadata(world: World) -> None:
    tracks = [
        world.song(uuid) for slug in ("demo-global-daily", "demo-shazam-daily") for uuid in world.tracks_of(slug, DAY)
    ]
    known = [track for track in tracks if track is not None]
    assert len(known) == 400
    assert {len(track.artist_uuids) for track in known} == {0, 1, 2, 3, 4}
    for hole in ("isrc", "release_date", "audio", "credit_name", "language_code", "copyright"):
        empty = sum(getattr(track, hole) is None for track in known)
        assert 0 < empty < 200, hole
    assert any(track.audio and None in track.audio.values() for track in known)
    assert any(not track.genres for track in known)
    assert any(not track.labels for track in known)
    artists = [world.artist(uuid) for uuid in world.artists_of("demo-global-daily", DAY)]
    for hole in ("birth_date", "career_stage", "growth_level", "gender", "isni", "biography", "city_name"):
        assert 0 < sum(getattr(artist, hole) is None for artist in artists) < len(artists), hole
    assert any(artist and artist.slug == artist.uuid for artist in artists)


def test_a_label_always_belongs_to_the_same_group(world: World) -> None:
    groups: dict[str, set[str]] = {}
    for uuid in world.tracks_of("demo-global-daily", DAY):
        track = world.song(uuid)
        assert track is not None
        for name, group in track.labels:
            groups.setdefault(name, set()).add(group)
    assert groups
    assert all(len(found) == 1 for found in groups.values())


def test_artists_are_shared_between_tracks(world: World) -> None:
    tracks = [world.song(uuid) for uuid in world.tracks_of("demo-global-daily", DAY)]
    credits = [uuid for track in tracks if track for uuid in track.artist_uuids]
    assert len(set(credits)) < len(credits)
    assert all(len(set(track.artist_uuids)) == len(track.artist_uuids) for track in tracks if track)
