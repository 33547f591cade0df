"""Routes of tracks and artists, with Airflow's own trigger on a database of Airflow's."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from airflow.exceptions import AirflowException
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from fastapi import FastAPI
from sqlalchemy import delete, select, update

from chartline.domain import platforms
from chartline.settings import settings
from chartline.soundcharts.models import Artist, ArtistAudienceItem, Song, SongAudienceItem
from chartline.warehouse import artists, audience, tracks

from .conftest import Airflow, Caller

Conn = psycopg.Connection[Any]
REPOSITORY = Path(__file__).parents[3]
TRACK, ARTIST, NOBODY = str(UUID(int=1)), str(UUID(int=2)), str(UUID(int=3))
NAME = "<script>alert('x')</script> & Söhne"
PREPARE = """
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.utils.db import initdb
initdb()
DagBundlesManager().sync_bundles_to_db()
bag = BundleDagBag(dag_folder={file!r}, bundle_path={folder!r}, bundle_name="dags-folder")
sync_bag_to_db(bag, "dags-folder", None)
"""


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Airflow's own database, with the DAG in it."""
    folder = REPOSITORY / "dags"
    script = PREPARE.format(file=str(folder / "audience_refresh.py"), folder=str(folder))
    home = Path(os.environ["AIRFLOW_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    paths = os.pathsep.join(str(REPOSITORY / name) for name in ("include", "plugins"))
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "prepared").exists():
            env = {**os.environ, "PYTHONPATH": paths}
            done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, timeout=300)
            assert done.returncode == 0, done.stderr.decode()[-2000:]
            (home / "prepared").touch()


