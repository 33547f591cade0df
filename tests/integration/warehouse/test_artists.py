from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg

from chartline.soundcharts.models import ArtistLight
from chartline.warehouse import artists
from chartline.warehouse.merge import Merged

FULL = {
    "slug": "ada", "appUrl": "https://example.org/a", "webUrl": "https://example.org/w",
    "imageUrl": "https://example.org/i", "countryCode": "FR", "cityName": "Paris", "biography": "<b>Ada</b> &amp; co",
    "isni": "0000", "ipi": "11", "gender": "female", "type": "person", "birthDate": "2000-02-29T00:00:00+00:00",
    "careerStage": "superstar", "growthLevel": "high", "genres": [{"root": "pop", "sub": ["art pop"]}, "rock"],
}  # fmt: skip


def test_an_answer_is_stored_whole_and_a_thinner_one_takes_nothing(warehouse: psycopg.Connection, build: Any) -> None:
    assert artists.store_metadata(warehouse, [build.artist(1, **FULL), build.artist(2)], build.AT) == Merged(2, 0)
    thin = build.artist(1, biography="", genres=[])
    assert artists.store_metadata(warehouse, [thin], build.AT + timedelta(days=1)) == Merged()
    artists.store_light(warehouse, [ArtistLight(uuid=build.uid(1), name="Artist 1")])
    row = warehouse.execute(
        "select slug, app_url, web_url, image_url, country_code, city_name, biography, isni, ipi, gender, type,"
        " birth_date::text, career_stage, growth_level, metadata_at from artist where slug is not null"
    ).fetchone()
    assert row == (
        "ada", "https://example.org/a", "https://example.org/w", "https://example.org/i", "FR", "Paris",
        "<b>Ada</b> &amp; co", "0000", "11", "female", "person", "2000-02-29", "superstar", "high",
        build.AT + timedelta(days=1),
    )  # fmt: skip
    found = warehouse.execute(
        "select p.name, g.name from artist_genre join genre g on g.id = genre_id"
        " left join genre p on p.id = g.parent_id order by 2"
    )
    assert found.fetchall() == [("pop", "art pop"), (None, "pop"), (None, "rock")]


def test_other_genres_replace_those_before(warehouse: psycopg.Connection, build: Any) -> None:
    artists.store_metadata(warehouse, [build.artist(1, **FULL)], build.AT)
    artists.store_metadata(warehouse, [build.artist(1, genres=["folk"])], build.AT)
    found = warehouse.execute("select g.name from artist_genre join genre g on g.id = genre_id").fetchall()
    assert found == [("folk",)]
