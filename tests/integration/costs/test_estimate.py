"""The estimate before against the calls after, on the simulator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chartline.cascade.audience import RefreshAsk
from chartline.costs.estimate import (
    estimate_cascade,
    estimate_days,
    estimate_range,
    estimate_refresh,
    estimate_schedule,
)
from chartline.costs.model import Estimate, Range
from chartline.domain.asks import CascadeAsk
from chartline.domain.schedule import Schedule
from chartline.schedules import service
from chartline.settings import Settings
from simulator.service import Service
from simulator.world import World

from ..cascade.conftest import Cascade, Server

DAILY, OVERLAPPING = "demo-global-daily", "demo-france-daily"
SETTINGS = Settings(connections=4, call_retries=1, pool_fetch=2)
KIND = {
    "available_rankings": "calendar",
    "ranking_latest": "ranking",
    "ranking_at": "ranking",
    "song": "track_metadata",
    "artist": "artist_metadata",
    "song_audience": "track_audience",
    "song_broadcast_groups": "track_airplay",
    "artist_broadcast_groups": "artist_airplay",
    "artist_audience": "artist_audience",
    "artist_listening": "artist_listeners",
}
EXACT = ("ranking", "track_audience", "artist_audience", "artist_listeners")

MakeCascade = Callable[..., Cascade]


@pytest.fixture
def cascade(warehouse_url: str) -> Iterator[MakeCascade]:
    """Makes a world and a cascade on it: a small one unless told otherwise."""
    servers: list[Server] = []

    def make(**world: Any) -> Cascade:
        servers.append(Server(Service(World(**({"entries": 40, "charts": 60, "artists": 400} | world)))))
        return Cascade(warehouse_url, servers[-1], SETTINGS)

    yield make
    for server in servers:
        server.stop()


def made(cascade: Cascade) -> Counter[str]:
    found: Counter[str] = Counter()
    for call in cascade.server.calls():
        kind = KIND[call.endpoint]
        found[f"{kind} {call.facet}" if kind in EXACT[1:] else kind] += 1
    return found


def of_frequency(cascade: Cascade, frequency: str) -> str:
    return next(chart.slug for chart in cascade.server.service.world.charts() if chart.frequency == frequency)


def follow(cascade: Cascade, slug: str, **settings: Any) -> Schedule:
    with cascade.connect() as conn:
        chart = service.find_chart(conn, slug, cascade.client)
        return service.proposed(chart, {"sync_historical_data": True, **settings})


def fill(cascade: Cascade, schedule: Schedule) -> None:
    """The latest run, then the past in windows, newest first, as the schedule's DAG does."""
    slug = schedule.slug
    steps = [s for s in ("track_metadata", "artist_metadata", "track_audience", "artist_audience")
             if getattr(schedule, f"fetch_{s}")]  # fmt: skip
    cascade.run(slug, f"{slug}-latest", audience_days=schedule.audience_days, steps=steps)
    last = datetime.now(UTC).date() - timedelta(days=1)
    step = timedelta(days={"daily": 31, "weekly": 7 * 31, "monthly": 366}[schedule.sync_frequency])
    while last >= schedule.start_date.date():
        first = max(last - step + timedelta(days=1), schedule.start_date.date())
        days = [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
        cascade.run(slug, f"{slug}-{first}", days=days)
        last = first - timedelta(days=1)


def outside(estimate: Estimate, found: Counter[str]) -> dict[str, Any]:
    """Kinds whose calls are not in the range."""
    kinds = set(estimate.calls) | set(found)
    nothing = {"low": 0, "high": 0}
    ranges = {kind: estimate.calls[kind].model_dump() if kind in estimate.calls else nothing for kind in kinds}
    return {k: (r, found[k]) for k, r in ranges.items() if not r["low"] <= found[k] <= r["high"]}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("frequency", "days"), [("daily", 120), ("weekly", 365), ("monthly", 365)])
