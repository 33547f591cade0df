"""Answers that are of something else, short, doubled or refused: each costs what it must and is said by name."""

from __future__ import annotations

import base64
import zlib
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chartline.cascade import ranking, tracks
from chartline.cascade.refusals import ALIKE
from chartline.cascade.report import RunFailed
from chartline.errors import CredentialsRefused, NotConfigured, RateLimited
from chartline.settings import Settings
from chartline.soundcharts.account import ApiAccount
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.limiter import NoLimiter
from simulator.compare import compare

from .conftest import ENTRIES, Cascade

CHART = "demo-global-daily"
Query = Callable[..., list[tuple[Any, ...]]]
AUDIENCE: dict[str, Any] = {"steps": ["track_audience"], "track_platforms": ["spotify"]}
METADATA: dict[str, Any] = {"steps": ["track_metadata"]}


def different(cascade: Cascade) -> dict[str, Any]:
    parts = compare(cascade.server.service.world, cascade.warehouse_url)
    return {p.name: (p.missing, p.unexpected, p.different) for p in parts if not p.equal}


def calls_of(cascade: Cascade, endpoint: str) -> list[Any]:
    return [call for call in cascade.server.calls() if call.endpoint == endpoint]


def all_calls_are_recorded(cascade: Cascade, query: Query) -> bool:
    return query("select count(*) from chartline.api_call") == [(len(cascade.server.calls()),)]


def let_time_pass(query_url: Cascade, days: float) -> None:
    with query_url.connect() as conn:
        conn.execute(
            "update chartline.fetch_ledger set due_at = due_at - %s where due_at < 'infinity' and due_at > '-infinity'",
            [timedelta(days=days)],
        )


# -- rankings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["row-twice-total-distinct", "row-twice-total-rows"])
def test_a_row_listed_twice_costs_no_day(cascade: Cascade, query: Query, shape: str) -> None:
    cascade.server.set(odd_answers={shape: ["*"]})
    assert cascade.run(CHART, **METADATA)["status"] == "complete"
    assert query("select total, entries from chartline.chart_ranking") == [(ENTRIES, ENTRIES)]
    assert len(calls_of(cascade, "ranking_latest") + calls_of(cascade, "ranking_at")) == 1
    assert different(cascade) == {}


def test_a_renamed_charts_days_are_stored_for_the_chart_that_was_asked(cascade: Cascade, query: Query) -> None:
    cascade.server.set(odd_answers={"renamed-chart": ["*"]})
    day = cascade.run(CHART, **METADATA)
    assert (day["status"], day["chart_slug"], day["rankings_created"]) == ("complete", CHART, 1)
    before = cascade.server.service.world.latest_day(CHART, cascade.server.service.clock.now())
    assert before is not None
    days = [(before - timedelta(days=n)).isoformat() for n in range(3)]
    for run_id in ("r2", "r3"):
        assert cascade.run(CHART, run_id, days=days, **METADATA)["status"] == "complete"
    stored = "select slug, count(r.id) from chartline.chart left join chartline.chart_ranking r on chart_id = chart.id"
    assert query(f"{stored} group by 1") == [(CHART, 3)]
    asked = Counter((call.endpoint, call.facet) for call in cascade.server.calls() if "ranking_" in call.endpoint)
    assert set(asked.values()) == {1}, "no day is paid twice"


def test_days_refused_alike_are_not_asked_to_the_last(cascade: Cascade, query: Query) -> None:
    cascade.run(CHART, **METADATA)
    listed = cascade.server.service.world.days(CHART, cascade.server.service.clock.now())
    newest, *days = [day.isoformat() for day in listed[:61]]
    cascade.server.set(faults=[{"match": {"endpoint": "ranking_at"}, "kind": "status", "status": 400}])
    run = cascade.open(CHART, "r2", days=[*days, newest], **METADATA)
    assert ranking.fetch_ranking(run) == [newest]
    assert ALIKE <= len(calls_of(cascade, "ranking_at")) <= ALIKE + 2 * cascade.settings.connections
    assert query("select cardinality(days_left) from chartline.chart_sync_execution where run_id = 'r2'") == [(60,)]
    assert all_calls_are_recorded(cascade, query)


# -- series that come short ----------------------------------------------------------------------------------------


