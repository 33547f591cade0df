"""A made-up resource is an entry, a model and a table: whatever knows of resources then knows of it too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chartline.cascade import artists, audience, planning, report, tracks
from chartline.cascade import resources as registry
from chartline.cascade.audience import RefreshAsk
from chartline.cascade.ranking import fetch_ranking
from chartline.cascade.report import RunFailed
from chartline.cascade.resources import Series, SeriesPart, Weight, Window, series_tables
from chartline.cli import docs
from chartline.costs.estimate import estimate_cascade, estimate_refresh
from chartline.costs.weights import Weights
from chartline.domain.asks import CascadeAsk
from chartline.operating import executions as shown
from chartline.operating import metrics, progress, quota, refresh
from chartline.soundcharts import models
from chartline.soundcharts.calls import Answer
from chartline.soundcharts.endpoints import Endpoint
from chartline.warehouse.connect import Connection, connect
from chartline.warehouse.ledger import Item
from chartline.warehouse.merge import MergeRule, MergeTable, merge
from chartline.warehouse.reads import executions
from simulator import app as simulator_app
from simulator.endpoints import ROUTES, Route, _artist_series
from simulator.needed import ChartAsk, needed_calls
from simulator.series import ValuePoint
from simulator.world import World

from .conftest import Cascade, Server

CHART = "demo-global-daily"
NAME = "artist_fans"
KIND = f"{NAME} deezer"
PLATFORMS: dict[str, Any] = {"track_platforms": ("spotify",), "artist_platforms": ("spotify", "deezer")}
Query = Callable[..., list[tuple[Any, ...]]]


# -- the model, the table, the entry: all that a new resource is -------------------------------------------------


class Fans(models.Dated):
    """Answer of `artist_fans`."""

    items: list[models.ListeningItem]


TABLE = MergeTable(NAME, ("artist", "platform", "day"), {"value": MergeRule.REPLACE})
CREATE = """create table chartline.artist_fans (
    artist uuid not null, platform text not null, day date not null, value bigint not null,
    primary key (artist, platform, day))"""


def _read(answer: Answer, window: Window) -> SeriesPart:
    return SeriesPart(list(models.parse(Fans, answer).items))


def _store(conn: Connection, found: Sequence[tuple[Item, list[models.ListeningItem]]]) -> int:
    return merge(
        conn,
        TABLE,
        [
            {"artist": item.entity, "platform": item.facet, "day": point.date, "value": point.value}
            for item, points in found
            for point in points
        ],
    ).written


ENTRY = Series(
    name=NAME,
    subject="artist",
    step="artist_audience",
    endpoint=Endpoint(NAME, "/api/v2/artist/{entity}/fans/{facet}"),
    platforms=("deezer",),
    read=_read,
    days=lambda points: [point.date for point in points],
    store=_store,
    label="fans",
    weight=Weight((NAME,), rows=90, size=70),
)


# -- where it is known ------------------------------------------------------------------------------------------


@pytest.fixture
def world() -> dict[str, Any]:
    return {"entries": 8, "charts": 3, "artists": 20}


def _fans(world: World, uuid: str, platform: str, first: date, last: date, now: datetime) -> list[ValuePoint]:
    """A value for every day, whoever it is."""
    return [ValuePoint(first + timedelta(days=n), n + 1) for n in range((last - first).days + 1)]


@pytest.fixture(autouse=True)
def new(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API has it, and the registry."""
    answered = _artist_series(_fans, lambda shapes: shapes.value_point, ("deezer",), "fans")
    monkeypatch.setattr(simulator_app, "ROUTES", (Route(NAME, ENTRY.endpoint.path, answered), *ROUTES))
    monkeypatch.setitem(registry.RESOURCES, NAME, ENTRY)


@pytest.fixture
def cascade(warehouse_url: str, new: None, simulator: Server) -> Cascade:
    with connect(warehouse_url) as conn:
        conn.execute(CREATE)
    return Cascade(warehouse_url, simulator)