def test_the_calls_made_lie_within_the_estimate(cascade: MakeCascade, seed: int, frequency: str, days: int) -> None:
    made_by = cascade(seed=seed)
    slug = DAILY if frequency == "daily" else of_frequency(made_by, frequency)
    schedule = follow(made_by, slug, history_days=days, fetch_track_audience=False, fetch_artist_audience=False)
    with made_by.connect() as conn:
        estimate = estimate_schedule(conn, schedule, SETTINGS, look=made_by.client)
    spent = made(made_by)
    fill(made_by, schedule)
    assert outside(estimate, made(made_by) - spent) == {}


def test_audience_and_rankings_are_exact_once_the_tracks_and_artists_are_known(cascade: MakeCascade) -> None:
    made_by = cascade()
    made_by.run(DAILY, "known", steps=["track_metadata", "artist_metadata"])
    schedule = follow(made_by, DAILY, history_days=100)
    with made_by.connect() as conn:
        estimate = estimate_schedule(conn, schedule, SETTINGS, look=made_by.client)
    spent = made(made_by)
    fill(made_by, schedule)
    after = made(made_by) - spent
    assert outside(estimate, after) == {}
    audience = {kind: count for kind, count in after.items() if kind.split()[0] in EXACT[1:]}
    assert len(audience) == 8
    assert {kind: (c.low, c.high) for kind, c in estimate.calls.items() if kind in audience} == {
        kind: (count, count) for kind, count in audience.items()
    }
    world, now = made_by.server.service.world, made_by.server.service.clock.now()
    past = [day for day in world.days(DAILY, now)[1:] if day >= schedule.start_date.date()]
    assert after["ranking"] == len(past)  # the latest was asked for a moment ago
    assert estimate.calls["ranking"].low == len(past)  # the latest is here: a schedule's run may do without asking
    assert estimate.calls["ranking"].high == len(past) + 1


def test_what_another_chart_has_paid_for_is_seen(cascade: MakeCascade) -> None:
    made_by = cascade(overlap=0.6)
    first = follow(made_by, DAILY, history_days=60, fetch_track_audience=False, fetch_artist_audience=False)
    fill(made_by, first)
    second = follow(made_by, OVERLAPPING, history_days=60)
    with made_by.connect() as conn:
        estimate = estimate_schedule(conn, second, SETTINGS, look=made_by.client)
    spent = made(made_by)
    fill(made_by, second)
    assert outside(estimate, made(made_by) - spent) == {}
    with made_by.connect() as conn:
        again = estimate_schedule(conn, second, SETTINGS, look=made_by.client)
    assert set(again.calls) <= {"ranking", "track_metadata", "artist_metadata"}
    assert again.total.high <= 1


def test_the_second_estimate_of_a_chart_makes_no_call(cascade: MakeCascade) -> None:
    made_by = cascade()
    schedule = follow(made_by, DAILY)
    with made_by.connect() as conn:
        first = estimate_schedule(conn, schedule, SETTINGS, look=made_by.client)
        spent = made(made_by)
        assert spent.total() == 5  # the list's pages for a year, and the latest
        assert f"{spent.total() - 1} calls were made" in first.notes[0]  # the one before looked the chart up
        second = estimate_schedule(conn, schedule, SETTINGS, look=made_by.client)
    assert made(made_by) == spent
    assert second.calls == first.calls
    assert first.quota_left is not None
    assert first.share == first.total.high / first.quota_left


def test_without_a_call_nothing_is_promised(cascade: MakeCascade) -> None:
    made_by = cascade()
    schedule = follow(made_by, DAILY, history_days=70)
    spent = made(made_by)
    with made_by.connect() as conn:
        conn.execute("delete from chartline.api_call")
        estimate = estimate_schedule(conn, schedule, SETTINGS)
    assert made(made_by) == spent
    assert estimate.calls["calendar"].low == 1
    assert (estimate.quota_left, estimate.share) == (None, None)
    assert not estimate.needs_approval(SETTINGS)
    told = " ".join(estimate.notes)
    assert "calendar of demo-global-daily is not known" in told
    assert "metadata is a wide range" in told
    assert "quota is left is not known" in told
    fill(made_by, schedule)
    assert outside(estimate, made(made_by) - spent) == {}


