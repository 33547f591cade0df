"""Odd answers cost one item at the most: what is optional is left out or kept as far as it goes, the rest is stored."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from chartline.soundcharts import endpoints
from chartline.warehouse import drift
from simulator.compare import compare
from simulator.world import World

from .conftest import ENTRIES, Cascade, Rewrite

CHART = "demo-global-daily"
Query = Callable[..., list[tuple[Any, ...]]]
HARMLESS = (
    "release-year", "release-month", "birth-year", "zero-date", "php-null-date", "empty-list-for-object",
    "empty-object-for-list", "empty-isrc", "long-name", "long-label", "field-new", "field-gone", "field-retyped",
)  # fmt: skip


def different(cascade: Cascade) -> dict[str, Any]:
    parts = compare(cascade.server.service.world, cascade.warehouse_url)
    return {p.name: (p.missing, p.unexpected, p.different) for p in parts if not p.equal}


def noticed(cascade: Cascade) -> set[tuple[str, str, str, str]]:
    with cascade.connect() as conn:
        found, total = drift.listed(conn, limit=1000)
    assert total == len(found)
    return {
        (one.endpoint, one.path.removeprefix("items[].").removeprefix("object."), one.kind, one.found) for one in found
    }


def test_what_is_optional_and_odd_costs_nothing_and_is_told(cascade: Cascade, query: Query) -> None:
    cascade.server.set(odd_answers=dict.fromkeys(HARMLESS, 0.2))
    row = cascade.run(CHART)
    assert (row["status"], row["failures"]) == ("complete", {})
    assert different(cascade) == {}
    assert query("select count(*) from api_call") == [(len(cascade.server.calls()),)]
    told = query("select release_date_precision, bool_and(release_date is not null), count(*) from track group by 1")
    assert {precision: dated for precision, dated, _ in told} == {"day": True, "month": True, "year": True, None: False}
    assert {"year"} <= {precision for (precision,) in query("select birth_date_precision from artist")}
    assert query("select max(length(name)) from track") == [(3000,)]
    assert query("select max(length(name)) from label") == [(4000,)]
    assert query("select count(*) from chart_ranking_entry where entry_date is null")[0][0] >= 1
    assert {
        ("song", "releaseDate", "in_part", "year"), ("song", "releaseDate", "in_part", "month"),
        ("song", "releaseDate", "unread", "string 9999-99-99"), ("artist", "birthDate", "in_part", "year"),
        ("ranking_latest", "entryDate", "unread", "string -9999-99-99a99:99:99+99:9…"),
        ("song", "audio", "unread", "empty array"), ("song", "isrc", "unread", "empty array"),
        ("song", "isrc", "unread", "empty object"), ("song", "genres", "unread", "empty object"),
    } <= noticed(cascade)  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "endpoint", "resource"),
    [
        ("point-far-future", "song_audience", "track_audience"),
        ("point-year-one", "artist_audience", "artist_audience"),
    ],
)
def test_a_day_that_cannot_be_costs_its_series_alone(
    cascade: Cascade, query: Query, shape: str, endpoint: str, resource: str
) -> None:
    cascade.server.set(odd_answers={shape: 0.1})
    cascade.run(CHART)
    world = cascade.server.service.world
    failed = query("select entity, facet, kind, reason from execution_failure where resource = %s", resource)
    assert failed
    assert all(world.odd.strikes(shape, entity, facet) for entity, facet, *_ in failed)
    assert {kind for *_, kind, _ in failed} == {"contract_broken"}
    assert all(".date: " in reason for *_, reason in failed)
    assert query("select count(*) from execution_failure") == [(len(failed),)]
    ended = query("select count(*) from fetch_ledger where resource = %s and outcome in ('ok', 'empty')", resource)[0][
        0
    ]
    asked = {(call.entity, call.facet) for call in cascade.server.calls() if call.endpoint == endpoint}
    assert ended == len(asked) - len(failed), "all else is stored at the first try"
    assert query("select count(*) from api_call") == [(len(cascade.server.calls()),)]
    assert (endpoint, "date", "refused", "string 9999-99-99a99:99:99+99:99") in noticed(cascade)


# -- one answer rewritten ----------------------------------------------------------------------------------------


def scrambled(length: int) -> str:
    """A text that no index can make short by compressing it."""
    return "".join(random.Random(7).choices(string.ascii_letters + "éß漢字", k=length))


def test_names_of_any_length_are_stored_and_found(
    cascade: Cascade, query: Query, rewrite: Callable[[Rewrite], None]
) -> None:
    long = scrambled(8000)

    def change(url: str, body: dict[str, Any]) -> None:
        for item in body.get("items") or [body.get("object") or {}]:  # of one alone there is no list
            if "/ranking/" in url:
                item["song"] |= {"name": f"{item['song']['uuid']} {long}", "creditName": long}
            elif "/song/" in url and "artists" in item:
                item |= {"labels": [{"name": long, "type": long}], "genres": [{"root": long, "sub": [long, long[1:]]}],
                         "composers": [long], "isrc": {"value": long}, "copyright": long, "distributor": long,
                         "name": f"{item['uuid']} {long}"}  # fmt: skip
                item["artists"] = [artist | {"name": long, "slug": long} for artist in item["artists"]]
            elif "/artist/" in url and "careerStage" in item:
                item |= {"name": long, "biography": long * 20, "cityName": long, "genres": [long]}

    rewrite(change)
    row = cascade.run(CHART, steps=["track_metadata", "artist_metadata"])
    assert (row["status"], row["failures"], row["entries_stored"]) == ("complete", {}, ENTRIES)
    assert query("select count(*) from track where length(name) > 8000 and isrc = %s", long) == [(ENTRIES,)]
    assert query("select name, type from label") == [(long, long)]
    assert sorted(name for (name,) in query("select name from genre")) == sorted([long, long[1:]])
    assert query("select count(*) from track_label") == [(ENTRIES,)]
    from chartline.operating import entities

    with cascade.connect() as conn:
        found, total = entities.tracks(conn, isrc=long.upper(), limit=1)
        assert total == 0 or found
        everything, total = entities.tracks(conn, limit=5)
        assert (len(everything), total) == (5, ENTRIES)
        assert entities.tracks(conn, name=everything[0].uuid.split("-")[0])[1] >= 1


def test_dates_of_an_entry_in_part_and_out_of_range(
    cascade: Cascade, query: Query, rewrite: Callable[[Rewrite], None]
) -> None:
    odd = {1: "1999", 2: "1999-11", 3: "0000-00-00", 4: "9999-12-31", 5: [], 6: {"a": 1}}

    def change(url: str, body: dict[str, Any]) -> None:
        for item in body["items"] if "/ranking/" in url else ():
            if item["position"] in odd:
                item |= {"entryDate": odd[item["position"]], "rankDate": odd[item["position"]]}

    rewrite(change)
    row = cascade.run(CHART, steps=[])
    assert (row["status"], row["entries_stored"]) == ("complete", ENTRIES)
    columns = "position, entry_date, entry_date_precision, rank_date, rank_date_precision"
    assert query(f"select {columns} from chart_ranking_entry where position < 7 order by 1") == [
        (1, date(1999, 1, 1), "year", date(1999, 1, 1), "year"),
        (2, date(1999, 11, 1), "month", date(1999, 11, 1), "month"),
        *((position, None, None, None, None) for position in (3, 4, 5, 6)),
    ]
    assert query("select count(*) from chart_ranking_entry where position > 6 and entry_date_precision is null") == [
        (ENTRIES - 6,)
    ]
    shown = query("select position, entry_date_precision from latest_ranking where position < 3 order by 1")
    assert shown == [(1, "year"), (2, "month")]


def test_what_most_of_a_calendar_or_catalogue_cannot_be_read_is_refused_and_one_odd_entry_is_not(
    cascade: Cascade, query: Query, rewrite: Callable[[Rewrite], None]
) -> None:
    from chartline.cascade import catalogue, ranking

    def change(url: str, body: dict[str, Any]) -> None:
        if "by-platform" in url:
            body["items"].append({"name": "no slug"})
            body["page"]["total"] += 1
        if url.partition("?")[0].endswith("available-rankings"):
            body["items"][1] = {"date": "of another shape"}

    cascade.server.service.world = World(entries=ENTRIES, charts=21 * 3, artists=60)
    rewrite(change)
    with cascade.connect() as conn, cascade.client() as client:
        report = catalogue.refresh(conn, client)
    assert not report.failed
    assert len(cascade.server.service.world.charts()) == query("select count(*) from chart")[0][0]
    days = cascade.server.service.world.days(CHART, cascade.server.service.clock.now())
    ranking.fetch_ranking(cascade.open(CHART, day=days[3].isoformat()))
    first_page = endpoints.AVAILABLE_RANKINGS.page_limit  # it holds the day, so no other is read
    assert query("select count(*) from chart_calendar") == [(first_page - 1,)]
    assert ("available_rankings", "items[]", "unread", "object") in noticed(cascade)


# -- what the source says of itself ------------------------------------------------------------------------------


def test_the_worldwide_figure_and_the_sources_own_time_are_kept(cascade: Cascade, query: Query) -> None:
    cascade.settings = cascade.settings.model_copy(update={"artist_cities": True})
    cascade.server.set(odd_answers={"located-value": 1.0})
    cascade.run(CHART, artist_platforms=["spotify", "instagram"])
    world = query("select metric, platform, count(*), min(value), max(value) from artist_city_audience"
                  " where place = 'world' group by 1, 2 order by 1, 2")  # fmt: skip
    assert [(metric, platform) for metric, platform, *_ in world] == [
        ("followers", "instagram"),
        ("listeners", "spotify"),
    ]
    assert all((low, high) == (123_456, 123_456) for *_, low, high in world)
    days = query(
        "select count(distinct day) filter (where place = 'world'), count(distinct day) filter (where place = 'city')"
        " from artist_city_audience where metric = 'followers'"
    )
    assert days[0][0] > days[0][1] > 0, "also of days without places"
    today = cascade.server.service.clock.now().date()
    found = query("select resource, count(*), count(crawled_at), max(crawled_at) from series_state"
                  " where outcome = 'ok' group by 1")  # fmt: skip
    told = {resource: (all_, crawled, last) for resource, all_, crawled, last in found}
    assert told["artist_audience"][0] == told["artist_audience"][1] > 0
    assert told["artist_audience"][2] == datetime(today.year, today.month, today.day, tzinfo=UTC)
    assert different(cascade) == {}
