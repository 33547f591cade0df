"""Runs of the past: each day once, what fails alone, what the source lacks by name."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chartline.cascade import calendar, keeping, ranking, ranking_pages, report, tracks
from chartline.errors import BadInput, CredentialsRefused, NotYet, TryLater
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import ledger
from chartline.warehouse.ledger import Want
from simulator.compare import compare

from .conftest import Cascade

CHART = "demo-global-daily"
WEEKLY = "apple-music-global-weekly"
ENTRIES = 120  # two pages
METADATA: dict[str, Any] = {"steps": ["track_metadata", "artist_metadata"]}
NOTHING: dict[str, Any] = {"steps": []}
Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def world() -> dict[str, Any]:
    return {"entries": ENTRIES, "charts": 5, "artists": 60}


def made(cascade: Cascade) -> Counter[str]:
    return Counter(call.endpoint for call in cascade.server.calls())


def by_day(cascade: Cascade) -> Counter[date]:
    """Calls for the first page of each day's ranking."""
    calls = [call for call in cascade.server.calls() if call.endpoint == "ranking_at"]
    return Counter(date.fromisoformat(call.facet[:10]) for call in calls)


def differences(cascade: Cascade) -> dict[str, Any]:
    parts = compare(cascade.server.service.world, cascade.warehouse_url)
    return {p.name: (p.missing, p.unexpected, p.different) for p in parts if not p.equal}


def newest(cascade: Cascade, slug: str = CHART) -> date:
    day = cascade.server.service.world.latest_day(slug, cascade.server.service.clock.now())
    assert day is not None
    return day


def days_back(last: date, count: int) -> list[date]:
    return [last - timedelta(days=n) for n in range(count)]


def there(cascade: Cascade, days: Sequence[date], slug: str = CHART) -> list[date]:
    listed = set(cascade.server.service.world.days(slug, cascade.server.service.clock.now()))
    return sorted(set(days) & listed)


def calendar_pages(cascade: Cascade, slug: str = CHART, since: date = date.min) -> int:
    """Pages of the list, newest day first, down to the one that reaches `since`."""
    listed = cascade.server.service.world.days(slug, cascade.server.service.clock.now())
    return 1 + min(sum(day > since for day in listed), len(listed) - 1) // 100


def fault(kind: str, facet: str = "*", **more: Any) -> dict[str, Any]:
    return {"match": {"endpoint": "ranking_at", "facet": facet}, "kind": kind, **more}


def fetched(cascade: Cascade, days: Sequence[date], run_id: str = "r1", **config: Any) -> Any:
    run = cascade.open(CHART, run_id, interval=(days, False), **NOTHING | config)
    return tracks.upsert_tracks(run, ranking.fetch_ranking(run))


def test_a_year_in_windows_equals_the_truth_and_each_day_is_paid_once(cascade: Cascade, query: Query) -> None:
    last = newest(cascade) - timedelta(days=1)
    year = days_back(last, 120)
    windows = [year[n : n + 31] for n in range(0, len(year), 31)]
    rows = [
        cascade.go(cascade.open(CHART, f"w{n}", interval=(window, False), **METADATA))
        for n, window in enumerate(windows)
    ]
    assert differences(cascade) == {}
    exist = there(cascade, year)
    assert [row["status"] for row in rows] == ["complete"] * len(rows)
    assert made(cascade)["ranking_at"] == 2 * len(exist)
    assert made(cascade)["available_rankings"] == calendar_pages(cascade, since=min(year))
    assert set(made(cascade)) == {"ranking_at", "available_rankings", "song", "artist"}
    [(distinct,)] = query("select count(*) from chartline.track")
    assert made(cascade)["song"] <= distinct // 10 + len(windows)
    absent = [day for row in rows for day in row["days_absent"]]
    assert sorted(absent) == sorted(set(year) - set(exist))
    before = len(cascade.server.calls())
    again = [
        cascade.go(cascade.open(CHART, f"v{n}", interval=(window, False), **METADATA))
        for n, window in enumerate(windows)
    ]
    assert len(cascade.server.calls()) == before
    assert {(row["status"], row["calls"]) for row in again} == {("complete", 0)}