def test_a_source_that_begins_late_is_named(cascade: MakeCascade) -> None:
    made_by = cascade(first_day=datetime.now(UTC).date() - timedelta(days=50), missing_share=0)
    schedule = follow(made_by, DAILY, history_days=365)
    with made_by.connect() as conn:
        estimate = estimate_schedule(conn, schedule, SETTINGS, look=made_by.client)
    days = len(made_by.server.service.world.days(DAILY, made_by.server.service.clock.now()))
    assert any(f"{days} rankings in the" in note for note in estimate.notes)
    assert estimate.calls["ranking"].high == days


def test_days_that_went_missing_are_counted_exactly(cascade: MakeCascade) -> None:
    made_by = cascade()
    fill(made_by, follow(made_by, DAILY, history_days=40, fetch_track_audience=False, fetch_artist_audience=False))
    with made_by.connect() as conn:
        stored = conn.execute("select day from chart_ranking order by day desc offset 3 limit 15").fetchall()
        lost = [day for (day,) in stored[::4]]
        conn.execute("delete from chart_ranking where day = any(%s)", [lost])
        conn.execute("delete from raw_answer where resource = 'ranking'")
        estimate = estimate_days(conn, DAILY, [*lost, date(2000, 1, 1)], SETTINGS)
        whole = estimate_range(conn, DAILY, min(lost) - timedelta(days=1), max(lost), SETTINGS)
    assert estimate.calls["ranking"] == whole.calls["ranking"] == whole.calls["ranking"].exactly(len(lost))
    spent = made(made_by)
    made_by.run(DAILY, "heal", days=[day.isoformat() for day in lost])
    after = made(made_by) - spent
    assert after["ranking"] == len(lost)
    assert outside(estimate, after) == {}


def test_what_was_removed_has_its_metadata_still(cascade: MakeCascade) -> None:
    """The older half of the rankings is gone, their tracks are not."""
    made_by = cascade()
    fill(made_by, follow(made_by, DAILY, history_days=60, fetch_track_audience=False, fetch_artist_audience=False))
    with made_by.connect() as conn:
        gone = conn.execute("delete from chart_ranking where day < now() - '30 d'::interval returning day")
        lost = [day for (day,) in gone.fetchall()]
        conn.execute("delete from raw_answer where resource = 'ranking'")
        estimate = estimate_days(conn, DAILY, lost, SETTINGS)
    spent = made(made_by)
    made_by.run(DAILY, "heal", days=[day.isoformat() for day in lost])
    after = made(made_by) - spent
    assert after == {"ranking": len(lost)}
    assert outside(estimate, after) == {}


def test_a_forced_past_is_fetched_again(cascade: MakeCascade) -> None:
    made_by = cascade()
    fill(made_by, follow(made_by, DAILY, history_days=20, fetch_track_audience=False, fetch_artist_audience=False))
    with made_by.connect() as conn:
        days = [day for (day,) in conn.execute("select day from chart_ranking order by day limit 10")]
        estimate = estimate_cascade(conn, ask(DAILY, days=days, force=True), SETTINGS)
    spent = made(made_by)
    made_by.run(DAILY, "again", days=[day.isoformat() for day in days], force=True)
    after = made(made_by) - spent
    assert after["ranking"] == len(days)
    assert outside(estimate, after) == {}


def test_a_run_by_hand(cascade: MakeCascade) -> None:
    made_by = cascade()
    made_by.run(DAILY, "before", steps=["track_metadata", "artist_metadata"])
    with made_by.connect() as conn:
        known = estimate_cascade(conn, ask(DAILY), SETTINGS)
        only = estimate_cascade(conn, ask(DAILY, steps=["track_audience"], track_platforms=["shazam"]), SETTINGS)
        forced = estimate_cascade(conn, ask(DAILY, steps=["track_metadata"], force=True), SETTINGS)
        unknown = estimate_cascade(conn, ask(OVERLAPPING), SETTINGS)
    assert set(only.calls) == {"ranking", "track_audience shazam"}
    assert forced.calls["track_metadata"].low == 4
    spent = made(made_by)
    made_by.run(DAILY, "now")
    assert outside(known, made(made_by) - spent) == {}
    spent = made(made_by)
    made_by.run(OVERLAPPING, "unknown")
    assert outside(unknown, made(made_by) - spent) == {}


