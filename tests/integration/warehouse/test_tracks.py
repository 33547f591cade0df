from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartline.soundcharts.models import SongLight
from chartline.warehouse import artists, tracks
from chartline.warehouse.connect import connect

LISTS = ("artists", "genres", "labels", "composers", "producers")


def links(conn: psycopg.Connection) -> dict[str, Any]:
    """What hangs on the tracks, read as a person would."""

    def rows(query: str) -> list[tuple[Any, ...]]:
        return conn.execute(query).fetchall()

    return {
        "artists": rows(
            "select t.name, l.position, a.name, l.role from track_artist l join track t on t.uuid = l.track"
            " join artist a on a.uuid = l.artist order by 1, 2"
        ),
        "genres": rows(
            "select t.name, coalesce(p.name, ''), g.name from track_genre l join track t on t.uuid = l.track"
            " join genre g on g.id = l.genre_id left join genre p on p.id = g.parent_id order by 1, 2, 3"
        ),
        "labels": rows(
            "select t.name, l.position, b.name, b.type from track_label l join track t on t.uuid = l.track"
            " join label b on b.id = l.label_id order by 1, 2"
        ),
        "credits": rows(
            "select t.name, role, position, c.name from track_credit c join track t on t.uuid = c.track"
            " order by 1, 2, 3"
        ),
    }


@pytest.fixture
def rich(build: Any) -> dict[str, Any]:
    return {
        "isrc": {"value": "XXABC2600001", "countryCode": "XX"},
        "iswcs": ["T-1", "T-2"],
        "creditName": "Ada & Bo",
        "artists": [build.light(11, "Ada"), build.light(12, "Bo")],
        "mainArtists": [build.light(11, "Ada")],
        "releaseDate": "2026-01-16T00:00:00+02:00",
        "duration": 194,
        "explicit": True,
        "genres": [{"root": "pop", "sub": ["pop", "art pop"]}, {"root": "rock", "sub": ["art pop"]}],
        "composers": ["Cy", "Di"],
        "producers": ["Cy"],
        "labels": [{"name": "Example", "type": "Indie"}, {"name": "Example", "type": "Major"}],
        "audio": {"key": -1, "tempo": 120.5, "timeSignature": 4, "mode": 0, "loudness": -7.25},
        "languageCode": "en",
        "distributor": "Dist",
    }


RICH_LINKS = {
    "artists": [("Track 1", 1, "Ada", "main"), ("Track 1", 2, "Bo", "artist")],
    "genres": [
        ("Track 1", "", "pop"),
        ("Track 1", "", "rock"),
        ("Track 1", "pop", "art pop"),
        ("Track 1", "rock", "art pop"),
    ],
    "labels": [("Track 1", 1, "Example", "Indie"), ("Track 1", 2, "Example", "Major")],
    "credits": [("Track 1", "composer", 1, "Cy"), ("Track 1", "composer", 2, "Di"), ("Track 1", "producer", 1, "Cy")],
}


def test_a_rich_answer_is_stored_whole(warehouse: psycopg.Connection, build: Any, rich: dict[str, Any]) -> None:
    stored = tracks.store_metadata(warehouse, [build.song(1, **rich), build.song(2)], build.AT)
    assert stored == tracks.StoredTracks(created=2, updated=0, artists_created=2)
    row = warehouse.execute(
        "select isrc, isrc_country, iswcs, credit_name, release_date::text, duration, explicit, language_code,"
        " distributor, musical_key, tempo, time_signature, mode, loudness, energy, metadata_at from track"
        " where name = 'Track 1'"
    ).fetchone()
    assert row == (
        "XXABC2600001", "XX", ["T-1", "T-2"], "Ada & Bo", "2026-01-16", 194, True, "en",
        "Dist", -1, 120.5, 4, 0, -7.25, None, build.AT,
    )  # fmt: skip
    assert links(warehouse) == RICH_LINKS
    assert warehouse.execute("select count(*) from genre").fetchone() == (4,)
    assert tracks.store_metadata(warehouse, [], build.AT) == tracks.StoredTracks()


