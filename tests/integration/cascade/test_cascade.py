"""A whole run against the simulator, without Airflow: complete, equal to the truth, each call made once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from simulator.compare import compare
from simulator.needed import ChartAsk, needed_calls

from .conftest import ENTRIES, Cascade

CHART = "demo-global-daily"
Query = Callable[..., list[tuple[Any, ...]]]


def differences(cascade: Cascade) -> dict[str, Any]:
    parts = compare(cascade.server.service.world, cascade.warehouse_url)
    assert len(parts) == 13
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


@pytest.mark.parametrize("days", [200])
def test_a_year_of_audience_comes_in_windows(cascade: Cascade, query: Query, days: int) -> None:
    cascade.run(CHART, steps=["track_audience"], track_platforms=["spotify"], audience_days=days)
    assert made(cascade)["song_audience"] == ENTRIES * 3
    [(first, last)] = query("select min(day), max(day) from chartline.track_audience")
    assert (last - first).days > 150
