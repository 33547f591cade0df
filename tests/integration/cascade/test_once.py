"""Each page is asked for once, by the simulator's own book: what was answered a moment ago is remembered."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chartline.cascade import calendar, ranking, ranking_pages, report, tracks
from chartline.cascade.keeping import Owner
from chartline.cascade.run import Run
from chartline.costs import outlook
from chartline.domain.asks import CascadeAsk
from chartline.domain.schedule import Schedule
from chartline.errors import ServerTrouble, TryLater
from chartline.gaps import audit
from chartline.operating.conditions.followed import judge
from chartline.schedules import following, service
from chartline.settings import Settings
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import executions, schedules
from simulator.compare import compare

from .conftest import Cascade

DAY = timedelta(days=1)
DAILY, SAME_DAY = "demo-global-daily", "demo-france-daily"
ENTRIES = 120  # two pages
PAGE = 100
SETTINGS = Settings(connections=4, call_retries=1, pool_fetch=2)
Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def world() -> dict[str, Any]:
    return {
        "entries": ENTRIES,
        "charts": 60,
        "artists": 60,
        "missing_share": 0,
        "publication_hours": {SAME_DAY: 0},
    }


def asked(cascade: Cascade) -> Counter[tuple[str, str, int]]:
    """Rankings and lists of days by endpoint, facet and offset; the later pages of the latest are its day's."""
    return Counter(
        (call.endpoint, call.facet[:10], call.offset)
        for call in cascade.server.calls()
        if call.endpoint in ("ranking_latest", "ranking_at", "available_rankings")
    )


def follow(cascade: Cascade, slug: str, **settings: Any) -> Schedule:
    with cascade.connect() as conn:
        return following.follow(conn, slug, settings, SETTINGS, client=cascade.client)[0]


def first_run(cascade: Cascade, slug: str, run_id: str = "first", **changes: Any) -> Run:
    """The run of the schedule's first interval, as its DAG opens it."""
    with cascade.connect() as conn:
        schedule = schedules.get(conn, slug)
        assert schedule is not None
        schedule = schedule.model_copy(update=changes)
        start, end = schedule.first_interval
        ask = CascadeAsk.from_schedule(schedule, {}, (schedule.grid.days(start, end), True), end.date() - DAY)
        execution = executions.open_execution(
            conn, dag_id=schedule.dag_id, run_id=run_id, chart_slug=slug, trigger="scheduled", interval=(start, end)
        )
        execution = executions.fix_settings(conn, execution, ask.model_dump(mode="json"))
    return Run(execution, cascade.connect, cascade.client, cascade.settings, cascade.server.service.clock.now)


def chart_of(cascade: Cascade, frequency: str) -> str:
    charts = cascade.server.service.world.charts()
    return next(chart.slug for chart in charts if chart.frequency == frequency)


def pages_since(cascade: Cascade, slug: str, since: date) -> int:
    listed = cascade.server.service.world.days(slug, cascade.server.service.clock.now())
    return 1 + min(sum(day > since for day in listed), len(listed) - 1) // PAGE


@pytest.mark.parametrize("history", [True, False], ids=["with its past", "without"])
def test_following_asks_nothing_that_it_asked_a_moment_before(cascade: Cascade, query: Query, history: bool) -> None:
    """The look-up of an unknown chart, the estimate and the first run share what came."""
    schedule = follow(cascade, DAILY, sync_historical_data=history, history_days=150)
    day = cascade.server.service.world.latest_day(DAILY, cascade.server.service.clock.now())
    run = first_run(cascade, DAILY)
    assert ranking.fetch_ranking(run)[-1] == str(day)
    latest = {("ranking_latest", "", 0): 1, ("ranking_at", str(day), PAGE): 1}
    pages = pages_since(cascade, DAILY, schedule.start_date.date()) if history else 0
    lists = {("available_rankings", "", n * PAGE): 1 for n in range(pages)}
    assert asked(cascade) == Counter(latest | lists)
    assert query("select count(*) from chartline.api_call") == [(len(cascade.server.calls()),)]