def test_the_same_answer_again_changes_nothing_but_its_time(
    warehouse: psycopg.Connection, build: Any, rich: dict[str, Any]
) -> None:
    tracks.store_metadata(warehouse, [build.song(1, **rich)], build.AT)
    warehouse.commit()
    later = build.AT + timedelta(days=30)
    assert tracks.store_metadata(warehouse, [build.song(1, **rich)], later) == tracks.StoredTracks()
    assert links(warehouse) == RICH_LINKS
    assert warehouse.execute("select metadata_at from track").fetchone() == (later,)


def test_a_thinner_answer_takes_nothing_away(warehouse: psycopg.Connection, build: Any, rich: dict[str, Any]) -> None:
    tracks.store_metadata(warehouse, [build.song(1, **rich)], build.AT)
    before = warehouse.execute("select to_jsonb(track) - 'updated_at' from track").fetchall()
    tracks.store_metadata(warehouse, [build.song(1, creditName="", audio=None, iswcs=[])], build.AT)
    assert warehouse.execute("select to_jsonb(track) - 'updated_at' from track").fetchall() == before
    assert links(warehouse) == RICH_LINKS


def test_another_list_replaces_the_links_and_older_answers_leave_the_roles(
    warehouse: psycopg.Connection, build: Any, rich: dict[str, Any]
) -> None:
    tracks.store_metadata(warehouse, [build.song(1, **rich)], build.AT)
    older = {
        "artists": [build.light(13, "Eve"), build.light(11, "Ada")],
        "genres": [{"root": "rock", "sub": []}],
        "labels": [{"name": "Other", "type": ""}],
        "composers": ["Di"],
    }
    tracks.store_metadata(warehouse, [build.song(1, **older)], build.AT)
    assert links(warehouse) == {
        "artists": [("Track 1", 1, "Eve", "artist"), ("Track 1", 2, "Ada", "main")],
        "genres": [("Track 1", "", "rock")],
        "labels": [("Track 1", 1, "Other", "")],
        "credits": [("Track 1", "composer", 1, "Di"), ("Track 1", "producer", 1, "Cy")],
    }


def test_an_artist_named_twice_and_one_only_among_the_main(warehouse: psycopg.Connection, build: Any) -> None:
    ada, bo, cy = (build.light(n, name) for n, name in ((11, "Ada"), (12, "Bo"), (13, "Cy")))
    tracks.store_metadata(warehouse, [build.song(1, artists=[ada, bo, ada], mainArtists=[cy, bo])], build.AT)
    assert links(warehouse)["artists"] == [
        ("Track 1", 1, "Ada", "artist"), ("Track 1", 2, "Bo", "main"), ("Track 1", 3, "Cy", "main"),
    ]  # fmt: skip


def test_text_that_looks_like_sql_or_script_is_text(warehouse: psycopg.Connection, build: Any) -> None:
    nasty = "Robert'); drop table chartline.track; --<script>alert(1)</script>{} %s \\N"
    song = build.song(
        1, artists=[build.light(11, nasty)], composers=[nasty], labels=[{"name": nasty, "type": nasty}],
        genres=[{"root": nasty, "sub": ["x", nasty]}],
    )  # fmt: skip
    tracks.store_metadata(warehouse, [song], build.AT)
    assert links(warehouse) == {
        "artists": [("Track 1", 1, nasty, "artist")],
        "genres": [("Track 1", "", nasty), ("Track 1", nasty, "x")],
        "labels": [("Track 1", 1, nasty, nasty)],
        "credits": [("Track 1", "composer", 1, nasty)],
    }