@pytest.mark.parametrize("kind", ["status", "cut", "malformed", "short_page", "wrong_total"])
def test_a_day_that_fails_does_not_stop_the_others_and_is_all_that_is_tried_again(
    cascade: Cascade, query: Query, kind: str
) -> None:
    days = there(cascade, days_back(newest(cascade) - timedelta(days=1), 12))
    bad = random.Random(kind).sample(days, 3)
    cascade.server.set(faults=[fault(kind, f"{day}*") for day in bad])
    run = cascade.open(CHART, interval=(days, False), **NOTHING)
    with pytest.raises(TryLater) as failed:
        ranking.fetch_ranking(run)
    assert all(str(day) in str(failed.value) for day in bad)
    before = by_day(cascade)
    assert {day for day, count in before.items() if count == 2} >= set(days) - set(bad)
    cascade.server.set(faults=[])
    assert ranking.fetch_ranking(run) == [str(day) for day in days]
    assert by_day(cascade) - before == Counter(dict.fromkeys(bad, 2))
    tracks.upsert_tracks(run, [str(day) for day in days])
    assert differences(cascade) == {}


def test_the_last_try_goes_on_with_what_it_has_and_says_what_is_left(cascade: Cascade, query: Query) -> None:
    days = there(cascade, days_back(newest(cascade) - timedelta(days=1), 8))
    cascade.server.set(faults=[fault("status", f"{days[2]}*")])
    run = cascade.open(CHART, interval=(days, False), **NOTHING)
    have = ranking.fetch_ranking(run, last_try=True)
    assert have == [str(day) for day in days if day != days[2]]
    tracks.upsert_tracks(run, have)
    row = report.report_run(run, [])
    assert (row["status"], row["days_left"], row["rankings_created"]) == ("partial", [days[2]], len(days) - 1)
    assert str(days[2]) in report.summary(row)
    [(facet, kind, reason)] = query("select facet, kind, reason from chartline.execution_failure")
    assert (facet, kind) == (str(days[2]), "server_trouble")
    assert reason
    cascade.server.set(faults=[])
    healed = cascade.run(CHART, "heal", days=[str(days[2])])
    assert (healed["status"], healed["rankings_created"]) == ("complete", 1)
    assert query("select count(*) from chartline.chart_ranking") == [(len(days),)]


def test_when_nothing_at_all_was_had_the_run_fails(cascade: Cascade) -> None:
    days = there(cascade, days_back(newest(cascade) - timedelta(days=1), 3))
    cascade.server.set(faults=[fault("status")])
    with pytest.raises(TryLater):
        ranking.fetch_ranking(cascade.open(CHART, interval=(days, False), **NOTHING), last_try=True)


def test_an_api_that_is_away_is_not_asked_for_each_day(cascade: Cascade) -> None:
    days = days_back(newest(cascade) - timedelta(days=1), 100)
    cascade.server.set(faults=[fault("status", status=503)])
    with pytest.raises(TryLater):
        ranking.fetch_ranking(cascade.open(CHART, interval=(days, False), **NOTHING))
    most = 3 * cascade.settings.connections * (1 + cascade.settings.call_retries)
    assert made(cascade)["ranking_at"] <= most


def test_the_accounts_trouble_stops_at_once_and_keeps_what_came(cascade: Cascade, query: Query) -> None:
    days = there(cascade, days_back(newest(cascade) - timedelta(days=1), 40))
    ask, asked = SoundchartsClient.ranking, []

    def refused_midway(self: SoundchartsClient, *args: Any, **named: Any) -> Any:
        asked.append(args)
        if len(asked) > 10:
            raise CredentialsRefused("no")
        return ask(self, *args, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SoundchartsClient, "ranking", refused_midway)
        with pytest.raises(CredentialsRefused):
            ranking.fetch_ranking(cascade.open(CHART, interval=(days, False), **NOTHING), last_try=True)
    assert len(asked) <= 10 + cascade.settings.connections
    assert query("select count(distinct facet) from chartline.raw_answer where resource = 'ranking'") == [(10,)]
    assert query("select count(*) from chartline.fetch_ledger where lease_until is not null") == [(0,)]


def test_a_ranking_that_was_cut_is_healed(cascade: Cascade, query: Query) -> None:
    days = there(cascade, days_back(newest(cascade) - timedelta(days=1), 3))
    fetched(cascade, days)
    cut = "delete from chartline.chart_ranking_entry e using chartline.chart_ranking r where r.id = ranking_id"
    with cascade.connect() as conn:
        conn.execute(f"{cut} and day = %s and position > 100", [days[1]])
    before = len(cascade.server.calls())
    fetched(cascade, days, "from raw")
    assert differences(cascade) == {}
    assert len(cascade.server.calls()) == before
    with cascade.connect() as conn:
        conn.execute(f"{cut} and day = %s and position > 100", [days[1]])
        conn.execute("delete from chartline.raw_answer where facet = %s", [str(days[1])])
    fetched(cascade, days, "from the API")
    assert differences(cascade) == {}
    assert by_day(cascade)[days[1]] == 4
    assert len(cascade.server.calls()) == before + 2


