"""Tracks and artists found, told of in full, and where tracks stood."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from chartline.operating import entities
from chartline.schedules import service
from chartline.soundcharts.models import Artist, ChartLight, RankingPage, Song
from chartline.warehouse import artists, charts, rankings, tracks
from chartline.warehouse.connect import connect
from chartline.warehouse.rankings import FetchedRanking
from chartline.warehouse.reads import entities as entities_read

Conn = psycopg.Connection[Any]
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 11, 19)
NAMES = [
    "Ünder the Bridge",
    "Bridge over <b>Troubled</b> Water",
    "100% Pure Love",
    "O'Brien's \\ \"quoted\"",
    "!!!",
    "愛の歌",
]


def uid(number: int) -> str:
    return str(UUID(int=number))


@pytest.fixture
def conn(warehouse_url: str) -> Iterator[Conn]:
    """The tracks of NAMES, the artists 50 and 51, of whom 50 is on every track."""
    with connect(warehouse_url) as conn:
        for number, name in enumerate(NAMES):
            who = [{"uuid": uid(50), "slug": "a", "name": "A Band"}, {"uuid": uid(51), "slug": "b", "name": "Guest"}]
            song = {
                "uuid": uid(number),
                "name": name,
                "creditName": f"A Band feat. Guest {number}",
                "isrc": {"value": f"FRX20260000{number}", "countryCode": "FR", "countryName": "France"},
                "artists": who[: 1 + number % 2],
                "genres": [{"root": "rock", "sub": ["indie rock", "rock"]}],
                "labels": [{"name": "Own", "type": "Indie"}],
                "composers": ["B", "A"],
                "producers": ["P"],
                "releaseDate": "2019-03-29T00:00:00+00:00",
            }
            tracks.store_metadata(conn, [Song.model_validate(song)], AT)
        yield conn


def found(conn: Conn, name: str = "", **more: Any) -> list[str]:
    rows, total = entities.tracks(conn, name=name, **more)
    assert total >= len(rows)
    return [row.name for row in rows]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("bridge", [NAMES[1], NAMES[0]]),
        ("BRID", [NAMES[1], NAMES[0]]),
        ("bridge water", [NAMES[1]]),
        ("water bridge nothing", []),
        ("ünd", [NAMES[0]]),
        ("100%", [NAMES[2]]),
        ("o'brien", [NAMES[3]]),
        ("\\", []),
        ("!!!", [NAMES[4]]),
        ("愛", [NAMES[5]]),
        ("feat guest 2", [NAMES[2]]),
        ("' | bridge", [NAMES[1], NAMES[0]]),
        (":* & !(", []),
        ("C:\\temp\\x' or '1'='1", []),
    ],
)
def test_tracks_are_found_by_words_whatever_is_asked(conn: Conn, asked: str, names: list[str]) -> None:
    assert found(conn, asked) == names


def test_tracks_are_found_by_isrc_and_listed_in_parts(conn: Conn) -> None:
    assert found(conn, isrc="frx202600002") == [NAMES[2]]
    assert found(conn, isrc="FRX20260000") == []
    everything = found(conn)
    assert sorted(everything) == sorted(NAMES)
    parts = [entities.tracks(conn, limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [row.name for rows, _ in parts for row in rows] == everything
    assert {total for _, total in parts} == {len(NAMES)}


def test_a_track_is_told_of_in_full(conn: Conn) -> None:
    track = entities.track(conn, uid(1))
    assert track is not None
    assert (track.name, track.isrc, track.release_date) == (NAMES[1], "FRX202600001", date(2019, 3, 29))
    assert [(a.name, a.uuid) for a in track.artists] == [("A Band", uid(50)), ("Guest", uid(51))]
    assert ("rock", None) in [(g.root, g.name) for g in track.genres]
    assert ("rock", "indie rock") in [(g.root, g.name) for g in track.genres]
    assert [(label.name, label.type) for label in track.labels] == [("Own", "Indie")]
    assert [(c.role, c.name) for c in track.credits] == [("composer", "B"), ("composer", "A"), ("producer", "P")]
    assert entities.track(conn, uid(99)) is None


def test_an_artist_is_told_of_in_full_with_its_tracks(conn: Conn) -> None:
    answer = {"uuid": uid(51), "name": "Guest", "biography": "<script>alert(1)</script>", "countryCode": "FR"}
    artists.store_metadata(conn, [Artist.model_validate(answer)], AT)
    artist = entities.artist(conn, uid(51))
    assert artist is not None
    assert (artist.name, artist.biography, artist.tracks) == ("Guest", "<script>alert(1)</script>", 3)
    rows, total = entities.tracks_of_artist(conn, uid(51), limit=2)
    assert (len(rows), total) == (2, 3)
    assert entities.artist(conn, uid(99)) is None
    assert [row.name for row in entities.artists(conn, name="gue")[0]] == ["Guest"]
    assert len(entities.artists(conn)[0]) == 2


def _ranking(conn: Conn, slug: str, day: date, *positions: tuple[int, int]) -> None:
    chart = ChartLight(slug=slug, name=slug.title(), platform="spotify", frequency="daily", country_code="FR")
    entries = [
        {
            "song": {"uuid": uid(number), "name": f"T{number}"},
            "position": position,
            "positionEvolution": 1,
            "oldPosition": position + 1,
            "entryState": "",
            "metric": 5,
        }
        for position, number in positions
    ]
    page = RankingPage.model_validate(
        {
            "related": {"chart": chart.model_dump(by_alias=True), "date": f"{day}T12:00:00+00:00"},
            "items": entries,
            "page": {"offset": 0, "limit": 100, "total": len(entries)},
        }
    )
    with conn.transaction():
        rankings.store_all(conn, charts.upsert_chart(conn, chart), [FetchedRanking([page], AT)])


def test_where_a_track_stood_on_every_followed_chart(conn: Conn) -> None:
    for back in range(3):
        _ranking(conn, "followed", DAY - timedelta(days=back), (1 + back, 0), (9, 0), (10, 1))
        _ranking(conn, "other", DAY - timedelta(days=back), (5, 0))
    _ranking(conn, "also", DAY - timedelta(days=1), (7, 0))
    for slug in ("followed", "also"):
        service.add(conn, slug)
    stood, total = entities.positions(conn, "tracks", uid(0), DAY - timedelta(days=30), DAY)
    assert total == 2
    assert [(one.chart, one.best, one.days, one.first_day, one.last_day) for one in stood] == [
        ("followed", 1, 3, DAY - timedelta(days=2), DAY),
        ("also", 7, 1, DAY - timedelta(days=1), DAY - timedelta(days=1)),
    ]
    assert [(place.day, place.position) for place in stood[0].positions] == [
        (DAY - timedelta(days=2), 3),
        (DAY - timedelta(days=1), 2),
        (DAY, 1),
    ]
    assert entities.positions(conn, "tracks", uid(0), DAY, DAY, limit=1, offset=1) == ([], 1)
    [one], total = entities.positions(conn, "tracks", uid(0), DAY - timedelta(days=1), DAY, limit=1, offset=1)
    assert (one.chart, total) == ("also", 2)
    assert entities.positions(conn, "tracks", uid(3), DAY, DAY) == ([], 0)


SEARCHES = (
    f"select 1 from chartline.track t where {entities_read._TRACK_WORDS} @@ '''a'':*'::tsquery",
    f"select 1 from chartline.artist t where {entities_read._ARTIST_WORDS} @@ '''a'':*'::tsquery",
    "select 1 from chartline.track t where t.isrc = 'x'",
    "select 1 from chartline.track t order by left(lower(name), 200), uuid limit 50",
    "select 1 from chartline.artist t where left(lower(t.name), 200) = 'x' and lower(t.name) = 'x'",
)


@pytest.mark.parametrize("query", SEARCHES)
def test_every_search_has_an_index(conn: Conn, query: Any) -> None:
    conn.execute("set enable_seqscan = off")
    [(plan,)] = conn.execute(f"explain (format json) {query}").fetchall()
    assert "Index" in json.dumps(plan)
    assert "Seq Scan" not in json.dumps(plan)
