"""How old a series is, and who of many may refresh it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from chartline.errors import BadInput
from chartline.operating import refresh
from chartline.operating.refresh import Age, Refresh, Start
from chartline.settings import Settings
from chartline.warehouse import ledger
from chartline.warehouse.connect import connect

Conn = psycopg.Connection[Any]

TRACK = str(UUID(int=1))
ARTIST = str(UUID(int=2))
SETTINGS = Settings()
NOW = datetime.now(UTC)


@pytest.fixture
def conn(warehouse_url: str) -> Iterator[Conn]:
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        yield conn


def fetched(
    conn: Conn, resource: str, uuid: str, platform: str, days: float, outcome: str = "ok", due: bool | None = None
) -> None:
    """A series that was fetched so many days ago."""
    at = NOW - timedelta(days=days)
    due_at = NOW - timedelta(hours=1) if (days > 7 if due is None else due) else NOW + timedelta(days=1)
    conn.execute(
        """insert into chartline.fetch_ledger (resource, entity, facet, outcome, fetched_at, due_at)
           values (%s, %s, %s, %s, %s, %s)""",
        [resource, uuid, platform, outcome, at, due_at],
    )


def asked(conn: Conn, uuid: str = TRACK, *codes: str) -> tuple[Refresh, Start | None]:
    kind: Any = "tracks" if uuid == TRACK else "artists"
    found = refresh.ages(conn, kind, uuid, codes or ("spotify",))
    return refresh.ask(conn, kind, uuid, found, datetime.now(UTC), SETTINGS)


def test_airplay_of_tracks_and_of_artists_are_two_things(conn: Conn) -> None:
    fetched(conn, "track_airplay", TRACK, "airplay", 1)
    fetched(conn, "artist_airplay", ARTIST, "airplay", 2)
    (track,), (artist,) = (
        refresh.ages(conn, kind, uuid, ["airplay"]) for kind, uuid in (("tracks", TRACK), ("artists", ARTIST))
    )
    assert (track.days(NOW), artist.days(NOW)) == (1.0, 2.0)


def test_the_ledger_says_how_old_a_series_is(conn: Conn) -> None:
    fetched(conn, "track_audience", TRACK, "spotify", 2.04)
    fetched(conn, "track_audience", TRACK, "youtube", 9)
    fetched(conn, "track_audience", TRACK, "shazam", 3, outcome="absent")
    fetched(conn, "track_airplay", TRACK, "airplay", 1)
    codes = ("airplay", "spotify", "youtube", "shazam", "genius")
    found = {age.platform: age for age in refresh.ages(conn, "tracks", TRACK, codes)}
    assert list(found) == list(codes)
    assert {code: (age.outcome, age.days(NOW), age.stale) for code, age in found.items()} == {
        "airplay": ("ok", 1.0, False),
        "spotify": ("ok", 2.0, False),
        "youtube": ("ok", 9.0, True),
        "shazam": ("absent", 3.0, False),
        "genius": ("never", None, True),
    }


def test_monthly_listeners_are_a_part_of_spotify(conn: Conn) -> None:
    fetched(conn, "artist_audience", ARTIST, "spotify", 1)
    [spotify] = refresh.ages(conn, "artists", ARTIST, ["spotify"])
    assert (spotify.stale, spotify.fetched_at, spotify.outcome) == (True, None, "never")
    fetched(conn, "artist_listeners", ARTIST, "spotify", 3)
    [spotify] = refresh.ages(conn, "artists", ARTIST, ["spotify"])
    assert (spotify.stale, spotify.days(NOW), spotify.outcome) == (False, 3.0, "ok")


def test_what_is_fresh_needs_nothing(conn: Conn) -> None:
    fetched(conn, "track_audience", TRACK, "spotify", 2)
    assert asked(conn) == (Refresh(state="not_needed"), None)


def test_the_first_to_ask_starts_it_and_the_next_is_told(conn: Conn) -> None:
    fetched(conn, "track_audience", TRACK, "spotify", 9)
    told, start = asked(conn, TRACK, "spotify", "youtube")
    assert start is not None
    assert (told.state, told.dag_id, told.run_id) == ("started", "audience_refresh", start.run_id)
    assert start.config == {"tracks": [TRACK], "platforms": ["spotify", "youtube"]}
    again, none = asked(conn, TRACK, "spotify", "youtube")
    assert (again.state, again.run_id, none) == ("running", start.run_id, None)


def test_another_platform_is_another_refresh(conn: Conn) -> None:
    _, first = asked(conn, TRACK, "spotify")
    _, second = asked(conn, TRACK, "spotify", "youtube")
    assert first
    assert second
    assert (first.platforms, second.platforms) == (("spotify",), ("youtube",))


def test_what_a_charts_run_is_fetching_is_not_refreshed(conn: Conn) -> None:
    ledger.claim(
        conn, "track_audience", [ledger.Want(TRACK, "spotify")], owner="chart_sync.x/r1", lease=timedelta(minutes=5)
    )
    told, start = asked(conn)
    assert (told.state, told.dag_id, told.run_id, start) == ("running", "chart_sync.x", "r1", None)


@pytest.mark.parametrize("processes", [50])
def test_of_fifty_who_ask_at_once_one_starts_it(conn: Conn, warehouse_url: str, processes: int) -> None:
    """Each with a connection of its own, as so many processes have."""
    fetched(conn, "track_audience", TRACK, "spotify", 9)
    together = threading.Barrier(processes)

    def ask(_: int) -> tuple[Refresh, Start | None]:
        with connect(warehouse_url) as own:
            own.autocommit = True
            found = refresh.ages(own, "tracks", TRACK, ("spotify", "youtube", "shazam", "airplay"))
            together.wait(60)
            return refresh.ask(own, "tracks", TRACK, found, datetime.now(UTC), SETTINGS)

    with ThreadPoolExecutor(processes) as pool:
        found = list(pool.map(ask, range(processes)))
    [start] = [start for _, start in found if start]
    assert sorted(told.state for told, _ in found) == ["running"] * (processes - 1) + ["started"]
    assert {told.run_id for told, _ in found} == {start.run_id}


def test_when_the_run_ends_the_claim_does_and_a_new_one_waits(conn: Conn) -> None:
    _, start = asked(conn)
    assert start is not None
    assert ledger.release(conn, start.owner) == 1
    told, none = asked(conn)
    assert (told.state, told.run_id, none) == ("put_off", None, None)
    assert "60 minutes" in told.reason
    conn.execute("update chartline.fetch_ledger set fetched_at = now() - interval '61 minutes'")
    assert asked(conn)[0].state == "started"


def test_a_claim_that_nobody_ends_ends_by_itself(conn: Conn) -> None:
    _, first = asked(conn)
    conn.execute(
        """update chartline.fetch_ledger set lease_until = now() - interval '1 s',
               fetched_at = now() - interval '61 minutes'"""
    )
    told, second = asked(conn)
    assert told.state == "started"
    assert first
    assert second
    assert first.run_id != second.run_id


def test_a_refresh_that_could_not_be_started_is_free_after_a_minute(conn: Conn) -> None:
    _, start = asked(conn)
    assert start is not None
    refresh.not_started(conn, start, SETTINGS)
    assert asked(conn)[0].state == "put_off"
    conn.execute("update chartline.fetch_ledger set fetched_at = fetched_at - interval '61 s'")
    assert asked(conn)[0].state == "started"


def test_a_late_give_back_does_not_take_anothers_claim(conn: Conn) -> None:
    _, start = asked(conn)
    assert start is not None
    conn.execute("update chartline.fetch_ledger set lease_owner = 'audience_refresh/other'")
    refresh.not_started(conn, start, SETTINGS)
    assert asked(conn)[0].run_id == "other"


def test_only_so_many_are_at_work_at_once(conn: Conn) -> None:
    few = Settings(refresh_at_once=2)
    states = []
    for number in range(4):
        uuid = str(UUID(int=100 + number))
        found = refresh.ages(conn, "tracks", uuid, ["spotify"])
        states.append(refresh.ask(conn, "tracks", uuid, found, datetime.now(UTC), few)[0].state)
    assert states == ["started", "started", "put_off", "put_off"]


@pytest.mark.parametrize("processes", [30])
def test_also_of_many_who_ask_at_once_for_different_tracks(warehouse_url: str, processes: int) -> None:
    few, together = Settings(refresh_at_once=3), threading.Barrier(processes)

    def ask(number: int) -> str:
        with connect(warehouse_url) as own:
            own.autocommit = True
            uuid = str(UUID(int=100 + number))
            found = refresh.ages(own, "tracks", uuid, ["spotify"])
            together.wait(60)
            return refresh.ask(own, "tracks", uuid, found, datetime.now(UTC), few)[0].state

    with ThreadPoolExecutor(processes) as pool:
        states = sorted(pool.map(ask, range(processes)))
    assert states == ["put_off"] * (processes - 3) + ["started"] * 3


def test_by_hand_nobody_waits_after_an_earlier_one(conn: Conn) -> None:
    _, start = asked(conn)
    assert start is not None
    ledger.release(conn, start.owner)
    told, own = by_hand(conn, force=False)
    assert told.state == "started"
    assert own is not None
    assert own.config == {"tracks": [TRACK], "platforms": ["spotify"]}
    assert by_hand(conn, force=False)[0].state == "running"


def test_by_hand_what_is_fresh_is_asked_by_force_alone(conn: Conn) -> None:
    fetched(conn, "track_audience", TRACK, "spotify", 1)
    assert by_hand(conn, force=False)[0].state == "not_needed"
    _, start = by_hand(conn, force=True)
    assert start is not None
    assert start.config == {"tracks": [TRACK], "platforms": ["spotify"], "force": True}


def by_hand(conn: Conn, *, force: bool) -> tuple[Refresh, Start | None]:
    found: list[Age] = refresh.ages(conn, "tracks", TRACK, ["spotify"])
    return refresh.ask_by_hand(conn, "tracks", TRACK, found, datetime.now(UTC), SETTINGS, force=force)


def test_platforms_are_refused_by_name() -> None:
    assert refresh.chosen("artists", []) == ("spotify", "youtube", "instagram", "tiktok")
    with pytest.raises(BadInput, match="no audience of tracks for 'deezer'") as refused:
        refresh.chosen("tracks", ["spotify", "deezer"])
    assert refused.value.field == "platforms"


@pytest.fixture
def counted(conn: Conn, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many statements were run on `conn`."""
    made = 0
    real = psycopg.Cursor.execute

    def execute(self: Any, *args: Any, **more: Any) -> Any:
        nonlocal made
        made += 1
        return real(self, *args, **more)

    monkeypatch.setattr(psycopg.Cursor, "execute", execute)
    return lambda: made


def test_the_number_of_statements_does_not_grow_with_the_platforms(conn: Conn, counted: Callable[[], int]) -> None:
    refresh.ages(conn, "tracks", TRACK, ["spotify"])
    one = counted()
    refresh.ages(conn, "tracks", TRACK, ["spotify", "youtube", "shazam", "airplay", "genius"])
    assert (one, counted()) == (1, 2)