def test_a_run_by_hand_right_after_another_does_not_ask_for_the_latest_again(cascade: Cascade) -> None:
    cascade.run(DAILY, "r1", steps=[])
    row = cascade.run(DAILY, "r2", steps=[])
    assert (row["status"], row["calls"]) == ("complete", 0)
    assert cascade.run(DAILY, "r3", steps=[], force=True)["calls"] == 2
    clock = cascade.server.service.clock
    clock.set(clock.now() + ranking_pages.LATEST_GOOD, frozen=True)
    assert cascade.run(DAILY, "r4", steps=[])["calls"] == 1


@pytest.mark.parametrize("frequency", ["monthly", "weekly", "same day"])
@pytest.mark.parametrize("followed", [datetime(2026, 11, 20, 12, tzinfo=UTC), datetime(2026, 11, 30, 23, tzinfo=UTC)])
def test_the_first_run_brings_one_ranking(cascade: Cascade, query: Query, frequency: str, followed: datetime) -> None:
    slug = SAME_DAY if frequency == "same day" else chart_of(cascade, frequency)
    cascade.server.service.clock.set(followed, frozen=True)
    follow(cascade, slug)
    with cascade.connect() as conn:
        conn.execute(
            "update chartline.chart_sync_schedule set created_at = %s, history_asked_at = %s", [followed, followed]
        )
    row = cascade.go(first_run(cascade, slug))
    newest = cascade.server.service.world.latest_day(slug, followed)
    assert row["status"] == "complete"
    assert query("select day from chartline.chart_ranking") == [(newest,)]
    again = cascade.go(first_run(cascade, slug, "cleared"))
    assert (again["status"], again["calls"]) == ("complete", 0)
    with cascade.connect() as conn:
        [found] = audit.audit(conn, audit.followed(conn)[0], followed)
        assert judge(conn, Settings(overdue_hours=6), followed, [slug])[slug].overdue is None
    assert found.missing == ()


def test_with_its_past_the_rankings_before_the_latest_bring_no_audience(cascade: Cascade, query: Query) -> None:
    follow(cascade, SAME_DAY, sync_historical_data=True, history_days=30)
    row = cascade.go(first_run(cascade, SAME_DAY))
    world, now = cascade.server.service.world, cascade.server.service.clock.now()
    newest, before = world.days(SAME_DAY, now)[:2]
    assert query("select day from chartline.chart_ranking order by day") == [(before,), (newest,)]
    fetched = {call.entity for call in cascade.server.calls() if call.endpoint == "song_audience"}
    assert fetched == set(world.tracks_of(SAME_DAY, newest))
    assert set(world.tracks_of(SAME_DAY, before)) - fetched
    assert row["status"] == "complete"
    parts = compare(world, cascade.warehouse_url)
    assert [p.name for p in parts if not p.equal and p.name != "rankings" and "entries" not in p.name] == []


# -- the calendar ------------------------------------------------------------------------------------------------


def look(cascade: Cascade, slug: str, *days: date, **more: Any) -> None:
    owner = Owner("test", None, cascade.settings, cascade.server.service.clock.now)
    with cascade.connect() as conn, cascade.client() as client:
        calendar.bring_up_to_date(owner, conn, client, slug, days, **more)


def offsets(cascade: Cascade) -> list[int]:
    return [call.offset for call in cascade.server.calls() if call.endpoint == "available_rankings"]


def test_the_list_is_read_as_far_back_as_is_asked_and_no_page_twice(cascade: Cascade) -> None:
    listed = cascade.server.service.world.days(DAILY, cascade.server.service.clock.now())
    look(cascade, DAILY, listed[0])
    assert offsets(cascade) == [0]
    look(cascade, DAILY, listed[250], listed[0])
    assert offsets(cascade) == [0, 100, 200]
    look(cascade, DAILY, listed[250], listed[120])
    assert offsets(cascade) == [0, 100, 200]
    look(cascade, DAILY, min(listed) - 400 * DAY)
    assert offsets(cascade) == list(range(0, len(listed), PAGE))


