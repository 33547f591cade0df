from __future__ import annotations

from typing import Any

import psycopg
import pytest

from chartline.soundcharts.models import Platform
from chartline.warehouse import charts


def test_a_chart_brings_its_platform_by_code_and_a_list_its_name(warehouse: psycopg.Connection, build: Any) -> None:
    first = charts.upsert_chart(warehouse, build.chart())
    assert warehouse.execute("select code, name, ranks_charts from platform").fetchall() == [
        ("spotify", "spotify", False)
    ]
    charts.upsert_platforms(warehouse, [Platform(name="Spotify", code="spotify")], ranks_charts=True)
    assert charts.upsert_chart(warehouse, build.chart()) == first
    assert warehouse.execute("select code, name, ranks_charts from platform").fetchall() == [
        ("spotify", "Spotify", True)
    ]


def test_a_platform_that_left_the_list_serves_no_more(warehouse: psycopg.Connection) -> None:
    both = [Platform(name="Spotify", code="spotify"), Platform(name="X", code="x")]
    charts.upsert_platforms(warehouse, both, serves_artist_audience=True)
    charts.upsert_platforms(warehouse, both, ranks_charts=True)
    charts.upsert_platforms(warehouse, both[:1], ranks_charts=True)
    charts.upsert_platforms(warehouse, [], ranks_charts=True)
    found = warehouse.execute("select code, ranks_charts, serves_artist_audience from platform order by code")
    assert found.fetchall() == [("spotify", True, True), ("x", False, True)]
    with pytest.raises(ValueError, match="serve no nonsense"):
        charts.upsert_platforms(warehouse, both, nonsense=True)


def test_find_gives_every_field(warehouse: psycopg.Connection, build: Any) -> None:
    charts.upsert_chart(
        warehouse,
        build.chart(
            countryName="France", cityName="Paris", maxResultsCount=200, webUrl="https://example.org",
            metric={"type": "streamcount", "description": "Streams"},
        ),
    )  # fmt: skip
    found = charts.find(warehouse, "demo-daily")
    assert found is not None
    assert found == charts.ChartRow(
        found.id, "demo-daily", "Demo Daily", "song", "spotify", "daily", "FR", "France", "Paris", 200,
        "https://example.org", "streamcount", "Streams",
    )  # fmt: skip
    charts.upsert_chart(warehouse, build.chart())
    again = charts.find(warehouse, "demo-daily")
    assert again is not None
    assert (again.capacity, again.metric_type, again.city_name) == (200, "streamcount", "")
    assert charts.find(warehouse, "no-such-chart") is None


def test_search_takes_words_and_no_wildcards(warehouse: psycopg.Connection, build: Any) -> None:
    ids = charts.upsert_charts(
        warehouse,
        [
            build.chart("fr-200", countryName="France"),
            build.chart("global-200", name="Global 100% Hits", countryCode=""),
            build.chart("yt-fr", platform="youtube", countryName="France"),
        ],
    )
    assert set(ids) == {"fr-200", "global-200", "yt-fr"}

    def slugs(*args: Any, **more: Any) -> list[str]:
        return [row.slug for row in charts.search(warehouse, *args, **more)]

    assert slugs() == ["fr-200", "global-200", "yt-fr"]
    assert slugs("FRANCE") == ["fr-200", "yt-fr"]
    assert slugs("france demo", platform="youtube") == ["yt-fr"]
    assert slugs(country_code="") == ["global-200"]
    assert slugs("%") == ["global-200"]
    assert slugs("_") == []
    assert slugs("' or true --") == []
    assert slugs(limit=1) == ["fr-200"]
