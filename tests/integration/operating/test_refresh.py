"""How old a series is, what a refresh costs, who of many may have it, and how much a person may spend."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from chartline.cascade.audience import RefreshAsk
from chartline.costs.estimate import estimate_refresh
from chartline.costs.model import Range
from chartline.errors import BadInput, NotAllowed
from chartline.operating import refresh
from chartline.operating.refresh import Asker, Refresh, Start
from chartline.settings import Settings
from chartline.warehouse import ledger
from chartline.warehouse.connect import connect

Conn = psycopg.Connection[Any]

TRACK = str(UUID(int=1))
ARTIST = str(UUID(int=2))
SETTINGS = Settings()
NOW = datetime.now(UTC)
EDITOR, VIEWER = Asker.of("ada", True, SETTINGS), Asker.of("vera", False, SETTINGS)
MANY = [str(UUID(int=100 + number)) for number in range(60)]


@pytest.fixture
def conn(warehouse_url: str) -> Iterator[Conn]:
    """With the tracks and the artist."""
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        conn.execute("insert into chartline.track (uuid, name) select unnest(%s::uuid[]), ''", [[TRACK, *MANY]])
        conn.execute("insert into chartline.artist (uuid, slug, name) values (%s, '', '')", [ARTIST])
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
    found = refresh.ages(conn, kind, uuid, codes or ("spotify",), SETTINGS)
    return refresh.ask(conn, kind, uuid, found, EDITOR, datetime.now(UTC), SETTINGS)


def looked(conn: Conn, asker: Asker = EDITOR, uuid: str = TRACK, *codes: str, own: Settings = SETTINGS) -> Refresh:
    kind: Any = "artists" if uuid == ARTIST else "tracks"
    found = refresh.ages(conn, kind, uuid, codes or ("spotify",), SETTINGS)
    return refresh.offer(conn, kind, uuid, found, asker, datetime.now(UTC), own)


def contents(conn: Conn) -> list[Any]:
    return [
        conn.execute("select * from chartline.fetch_ledger order by 1, 2, 3").fetchall(),
        conn.execute("select * from chartline.refresh_booking order by 1").fetchall(),
    ]


def test_airplay_of_tracks_and_of_artists_are_two_things(conn: Conn) -> None:
    fetched(conn, "track_airplay", TRACK, "airplay", 1)
    fetched(conn, "artist_airplay", ARTIST, "airplay", 2)
    (track,) = refresh.ages(conn, "tracks", TRACK, ["airplay"], SETTINGS)
    (artist,) = refresh.ages(conn, "artists", ARTIST, ["airplay"], SETTINGS)
    assert (track.days(NOW), artist.days(NOW)) == (1.0, 2.0)


def test_the_ledger_says_how_old_a_series_is(conn: Conn) -> None:
    fetched(conn, "track_audience", TRACK, "spotify", 2.04)
    fetched(conn, "track_audience", TRACK, "youtube", 9)
    fetched(conn, "track_audience", TRACK, "shazam", 3, outcome="absent")
    fetched(conn, "track_airplay", TRACK, "airplay", 1)
    codes = ("airplay", "spotify", "youtube", "shazam", "genius")
    found = {age.platform: age for age in refresh.ages(conn, "tracks", TRACK, codes, SETTINGS)}
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
    [spotify] = refresh.ages(conn, "artists", ARTIST, ["spotify"], SETTINGS)
    assert (spotify.stale, spotify.fetched_at, spotify.outcome) == (True, None, "never")
    fetched(conn, "artist_listeners", ARTIST, "spotify", 3)
    [spotify] = refresh.ages(conn, "artists", ARTIST, ["spotify"], SETTINGS)
    assert (spotify.stale, spotify.days(NOW), spotify.outcome) == (False, 3.0, "ok")


def test_what_is_fresh_needs_nothing(conn: Conn) -> None:
    fetched(conn, "track_audience", TRACK, "spotify", 2)
    assert asked(conn) == (Refresh(state="not_needed"), None)


def test_the_first_to_ask_starts_it_and_the_next_is_told(conn: Conn) -> None:
    fetched(conn, "track_audience", TRACK, "spotify", 9)
    told, start = asked(conn, TRACK, "spotify", "youtube")
    assert start is not None
    assert (told.state, told.dag_id, told.run_id) == ("started", "chartline.audience_refresh", start.run_id)
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
        conn,
        "track_audience",
        [ledger.Want(TRACK, "spotify")],
        owner="chartline.chart_sync.x/r1",
        lease=timedelta(minutes=5),
    )
    told, start = asked(conn)
    assert (told.state, told.dag_id, told.run_id, start) == ("running", "chartline.chart_sync.x", "r1", None)


@pytest.mark.parametrize("processes", [50])
def test_of_fifty_who_ask_at_once_one_starts_it(conn: Conn, warehouse_url: str, processes: int) -> None:
    """Each with a connection of its own, as so many processes have."""
    fetched(conn, "track_audience", TRACK, "spotify", 9)
    together = threading.Barrier(processes)

    def ask(_: int) -> tuple[Refresh, Start | None]:
        with connect(warehouse_url) as own:
            own.autocommit = True
            found = refresh.ages(own, "tracks", TRACK, ("spotify", "youtube", "shazam", "airplay"), SETTINGS)
            together.wait(60)
            return refresh.ask(own, "tracks", TRACK, found, EDITOR, datetime.now(UTC), SETTINGS)

    with ThreadPoolExecutor(processes) as pool:
        found = list(pool.map(ask, range(processes)))
    [start] = [start for _, start in found if start]
    assert sorted(told.state for told, _ in found) == ["running"] * (processes - 1) + ["started"]
    assert {told.run_id for told, _ in found} == {start.run_id}


def test_when_the_run_ends_the_claim_does(conn: Conn) -> None:
    _, start = asked(conn)
    assert start is not None
    assert ledger.release(conn, start.owner) == 1
    assert asked(conn)[0].state == "started"


def test_a_claim_that_nobody_ends_ends_by_itself(conn: Conn) -> None:
    _, first = asked(conn)
    assert asked(conn)[0].state == "running"
    conn.execute("update chartline.fetch_ledger set lease_until = now() - interval '1 s'")
    told, second = asked(conn)
    assert told.state == "started"
    assert first
    assert second
    assert first.run_id != second.run_id


def test_a_refresh_that_could_not_be_started_costs_nothing(conn: Conn) -> None:
    _, start = asked(conn)
    assert start is not None
    refresh.not_started(conn, start)
    assert conn.execute("select * from chartline.refresh_booking").fetchall() == []
    assert asked(conn)[0].state == "started"


def test_a_late_give_back_does_not_take_anothers_claim(conn: Conn) -> None:
    _, start = asked(conn)
    assert start is not None
    conn.execute("update chartline.fetch_ledger set lease_owner = 'chartline.audience_refresh/other'")
    refresh.not_started(conn, start)
    assert asked(conn)[0].run_id == "other"


def test_only_so_many_are_at_work_at_once(conn: Conn) -> None:
    few = Settings(refresh_at_once=2)
    states = []
    for number in range(4):
        uuid = str(UUID(int=100 + number))
        found = refresh.ages(conn, "tracks", uuid, ["spotify"], SETTINGS)
        states.append(refresh.ask(conn, "tracks", uuid, found, EDITOR, datetime.now(UTC), few)[0].state)
    assert states == ["started", "started", "put_off", "put_off"]


@pytest.mark.parametrize("processes", [30])
def test_also_of_many_who_ask_at_once_for_different_tracks(conn: Conn, warehouse_url: str, processes: int) -> None:
    few, together = Settings(refresh_at_once=3), threading.Barrier(processes)

    def ask(number: int) -> str:
        with connect(warehouse_url) as own:
            own.autocommit = True
            uuid = str(UUID(int=100 + number))
            found = refresh.ages(own, "tracks", uuid, ["spotify"], SETTINGS)
            together.wait(60)
            return refresh.ask(own, "tracks", uuid, found, EDITOR, datetime.now(UTC), few)[0].state

    with ThreadPoolExecutor(processes) as pool:
        states = sorted(pool.map(ask, range(processes)))
    assert states == ["put_off"] * (processes - 3) + ["started"] * 3


def test_what_is_fresh_is_asked_by_force_alone(conn: Conn) -> None:
    fetched(conn, "track_audience", TRACK, "spotify", 1)
    assert asked(conn)[0].state == "not_needed"
    found = refresh.ages(conn, "tracks", TRACK, ["spotify"], SETTINGS)
    told, start = refresh.ask(conn, "tracks", TRACK, found, EDITOR, datetime.now(UTC), SETTINGS, force=True)
    assert start is not None
    assert start.config == {"tracks": [TRACK], "platforms": ["spotify"], "force": True}
    assert told.calls is not None
    assert told.calls.high == 1


# -- looking ---------------------------------------------------------------------------------------------------


def test_looking_offers_a_refresh_with_its_cost_and_changes_nothing(conn: Conn) -> None:
    fetched(conn, "artist_audience", ARTIST, "spotify", 9)
    before = contents(conn)
    told = looked(conn, EDITOR, ARTIST, "spotify", "youtube")
    assert (told.state, told.platforms) == ("offered", ["spotify", "youtube"])
    assert told.calls is not None
    assert (told.calls.low, told.calls.high) == (3, 3)  # monthly listeners are a third
    assert contents(conn) == before
    assert looked(conn, EDITOR, TRACK, "airplay").calls == Range(low=1, high=3)
    fetched(conn, "track_audience", TRACK, "spotify", 2)
    assert looked(conn) == Refresh(state="not_needed")


def test_looking_tells_of_the_run_at_work_and_offers_the_rest(conn: Conn) -> None:
    _, start = asked(conn, TRACK, "spotify")
    assert start is not None
    assert (looked(conn).state, looked(conn).run_id) == ("running", start.run_id)
    rest = looked(conn, EDITOR, TRACK, "spotify", "youtube")
    assert (rest.state, rest.platforms) == ("offered", ["youtube"])


def test_who_may_spend_nothing_is_told_so(conn: Conn) -> None:
    told = looked(conn, VIEWER)
    assert (told.state, told.platforms) == ("not_allowed", ["spotify"])
    assert "may spend none" in told.reason


# -- how much a person may spend ---------------------------------------------------------------------------------


def test_a_person_spends_at_most_the_allowance_of_a_day(conn: Conn) -> None:
    own = Settings(refresh_calls_viewer=5, refresh_calls_editor=7)
    for may_edit, most, variable in ((False, 5, "REFRESH_CALLS_VIEWER"), (True, 7, "REFRESH_CALLS_EDITOR")):
        asker = Asker.of(f"may edit: {may_edit}", may_edit, own)
        for uuid in MANY[:most]:
            _, start = ask(conn, uuid, asker, own)
            assert start is not None
            ledger.release(conn, start.owner)
        with pytest.raises(NotAllowed, match=f"of your {most} of today .UTC. 0 are left") as refused:
            ask(conn, MANY[most], asker, own)
        assert variable in refused.value.advice
        claims = "select count(*) from chartline.fetch_ledger where entity = %s and lease_owner is not null"
        assert conn.execute(claims, [MANY[most]]).fetchone() == (0,), "what is refused claims nothing"
        assert looked(conn, asker, MANY[most], own=own).state == "not_allowed"
    conn.execute("update chartline.refresh_booking set day = day - 1")
    assert ask(conn, MANY[9], Asker.of("may edit: False", False, own), own)[0].state == "started"


def ask(conn: Conn, uuid: str, asker: Asker, own: Settings) -> tuple[Refresh, Start | None]:
    return refresh.ask(
        conn, "tracks", uuid, refresh.ages(conn, "tracks", uuid, ["spotify"], SETTINGS), asker, datetime.now(UTC), own
    )


def test_a_dear_one_is_refused_whole(conn: Conn) -> None:
    own = Settings(refresh_calls_editor=3)
    found = refresh.ages(conn, "tracks", TRACK, ["spotify", "youtube", "airplay"], SETTINGS)
    with pytest.raises(NotAllowed, match="costs up to 5 calls"):
        refresh.ask(conn, "tracks", TRACK, found, Asker.of("ada", True, own), datetime.now(UTC), own)
    assert contents(conn) == [[], []]


@pytest.mark.parametrize("processes", [30])
def test_also_when_many_are_asked_at_once(conn: Conn, warehouse_url: str, processes: int) -> None:
    own, together = Settings(refresh_calls_editor=7), threading.Barrier(processes)
    asker = Asker.of("ada", True, own)

    def press(number: int) -> str:
        with connect(warehouse_url) as mine:
            mine.autocommit = True
            together.wait(60)
            try:
                return ask(mine, MANY[number], asker, own)[0].state
            except NotAllowed:
                return "refused"

    with ThreadPoolExecutor(processes) as pool:
        states = sorted(pool.map(press, range(processes)))
    assert states == ["refused"] * (processes - 7) + ["started"] * 7


# -- many small ones are as one large -----------------------------------------------------------------------------


def test_the_sum_of_small_ones_meets_the_approval_of_one_large(conn: Conn) -> None:
    """100 calls are left, so 20 are as much as goes without a yes."""
    conn.execute(
        "insert into chartline.api_call (at, endpoint, status, ms, quota_left) values (now(), 'x', 200, 5, 100)"
    )
    needs = []
    for uuid in MANY[:23]:
        told, start = ask(conn, uuid, EDITOR, SETTINGS)
        assert start is not None
        needs.append(told.needs_approval)
        cost = estimate_refresh(conn, RefreshAsk.from_config(start.config), SETTINGS)
        found = refresh.weighed(conn, start.run_id, cost, datetime.now(UTC), SETTINGS)
        assert found.needs_approval(SETTINGS) == told.needs_approval
        ledger.release(conn, start.owner)
    assert needs == [False] * 20 + [True] * 3
    assert "Required actions" in told.reason
    assert "22 calls" in found.notes[-1]


def test_also_of_those_that_airflow_itself_was_asked_for(conn: Conn) -> None:
    conn.execute(
        "insert into chartline.api_call (at, endpoint, status, ms, quota_left) values (now(), 'x', 200, 5, 100)"
    )
    cost = estimate_refresh(conn, RefreshAsk(tracks=(TRACK,), platforms=("spotify", "youtube")), SETTINGS)
    passed = []
    for number in range(12):
        found = refresh.weighed(conn, f"manual__{number}", cost, datetime.now(UTC), SETTINGS)
        passed.append(not found.needs_approval(SETTINGS))
        refresh.weighed(conn, f"manual__{number}", cost, datetime.now(UTC), SETTINGS)  # tried again, it is the same run
    assert passed == [True] * 10 + [False] * 2
    assert conn.execute("select sum(calls) from chartline.refresh_booking").fetchone() == (20,)
    refresh.approved(conn, "manual__10", cost.total.high, datetime.now(UTC))
    refresh.approved(conn, "manual__9", cost.total.high, datetime.now(UTC))
    assert conn.execute("select sum(calls) from chartline.refresh_booking").fetchone() == (22,)


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
    refresh.ages(conn, "tracks", TRACK, ["spotify"], SETTINGS)
    one = counted()
    refresh.ages(conn, "tracks", TRACK, ["spotify", "youtube", "shazam", "airplay", "genius"], SETTINGS)
    assert (one, counted()) == (1, 2)