@pytest.fixture
def dag(airflow_database: None) -> Iterator[None]:
    """Airflow has the DAG and no run of it. One test at a time: the processes of a test run share the database."""
    with (Path(os.environ["AIRFLOW_HOME"]) / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with create_session() as session:
            session.execute(delete(DagRun))
            session.execute(update(DagModel).values(is_paused=False))
        yield


def runs() -> list[DagRun]:
    with create_session() as session:
        return list(session.scalars(select(DagRun)))


@pytest.fixture
def stored(conn: Conn) -> Conn:
    """A track and an artist with ten days of Spotify, fetched nine days ago."""
    with conn.transaction():
        song = {
            "uuid": TRACK,
            "name": NAME,
            "isrc": {"value": "FRX202600001", "countryCode": "FR", "countryName": "France"},
            "artists": [{"uuid": ARTIST, "slug": "a", "name": NAME}],
        }
        tracks.store_metadata(conn, [Song.model_validate(song)], datetime.now(UTC))
        named = {"uuid": ARTIST, "name": NAME, "biography": NAME}
        artists.store_metadata(conn, [Artist.model_validate(named)], datetime.now(UTC))
        days = [datetime.now(UTC).date() - timedelta(days=back) for back in range(10, 20)]
        plots = [
            {"date": str(day), "plots": [{"identifier": "a", "value": 100 + n}, {"identifier": "b", "value": n}]}
            for n, day in enumerate(days)
        ]
        audience.store_track(conn, [(TRACK, "spotify", [SongAudienceItem.model_validate(one) for one in plots])])
        followers = [
            ArtistAudienceItem.model_validate({"date": str(day), "followerCount": 5 * n}) for n, day in enumerate(days)
        ]
        audience.store_artist(conn, [(ARTIST, "spotify", followers)])
    for resource, uuid in (("track_audience", TRACK), ("artist_audience", ARTIST), ("artist_listeners", ARTIST)):
        conn.execute(
            """insert into chartline.fetch_ledger (resource, entity, facet, outcome, fetched_at, due_at)
               values (%s, %s, 'spotify', 'ok', now() - interval '9 days', now() - interval '2 days')""",
            [resource, uuid],
        )
    return conn


def fresh(conn: Conn) -> None:
    conn.execute("update chartline.fetch_ledger set fetched_at = now(), due_at = now() + interval '7 days'")


# -- lists and facts -----------------------------------------------------------------------------------------


def test_tracks_and_artists_are_found(viewer: Caller, stored: Conn) -> None:
    page = viewer.get("tracks/", params={"name": "söhne"}).json()
    assert [(one["uuid"], one["name"], one["artists"][0]["name"]) for one in page["items"]] == [(TRACK, NAME, NAME)]
    assert (page["total"], page["next_offset"]) == (1, None)
    assert viewer.get("tracks/", params={"isrc": "FR-X20-26-00001"}).json()["total"] == 1
    assert viewer.get("tracks/", params={"name": "nobody"}).json()["items"] == []
    assert viewer.get("artists/", params={"name": "sö"}).json()["items"][0]["uuid"] == ARTIST
    assert viewer.get(f"artists/{ARTIST}/tracks/").json()["items"][0]["uuid"] == TRACK


def test_facts_are_text_and_tagged(viewer: Caller, stored: Conn) -> None:
    answer = viewer.get(f"tracks/{TRACK}/")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["name"] == NAME
    assert viewer.get(f"tracks/{TRACK}/", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert viewer.get(f"artists/{ARTIST}/").json()["biography"] == NAME
    assert viewer.get(f"tracks/{TRACK}/positions/").json() == {
        "items": [],
        "total": 0,
        "limit": 20,
        "offset": 0,
        "next_offset": None,
    }


# -- audience ------------------------------------------------------------------------------------------------


def test_a_fresh_series_is_told_and_tagged(viewer: Caller, stored: Conn) -> None:
    fresh(stored)
    path = f"tracks/{TRACK}/audience/?platforms=spotify&from={datetime.now(UTC).date() - timedelta(days=12)}"
    answer = viewer.get(path)
    told = answer.json()
    assert (told["stale"], told["age_days"], told["refresh"]["state"]) == (False, 0.0, "not_needed")
    [spotify] = told["platforms"]
    assert [(p["value"], p["gain"], p["carried"]) for p in spotify["points"]] == [
        (104, -2, False),
        (102, -2, False),
        (100, -2, False),
    ]
    assert {one["identifier"]: [p["value"] for p in one["points"]] for one in spotify["raw"]} == {
        "a": [102, 101, 100],
        "b": [2, 1, 0],
    }
    assert viewer.get(path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_an_artists_audience_by_week(viewer: Caller, stored: Conn) -> None:
    fresh(stored)
    told = viewer.get(f"artists/{ARTIST}/audience/", params={"platforms": "spotify", "resolution": "week"}).json()
    [followers] = told["platforms"][0]["metrics"]
    assert followers["metric"] == "followers"
    assert date.fromisoformat(told["from"]).weekday() == 0
    assert 2 <= len(followers["points"]) <= 3
    assert followers["points"][-1]["day"] == str(datetime.now(UTC).date() - timedelta(days=10))


def test_a_stale_series_is_told_with_what_a_refresh_costs(viewer: Caller, editor: Caller, stored: Conn) -> None:
    path = f"tracks/{TRACK}/audience/?platforms=spotify,youtube"
    told = editor.get(path).json()
    assert (told["stale"], told["age_days"]) == (True, 9.0)
    assert len(told["platforms"][0]["points"]) == 10
    refresh = told["refresh"]
    assert (refresh["state"], refresh["platforms"]) == ("offered", ["spotify", "youtube"])
    assert refresh["calls"] == {"low": 2, "high": 2}
    refresh = viewer.get(path).json()["refresh"]
    assert refresh["state"] == "not_allowed"
    assert "may spend none" in refresh["reason"]


def test_sixty_looks_at_all_platforms_cost_nothing(
    viewer: Caller, editor: Caller, stored: Conn, airflow: Airflow
) -> None:
    """They once started sixty refreshes, of 1,860 calls."""
    codes = list(platforms.ARTIST_PLATFORMS)
    before = ledger(stored)
    for person in (viewer, editor):
        for _ in range(30):
            told = person.get(f"artists/{ARTIST}/audience/", params={"platforms": codes}).json()
            assert told["refresh"]["calls"]["high"] >= len(platforms.ARTIST_PLATFORMS)
    assert ledger(stored) == before
    assert airflow.asked == []


def ledger(conn: Conn) -> list[Any]:
    return conn.execute("select * from chartline.fetch_ledger order by 1, 2, 3").fetchall()


# -- what a viewer may, where the settings allow it ------------------------------------------------------------


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Viewers may spend ten calls a day."""
    monkeypatch.setenv("CHARTLINE_REFRESH_CALLS_VIEWER", "10")
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.usefixtures("allowed", "dag")
def test_a_viewer_who_may_spend_starts_a_refresh_in_the_own_name(
    viewer: Caller, editor: Caller, stored: Conn, airflow: Airflow
) -> None:
    airflow.dags["chartline.audience_refresh"] = False
    path = f"tracks/{TRACK}/audience/?platforms=spotify,youtube"
    assert viewer.get(path).json()["refresh"]["state"] == "offered"
    answer = viewer.post(f"tracks/{TRACK}/refresh/", json={"platforms": ["spotify", "youtube"]})
    assert (answer.status_code, answer.json()["state"]) == (202, "started"), answer.text
    [run] = runs()
    assert (run.dag_id, run.run_id, run.triggering_user_name) == (
        "chartline.audience_refresh",
        answer.json()["run_id"],
        "viewer",
    )
    assert run.conf == {"tracks": [TRACK], "platforms": ["spotify", "youtube"]}
    assert airflow.triggered == []
    assert stored.execute("select who, subject, after->>'calls' from chartline.change_log").fetchall() == [
        ("viewer", f"track {TRACK}", "2")
    ]
    told = editor.get(path).json()["refresh"]
    assert (told["state"], told["run_id"]) == ("running", run.run_id)
    assert viewer.post(f"tracks/{TRACK}/refresh/", json={"platforms": ["spotify"]}).status_code == 409


@pytest.mark.usefixtures("allowed", "dag")
def test_a_viewer_spends_no_more_than_the_allowance(viewer: Caller, stored: Conn, airflow: Airflow) -> None:
    airflow.dags["chartline.audience_refresh"] = False
    all_of_them = {"platforms": list(platforms.ARTIST_PLATFORMS)}
    refused = viewer.post(f"artists/{ARTIST}/refresh/", json=all_of_them)
    assert (refused.status_code, refused.json()["kind"]) == (403, "not_allowed")
    assert "of your 10 of today (UTC) 10 are left" in refused.json()["detail"]
    assert viewer.post(f"artists/{ARTIST}/refresh/", json={}).status_code == 202  # 5 calls
    assert viewer.post(f"tracks/{TRACK}/refresh/", json={}).status_code == 403  # 4 to 6 more
    assert viewer.post(f"tracks/{TRACK}/refresh/", json={"platforms": ["spotify"], "force": True}).status_code == 403
    assert len(runs()) == 1
    assert stored.execute("select person, calls from chartline.refresh_booking").fetchall() == [("viewer", 5)]


@pytest.mark.usefixtures("allowed")
def test_a_viewer_who_may_spend_may_do_nothing_else(viewer: Caller, stored: Conn, airflow: Airflow) -> None:
    for method, path in (
        ("POST", "sync/trigger/"),
        ("POST", f"tracks/{TRACK}/refresh/x/"),
        ("POST", f"tracks/{TRACK}/x/refresh/"),
        ("DELETE", f"tracks/{TRACK}/refresh/"),
        ("PUT", f"artists/{ARTIST}/refresh/"),
        ("POST", "charts/refresh/heal/"),
        ("POST", f"tracks/{TRACK}/refresh/%2e%2e/"),
        ("POST", f"alerts/test/?x=/api/tracks/{TRACK}/refresh/"),
    ):
        assert viewer.request(method, path, json={}).status_code == 403, (method, path)
    assert airflow.asked == []


@pytest.mark.usefixtures("allowed", "airflow_database")
def test_a_refresh_that_airflow_does_not_start_costs_nothing(
    viewer: Caller, stored: Conn, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    airflow.dags["chartline.audience_refresh"] = False

    def refused(*_: Any, **__: Any) -> None:
        raise AirflowException("no")

    monkeypatch.setattr("chartline_airflow.web.refreshing.trigger_dag", refused)
    answer = viewer.post(f"tracks/{TRACK}/refresh/", json={})
    assert (answer.status_code, answer.json()["kind"]) == (503, "airflow_refused")
    assert stored.execute("select count(*) from chartline.refresh_booking").fetchone() == (0,)
    assert stored.execute("select count(*) from chartline.fetch_ledger where lease_owner is not null").fetchone() == (
        0,
    )


@pytest.mark.parametrize("askers", [50])
def test_fifty_who_press_at_once_start_one_refresh(app: FastAPI, stored: Conn, airflow: Airflow, askers: int) -> None:
    airflow.dags["chartline.audience_refresh"] = False
    Caller(app, "editor").get(f"tracks/{TRACK}/")  # the first request makes what all share
    together = threading.Barrier(askers)

    def ask(_: int) -> tuple[int, dict[str, Any]]:
        with Caller(app, "editor") as own:
            together.wait(60)
            answer = own.post(f"tracks/{TRACK}/refresh/", json={})
            return answer.status_code, answer.json()

    with ThreadPoolExecutor(askers) as pool:
        found = list(pool.map(ask, range(askers)))
    assert sorted(status for status, _ in found) == [202] + [409] * (askers - 1)
    [run] = airflow.triggered
    assert {told["run"]["run_id"] if "run" in told else told["run_id"] for _, told in found} == {run["dag_run_id"]}
    assert run["conf"]["platforms"] == ["airplay", "shazam", "spotify", "youtube"]
    assert stored.execute("select count(*) from chartline.refresh_booking").fetchone() == (1,)


def test_answers_come_in_milliseconds(viewer: Caller, stored: Conn) -> None:
    path = f"tracks/{TRACK}/audience/"
    viewer.get(path)
    times = []
    for _ in range(21):
        begun = time.perf_counter()
        assert viewer.get(path).status_code == 200
        times.append(time.perf_counter() - begun)
    assert sorted(times)[10] < 0.2


# -- by hand -------------------------------------------------------------------------------------------------


def test_by_hand_the_person_triggers(editor: Caller, stored: Conn, airflow: Airflow) -> None:
    airflow.dags["chartline.audience_refresh"] = False
    answer = editor.post(f"tracks/{TRACK}/refresh/", json={"platforms": ["spotify"]})
    assert (answer.status_code, answer.json()["state"]) == (202, "started")
    assert airflow.triggered == [
        {
            "logical_date": None,
            "conf": {"tracks": [TRACK], "platforms": ["spotify"]},
            "dag_run_id": answer.json()["run_id"],
        }
    ]
    assert airflow.logins == {"Bearer editor"}
    assert stored.execute("select who, action, subject, after->>'run_id' from chartline.change_log").fetchall() == [
        ("editor", "run.trigger", f"track {TRACK}", answer.json()["run_id"])
    ]
    assert stored.execute("select after->'calls' from chartline.change_log").fetchone() == (1,)
    again = editor.post(f"tracks/{TRACK}/refresh/", json={"platforms": ["spotify"]})
    assert again.status_code == 409
    assert again.json()["run"] == {"dag_id": "chartline.audience_refresh", "run_id": answer.json()["run_id"]}


def test_by_hand_what_is_fresh_needs_force(editor: Caller, stored: Conn, airflow: Airflow) -> None:
    airflow.dags["chartline.audience_refresh"] = False
    fresh(stored)
    answer = editor.post(f"artists/{ARTIST}/refresh/", json={"platforms": ["spotify"]})
    assert (answer.status_code, answer.json()["state"]) == (200, "not_needed")
    answer = editor.post(f"artists/{ARTIST}/refresh/", json={"platforms": ["spotify"], "force": True})
    assert answer.status_code == 202
    assert airflow.triggered[0]["conf"] == {"artists": [ARTIST], "platforms": ["spotify"], "force": True}


@pytest.mark.parametrize("status", [403, 500])
def test_by_hand_a_refusal_of_airflows_gives_the_claim_back(
    editor: Caller, stored: Conn, airflow: Airflow, status: int
) -> None:
    airflow.dags["chartline.audience_refresh"] = False
    import httpx

    airflow.others["POST", "dags/chartline.audience_refresh/dagRuns"] = lambda _: httpx.Response(
        status, json={"detail": "no"}
    )
    answer = editor.post(f"tracks/{TRACK}/refresh/", json={})
    assert answer.status_code == (403 if status == 403 else 503)
    assert stored.execute("select count(*) from chartline.fetch_ledger where lease_owner is not null").fetchone() == (
        0,
    )
    assert stored.execute("select count(*) from chartline.change_log").fetchone() == (0,)


@pytest.mark.parametrize(("paused", "kind"), [(True, "dag_paused"), (None, "not_read_yet")])
def test_by_hand_a_dag_that_cannot_run_is_told(
    editor: Caller, stored: Conn, airflow: Airflow, paused: bool | None, kind: str
) -> None:
    if paused is not None:
        airflow.dags["chartline.audience_refresh"] = paused
    answer = editor.post(f"tracks/{TRACK}/refresh/", json={})
    assert (answer.status_code, answer.json()["kind"]) == (409, kind)


# -- who may, and what is wrong ------------------------------------------------------------------------------


def test_a_viewer_may_not_refresh_by_hand(viewer: Caller, anonymous: Caller, stored: Conn, airflow: Airflow) -> None:
    assert viewer.post(f"tracks/{TRACK}/refresh/", json={}).status_code == 403
    assert anonymous.get(f"tracks/{TRACK}/audience/").status_code == 401
    assert airflow.asked == []


UNKNOWN = [
    "tracks/{}/", "tracks/{}/positions/", "tracks/{}/audience/", "artists/{}/", "artists/{}/tracks/",
    "artists/{}/audience/", "artists/{}/positions/",
]  # fmt: skip


@pytest.mark.parametrize("path", UNKNOWN)
def test_what_is_unknown_is_404_and_no_uuid_422(viewer: Caller, stored: Conn, path: str) -> None:
    answer = viewer.get(path.format(NOBODY))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (404, "uuid")
    answer = viewer.get(path.format("no-uuid"))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "uuid")


@pytest.mark.parametrize(
    ("path", "params", "field"),
    [
        ("audience/", {"from": "2026-11-10", "to": "2026-11-09"}, "from"),
        ("audience/", {"from": "2999-01-01"}, "from"),
        ("audience/", {"from": "2020-01-01"}, "from"),
        ("audience/", {"from": "yesterday"}, "from"),
        ("audience/", {"from": "5"}, "from"),
        ("audience/", {"to": "2026-W01-1"}, "to"),
        ("audience/", {"to": "0001-01-02"}, "to"),
        ("audience/", {"platforms": "cassette"}, "platforms"),
        ("audience/", {"platforms": "spotify\x00"}, "platforms.0"),
        ("audience/", {"resolution": "year"}, "resolution"),
        ("audience/", {"form": "2026-11-10"}, "form"),
        ("positions/", {"from": "2026-11-10", "to": "2026-11-09"}, "from"),
        ("positions/", {"limit": "0"}, "limit"),
        ("positions/", {"offset": "-1"}, "offset"),
    ],
)
def test_wrong_parameters_are_named(
    viewer: Caller, stored: Conn, path: str, params: dict[str, str], field: str
) -> None:
    answer = viewer.get(f"tracks/{TRACK}/{path}", params=params)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["field"] for one in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("params", "field"), [({"name": "x" * 201}, "name"), ({"name": "a\x00b"}, "name"), ({"limit": "many"}, "limit")]
)
def test_wrong_searches_are_named(viewer: Caller, stored: Conn, params: dict[str, str], field: str) -> None:
    for path in ("tracks/", "artists/"):
        answer = viewer.get(path, params=params)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"platforms": ["deezer"]}, "platforms"),
        ({"platforms": "spotify"}, "platforms"),
        ({"force": "yes"}, "force"),
        ({"stale": True}, "stale"),
        ([], "body"),
    ],
)
def test_wrong_bodies_are_named(editor: Caller, stored: Conn, airflow: Airflow, body: Any, field: str) -> None:
    answer = editor.post(f"tracks/{TRACK}/refresh/", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert airflow.asked == []


def test_an_unknown_track_is_not_refreshed(editor: Caller, stored: Conn, airflow: Airflow) -> None:
    airflow.dags["chartline.audience_refresh"] = False
    assert editor.post(f"tracks/{NOBODY}/refresh/", json={}).status_code == 404
    assert airflow.asked == []