def test_airplay_of_artists_is_estimated_where_it_is_named(cascade: MakeCascade) -> None:
    made_by = cascade()
    made_by.run(DAILY, "before", steps=["track_metadata", "artist_metadata"])
    config = {"steps": ["artist_audience"], "artist_platforms": ["airplay", "spotify"]}
    with made_by.connect() as conn:
        estimate = estimate_cascade(conn, ask(DAILY, **config), SETTINGS)
    assert set(estimate.calls) == {"ranking", "artist_airplay", "artist_audience spotify", "artist_listeners spotify"}
    assert estimate.storage_bytes.low > 0
    spent = made(made_by)
    made_by.run(DAILY, "now", **config)
    assert outside(estimate, made(made_by) - spent) == {}


def test_an_old_day_asks_for_the_calendar_only(cascade: MakeCascade) -> None:
    made_by = cascade()
    world, now = made_by.server.service.world, made_by.server.service.clock.now()
    day = world.days(DAILY, now)[50]
    with made_by.connect() as conn:
        estimate = estimate_cascade(conn, ask(DAILY, day=day, steps=[]), SETTINGS, look=made_by.client)
        assert set(made(made_by)) == {"calendar"}
        spent = made(made_by)
        estimate_cascade(conn, ask(DAILY, day=world.days(DAILY, now)[51], steps=[]), SETTINGS, look=made_by.client)
        assert made(made_by) == spent
    made_by.run(DAILY, "day", day=day.isoformat(), steps=[])
    assert outside(estimate, made(made_by) - spent) == {}


def test_a_shorter_window_means_the_same_to_the_estimate_and_the_run(cascade: MakeCascade) -> None:
    made_by = cascade(entries=8, artists=20)
    made_by.settings = Settings(connections=4, call_retries=1, pool_fetch=2, audience_window_days=30)
    made_by.run(DAILY, "known", steps=["track_metadata", "artist_metadata"])
    schedule = follow(made_by, DAILY, sync_historical_data=False)
    with made_by.connect() as conn:
        estimate = estimate_schedule(conn, schedule, made_by.settings, look=made_by.client)
    assert estimate.calls["track_audience spotify"] == Range.exactly(8)
    spent = made(made_by)
    fill(made_by, schedule)
    after = made(made_by) - spent
    assert {kind: after[kind] for kind in after if kind.split()[0] in EXACT[1:]} == {
        kind: count.low for kind, count in estimate.calls.items() if kind.split()[0] in EXACT[1:]
    }


def test_a_refresh_is_counted_as_any_other_work(cascade: MakeCascade) -> None:
    """By platform, with what it stores, and with the pages that airplay was found to have."""
    made_by = cascade(entries=8, artists=20)
    made_by.run(DAILY, "known", steps=["track_metadata", "artist_metadata"])
    asked = RefreshAsk.from_config({"charts": [DAILY], "platforms": ["spotify", "airplay"]})
    with made_by.connect() as conn:
        conn.execute(
            """insert into raw_answer (resource, entity, endpoint, path, fetched_at, body)
               select 'track_airplay', n::text, 'song_broadcast_groups', '', now(), '' from generate_series(1, 100) n"""
        )
        told = estimate_refresh(conn, asked, SETTINGS)
        (day,) = conn.execute("select day from chart_ranking").fetchone() or (None,)
        whole = estimate_cascade(conn, ask(DAILY, day=day, track_platforms=["spotify", "airplay"]), SETTINGS)
    kinds = [kind for kind in told.calls if kind.startswith("track")]
    assert kinds == ["track_audience spotify", "track_airplay"]
    assert {kind: told.calls[kind] for kind in kinds} == {kind: whole.calls[kind] for kind in kinds}
    assert told.calls["track_airplay"].model_dump() == {"low": 8, "high": 12}
    assert 0 < told.storage_bytes.low < told.storage_bytes.high


def ask(chart: str, **config: Any) -> CascadeAsk:
    return CascadeAsk.from_config({"chart": chart, **config})
