"""What happens when two runs, a crash or an outage come at an awkward moment."""

from __future__ import annotations

import threading
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from chartline.cascade import ranking, tracks
from chartline.cascade.fetching import Fetcher
from chartline.cascade.keeping import Keeper
from chartline.cascade.report import RunFailed, report_run
from chartline.errors import (
    ContractBroken,
    CredentialsRefused,
    NotConfigured,
    RankingIncomplete,
    RequestRefused,
    ServerTrouble,
    TryLater,
)
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import ledger, raw

from .conftest import ENTRIES, Cascade

CHART = "demo-global-daily"
SPOTIFY: dict[str, Any] = {"steps": ["track_audience"], "track_platforms": ["spotify"]}
Query = Callable[..., list[tuple[Any, ...]]]


def fault(status: int, endpoint: str, **more: Any) -> dict[str, Any]:
    return {"match": {"endpoint": endpoint}, "kind": "status", "status": status, **more}


def made(cascade: Cascade) -> Counter[str]:
    return Counter(call.endpoint for call in cascade.server.calls())


def test_a_store_that_fails_ends_the_task_though_answers_are_under_way(
    cascade: Cascade, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = cascade.open(CHART, **SPOTIFY)
    tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    batches = tracks.plan_track_audience(run)
    first_stored, fetch = threading.Event(), Fetcher.fetch

    def slowly(self: Fetcher, items: Any) -> Any:
        if threading.current_thread().name != "fetch-0":
            first_stored.wait(10)
        return fetch(self, items)

    def broken(*_: Any) -> None:
        first_stored.set()
        raise psycopg.OperationalError("the server closed the connection")

    monkeypatch.setattr(Fetcher, "fetch", slowly)
    monkeypatch.setattr(Keeper, "_write", broken)
    ended: list[BaseException] = []

    def work() -> None:
        try:
            cascade.fetch(run, batches)
        except psycopg.OperationalError as error:
            ended.append(error)

    task = threading.Thread(target=work, daemon=True)
    task.start()
    task.join(15)
    assert len(ended) == 1


def test_one_entity_that_is_gone_does_not_take_its_batch_along(cascade: Cascade, query: Query) -> None:
    cascade.server.set(faults=[fault(410, "song", share=0.1, per="entity")])
    cascade.run(CHART, steps=["track_metadata"])
    outcomes: dict[str, int] = dict(
        query("select outcome, count(*) from chartline.fetch_ledger where resource = 'track_metadata' group by 1")
    )
    gone = outcomes.pop("absent")
    assert 0 < gone < 10
    assert outcomes == {"ok": ENTRIES - gone}


@pytest.mark.parametrize("hour", [0, 20])
def test_the_latest_ranking_and_the_same_day_asked_for_are_fetched_once(
    cascade: Cascade, monkeypatch: pytest.MonkeyPatch, hour: int
) -> None:
    """Also in the hours before yesterday's is out, when the latest is two days old."""
    world, clock = cascade.server.service.world, cascade.server.service.clock
    now = clock.now().replace(hour=hour)
    clock.set(now, frozen=True)
    today = str(world.latest_day(CHART, now))
    assert date.fromisoformat(today) == now.date() - timedelta(days=1 if hour else 2)
    first, second = cascade.open(CHART, "r1", steps=[]), cascade.open(CHART, "r2", steps=[], day=today)
    ask = SoundchartsClient.ranking

    def beside(self: SoundchartsClient, *args: Any) -> Any:
        monkeypatch.setattr(SoundchartsClient, "ranking", ask)
        with pytest.raises(TryLater):
            ranking.fetch_ranking(second)
        return ask(self, *args)

    monkeypatch.setattr(SoundchartsClient, "ranking", beside)
    assert ranking.fetch_ranking(first) == [today]
    assert ranking.fetch_ranking(second) == [today]
    assert made(cascade) == Counter(ranking_latest=1)


def test_a_ranking_that_came_while_its_lease_was_asked_for_is_not_fetched_again(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = cascade.open(CHART, "r1", steps=[]), cascade.open(CHART, "r2", steps=[])
    claim = ledger.claim

    def late(*args: Any, **named: Any) -> Any:
        monkeypatch.setattr(ledger, "claim", claim)
        ranking.fetch_ranking(first)
        return claim(*args, **named)

    monkeypatch.setattr(ledger, "claim", late)
    ranking.fetch_ranking(second)
    assert query("select count(*) from chartline.raw_answer") == [(1,)]


def test_an_outage_longer_than_a_calls_retries_is_waited_out_by_the_task(cascade: Cascade) -> None:
    run = cascade.open(CHART, steps=["track_metadata"])
    batches = tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    assert sum(batch.count for batch in batches) == ENTRIES
    cascade.server.set(faults=[fault(503, "song")])
    with pytest.raises(TryLater):
        cascade.fetch(run, batches)
    cascade.server.set(faults=[])
    cascade.fetch(run, batches)
    assert report_run(run, [])["status"] == "complete"


def test_an_address_that_moved_stops_the_batch(cascade: Cascade, monkeypatch: pytest.MonkeyPatch) -> None:
    run = cascade.open(CHART, **SPOTIFY)
    tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    asked = []

    def moved(self: SoundchartsClient, *args: Any) -> Any:
        asked.append(args)
        raise NotConfigured("Soundcharts sent us to another address.")

    monkeypatch.setattr(SoundchartsClient, "dated", moved)
    with pytest.raises(NotConfigured):
        cascade.fetch(run, tracks.plan_track_audience(run))
    assert len(asked) <= cascade.settings.connections


def test_trouble_of_the_account_is_not_searched_for_in_a_refused_batch(
    cascade: Cascade, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = cascade.open(CHART, steps=["track_metadata"])
    batches = tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    sizes = []

    def get(self: SoundchartsClient, endpoint: Any, entity: str) -> Any:
        sizes.append(len(entity.split(",")))
        raise RequestRefused("no") if sizes[-1] == 10 else CredentialsRefused("no")

    monkeypatch.setattr(SoundchartsClient, "get", get)
    with pytest.raises(CredentialsRefused):
        cascade.fetch(run, batches)
    assert sizes.count(5) == sizes.count(10)


def test_a_run_that_is_over_holds_nothing(cascade: Cascade, query: Query) -> None:
    run = cascade.open(CHART, **SPOTIFY)
    tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    cascade.password = "wrong"
    with pytest.raises(CredentialsRefused):
        cascade.fetch(run, tracks.plan_track_audience(run))
    with pytest.raises(RunFailed):
        report_run(run, ["track_audience"])
    cascade.password = "soundcharts"
    assert cascade.run(CHART, "r2", **SPOTIFY)["status"] == "complete"
    assert query("select outcome from chartline.fetch_ledger where facet = 'spotify' and outcome = 'never'") == []


def test_what_an_earlier_run_put_off_is_not_taken_off_this_runs_row(cascade: Cascade, query: Query) -> None:
    cascade.server.set(quota=1)
    first = cascade.run(CHART, **SPOTIFY)
    assert first["status"] == "deferred"
    cascade.server.set(quota=100_000)
    run = cascade.open(CHART, "r2", **SPOTIFY)
    tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    batches = tracks.plan_track_audience(run)
    assert len(batches) == 2
    cascade.server.set(quota=1)
    cascade.fetch(run, batches[:1])
    cascade.server.set(quota=100_000)
    cascade.fetch(run, batches[1:])
    row = report_run(run, [])
    [(left,)] = query("select count(*) from chartline.fetch_ledger where outcome = 'deferred'")
    assert left > 0
    assert (row["status"], row["deferred"]) == ("deferred", left)


def test_pages_that_do_not_make_up_a_ranking_are_fetched_again(cascade: Cascade) -> None:
    run = cascade.open(CHART, steps=[])
    days = ranking.fetch_ranking(run)
    with cascade.connect() as conn:  # as if the API's total had moved between two pages
        conn.execute(
            """insert into chartline.raw_answer (resource, entity, facet, part, endpoint, path, fetched_at, body)
               select resource, entity, facet, 1, endpoint, path, fetched_at, body from chartline.raw_answer"""
        )
        [_, page] = raw.latest(conn, "ranking", CHART, days[0])
        body = page.body.replace(b'"total":%d' % ENTRIES, b'"total":%d' % (ENTRIES - 1))
        assert body != page.body
        conn.execute("update chartline.raw_answer set body = %s where part = 1", (zlib.compress(body),))
    with pytest.raises(RankingIncomplete):
        tracks.upsert_tracks(run, days)
    tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    assert tracks.has_ranking(run)


def change_first_batch(monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The answer to the first batch of songs comes changed."""
    get, turn = SoundchartsClient.get, threading.Lock()

    def changed(self: SoundchartsClient, endpoint: Any, entity: str) -> Any:
        answer = get(self, endpoint, entity)
        first = endpoint.name == "song" and turn.acquire(blocking=False)
        return replace(answer, data=change(answer.data)) if first else answer

    monkeypatch.setattr(SoundchartsClient, "get", changed)


def outcomes_of_tracks(query: Query) -> dict[Any, Any]:
    rows = query("select outcome, count(*) from chartline.fetch_ledger where resource = 'track_metadata' group by 1")
    return dict(rows)


def test_an_answer_of_another_shape_costs_its_own_items_only(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_first_batch(monkeypatch, lambda data: {"type": "song"})
    run = cascade.open(CHART, steps=["track_metadata"])
    cascade.fetch(run, tracks.upsert_tracks(run, ranking.fetch_ranking(run)))
    assert outcomes_of_tracks(query) == {"ok": ENTRIES - 10, "failed": 10}
    assert query("select kind, count(*) from chartline.execution_failure group by 1") == [("contract_broken", 10)]
    assert query("select count(*) from chartline.api_call where endpoint = 'song'") == [(ENTRIES // 10,)]


def test_a_broken_calendar_is_kept_and_its_calls_are_counted(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = SoundchartsClient.get

    def broken(self: SoundchartsClient, *args: Any, **named: Any) -> Any:
        answer = get(self, *args, **named)
        return replace(answer, data={**answer.data, "items": ["yesterday"]})

    monkeypatch.setattr(SoundchartsClient, "get", broken)
    with pytest.raises(ContractBroken):
        ranking.fetch_ranking(cascade.open(CHART, day="2026-11-10"))
    assert query("select count(*) from chartline.api_call") == [(len(cascade.server.calls()),)]
    assert query("select resource from chartline.raw_answer") == [("broken_calendar",)]


def test_one_entity_that_the_api_stumbles_over_does_not_take_its_batch_along(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = SoundchartsClient.get
    poison: list[str] = []

    def stumbling(self: SoundchartsClient, endpoint: Any, entity: str) -> Any:
        uuids = entity.split(",")
        if endpoint.name == "song" and not poison:
            poison.append(uuids[0])
        if set(poison) & set(uuids):
            raise ServerTrouble("status 500")
        return get(self, endpoint, entity)

    monkeypatch.setattr(SoundchartsClient, "get", stumbling)
    run = cascade.open(CHART, steps=["track_metadata"])
    cascade.fetch(run, tracks.upsert_tracks(run, ranking.fetch_ranking(run)))
    assert outcomes_of_tracks(query) == {"ok": ENTRIES - 1, "failed": 1}


def test_an_api_that_is_away_is_not_asked_for_each_entity_of_a_batch(
    cascade: Cascade, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def away(self: SoundchartsClient, endpoint: Any, entity: str) -> Any:
        asked.append(entity)
        raise ServerTrouble("status 503")

    run = cascade.open(CHART, steps=["track_metadata"])
    batches = tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    monkeypatch.setattr(SoundchartsClient, "get", away)
    with pytest.raises(TryLater):
        cascade.fetch(run, batches)
    assert len(asked) <= 5 * ENTRIES // 10


def test_a_forced_ranking_is_fetched_once_whatever_the_retries(cascade: Cascade) -> None:
    cascade.run(CHART, "r1", steps=[])
    forced = cascade.open(CHART, "r2", steps=[], force=True)
    ranking.fetch_ranking(forced)
    before = len(cascade.server.calls())
    ranking.fetch_ranking(forced)  # killed before its result reached Airflow, tried again
    assert [call.endpoint for call in cascade.server.calls()[before:]] == ["ranking_latest"]