def test_days_removed_are_fetched_again_and_no_others(cascade: Cascade) -> None:
    days = there(cascade, days_back(newest(cascade) - timedelta(days=1), 20))
    fetched(cascade, days)
    gone = random.Random(1).sample(days, 5)
    with cascade.connect() as conn:
        conn.execute("delete from chartline.chart_ranking where day = any(%s)", [gone])
        conn.execute("delete from chartline.raw_answer where facet = any(%s)", [[str(day) for day in gone]])
    before = by_day(cascade)
    row = cascade.go(cascade.open(CHART, "heal", days=[str(day) for day in days], **NOTHING))
    assert by_day(cascade) - before == Counter(dict.fromkeys(gone, 2))
    assert (row["calls"], row["rankings_created"]) == (10, 5)
    assert differences(cascade) == {}


def test_days_that_the_source_lacks_are_named_not_failed(cascade: Cascade, world: dict[str, Any]) -> None:
    last = newest(cascade) - timedelta(days=1)
    listed = cascade.server.service.world.days(CHART, cascade.server.service.clock.now())
    before_all = [min(listed) - timedelta(days=n) for n in range(1, 6)]
    row = cascade.go(cascade.open(CHART, interval=(before_all, False), **METADATA))
    assert (row["status"], row["days_absent"]) == ("complete", sorted(before_all))
    assert set(made(cascade)) == {"available_rankings"}
    mixed = [last, *before_all]
    row = cascade.go(cascade.open(CHART, "mixed", days=[str(day) for day in mixed], **NOTHING))
    assert (row["status"], row["days_absent"]) == ("complete", sorted(set(mixed) - set(there(cascade, mixed))))
    assert "not in Soundcharts" in report.summary(row)


def test_an_interval_without_a_day_has_nothing_to_do(cascade: Cascade) -> None:
    row = cascade.go(cascade.open(CHART, interval=([], False), **METADATA))
    assert (row["status"], row["calls"]) == ("complete", 0)
    assert cascade.server.calls() == []


def test_a_weekly_chart_lacks_no_day_between_its_own(cascade: Cascade) -> None:
    last = newest(cascade, WEEKLY)
    row = cascade.go(cascade.open(WEEKLY, interval=(days_back(last - timedelta(days=1), 70), False), **NOTHING))
    listed = there(cascade, days_back(last - timedelta(days=1), 70), WEEKLY)
    assert row["rankings_created"] == len(listed)
    assert set(row["days_absent"]) == {last - timedelta(weeks=n) for n in range(1, 11)} - set(listed)


def test_a_day_of_the_calendar_that_the_api_does_not_have_is_absent_and_remembered(cascade: Cascade) -> None:
    days = there(cascade, days_back(newest(cascade) - timedelta(days=1), 4))
    cascade.server.set(faults=[fault("status", f"{days[0]}*", status=404)])
    row = cascade.go(cascade.open(CHART, interval=(days, False), **NOTHING))
    assert (row["status"], row["days_absent"]) == ("complete", [days[0]])
    before = len(cascade.server.calls())
    row = cascade.go(cascade.open(CHART, "again", interval=(days, False), **NOTHING))
    assert (row["days_absent"], row["calls"]) == ([days[0]], 0)
    assert len(cascade.server.calls()) == before


def test_overlapping_runs_at_once_fetch_no_day_twice(cascade: Cascade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "POLL", 0.02)
    cascade.server.set(latency_ms=20)
    last = newest(cascade) - timedelta(days=1)
    every = days_back(last, 30)
    outcomes: list[Any] = []

    def work(number: int) -> None:
        try:
            run = cascade.open(CHART, f"t{number}", interval=(every[number * 5 : number * 5 + 15], False), **NOTHING)
            outcomes.append(tracks.upsert_tracks(run, ranking.fetch_ranking(run)))
        except BaseException as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcomes == [[]] * 4
    assert by_day(cascade) == Counter(dict.fromkeys(there(cascade, every), 2))
    assert made(cascade)["available_rankings"] == calendar_pages(cascade, since=min(every))
    assert differences(cascade) == {}