def test_one_page_will_do_when_the_sources_window_rolls(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, clock = type(cascade.server.service.world), cascade.server.service.clock
    days = world.days
    monkeypatch.setattr(world, "days", lambda self, slug, now: days(self, slug, now)[:400])
    now = datetime(2026, 11, 1, 12, tzinfo=UTC)
    for n in range(6):
        clock.set(now + n * DAY, frozen=True)
        look(cascade, DAILY, clock.now().date() - 380 * DAY, clock.now().date())
        assert offsets(cascade) == [0, 100, 200, 300] + n * [0]
    assert query("select count(*) from chartline.chart_calendar") == [(400 + 5,)]
    clock.set(now + 150 * DAY, frozen=True)  # so long unread that one page does not reach back
    look(cascade, DAILY, clock.now().date())
    assert offsets(cascade)[9:] == [0, 100]


def failing(monkeypatch: pytest.MonkeyPatch, where: str) -> Callable[[], None]:
    """Have the API away for requests with that in their path, until the returned function is called."""
    attempt, away = SoundchartsClient._attempt, [True]

    def sometimes(self: Any, question: Any, *args: Any, **named: Any) -> Any:
        if away and where in question.path:
            raise ServerTrouble("away")
        return attempt(self, question, *args, **named)

    monkeypatch.setattr(SoundchartsClient, "_attempt", sometimes)
    return away.clear


def test_pages_of_the_list_that_came_before_one_failed_are_not_asked_again(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = cascade.server.service.world.days(DAILY, cascade.server.service.clock.now())
    heal = failing(monkeypatch, "offset=200")
    with pytest.raises(TryLater):
        look(cascade, DAILY, listed[350])
    assert query("select count(*) from chartline.chart_calendar") == [(200,)]
    heal()
    look(cascade, DAILY, listed[350])
    assert offsets(cascade) == [0, 100, 200, 300]
    assert query("select min(day), count(*) from chartline.chart_calendar") == [(listed[399], 400)]


@pytest.mark.parametrize("by_name", [True, False], ids=["a day", "the latest"])
def test_pages_of_a_ranking_that_came_before_one_failed_are_not_asked_again(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch, by_name: bool
) -> None:
    day = cascade.server.service.world.days(DAILY, cascade.server.service.clock.now())[5 if by_name else 0]
    named: dict[str, Any] = {"day": str(day)} if by_name else {}
    heal = failing(monkeypatch, "offset=100&limit=100" if not by_name else f"{day}T12%3A00%3A00%2B00%3A00?offset=100")
    run = cascade.open(DAILY, steps=[], **named)
    with pytest.raises(TryLater):
        ranking.fetch_ranking(run)
    heal()
    tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    assert report.report_run(run, [])["entries_stored"] == ENTRIES
    own = [c for c in cascade.server.calls() if c.endpoint in ("ranking_at", "ranking_latest")]
    assert [call.offset for call in own] == [0, PAGE]
    assert query("select count(*) from chartline.api_call") == [(len(cascade.server.calls()),)]


def test_a_ranking_begun_long_ago_is_asked_anew(cascade: Cascade, monkeypatch: pytest.MonkeyPatch) -> None:
    heal = failing(monkeypatch, "offset=100")
    run = cascade.open(DAILY, steps=[])
    with pytest.raises(TryLater):
        ranking.fetch_ranking(run)
    heal()
    clock = cascade.server.service.clock
    clock.set(clock.now() + ranking_pages.LATEST_GOOD, frozen=True)
    ranking.fetch_ranking(run)
    assert [call.offset for call in cascade.server.calls()] == [0, 0, PAGE]


def test_following_a_chart_from_a_file_asks_once(cascade: Cascade) -> None:
    with cascade.connect() as conn:
        following.apply(conn, {DAILY: {}, SAME_DAY: {}}, SETTINGS, client=cascade.client)
        assert service.find_chart(conn, DAILY, cascade.client).slug == DAILY
    assert asked(cascade) == Counter({("ranking_latest", "", 0): 2})


def test_estimates_at_once_ask_for_the_latest_once(
    cascade: Cascade, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking_pages, "PATIENCE", 60)
    cascade.server.set(latency_ms=100)
    day = cascade.server.service.world.latest_day(DAILY, cascade.server.service.clock.now())
    begin = threading.Barrier(3)

    def look(_: int) -> date | None:
        with cascade.connect() as conn:
            begin.wait(30)
            return outlook.see(conn, DAILY, SETTINGS, cascade.client).newest

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(look, range(3))) == [day] * 3
    assert asked(cascade) == Counter({("ranking_latest", "", 0): 1, ("ranking_at", str(day), PAGE): 1})
    assert query("select count(*) from chartline.fetch_ledger where lease_until is not null") == [(0,)]
