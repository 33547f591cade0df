from __future__ import annotations

from datetime import date
from typing import Any

import psycopg

from chartline.soundcharts.models import ArtistAudienceItem, BroadcastGroup, ListeningItem, LocatedItem
from chartline.warehouse import audience, tracks


def test_a_tracks_identifiers_stand_apart_and_a_year_old_month_is_made(
    warehouse: psycopg.Connection, build: Any
) -> None:
    items = [
        build.song_item("2026-11-19T00:00:00+00:00", a=2_800_000_000, b=5),
        build.song_item("2026-11-18", a=2_799_999_000),
        build.song_item("2026-11-17"),
        build.song_item("2011-02-28", a=1),
    ]
    series = [(build.uid(1), "spotify", items), (build.uid(2), "youtube", items[:1])]
    assert audience.store_track(warehouse, series) == 6
    assert audience.store_track(warehouse, series) == 0
    assert audience.store_track(warehouse, [(build.uid(1), "spotify", [build.song_item("2026-11-18", a=7)])]) == 1
    found = warehouse.execute(
        "select day::text, identifier, value from track_audience where platform = 'spotify' order by 1, 2"
    ).fetchall()
    assert found == [
        ("2011-02-28", "a", 1), ("2026-11-18", "a", 7), ("2026-11-19", "a", 2_800_000_000), ("2026-11-19", "b", 5),
    ]  # fmt: skip
    assert warehouse.execute("select count(*) from track_audience_2011_02").fetchone() == (1,)
    assert audience.store_track(warehouse, []) == 0


def test_each_counter_that_applies_is_a_metric_and_null_is_no_row(warehouse: psycopg.Connection, build: Any) -> None:
    items = [
        ArtistAudienceItem.model_validate({"date": "2026-11-18", "followerCount": 10, "likeCount": 0, "viewCount": 7}),
        ArtistAudienceItem.model_validate(
            {"date": "2026-11-19", "followerCount": 11, "followingCount": 2, "postCount": 3}
        ),
    ]
    assert audience.store_artist(warehouse, [(build.uid(1), "tiktok", items)]) == 6
    listening = [ListeningItem.model_validate({"date": "2026-11-19", "value": 99})]
    assert audience.store_listening(warehouse, [(build.uid(1), "spotify", listening)]) == 1
    found = warehouse.execute("select platform, day::text, metric, value from artist_audience order by 1, 2, 3")
    assert found.fetchall() == [
        ("spotify", "2026-11-19", "monthly_listeners", 99),
        ("tiktok", "2026-11-18", "followers", 10),
        ("tiktok", "2026-11-18", "likes", 0),
        ("tiktok", "2026-11-18", "views", 7),
        ("tiktok", "2026-11-19", "followers", 11),
        ("tiktok", "2026-11-19", "following", 2),
        ("tiktok", "2026-11-19", "posts", 3),
    ]


def test_places_are_numbered_as_listed_and_replaced_by_day(warehouse: psycopg.Connection, build: Any) -> None:
    def item(day: str, *cities: tuple[str, int]) -> LocatedItem:
        plots = [{"value": value, "countryCode": "US", "region": "", "cityName": name} for name, value in cities]
        countries = [{"value": sum(value for _, value in cities), "countryCode": "US"}] if cities else []
        return LocatedItem.model_validate({"date": day, "value": 1000, "cityPlots": plots, "countryPlots": countries})

    first = [item("2026-10-01", ("New York", 5), ("New York", 4), ("Austin", 1)), item("2026-11-01", ("Austin", 2))]
    assert audience.store_located(warehouse, [(build.uid(1), "instagram", first)]) == 8  # with the world's
    again = [item("2026-10-01", ("New York", 6)), item("2026-11-01")]
    audience.store_located(warehouse, [(build.uid(1), "instagram", again)])
    audience.store_located(warehouse, [(build.uid(1), "spotify", again[:1])], metric="listeners")
    found = warehouse.execute(
        "select metric, day::text, place, seq, city_name, country_code, value from artist_city_audience"
        " order by metric, day, place, seq"
    ).fetchall()
    assert found == [
        ("followers", "2026-10-01", "city", 1, "New York", "US", 6),
        ("followers", "2026-10-01", "country", 1, "", "US", 6),
        ("followers", "2026-10-01", "world", 1, "", "", 1000),
        ("followers", "2026-11-01", "city", 1, "Austin", "US", 2),
        ("followers", "2026-11-01", "country", 1, "", "US", 2),
        ("followers", "2026-11-01", "world", 1, "", "", 1000),
        ("listeners", "2026-10-01", "city", 1, "New York", "US", 6),
        ("listeners", "2026-10-01", "country", 1, "", "US", 6),
        ("listeners", "2026-10-01", "world", 1, "", "", 1000),
    ]


def test_airplay_by_station_and_window(warehouse: psycopg.Connection, build: Any) -> None:
    tracks.store_metadata(warehouse, [build.song(1)], build.AT)

    def group(plays: int, slug: str, **more: Any) -> BroadcastGroup:
        return BroadcastGroup.model_validate({"playCount": plays, "radio": {"slug": slug, "name": slug.title()} | more})

    window = (date(2026, 11, 1), date(2026, 11, 7))
    groups = [group(3, "fip", countryCode="FR", reach=3_000_000_000), group(0, "kexp")]
    assert audience.store_airplay(warehouse, [(build.uid(1), *window, g) for g in groups]) == 2
    later = (date(2026, 11, 8), date(2026, 11, 9))
    assert audience.store_airplay(warehouse, [(build.uid(1), *later, group(4, "fip", cityName="Paris"))]) == 1
    assert audience.store_airplay(warehouse, []) == 0
    assert warehouse.execute("select from_day::text, radio, plays from track_airplay order by 1, 2").fetchall() == [
        ("2026-11-01", "fip", 3), ("2026-11-01", "kexp", 0), ("2026-11-08", "fip", 4),
    ]  # fmt: skip
    found = warehouse.execute("select name, country_code, city_name, reach from radio where slug = 'fip'").fetchone()
    assert found == ("Fip", "FR", "Paris", 3_000_000_000)