def test_a_day_in_another_runs_hand_is_waited_for(cascade: Cascade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "PATIENCE", 0.1)
    days = there(cascade, days_back(newest(cascade) - timedelta(days=1), 3))
    with cascade.connect() as conn:
        ledger.claim(conn, "ranking", [Want(CHART, str(days[1]))], owner="another", lease=timedelta(minutes=5))
    run = cascade.open(CHART, interval=(days, False), **NOTHING)
    with pytest.raises(NotYet, match=str(days[1])):
        ranking.fetch_ranking(run)
    assert set(by_day(cascade)) == {days[0], days[2]}
    with cascade.connect() as conn:
        ledger.release(conn, "another")
    assert ranking.fetch_ranking(run) == [str(day) for day in days]


def test_a_kill_in_the_middle_loses_what_was_under_way_and_no_more(
    cascade: Cascade, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = there(cascade, days_back(newest(cascade) - timedelta(days=1), 30))
    keep, stored = ranking_pages.keep, []

    def killed(keeper: Any, slug: str, pages: Any) -> None:
        keep(keeper, slug, pages)
        stored.append(pages.day)
        if len(stored) == 7:
            raise KeyboardInterrupt

    run = cascade.open(CHART, interval=(days, False), **NOTHING)
    monkeypatch.setattr(ranking_pages, "keep", killed)
    with pytest.raises(KeyboardInterrupt):
        ranking.fetch_ranking(run)
    monkeypatch.undo()
    assert ranking.fetch_ranking(run) == [str(day) for day in days]
    extra = sum(by_day(cascade).values()) - 2 * len(days)
    assert extra <= 2 * cascade.settings.connections
    assert all(by_day(cascade)[day] == 2 for day in stored)


def test_the_calendar_is_asked_for_one_page_when_that_proves_the_rest(cascade: Cascade) -> None:
    day = newest(cascade)
    with pytest.raises(BadInput):
        ranking.fetch_ranking(cascade.open(CHART, day=str(date(2015, 1, 1)), **NOTHING))
    assert made(cascade)["available_rankings"] == calendar_pages(cascade) > 1
    with cascade.connect() as conn:  # the newest day is news, and an hour has passed
        conn.execute("delete from chartline.chart_calendar where day = %s", [day])
        conn.execute("update chartline.fetch_ledger set fetched_at = now() - interval '1 day'")
        conn.execute("update chartline.raw_answer set fetched_at = now() - interval '1 day'")
    run = cascade.open(CHART, "r2", day=str(day), **NOTHING)
    assert ranking.fetch_ranking(run) == [str(day)]
    assert made(cascade)["available_rankings"] == calendar_pages(cascade) + 1
    with cascade.connect() as conn:  # an old day is news, and was not out when the list was read
        conn.execute("delete from chartline.chart_calendar where day < %s", [day - timedelta(days=150)])
        conn.execute("update chartline.fetch_ledger set fetched_at = now() - interval '300 days'")
        conn.execute("update chartline.raw_answer set fetched_at = now() - interval '300 days'")
    old = there(cascade, days_back(day - timedelta(days=200), 5))[0]
    before = made(cascade)["available_rankings"]
    assert ranking.fetch_ranking(cascade.open(CHART, "r3", day=str(old), **NOTHING)) == [str(old)]
    down_to = calendar_pages(cascade, since=datetime.now(UTC).date() - timedelta(days=300) - calendar.SETTLED)
    assert (
        made(cascade)["available_rankings"] - before == down_to < calendar_pages(cascade)
    )  # no farther than that time


def test_a_ranking_whose_pages_are_broken_is_left_and_the_others_are_stored(cascade: Cascade, query: Query) -> None:
    days = there(cascade, days_back(newest(cascade) - timedelta(days=1), 12))
    run = cascade.open(CHART, interval=(days, False), **NOTHING)
    have = ranking.fetch_ranking(run)
    with cascade.connect() as conn:
        conn.execute(
            "delete from chartline.raw_answer where facet = %s and part = 1 and resource = 'ranking'", [str(days[4])]
        )
    tracks.upsert_tracks(run, have)
    row = report.report_run(run, [])
    assert (row["status"], row["days_left"], row["rankings_created"]) == ("partial", [days[4]], len(days) - 1)
    assert query("select facet, kind from chartline.execution_failure") == [(str(days[4]), "ranking_incomplete")]
    fetched(cascade, days, "r2")
    assert query("select count(*) from chartline.chart_ranking") == [(len(days),)]