def test_it_is_asked_estimated_planned_fetched_stored_and_told(cascade: Cascade, query: Query) -> None:
    cascade.run(CHART, "known", steps=["track_metadata", "artist_metadata"])
    (count,) = query("select count(*) from chartline.artist")[0]
    ask = CascadeAsk.from_config({"chart": CHART, **PLATFORMS})
    with cascade.connect() as conn:
        estimate = estimate_cascade(conn, ask, cascade.settings)
        assert Weights.of(conn, 0).of_calls(KIND, 10) == 10 * (90 * 70 + 5_000)
    assert estimate.calls[KIND].low == count
    assert list(estimate.calls)[-1] == KIND

    run = cascade.open(CHART, "own", **PLATFORMS)
    cascade.fetch(run, tracks.upsert_tracks(run, fetch_ranking(run)))
    cascade.fetch(run, tracks.plan_track_audience(run))
    batches = artists.plan_artist_audience(run)
    assert [batch.label for batch in batches if batch.resource == NAME] == [f"deezer fans · {count}"]
    with cascade.connect() as conn:
        pieces = _pieces(conn, run.execution.id, cascade)
        assert (pieces[NAME, "deezer"].wanted, pieces[NAME, "deezer"].done) == (count, 0)
    cascade.fetch(run, batches)
    row = report.report_run(run, [])
    assert row["status"] == "complete"
    stored = query("select count(*), count(distinct artist), sum(value) > 0 from chartline.artist_fans")[0]
    assert stored[1:] == (count, True)
    assert query("select distinct outcome from chartline.fetch_ledger where resource = %s", NAME) == [("ok",)]

    made = Counter(call.endpoint for call in cascade.server.calls())
    world, now = cascade.server.service.world, cascade.server.service.clock.now()
    needed = needed_calls(world, now, [ChartAsk(slug=CHART, **PLATFORMS)])[CHART]
    assert made == needed
    assert needed[NAME] == count

    with cascade.connect() as conn:
        assert _pieces(conn, run.execution.id, cascade)[NAME, "deezer"].done == count
        assert {one.resource: one.calls for one in quota.overview(conn, datetime.now(UTC)).by_resource}[NAME] == count
        detail = shown.detail(conn, run.execution.id, cascade.settings, datetime.now(UTC))
        assert detail is not None
        assert {(one.endpoint, one.resource) for one in detail.calls_by_endpoint} >= {(NAME, NAME)}
        assert f'resource="{NAME}"' in metrics.text(conn, cascade.settings, datetime.now(UTC))
    assert ("artist", NAME) in series_tables()


def test_a_refresh_brings_it_and_says_how_old_it_is(cascade: Cascade, query: Query) -> None:
    cascade.run(CHART, "known", steps=["track_metadata", "artist_metadata"])
    artist = query("select uuid::text from chartline.artist order by 1 limit 1")[0][0]
    asked = RefreshAsk.from_config({"artists": [artist], "platforms": ["deezer"]})
    assert [one.resource.name for one in audience.asks(asked, [], [artist], cascade.settings) if one.facets] == [
        "artist_audience",
        NAME,
    ]
    with cascade.connect() as conn:
        assert estimate_refresh(conn, asked, cascade.settings).calls.keys() == {"artist_audience deezer", KIND}
        conn.execute(
            """insert into chartline.fetch_ledger (resource, entity, facet, outcome, fetched_at, due_at)
               values ('artist_audience', %s, 'deezer', 'ok', now(), now() + interval '7 days')""",
            [artist],
        )
        [age] = refresh.ages(conn, "artists", artist, ["deezer"], cascade.settings)
    assert (age.stale, age.outcome) == (True, "never")


def test_what_a_dead_run_left_of_it_is_noted(cascade: Cascade, query: Query) -> None:
    cascade.run(CHART, "known", steps=["track_metadata", "artist_metadata"])
    dead = cascade.open(CHART, "dead", steps=["artist_audience"], **PLATFORMS)
    tracks.upsert_tracks(dead, fetch_ranking(dead))
    batches = artists.plan_artist_audience(dead)
    cascade.fetch(dead, [batch for batch in batches if batch.resource != NAME])
    later = cascade.open(CHART, "later", steps=["artist_audience"], **PLATFORMS)
    tracks.upsert_tracks(later, fetch_ranking(later))
    assert artists.plan_artist_audience(later) == []
    with cascade.connect() as conn:
        conn.execute("update chartline.fetch_ledger set lease_until = now() - interval '1 minute'")
    with pytest.raises(RunFailed, match="left_behind"):
        report.report_run(later, [])
    assert query("select distinct resource, facet from chartline.execution_failure") == [(NAME, "deezer")]
    with cascade.connect() as conn:
        row = executions.get(conn, later.execution.id)
        assert row is not None
        assert shown.retry(conn, row, followed=False).config["chart"] == CHART


def test_the_manual_lists_it() -> None:
    _, page = docs.resources()
    assert f"| `{NAME}` | artist_audience | `{ENTRY.endpoint.path}` |" in page


def test_it_is_planned_as_any_other(cascade: Cascade) -> None:
    wanted = CascadeAsk.from_config({"chart": CHART, **PLATFORMS})
    [ask] = [one for one in planning.asks("artist_audience", ["a"], wanted, cascade.settings) if one.resource is ENTRY]
    assert (ask.facets, ask.options) == (("deezer",), {"first_days": 90})


def _pieces(conn: Connection, execution: int, cascade: Cascade) -> dict[tuple[str, str], progress.Piece]:
    row = executions.get(conn, execution)
    assert row is not None
    steps = progress.of(conn, row, cascade.settings).steps
    return {(piece.resource, piece.platform): piece for step in steps for piece in step.pieces}
