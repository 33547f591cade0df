"""The estimate before against the calls after, on the simulator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chartline.schedules import service
from chartline.schedules.estimate import Estimate, estimate_schedule
from chartline.schedules.model import Schedule
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
    audience = schedule.history_days if schedule.sync_historical_data else 90
    steps = [s for s in ("track_metadata", "artist_metadata", "track_audience", "artist_audience")
             if getattr(schedule, f"fetch_{s}")]  # fmt: skip
    cascade.run(slug, f"{slug}-latest", audience_days=audience, steps=steps)
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