def test_a_short_series_is_kept_said_and_asked_once_more(cascade: Cascade, query: Query) -> None:
    cascade.server.set(odd_answers={"total-too-large": ["*"]})
    first = cascade.run(CHART, **AUDIENCE)
    assert first["status"] == "partial"
    assert first["failures"] == {"came_short": ENTRIES}
    assert different(cascade) == {}, "what came is kept"
    assert len(calls_of(cascade, "song_audience")) == ENTRIES
    assert all_calls_are_recorded(cascade, query)

    assert cascade.run(CHART, "r2", **AUDIENCE)["calls"] <= 1, "not at once"
    assert len(calls_of(cascade, "song_audience")) == ENTRIES

    windows = {(call.entity, call.window) for call in calls_of(cascade, "song_audience")}
    let_time_pass(cascade, 1)
    assert cascade.run(CHART, "r3", **AUDIENCE)["failures"] == {"came_short": ENTRIES}
    assert len(calls_of(cascade, "song_audience")) == 2 * ENTRIES
    assert {(call.entity, call.window) for call in calls_of(cascade, "song_audience")} == windows, "the same days again"

    let_time_pass(cascade, 3)
    assert cascade.run(CHART, "r4", **AUDIENCE)["calls"] <= 1, "once, and no more"
    assert query(
        "select distinct outcome, error_kind from chartline.fetch_ledger where resource = 'track_audience'"
    ) == [("ok", "came_short")]

    cascade.server.set(odd_answers={})
    let_time_pass(cascade, 4)
    assert cascade.run(CHART, "r5", **AUDIENCE)["status"] == "complete"
    assert different(cascade) == {}


def test_airplay_that_came_short_is_read_again_and_counts_no_day_twice(cascade: Cascade, query: Query) -> None:
    ask: dict[str, Any] = {"steps": ["track_audience"], "track_platforms": ["airplay"]}
    cascade.server.set(faults=[{"match": {"endpoint": "song_broadcast_groups"}, "kind": "wrong_total"}])
    assert set(cascade.run(CHART, **ask)["failures"]) == {"came_short"}
    let_time_pass(cascade, 1)
    cascade.server.set(faults=[])
    assert cascade.run(CHART, "r2", **ask)["status"] == "complete"
    overlapping = """select count(*) from chartline.track_airplay a join chartline.track_airplay b
        using (track, radio) where a.from_day <= b.to_day and b.from_day <= a.to_day
        and (a.from_day, a.to_day) <> (b.from_day, b.to_day)"""
    assert query(overlapping) == [(0,)]
    assert query("select count(*) > 0 from chartline.track_airplay") == [(True,)]


# -- moved -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["other-uuid", "moved-one"])
def test_a_track_that_moved_is_named_and_the_others_are_stored(cascade: Cascade, query: Query, shape: str) -> None:
    cascade.server.set(odd_answers={shape: 0.1})
    row = cascade.run(CHART, **METADATA)
    moved = query("select entity, kind, reason from chartline.execution_failure")
    assert 1 <= len(moved) < ENTRIES / 2
    assert (row["status"], row["failures"]) == ("partial", {"moved": len(moved)})
    for uuid, kind, reason in moved:
        assert kind == "moved"
        assert uuid in reason
        assert cascade.server.service.world.odd.other_uuid(uuid) in reason
    outcomes: dict[str, int] = dict(
        query("select outcome, count(*) from chartline.fetch_ledger where resource = 'track_metadata' group by 1")
    )
    assert outcomes == {"ok": ENTRIES - len(moved), "absent": len(moved)}
    assert different(cascade) == {}
    assert all_calls_are_recorded(cascade, query)

    before = len(calls_of(cascade, "song"))
    assert cascade.run(CHART, "r2", **METADATA)["status"] == "complete"
    assert len(calls_of(cascade, "song")) == before, "not asked again each run"


