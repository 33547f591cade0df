from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from simulator.charts import Chart
from simulator.world import RankedTrack, World

START = date(2026, 3, 1)


def followed(world: World, slug: str, days: int) -> Iterator[tuple[Chart, date, dict[str, RankedTrack]]]:
    """A chart's consecutive days, missing ones included, each as uuid -> row."""
    whole = World(**(world.settings.model_dump() | {"missing_share": 0}))
    chart = whole.chart(slug)
    assert chart is not None
    day = chart.day_at_or_after(START)
    for _ in range(days):
        yield chart, day, {row.track_uuid: row for row in whole.ranking(slug, day).entries}
        day = chart.day_at_or_after(day + timedelta(days=1))


def some_slug(world: World, frequency: str) -> str:
    return next(chart.slug for chart in world.charts()[3:] if chart.frequency == frequency and chart.capacity == 200)


@pytest.fixture(params=["demo", "weekly", "monthly"])
def slug(world: World, request: pytest.FixtureRequest) -> str:
    return "demo-global-daily" if request.param == "demo" else some_slug(world, request.param)


def test_every_day_is_a_permutation_of_distinct_tracks(world: World, slug: str) -> None:
    for chart, _, rows in followed(world, slug, 12):
        assert sorted(row.position for row in rows.values()) == list(range(1, chart.entries + 1))


def test_a_row_agrees_with_the_day_before(world: World, slug: str) -> None:
    before: dict[str, RankedTrack] | None = None
    seen_before: set[str] = set()
    returned = 0
    for _, day, rows in followed(world, slug, 60 if slug.startswith("demo") else 12):
        for uuid, row in rows.items():
            assert row.entry_day is not None
            assert row.entry_day <= day
            if before is None:
                continue
            old = before.get(uuid)
            assert row.old_position == (old.position if old else 0)
            assert row.evolution == (old.position - row.position if old else 0)
            if old:
                assert (row.entry_day, row.time_on_chart) == (old.entry_day, old.time_on_chart + 1)
            elif uuid not in seen_before and row.entry_day >= START:
                assert (row.entry_day, row.time_on_chart) == (day, 1)
            else:
                returned += 1
                assert row.entry_day < day
                assert row.time_on_chart > 1
        seen_before |= set(rows)
        before = rows
    if slug.startswith("demo"):
        assert returned > 0


def test_five_to_ten_tracks_are_new_on_a_usual_day(world: World) -> None:
    fresh = [
        sum(row.old_position == 0 for row in rows.values()) for _, _, rows in followed(world, "demo-global-daily", 90)
    ]
    assert 5 <= sum(fresh) / len(fresh) <= 10


def test_the_measure_never_rises_down_the_list(world: World) -> None:
    for _, _, rows in followed(world, "demo-global-daily", 3):
        metrics = [row.metric for row in sorted(rows.values(), key=lambda row: row.position)]
        assert metrics == sorted(metrics, key=lambda value: -(value or 0))


def test_only_charts_with_a_measure_tell_one(world: World) -> None:
    shazam = next(followed(world, "demo-shazam-daily", 1))[2]
    assert {row.metric for row in shazam.values()} == {None}


def test_the_first_day_of_a_chart_is_all_new(world: World) -> None:
    chart = world.chart("demo-global-daily")
    assert chart is not None
    rows = World(missing_share=0).ranking(chart.slug, chart.first_day).entries
    assert {(row.old_position, row.entry_day, row.time_on_chart) for row in rows} == {(0, chart.first_day, 1)}


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.6, 1.0])
def test_the_demo_charts_share_exactly_the_asked_share(overlap: float) -> None:
    world = World(overlap=overlap, third_overlap=0.1, charts=0)
    first, second = (set(world.tracks_of(slug, START)) for slug in ("demo-global-daily", "demo-france-daily"))
    assert len(first & second) == round(200 * overlap)
    third = set(world.tracks_of("demo-shazam-daily", START))
    assert len(first & third) == round(200 * min(overlap, 0.1))


def test_more_demo_charts_share_as_the_first_two_do() -> None:
    world = World(demo_charts=6, charts=2)
    slugs = [chart.slug for chart in world.charts()[:6]]
    first, _, third, *more = [set(world.tracks_of(slug, START)) for slug in slugs]
    assert slugs[3:] == ["demo-more-4-daily", "demo-more-5-daily", "demo-more-6-daily"]
    assert [len(first & other) for other in more] == [120, 120, 120]
    assert len(first | more[0] | more[1]) == 120 + 3 * 80
    assert len(third & more[0]) == 10
    assert {uuid for uuid in more[2] if world.song(uuid) is None} == set()
