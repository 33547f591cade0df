"""A whole run against the simulator, without Airflow: complete, equal to the truth, each call made once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chartline.cascade import ranking_pages
from chartline.costs.estimate import estimate_cascade
from chartline.domain.asks import CascadeAsk
from simulator.compare import compare
from simulator.needed import ChartAsk, needed_calls

from .conftest import ENTRIES, Cascade

CHART = "demo-global-daily"
Query = Callable[..., list[tuple[Any, ...]]]


def differences(cascade: Cascade) -> dict[str, Any]:
    parts = compare(cascade.server.service.world, cascade.warehouse_url)
    assert len(parts) == 14
    return {p.name: (p.expected, p.found, p.missing, p.unexpected, p.different) for p in parts if not p.equal}


def made(cascade: Cascade) -> Counter[str]:
    return Counter(call.endpoint for call in cascade.server.calls())


def test_a_chart_is_filled_and_equals_the_truth(cascade: Cascade) -> None:
    row = cascade.run(CHART)
    assert differences(cascade) == {}
    assert row["status"] == "complete"
    assert row["entries_stored"] == row["tracks_created"] == ENTRIES
    world, now = cascade.server.service.world, cascade.server.service.clock.now()
    needed = needed_calls(world, now, [ChartAsk(slug=CHART)])[CHART]
    assert made(cascade) == Counter(needed)
    assert row["calls"] == sum(needed.values())


def test_the_comparison_sees_one_altered_row(cascade: Cascade, query: Query) -> None:
    cascade.run(CHART, steps=["track_metadata"])
    with cascade.connect() as conn:
        conn.execute("update chartline.track_label set position = 9 where ctid = (select min(ctid) from track_label)")
    assert set(differences(cascade)) == {"track labels"}


def test_a_second_run_on_the_same_day_makes_one_call(cascade: Cascade) -> None:
    cascade.run(CHART)
    before = made(cascade)
    row = cascade.run(CHART, "a moment later")
    assert (row["status"], row["calls"]) == ("complete", 0)
    clock = cascade.server.service.clock
    clock.set(clock.now() + ranking_pages.LATEST_GOOD, frozen=True)
    row = cascade.run(CHART, "r2")
    assert made(cascade) - before == Counter({"ranking_latest": 1})
    assert (row["status"], row["calls"]) == ("complete", 1)


def test_charts_that_overlap_pay_once_for_what_they_share(cascade: Cascade) -> None:
    slugs = [CHART, "demo-france-daily", "demo-shazam-daily"]
    for number, slug in enumerate(slugs):
        cascade.run(slug, f"r{number}")
    world, now = cascade.server.service.world, cascade.server.service.clock.now()
    needed = needed_calls(world, now, [ChartAsk(slug=slug) for slug in slugs])
    assert made(cascade) == sum((Counter(calls) for calls in needed.values()), Counter())
    assert differences(cascade) == {}


def test_a_day_asked_for_is_fetched_by_the_calendars_stamp(cascade: Cascade, query: Query) -> None:
    world, now = cascade.server.service.world, cascade.server.service.clock.now()
    day = world.days(CHART, now)[40]
    row = cascade.run(CHART, day=day.isoformat(), steps=[])
    assert query("select day, total, entries from chartline.chart_ranking") == [(day, ENTRIES, ENTRIES)]
    assert row["rankings_created"] == 1
    again = cascade.run(CHART, "r2", day=day.isoformat(), steps=[])
    assert (again["rankings_created"], again["calls"]) == (0, 0)


def test_force_fetches_again(cascade: Cascade) -> None:
    cascade.run(CHART, steps=["track_metadata"])
    before = made(cascade)
    row = cascade.run(CHART, "r2", steps=["track_metadata"], force=True)
    assert made(cascade) - before == Counter({"ranking_latest": 1, "song": ENTRIES // 10})
    assert row["rankings_updated"] == 1


def test_steps_that_are_off_make_no_call(cascade: Cascade) -> None:
    cascade.run(CHART, steps=["track_metadata", "artist_metadata"], track_platforms=[])
    assert set(made(cascade)) == {"ranking_latest", "song", "artist"}


AUDIENCE: dict[str, Any] = {"steps": ["track_audience"], "track_platforms": ["spotify", "airplay"]}


def asked_windows(cascade: Cascade) -> Counter[tuple[str, str, str, int]]:
    series = ("song_audience", "song_broadcast_groups")
    return Counter((c.endpoint, c.entity, c.window, c.offset) for c in cascade.server.calls() if c.endpoint in series)


def test_how_far_back_a_series_goes_is_never_less_than_one_call_brings(cascade: Cascade, query: Query) -> None:
    cascade.run(CHART, audience_days=60, **AUDIENCE)
    assert made(cascade)["song_audience"] == ENTRIES
    [(first, last)] = query("select min(day), max(day) from chartline.track_audience")
    assert (last - first).days > 80
    assert differences(cascade) == {}


def test_a_past_that_is_asked_for_later_is_filled_for_what_is_known_once(cascade: Cascade, query: Query) -> None:
    """Fresh or not: each window is asked once, and what the ledger covers has no hole."""
    cascade.run(CHART, "short", **AUDIENCE)
    before = asked_windows(cascade)
    with cascade.connect() as conn:
        ask = CascadeAsk.from_config({"chart": CHART, "audience_days": 365, **AUDIENCE})
        told = estimate_cascade(conn, ask, cascade.settings)
    cascade.run(CHART, "year", audience_days=365, **AUDIENCE)
    filled = asked_windows(cascade) - before
    assert set(filled.values()) == {1}
    assert {window[:2] for window in before} == {window[:2] for window in filled}
    assert sum(endpoint == "song_audience" for endpoint, *_ in filled) == 4 * ENTRIES
    calls = told.calls["track_audience spotify"]
    assert calls.low == 4 * ENTRIES <= calls.high  # more where a newer ranking is out by then
    assert told.calls["track_airplay"].low == 4 * ENTRIES
    [(reach,)] = query("select max(covered_from) from chartline.fetch_ledger where resource = 'track_audience'")
    assert reach == datetime.now(UTC).date() - timedelta(days=364)
    assert differences(cascade) == {}
    once = len(cascade.server.calls())
    cascade.run(CHART, "again", audience_days=365, **AUDIENCE)
    assert len(cascade.server.calls()) == once


@pytest.mark.parametrize("days", [200])
def test_a_year_of_audience_comes_in_windows(cascade: Cascade, query: Query, days: int) -> None:
    cascade.run(CHART, steps=["track_audience"], track_platforms=["spotify"], audience_days=days)
    assert made(cascade)["song_audience"] == ENTRIES * 3
    [(first, last)] = query("select min(day), max(day) from chartline.track_audience")
    assert (last - first).days > 150
