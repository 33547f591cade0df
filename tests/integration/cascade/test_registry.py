"""What holds for every resource on its way: estimated, planned, leased, fetched, stored, settled, counted, shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chartline.cascade import planning, resources
from chartline.cascade.engine import Engine
from chartline.cascade.planning import Ask
from chartline.cascade.resources import EARLY, RESOURCES, Metadata, Series
from chartline.costs.tally import Tally
from chartline.costs.weights import Weights
from chartline.operating import progress, quota, refresh
from chartline.settings import Settings
from chartline.warehouse.ledger import FOREVER
from chartline.warehouse.reads import executions

from .conftest import Cascade

CHART = "demo-global-daily"
COUNT = 3
Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def world() -> dict[str, Any]:
    return {"entries": 6, "charts": 3, "artists": 20}


@pytest.mark.parametrize("name", RESOURCES)
def test_from_the_ask_to_the_page(cascade: Cascade, query: Query, name: str) -> None:
    cascade.settings = Settings(connections=2, call_retries=1, pool_fetch=1, artist_cities=True)
    cascade.run(CHART, "known", steps=["track_metadata", "artist_metadata"])
    resource, today = RESOURCES[name], datetime.now(UTC).date()
    uuids = [uuid for (uuid,) in query(f"select uuid::text from chartline.{resource.subject} order by 1 limit {COUNT}")]
    [facet, *_] = resource.facets(["spotify", "instagram", "airplay"])
    ask = Ask(resource, uuids, (facet,), 0 if isinstance(resource, Metadata) else 90)
    codes = [facet] if facet else ["spotify"]
    wanted: dict[str, Any] = {"steps": [resource.step], f"{resource.subject}_platforms": codes}
    run = cascade.open(CHART, "own", **wanted)
    with cascade.connect() as conn:
        tally = Tally(conn, cascade.settings, today, FOREVER)
        tally.price(ask)
        batches = planning.plan(conn, [ask], run.execution, cascade.settings, force=False, stale_before=FOREVER)
    [batch] = batches
    assert (batch.resource, batch.count) == (name, COUNT)
    assert batch.label.startswith(facet or resource.title)
    assert batch.label.endswith(f"· {COUNT}")
    held = query("select entity, facet, lease_owner from chartline.fetch_ledger where lease_until > now()")
    assert sorted(held) == [(uuid, facet, run.execution.owner) for uuid in uuids]
    with run.client() as client:
        report = Engine(run.connect, client, run.execution, run.settings).run(batch)
    [(kind, expected)] = tally.calls.items()
    assert (report.ok, report.failed) == (COUNT, 0)
    assert expected.low <= report.calls <= expected.high
    settled = query(
        """select outcome, due_at - fetched_at, lease_until, raw.endpoint from chartline.fetch_ledger l
           left join lateral (select endpoint from chartline.raw_answer where resource = l.resource
                              and position(l.entity in entity) > 0 and facet = l.facet limit 1) raw on true
           where resource = %s and facet = %s and entity = any(%s)""",
        name,
        facet,
        uuids,
    )
    assert [row[1:] for row in settled] == [
        (resource.freshness(cascade.settings) - EARLY, None, resource.endpoint.name)
    ] * COUNT
    assert {row[0] for row in settled} <= {"ok", "empty"}
    assert resource.weight is not None
    assert query(f"select count(*) > 0 from chartline.{resource.weight.tables[0]}") == [(True,)]
    with cascade.connect() as conn:
        assert planning.plan(conn, [ask], run.execution, cascade.settings, force=False) == []
        assert Weights.of(conn, 0).of_calls(kind, 1) > Weights.of(conn, 0).of_calls("calendar", 1)
        assert name in {one.resource for one in quota.overview(conn, datetime.now(UTC)).by_resource}
        assert resources.kind_of(resource.endpoint.name) == name
        row = executions.get(conn, run.execution.id)
        assert row is not None
        shown = [piece for step in progress.of(conn, row, cascade.settings).steps for piece in step.pieces]
        assert (name, facet) in {(piece.resource, piece.platform) for piece in shown}
        if isinstance(resource, Series):
            things: Any = f"{resource.subject}s"
            conn.execute("update chartline.fetch_ledger set due_at = now() - interval '1 hour'")
            [age] = refresh.ages(conn, things, uuids[0], [facet], cascade.settings)
            assert age.stale
            assert query("select max(fetched_at) > now() - %s from chartline.fetch_ledger", timedelta(minutes=5)) == [
                (True,)
            ]
