"""How a run ends that left something to another one, which died."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chartline.cascade import artists, ranking, report, tracks
from chartline.cascade.report import RunFailed
from chartline.settings import Settings

from .conftest import Cascade

CHART = "demo-global-daily"
Query = Callable[..., list[tuple[Any, ...]]]


def test_cities_left_by_a_dead_run_are_noted(cascade: Cascade, query: Query) -> None:
    platforms: dict[str, Any] = {"artist_platforms": ["instagram", "spotify"], "track_platforms": ["spotify"]}
    cascade.run(CHART, "without cities", **platforms)
    cascade.settings = Settings(connections=4, call_retries=1, pool_fetch=2, artist_cities=True)
    dead = cascade.open(CHART, "dead", **platforms)
    tracks.upsert_tracks(dead, ranking.fetch_ranking(dead))
    begun = artists.plan_artist_audience(dead)
    assert {batch.resource for batch in begun} == {"artist_local_followers", "artist_local_streaming"}
    later = cascade.open(CHART, "later", **platforms)
    tracks.upsert_tracks(later, ranking.fetch_ranking(later))
    assert artists.plan_artist_audience(later) == [], "the other is at them"
    with cascade.connect() as conn:
        conn.execute("update chartline.fetch_ledger set lease_until = now() - interval '1 minute'")
    with pytest.raises(RunFailed, match="left_behind"):
        report.report_run(later, [])
    assert query("select distinct resource, kind from chartline.execution_failure order by 1") == [
        ("artist_local_followers", "left_behind"),
        ("artist_local_streaming", "left_behind"),
    ]
