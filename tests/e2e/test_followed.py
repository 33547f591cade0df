"""Followed charts: their own DAGs fill the warehouse, equal to the truth, with no call too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import permutations

from simulator.needed import ChartAsk, needed_calls
from simulator.world import World

from .conftest import DEMO, ENTRIES, ON_DEMAND, Chartline, total

LOOK_UPS = "select endpoint, count(*) from chartline.api_call where execution_id is null group by 1"
"""A chart that the catalogue does not know is looked up when it is followed; its first run takes what that brought."""


def dag_of(slug: str) -> str:
    return f"chartline.chart_sync.{slug}"


def payer(chartline: Chartline, endpoint: str) -> dict[str, str]:
    """Entity -> slug of the chart whose run asked for it."""
    rows = chartline.query(
        """select unnest(string_to_array(c.entity, ',')), x.chart_slug from chartline.api_call c
           join chartline.chart_sync_execution x on x.id = c.execution_id where c.endpoint = %s""",
        endpoint,
    )
    assert len(rows) == len(dict(rows)), f"something was asked for twice of {endpoint}"
    return dict(rows)


def order(of: dict[str, list[str]], payers: dict[str, str]) -> tuple[str, ...]:
    """The order in which the charts came to claim what they share: the first of it pays."""

    def first(slugs: Iterable[str], entity: str) -> str:
        return next(slug for slug in slugs if entity in of[slug])

    fits = [slugs for slugs in permutations(of) if all(first(slugs, e) == who for e, who in payers.items())]
    assert fits, "no order explains who fetched what"
    return fits[0]


def needed(chartline: Chartline, world: World) -> dict[str, int]:
    """Calls that the truth says are needed, in the order in which the runs came to claim."""
    days = dict(
        chartline.query("select slug, day from chartline.chart_ranking join chartline.chart c on c.id = chart_id")
    )
    [(now,)] = chartline.query("select max(at) from chartline.api_call")
    tracks = {slug: list(world.tracks_of(slug, days[slug])) for slug in DEMO}
    artists = {slug: list(world.artists_of(slug, days[slug])) for slug in DEMO}
    asks = [ChartAsk(slug=slug) for slug in DEMO]
    track_order = order(tracks, payer(chartline, "song"))
    artist_order = order(artists, payer(chartline, "artist"))
    return total(list(needed_calls(world, now, asks, track_order, artist_order).values()))


def test_three_charts_fill_themselves_and_pay_once_for_what_they_share(chartline: Chartline) -> None:
    chartline.follow(*DEMO)
    rows = [chartline.succeed(dag_of(slug), chartline.run_of(dag_of(slug))) for slug in DEMO]

    assert [(row["status"], row["trigger"], row["error"]) for row in rows] == [("complete", "scheduled", None)] * 3
    assert [(row["entries_stored"], row["rankings_created"], row["failures"]) for row in rows] == [(ENTRIES, 1, {})] * 3
    assert chartline.query("select distinct total = entries from chartline.chart_ranking") == [(True,)]
    assert chartline.differences() == {}

    look_ups = Counter(dict(chartline.query(LOOK_UPS)))
    assert look_ups == {"ranking_latest": 3}
    made, want = chartline.made(), needed(chartline, chartline.world)
    print(f"calls made {made.total()}, needed {sum(want.values())}: {dict(made)}")
    assert made == want
    assert chartline.repeated() == []
    assert sum(row["calls"] for row in rows) == made.total() - look_ups.total()

    again = [(slug, chartline.trigger(dag_of(slug))) for slug in DEMO]
    rows = [chartline.succeed(dag_of(slug), run_id) for slug, run_id in again]
    assert chartline.made() == made  # the latest is not asked for again a moment later
    assert [(row["status"], row["calls"], row["rankings_created"]) for row in rows] == [("complete", 0, 0)] * 3

    altered = chartline.change(
        """update chartline.track_audience set value = value + 1
           where (track, platform, day, identifier) = (select track, platform, day, identifier
                                                       from chartline.track_audience limit 1)"""
    )
    assert altered == 1
    assert set(chartline.differences()) == {"track audience points"}


def test_another_overlap_costs_what_it_must(chartline: Chartline) -> None:
    chartline.make_world(overlap=0.9, third_overlap=0.4, seed=7)
    runs = [chartline.trigger(ON_DEMAND, chart=slug) for slug in DEMO]
    rows = [chartline.succeed(ON_DEMAND, run_id) for run_id in runs]
    assert {row["status"] for row in rows} == {"complete"}
    assert chartline.differences() == {}
    made, want = chartline.made(), needed(chartline, chartline.world)
    print(f"calls made {made.total()}, needed {sum(want.values())}: {dict(made)}")
    assert made == want
    assert chartline.repeated() == []