@pytest.mark.parametrize("ask", [METADATA, AUDIENCE])
def test_when_everything_is_redirected_it_is_the_connections_host(
    cascade: Cascade, query: Query, ask: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = cascade.open(CHART, **ask)
    batches = tracks.upsert_tracks(run, ranking.fetch_ranking(run)) or tracks.plan_track_audience(run)
    monkeypatch.setattr(
        "chartline.soundcharts.client.exchange",
        lambda session, method, url, **more: _redirect(url),
    )
    with pytest.raises(NotConfigured, match="another address"):
        cascade.fetch(run, batches)
    assert query("select count(*) < 80 from chartline.api_call") == [(True,)]


def _redirect(url: str) -> Any:
    from requests.structures import CaseInsensitiveDict

    from chartline.soundcharts.transport import Reply

    return Reply(302, CaseInsensitiveDict({"location": "/login"}), b"", cut=False)


# -- refused alike -------------------------------------------------------------------------------------------------


def test_after_a_few_refusals_alike_the_rest_is_put_off_and_said_once(cascade: Cascade, query: Query) -> None:
    platforms = ["spotify", "youtube", "shazam"]
    cascade.server.set(odd_answers={"same-400": ["* youtube"]})
    ask: dict[str, Any] = {"steps": ["track_audience"], "track_platforms": platforms}
    cascade.settings = Settings(connections=4, call_retries=1, pool_fetch=2, failure_share=1.0)
    assert cascade.run(CHART, **ask)["status"] == "deferred"
    asked = Counter(call.facet for call in calls_of(cascade, "song_audience"))
    assert asked["spotify"] == asked["shazam"] == ENTRIES
    assert ALIKE <= asked["youtube"] <= ALIKE + 2 * cascade.settings.connections
    outcomes: dict[str, int] = dict(
        query("select outcome, count(*) from chartline.fetch_ledger where facet = 'youtube' group by 1")
    )
    assert outcomes == {"failed": asked["youtube"], "deferred": ENTRIES - asked["youtube"]}
    [(deferred, error)] = query("select deferred, error from chartline.chart_sync_execution")
    assert deferred == ENTRIES - asked["youtube"]
    assert error.count("at most 30 days") == 1
    assert all_calls_are_recorded(cascade, query)

    cascade.server.set(odd_answers={})
    assert cascade.run(CHART, "r2", **ask)["status"] == "complete"
    good = Counter((c.entity, c.facet) for c in calls_of(cascade, "song_audience") if c.status == 200)
    assert set(good.values()) == {1}
    assert len(good) == 3 * ENTRIES
    assert different(cascade) == {}


def test_a_few_that_are_refused_for_themselves_stop_nobody(cascade: Cascade, query: Query) -> None:
    world = cascade.server.service.world
    uuids = sorted(world.tracks_of(CHART, world.days(CHART, cascade.server.service.clock.now())[0]))
    cascade.server.set(odd_answers={"same-400": [f"{uuid} *" for uuid in uuids[::10]]})
    row = cascade.run(CHART, steps=["track_audience"], track_platforms=["spotify", "youtube"])
    assert set(row["failures"]) == {"request_refused"}
    assert row["deferred"] == 0
    assert different(cascade) == {}


# -- limits and secrets --------------------------------------------------------------------------------------------


def test_a_reset_of_hours_stops_the_account_for_two_minutes_at_most(cascade: Cascade, query: Query) -> None:
    run = cascade.open(CHART, **AUDIENCE)
    tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    batches = tracks.plan_track_audience(run)
    cascade.server.set(rate_limit_per_minute=3, odd_answers={"reset-huge": ["*"]})
    with pytest.raises(RateLimited) as limited:
        cascade.fetch(run, batches)
    assert limited.value.after <= 120
    assert query("select max(blocked_until) < now() + interval '121 s' from chartline.api_budget") == [(True,)]


def test_no_kept_answer_holds_a_credential(cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "k3y-of/this+test"
    account = ApiAccount(cascade.server.url, "app-7-of-this-test", key, connections=4)
    settings = cascade.settings

    def client() -> SoundchartsClient:
        return SoundchartsClient(account, limiter=NoLimiter(), settings=settings, sleep=lambda seconds: None)

    monkeypatch.setattr(cascade, "client", client)
    cascade.server.set(
        key_pairs={account.login: key},
        odd_answers={"echo": ["*"]},
        faults=[{"match": {"endpoint": "song*"}, "kind": "status", "status": 400, "share": 0.3}],
    )
    with pytest.raises(RunFailed):
        cascade.run(CHART, steps=["track_metadata", "track_audience"], track_platforms=["spotify"])
    cascade.server.set(key_pairs={account.login: "another-key"})
    with pytest.raises(CredentialsRefused):
        ranking.fetch_ranking(cascade.open(CHART, "r2", force=True))
    refused = query("select body from chartline.raw_answer where resource = 'broken_ranking'")
    assert any(b'"x-api-key":"***"' in zlib.decompress(body) for (body,) in refused)
    kept = [zlib.decompress(body) for (body,) in query("select body from chartline.raw_answer")]
    assert any(b"***" in body for body in kept), "an answer repeated the request"
    pair = base64.b64encode(f"{account.login}:{key}".encode())
    for needle in (key.encode(), b"k3y-of", account.login.encode(), pair):
        assert not any(needle in body for body in kept)
    for table in ("execution_failure", "fetch_ledger", "chart_sync_execution"):
        assert query(f"select count(*) from chartline.{table} t where position('k3y-of' in t::text) > 0") == [(0,)]