thickness = st.sets(
    st.sampled_from(["isrc", "creditName", "releaseDate", "duration", "explicit", "audio", "languageCode", *LISTS])
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.lists(thickness, min_size=1, max_size=4))
def test_no_interleaving_of_thin_and_rich_answers_loses_anything(
    warehouse: psycopg.Connection, build: Any, rich: dict[str, Any], kept: list[set[str]]
) -> None:
    """Whatever some answer held is there in the end, as if one answer had held it all."""
    whole = {name: rich[name] for names in kept for name in names}
    warehouse.rollback()
    tracks.store_metadata(warehouse, [build.song(1, **whole)], build.AT)
    expected = [warehouse.execute("select to_jsonb(track) - 'updated_at' from track").fetchall(), links(warehouse)]
    warehouse.rollback()
    for names in kept:
        tracks.store_metadata(warehouse, [build.song(1, **{name: rich[name] for name in names})], build.AT)
    found = [warehouse.execute("select to_jsonb(track) - 'updated_at' from track").fetchall(), links(warehouse)]
    warehouse.rollback()

    def without_times(state: list[Any]) -> list[Any]:
        return [[{k: v for k, v in row.items() if k != "created_at"} for (row,) in state[0]], state[1]]

    assert without_times(found) == without_times(expected)


def test_two_runs_with_the_same_things_in_opposite_order_both_end(warehouse_url: str, build: Any) -> None:
    """Two connections store overlapping tracks, artists, genres and labels, again and again: no deadlock."""
    genres = [{"root": f"root {n}", "sub": [f"sub {n}", f"sub {n + 1}"]} for n in range(6)]
    songs = [
        build.song(
            n, artists=[build.light(100 + (n + k) % 7) for k in range(3)], genres=[genres[n % 6], genres[(n + 3) % 6]],
            labels=[{"name": f"label {n % 4}", "type": "x"}], composers=[f"composer {n}"], creditName=f"credit {n}",
        )
        for n in range(30)
    ]  # fmt: skip
    people = [build.artist(100 + n, genres=[genres[n % 6]], biography=f"<b>{n}</b>") for n in range(7)]
    trouble: list[BaseException] = []
    together = threading.Barrier(2)

    def store(turn: int) -> None:
        try:
            with connect(warehouse_url) as conn:
                for round_ in range(12):
                    together.wait(timeout=30)
                    mine = songs if turn else songs[::-1]
                    # Values that differ, so that every row is written by both.
                    named = [s.model_copy(update={"credit_name": f"{round_} {turn}"}) for s in mine]
                    with conn.transaction():
                        tracks.store_metadata(conn, named[round_:], build.AT)
                    with conn.transaction():
                        artists.store_metadata(conn, people if turn else people[::-1], build.AT)
        except BaseException as error:
            trouble.append(error)
            together.abort()

    workers = [threading.Thread(target=store, args=[turn]) for turn in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert trouble == []
    with connect(warehouse_url) as conn:
        both = links(conn)
        stubs = conn.execute("select count(*), count(biography) from artist").fetchone()
        conn.execute("truncate track, artist, genre, label cascade")
        tracks.store_metadata(conn, songs, build.AT)
        artists.store_metadata(conn, people, build.AT)
        assert both == links(conn)
    assert stubs == (7, 7)


def test_the_first_to_meet_an_artist_counts_it_once(warehouse_url: str, build: Any) -> None:
    """Two transactions that meet the same new artists: the second waits and finds them there."""
    songs = [build.song(n, artists=[build.light(100 + k) for k in range(5)]) for n in (1, 2)]
    made: list[int] = []
    with connect(warehouse_url) as first, connect(warehouse_url) as second:
        made.append(tracks.store_metadata(first, [songs[0]], build.AT).artists_created)
        other = threading.Thread(
            target=lambda: made.append(tracks.store_metadata(second, [songs[1]], build.AT).artists_created)
        )
        other.start()
        first.commit()
        other.join()
    assert made == [5, 0]


def test_a_name_that_is_missing_takes_no_known_one_away(warehouse: psycopg.Connection, build: Any) -> None:
    named = SongLight.model_validate({"uuid": build.uid(1), "name": "Paper Lantern"})
    nameless = [SongLight.model_validate({"uuid": build.uid(n), "name": None}) for n in (1, 2)]
    tracks.store_light(warehouse, nameless)
    assert warehouse.execute("select name from track order by uuid").fetchall() == [("",), ("",)]
    tracks.store_light(warehouse, [named])
    tracks.store_light(warehouse, nameless)
    tracks.store_light(warehouse, [named, nameless[0]])
    assert warehouse.execute("select name from track order by uuid").fetchall() == [("Paper Lantern",), ("",)]
