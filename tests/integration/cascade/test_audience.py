"""The audience of given tracks and artists against the simulator, without Airflow: what is due, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from chartline.cascade import audience
from chartline.cascade.audience import RefreshAsk
from chartline.cascade.report import RunFailed
from chartline.cascade.run import Run
from chartline.costs.estimate import estimate_refresh
from chartline.errors import BadInput, UnknownChart
from chartline.warehouse import executions

from .conftest import Cascade

CHART = "demo-global-daily"
NOBODY = "00000000-0000-4000-8000-000000000000"
Query = Callable[..., list[tuple[Any, ...]]]
Refresh = Callable[..., tuple[dict[str, Any], Counter[tuple[str, str]]]]


def open_run(cascade: Cascade, run_id: str, config: dict[str, Any]) -> Run:
    ask = RefreshAsk.from_config(config)
    with cascade.connect() as conn:
        execution = executions.open_execution(
            conn, dag_id="chartline.audience_refresh", run_id=run_id, chart_slug="", trigger="manual"
        )
        execution = executions.fix_settings(conn, execution, ask.model_dump(mode="json"))
    return Run(execution, cascade.connect, cascade.client, cascade.settings, cascade.server.service.clock.now)


@pytest.fixture
def refresh(cascade: Cascade) -> Refresh:
    """Run a refresh from end to end; its row, and the calls it made by endpoint and platform."""
    number = 0

    def run(**config: Any) -> tuple[dict[str, Any], Counter[tuple[str, str]]]:
        nonlocal number
        number += 1
        before = len(cascade.server.calls())
        own = open_run(cascade, f"refresh{number}", config)
        cascade.fetch(own, audience.plan_refresh(own))
        row = audience.report_refresh(own, [])
        made = cascade.server.calls()[before:]
        return row, Counter((call.endpoint, call.facet) for call in made)

    return run


@pytest.fixture
def things(cascade: Cascade, query: Query) -> tuple[list[str], list[str]]:
    """Tracks and artists of a chart without any audience."""
    cascade.run(CHART, steps=["track_metadata", "artist_metadata"])
    tracks = [uuid for (uuid,) in query("select uuid::text from chartline.track order by 1")]
    return tracks, [uuid for (uuid,) in query("select uuid::text from chartline.artist order by 1")]


def test_a_track_and_an_artist_are_fetched_once(
    refresh: Refresh, things: tuple[list[str], list[str]], query: Query
) -> None:
    (track, *_), (artist, *_) = things
    row, made = refresh(tracks=[track], artists=[artist])
    airplay = made.pop(("song_broadcast_groups", ""), 0)
    assert airplay >= 1
    assert made == {
        ("song_audience", "spotify"): 1,
        ("song_audience", "youtube"): 1,
        ("song_audience", "shazam"): 1,
        ("artist_audience", "spotify"): 1,
        ("artist_audience", "youtube"): 1,
        ("artist_audience", "instagram"): 1,
        ("artist_audience", "tiktok"): 1,
        ("artist_listening", "spotify"): 1,
    }
    assert (row["status"], row["chart_slug"], row["rankings_created"]) == ("complete", "", 0)
    assert row["calls"] == 8 + airplay
    assert query("select distinct track::text from chartline.track_audience") == [(track,)]
    assert query("select distinct artist::text from chartline.artist_audience") == [(artist,)]
    again, made = refresh(tracks=[track], artists=[artist])
    assert (again["status"], again["calls"], sum(made.values())) == ("complete", 0, 0)


def test_an_artist_s_airplay_is_fetched_where_it_is_named(
    refresh: Refresh, things: tuple[list[str], list[str]], query: Query, cascade: Cascade
) -> None:
    artist = things[1][0]
    row, made = refresh(artists=[artist], platforms=["airplay"])
    (endpoint,) = made
    assert endpoint == ("artist_broadcast_groups", "")
    stored = query("select from_day, to_day, radio, plays from chartline.artist_airplay where artist = %s", artist)
    (first, last), *others = {(first, last) for first, last, *_ in stored}
    assert not others
    assert (last - first).days == 89
    truth = cascade.server.service.world.artist_broadcast_groups(artist, first, last)
    assert {(radio, plays) for *_, radio, plays in stored} == {(row.station.slug, row.play_count) for row in truth}
    assert row["calls"] == sum(made.values()) == max(1, -(-len(truth) // 100))
    _, again = refresh(artists=[artist], platforms=["airplay"])
    assert not again


def test_only_what_is_due_is_asked(refresh: Refresh, things: tuple[list[str], list[str]], cascade: Cascade) -> None:
    tracks = things[0][:3]
    refresh(tracks=tracks, platforms=["spotify", "youtube"])
    with cascade.connect() as conn:
        conn.execute(
            """update chartline.fetch_ledger set fetched_at = fetched_at - interval '8 days', due_at = now()
               where resource = 'track_audience' and facet = 'youtube' and entity = any(%s)""",
            [tracks[:2]],
        )
    _, made = refresh(tracks=tracks, platforms=["spotify", "youtube"])
    assert made == {("song_audience", "youtube"): 2}


def test_what_was_fetched_today_is_not_asked_again_but_by_force(
    refresh: Refresh, things: tuple[list[str], list[str]], cascade: Cascade
) -> None:
    tracks = things[0][:2]
    refresh(tracks=tracks, platforms=["spotify"])
    with cascade.connect() as conn:
        conn.execute(
            "update chartline.fetch_ledger set fetched_at = fetched_at - interval '1 day' where entity = %s",
            [tracks[0]],
        )
    assert sum(refresh(tracks=tracks, platforms=["spotify"])[1].values()) == 0
    _, made = refresh(tracks=tracks, platforms=["spotify"], stale_only=False)
    assert made == {("song_audience", "spotify"): 1}
    _, made = refresh(tracks=tracks, platforms=["spotify"], force=True)
    assert made == {("song_audience", "spotify"): 2}


def test_a_chart_means_the_tracks_and_artists_of_its_newest_ranking(
    refresh: Refresh, things: tuple[list[str], list[str]], query: Query
) -> None:
    tracks, artists = things
    row, made = refresh(charts=[CHART], platforms=["spotify"])
    assert made == {
        ("song_audience", "spotify"): len(tracks),
        ("artist_audience", "spotify"): len(artists),
        ("artist_listening", "spotify"): len(artists),
    }
    assert row["status"] == "complete"
    assert query("select chart_id from chartline.chart_sync_execution where dag_id = 'chartline.audience_refresh'") == [
        (None,)
    ]


def test_the_estimate_is_what_it_costs(refresh: Refresh, things: tuple[list[str], list[str]], cascade: Cascade) -> None:
    config = {"charts": [CHART], "platforms": ["spotify", "instagram"]}
    refresh(tracks=things[0][:5], platforms=["spotify"])
    with cascade.connect() as conn:
        told = estimate_refresh(conn, RefreshAsk.from_config(config), cascade.settings)
    _, made = refresh(**config)
    assert told.total.low == told.total.high == sum(made.values())
    assert told.about == f"The audience of {len(things[0])} tracks and {len(things[1])} artists"


def test_a_chart_that_overlaps_pays_nothing_for_what_a_refresh_brought(
    refresh: Refresh, things: tuple[list[str], list[str]], cascade: Cascade
) -> None:
    refresh(tracks=things[0])
    before = len(cascade.server.calls())
    cascade.run(CHART, "later", steps=["track_audience"])
    assert cascade.server.calls()[before:] == []  # the latest ranking came a moment before, too


@pytest.mark.parametrize(
    ("config", "error", "field", "said"),
    [
        ({"tracks": [NOBODY]}, BadInput, "tracks", f"{NOBODY} is not in the warehouse"),
        ({"artists": [NOBODY]}, BadInput, "artists", f"{NOBODY} is not in the warehouse"),
        ({"charts": ["no-such"]}, UnknownChart, "charts", "no-such is not in the catalogue"),
    ],
)
def test_what_is_not_here_is_refused_by_name(
    cascade: Cascade, config: dict[str, Any], error: type[BadInput], field: str, said: str
) -> None:
    with pytest.raises(error, match=said) as refused:
        audience.plan_refresh(open_run(cascade, "r", config))
    assert refused.value.field == field


def test_a_chart_without_a_ranking_is_refused_by_name(cascade: Cascade, query: Query) -> None:
    cascade.run(CHART, steps=[])
    with cascade.connect() as conn:
        conn.execute("delete from chartline.chart_ranking")
    with pytest.raises(BadInput, match=f"{CHART} has no stored ranking") as refused:
        audience.plan_refresh(open_run(cascade, "r", {"charts": [CHART]}))
    assert refused.value.field == "charts"


def test_failures_that_matter_make_it_red_and_its_leases_are_free(
    cascade: Cascade, things: tuple[list[str], list[str]], query: Query
) -> None:
    own = open_run(cascade, "r", {"tracks": things[0][:2], "platforms": ["spotify"]})
    assert [batch.count for batch in audience.plan_refresh(own)] == [2]
    with pytest.raises(RunFailed, match="fetch_audience"):
        audience.report_refresh(own, ["fetch_audience"])
    assert query("select status, error from chartline.chart_sync_execution where run_id = 'r'") == [
        ("failed", "Failed: fetch_audience.")
    ]
    assert query("select count(*) from chartline.fetch_ledger where lease_owner is not null") == [(0,)]


def test_what_another_run_died_over_is_told(
    cascade: Cascade, things: tuple[list[str], list[str]], query: Query
) -> None:
    track = things[0][0]
    audience.plan_refresh(open_run(cascade, "dead", {"tracks": [track], "platforms": ["spotify"]}))
    own = open_run(cascade, "r", {"tracks": [track], "platforms": ["spotify"]})
    assert audience.plan_refresh(own) == []
    with cascade.connect() as conn:
        conn.execute(
            "update chartline.fetch_ledger set lease_until = now() - interval '1 s' where lease_until is not null"
        )
    with pytest.raises(RunFailed, match="1 left_behind"):
        audience.report_refresh(own, [])
