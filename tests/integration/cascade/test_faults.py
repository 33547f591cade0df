"""What goes wrong, by name: one item never stops its batch, the account's trouble stops at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chartline.cascade import artists, ranking, tracks
from chartline.cascade.report import RunFailed, report_run
from chartline.errors import (
    BadInput,
    CredentialsRefused,
    RateLimited,
    ServerTrouble,
    ShortAnswer,
    TryLater,
    UnknownChart,
)
from chartline.warehouse import executions, ledger
from chartline.warehouse.ledger import Want
from simulator.compare import compare

from .conftest import ENTRIES, Cascade

CHART = "demo-global-daily"
Query = Callable[..., list[tuple[Any, ...]]]


def fault(kind: str, endpoint: str = "*", entity: str = "*", share: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"match": {"endpoint": endpoint, "entity": entity}, "share": share, "kind": kind, **more}


def different(cascade: Cascade, *known: str) -> dict[str, Any]:
    """What differs from the truth in other ways than these known ones."""
    parts = compare(cascade.server.service.world, cascade.warehouse_url, settings=cascade.server.service.settings)
    return {p.name: (p.missing, p.unexpected, p.different) for p in parts if p.differs(*known)}


def test_absent_and_cut_items_are_recorded_and_the_rest_is_complete(cascade: Cascade, query: Query) -> None:
    cascade.server.set(
        faults=[
            fault("status", "song*", share=0.1, per="entity", status=404),
            fault("cut", "*_audience", share=0.1, per="entity"),
            fault("cut", "song", share=0.1, per="entity"),
        ]
    )
    run = cascade.open(CHART)
    cascade.fetch(run, tracks.upsert_tracks(run, ranking.fetch_ranking(run)))
    cascade.fetch(run, artists.dedupe_artists(run))
    cascade.fetch(run, tracks.plan_track_audience(run))
    cascade.fetch(run, artists.plan_artist_audience(run))
    failed = query(
        "select resource, kind, count(*), bool_and(reason <> '') from chartline.execution_failure group by 1, 2"
    )
    kinds = {(resource, kind) for resource, kind, _, told in failed if told}
    assert {("track_metadata", "not_found"), ("track_metadata", "cut_answer"), ("track_audience", "not_found")} <= kinds
    assert ("artist_audience", "cut_answer") in kinds
    assert different(cascade, "failed cut_answer") == {}, "404 is what the simulator itself says of these"
    assert query("select count(*) from chartline.raw_answer where resource = 'track_metadata'")[0][0] > 0


def test_a_platform_that_is_not_served_is_not_taken_for_missing_tracks(cascade: Cascade, query: Query) -> None:
    cascade.server.set(dropped_platforms=["shazam"])
    row = cascade.run(CHART, steps=["track_audience"], track_platforms=["shazam", "spotify"])
    assert row["status"] == "partial"
    outcomes = query("select facet, outcome, count(*) from chartline.fetch_ledger where facet <> '' group by 1, 2")
    assert sum(count for facet, outcome, count in outcomes if (facet, outcome) == ("shazam", "unsupported")) == ENTRIES
    assert not [row for row in outcomes if row[0] == "spotify" and row[1] not in ("ok", "empty")]
    asked = Counter(call.facet for call in cascade.server.calls() if call.endpoint == "song_audience")
    assert asked["shazam"] <= cascade.settings.connections
    assert query("select distinct kind from chartline.execution_failure") == [("unsupported_platform",)]


@pytest.mark.parametrize(("status", "error"), [(401, CredentialsRefused), (503, ServerTrouble)])
def test_the_accounts_trouble_stops_the_ranking(cascade: Cascade, status: int, error: type[Exception]) -> None:
    cascade.server.set(faults=[fault("status", "ranking*", status=status)])
    with pytest.raises(error):
        ranking.fetch_ranking(cascade.open(CHART))
    assert len(cascade.server.calls()) == (1 if status == 401 else 1 + cascade.settings.call_retries)


def test_wrong_credentials_cost_one_call_and_name_the_connection(cascade: Cascade) -> None:
    cascade.server.set(key_pairs={})
    cascade.password = "wrong"
    with pytest.raises(CredentialsRefused, match="soundcharts"):
        ranking.fetch_ranking(cascade.open(CHART))
    assert len(cascade.server.calls()) == 1


def test_credentials_refused_midway_stop_the_batch(cascade: Cascade, query: Query) -> None:
    run = cascade.open(CHART, steps=["track_audience"], track_platforms=["spotify"])
    tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    cascade.server.set(key_pairs={})
    cascade.password = "wrong"
    with pytest.raises(CredentialsRefused):
        cascade.fetch(run, tracks.plan_track_audience(run))
    refused = [call for call in cascade.server.calls() if call.status == 401]
    assert 1 <= len(refused) <= cascade.settings.connections
    assert query("select count(*) from chartline.execution_failure") == [(0,)]


def test_a_spent_quota_defers_the_rest_and_the_next_run_takes_it_up(cascade: Cascade, query: Query) -> None:
    cascade.server.set(quota=ENTRIES // 2)
    first = cascade.run(CHART, steps=["track_audience"], track_platforms=["spotify"])
    assert first["status"] == "deferred"
    assert first["deferred"] > 0
    assert "quota_spent" in first["error"] or "quota" in first["error"].lower()
    cascade.server.set(quota=100_000)
    second = cascade.run(CHART, "r2", steps=["track_audience"], track_platforms=["spotify"])
    assert second["status"] == "complete"
    good = Counter(c.entity for c in cascade.server.calls() if c.endpoint == "song_audience" and c.status == 200)
    assert set(good.values()) == {1}
    assert len(good) == ENTRIES
    assert different(cascade) == {}


def test_rerunning_a_deferred_batch_takes_up_what_was_put_off(cascade: Cascade) -> None:
    run = cascade.open(CHART, steps=["track_audience"], track_platforms=["spotify"])
    tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    batches = tracks.plan_track_audience(run)
    cascade.server.set(quota=ENTRIES // 2)
    cascade.fetch(run, batches)
    cascade.server.set(quota=100_000)
    cascade.fetch(run, batches)
    row = report_run(run, [])
    assert (row["status"], row["deferred"]) == ("complete", 0)
    assert different(cascade) == {}


def test_a_ranking_that_another_run_fetches_is_waited_for(cascade: Cascade) -> None:
    first, second = cascade.open(CHART, "r1"), cascade.open(CHART, "r2")
    with cascade.connect() as conn:
        lease = timedelta(minutes=1)
        ledger.claim(conn, "ranking", [Want(CHART, "latest")], owner=first.execution.owner, lease=lease)
    with pytest.raises(TryLater, match="Another run"):
        ranking.fetch_ranking(second)
    assert ranking.fetch_ranking(first) == ranking.fetch_ranking(second)
    assert Counter(c.endpoint for c in cascade.server.calls()) == Counter(ranking_latest=1)


def test_a_minute_limit_longer_than_a_task_should_wait_ends_the_task(cascade: Cascade) -> None:
    run = cascade.open(CHART, steps=["track_audience"], track_platforms=["spotify"])
    tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    batches = tracks.plan_track_audience(run)
    cascade.server.set(rate_limit_per_minute=3)
    with pytest.raises(RateLimited):
        cascade.fetch(run, batches)
    cascade.server.set(rate_limit_per_minute=100_000)
    with cascade.connect() as conn:  # a minute later
        conn.execute("update chartline.api_budget set next_free = '-infinity', blocked_until = '-infinity'")
    cascade.fetch(run, batches)
    good = Counter(c.entity for c in cascade.server.calls() if c.endpoint == "song_audience" and c.status == 200)
    assert set(good.values()) == {1}
    assert len(good) == ENTRIES


def test_an_api_that_is_away_ends_the_task_and_the_retry_takes_up_what_is_left(cascade: Cascade) -> None:
    run = cascade.open(CHART, steps=["track_audience"], track_platforms=["spotify"])
    tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    batches = tracks.plan_track_audience(run)
    cascade.server.set(faults=[fault("status", "song_audience", status=502)])
    with pytest.raises(TryLater):
        cascade.fetch(run, batches)
    cascade.server.set(faults=[])
    cascade.fetch(run, batches)
    assert report_run(run, [])["status"] == "complete"
    assert different(cascade) == {}


def test_a_ranking_short_of_its_total_is_refused_and_nothing_is_stored(cascade: Cascade, query: Query) -> None:
    cascade.server.set(faults=[fault("wrong_total", "ranking*")])
    with pytest.raises(ShortAnswer):
        ranking.fetch_ranking(cascade.open(CHART))
    assert query("select count(*) from chartline.chart_ranking") == [(0,)]
    assert query("select count(*) > 0 from chartline.api_call") == [(True,)]


def test_an_unknown_chart_is_named(cascade: Cascade) -> None:
    with pytest.raises(UnknownChart, match="no-such-chart"):
        ranking.fetch_ranking(cascade.open("no-such-chart"))


def test_a_day_without_a_ranking_is_refused_with_the_nearest(cascade: Cascade) -> None:
    world, now = cascade.server.service.world, cascade.server.service.clock.now()
    with pytest.raises(BadInput, match=world.days(CHART, now)[-1].isoformat()):
        ranking.fetch_ranking(cascade.open(CHART, day="2019-01-01"))


def test_a_run_without_a_ranking_is_closed_as_failed(cascade: Cascade) -> None:
    run = cascade.open(CHART)
    with pytest.raises(RunFailed):
        report_run(run, ["fetch_ranking"])
    with cascade.connect() as conn:
        row = executions.find(conn, "chartline.chart_cascade", "r1")
    assert row is not None
    assert row.status == "failed"


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"chart": "x", "day": "2026-02-30"}, "day"),
        ({"chart": "x", "day": "2999-01-01"}, "day"),
        ({"chart": "x", "day": "0001-01-01"}, "day"),
        ({"chart": "x", "days": ["0001-01-02", "2026-03-01"]}, "days"),
        ({"chart": "x", "audience_days": 10**12}, "audience_days"),
        ({"chart": "a/b"}, "chart"),
        ({"chart": "x", "track_platforms": ["apple-music"]}, "track_platforms"),
        ({"chart": "x", "artist_platforms": ["shazam"]}, "artist_platforms"),
        ({"chart": "x", "audience_days": 0}, "audience_days"),
        ({"chart": "x", "steps": ["everything"]}, "steps"),
        ({"chart": "x", "forse": True}, "forse"),
        ({}, "chart"),
    ],
)
def test_a_bad_config_is_refused_by_field(config: dict[str, Any], field: str) -> None:
    from chartline.domain.asks import CascadeAsk

    with pytest.raises(BadInput, match=field):
        CascadeAsk.from_config(config)


def test_what_another_run_died_over_keeps_a_run_from_calling_itself_complete(cascade: Cascade, query: Query) -> None:
    dead = cascade.open(CHART, "dead", steps=["track_metadata"])
    tracks.upsert_tracks(dead, ranking.fetch_ranking(dead))
    alive = cascade.open(CHART, "alive", steps=["track_metadata"])
    assert tracks.upsert_tracks(alive, ranking.fetch_ranking(alive)) == []
    with cascade.connect() as conn:  # its lease runs out
        conn.execute("update chartline.fetch_ledger set lease_until = now() - interval '1 second'")
    with pytest.raises(RunFailed, match="left_behind"):
        report_run(alive, [])
    assert query("select kind, count(*) from chartline.execution_failure group by 1") == [("left_behind", ENTRIES)]
    assert cascade.run(CHART, "next", steps=["track_metadata"])["status"] == "complete"
