"""`chartline verify`: nothing that is lost goes unsaid, and what the ledger knows of it is told."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from tests.integration.cascade.conftest import Cascade, Server

from simulator.service import Service
from simulator.settings import TOKEN_VARIABLE
from simulator.world import World

from ..conftest import Say

CHART = "demo-global-daily"
TOKEN = "the-token-of-this-test"


@pytest.fixture
def filled(warehouse_url: str, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cascade]:
    server = Server(Service(World(entries=20, charts=5, artists=30), control_token=TOKEN))
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    cascade = Cascade(warehouse_url, server)
    cascade.run(CHART, steps=["track_metadata", "artist_metadata"])
    yield cascade
    server.stop()


def verify(say: Say, cascade: Cascade) -> tuple[int, str, str]:
    return say("verify", "--simulator", cascade.server.url)


def test_a_warehouse_as_in_truth_is_equal(say: Say, filled: Cascade) -> None:
    code, out, err = verify(say, filled)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == ["PART", "EXPECTED", "STORED", "DIFFERENCES", "KNOWN"]
    assert {line.split()[-1] for line in out.splitlines()[1:]} == {"equal"}


@pytest.mark.parametrize("outcome", ["failed", "absent", "deferred", "never"])
def test_what_the_ledger_knows_is_lost_is_a_difference_and_said(
    say: Say, filled: Cascade, conn: psycopg.Connection, outcome: str
) -> None:
    row = conn.execute(
        """update fetch_ledger set outcome = %s, error_kind = 'cut_answer', error = 'It was cut.'
           where resource = 'track_metadata' and entity = (select min(uuid::text) from track) returning entity""",
        (outcome,),
    ).fetchone()
    assert row
    conn.execute("update track set metadata_at = null where uuid = %s", row)
    code, out, err = verify(say, filled)
    assert code == 1
    [tracks] = [line.split() for line in out.splitlines() if line.startswith("tracks ")]
    assert tracks[-2:] == ["1", "1"]
    assert f"tracks, known as {outcome} cut_answer: 1" in err
    assert f"tracks, missing: {row[0]} (known: {outcome} cut_answer: It was cut.)" in err
    assert ("items owed, unexpected" in err) is (outcome != "absent")


def test_what_nobody_told_of_is_unknown(say: Say, filled: Cascade, conn: psycopg.Connection) -> None:
    conn.execute("update track set name = 'another' where uuid = (select min(uuid::text)::uuid from track)")
    code, out, err = verify(say, filled)
    assert code == 1
    [tracks] = [line.split() for line in out.splitlines() if line.startswith("tracks ")]
    assert tracks[-2:] == ["1", "0"]
    assert "tracks, different" in err


def test_what_the_simulator_itself_says_is_absent_is_no_difference(
    say: Say, filled: Cascade, conn: psycopg.Connection
) -> None:
    fault = {"kind": "status", "status": 404, "per": "entity", "share": 0.3, "match": {"endpoint": "song"}}
    filled.server.set(faults=[fault])
    assert verify(say, filled)[0] == 0
    conn.execute(
        "truncate track, artist, track_artist, track_genre, track_label, track_credit, artist_genre, fetch_ledger,"
        " chart_ranking_entry, chart_ranking, chart_sync_execution, api_call cascade"
    )
    filled.run(CHART, "r2", steps=["track_metadata", "artist_metadata"])
    row = conn.execute("select count(*) from fetch_ledger where outcome = 'absent'").fetchone()
    assert row
    assert row[0] > 0
    assert verify(say, filled)[0] == 0
