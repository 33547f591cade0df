"""What an estimate is exact about equals what planning leases, whatever the warehouse and the settings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartline.cascade.planning import asks, plan
from chartline.cascade.resources import RESOURCES, Series
from chartline.costs.tally import Tally
from chartline.domain import platforms
from chartline.domain.asks import STEPS
from chartline.settings import Settings
from chartline.warehouse import executions, ledger
from chartline.warehouse.connect import connect
from chartline.warehouse.executions import Execution
from chartline.warehouse.ledger import FOREVER, Item

Conn = psycopg.Connection[Any]
UUIDS = [f"u{number:02}" for number in range(14)]
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Wanted:
    track_platforms: Sequence[str]
    artist_platforms: Sequence[str]
    audience_days: int | None


@dataclass(frozen=True)
class Known:
    """A row of the ledger, its times in days or minutes from now."""

    outcome: str
    fetched: int
    due: int
    covered: tuple[int, int] | None
    lease: int | None


def chosen(served: Sequence[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(served), max_size=4, unique=True)


KNOWN = st.builds(
    Known,
    st.sampled_from(["never", "ok", "empty", "absent", "failed", "deferred"]),
    fetched=st.integers(0, 40),
    due=st.sampled_from([-1000, -1, 60, 10_000]),
    covered=st.none() | st.tuples(st.integers(0, 400), st.integers(0, 400)),
    lease=st.none() | st.sampled_from([-5, 5]),
)
WANTED = st.builds(
    Wanted,
    chosen(("spotify", "youtube", platforms.AIRPLAY)),
    chosen(("spotify", "instagram", "youtube", platforms.AIRPLAY)),
    st.none() | st.integers(1, 400),
)
SETTINGS = st.builds(
    Settings,
    audience_window_days=st.integers(5, 90),
    audience_overlap_days=st.integers(0, 4),
    artist_cities=st.booleans(),
    pool_fetch=st.integers(1, 5),
    batch_calls_min=st.integers(1, 30),
)


@pytest.fixture
def execution(warehouse: Conn) -> Execution:
    warehouse.autocommit = True
    return executions.open_execution(warehouse, dag_id="d", run_id="r", chart_slug="c", trigger="manual")


def write(conn: Conn, known: dict[tuple[str, str, str], Known], now: datetime) -> None:
    conn.execute("truncate chartline.fetch_ledger")
    with conn.cursor() as cursor:
        cursor.executemany(
            """insert into chartline.fetch_ledger (resource, entity, facet, outcome, fetched_at, due_at, covered_from,
                   covered_to, lease_owner, lease_until) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [
                (
                    *key,
                    row.outcome,
                    None if row.outcome == "never" else now - timedelta(days=row.fetched),
                    now + timedelta(minutes=row.due),
                    row.covered and now.date() - timedelta(days=max(row.covered)),
                    row.covered and now.date() - timedelta(days=min(row.covered)),
                    row.lease and "d/another",
                    row.lease and now + timedelta(minutes=row.lease),
                )
                for key, row in known.items()
            ],
        )


@given(data=st.data(), wanted=WANTED, own=SETTINGS, stale=st.sampled_from(["no", "today", "all"]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_exact_part_is_what_planning_leases(
    warehouse: Conn, execution: Execution, data: st.DataObject, wanted: Wanted, own: Settings, stale: str
) -> None:
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    stale_before = {"no": None, "today": midnight, "all": FOREVER}[stale]
    asked = [ask for step in STEPS for ask in asks(step, UUIDS, wanted, own)]
    known = {
        (ask.resource.name, want.entity, want.facet): row
        for ask in asked
        for want in ask.wants
        if (row := data.draw(st.none() | KNOWN, label=f"{ask.resource.name} {want}")) is not None
    }
    write(warehouse, known, now)
    tally = Tally(warehouse, own, now.date(), stale_before)
    for ask in asked:
        tally.price(ask)
    batches = plan(warehouse, asked, execution, own, force=False, stale_before=stale_before)
    calls: Counter[str] = Counter()
    for batch in batches:
        resource = RESOURCES[batch.resource]
        items: dict[str, list[Item]] = defaultdict(list)
        for item in ledger.take_up(warehouse, batch.token, execution.owner, MINUTE):
            items[item.facet].append(item)
        assert sum(map(len, items.values())) == batch.count
        first_days = int(batch.options.get("first_days", 0))
        for facet, of_facet in items.items():
            calls[resource.kind(facet)] += resource.calls(of_facet, now.date(), first_days, own)
    assert {kind: count.low for kind, count in tally.calls.items()} == calls
    exact = {kind for kind in calls if not _is_paged(kind)}
    assert all(tally.calls[kind].high == calls[kind] for kind in exact)


def _is_paged(kind: str) -> bool:
    resource = RESOURCES[kind.split()[0]]
    return isinstance(resource, Series) and resource.pages > 1


def test_what_is_not_known_yet_is_a_range_on_top(warehouse: Conn) -> None:
    tally = Tally(warehouse, Settings(), date(2026, 11, 20))
    wanted = Wanted(["spotify"], [], 365)
    for step in ("track_metadata", "track_audience"):
        for ask in asks(step, UUIDS, wanted, Settings()):
            tally.price(ask, (0, 7))
    assert {kind: (count.low, count.high) for kind, count in tally.calls.items()} == {
        "track_metadata": (2, 3),
        "track_audience spotify": (5 * 14, 5 * 21),
    }


def test_an_estimate_leases_nothing(warehouse_url: str) -> None:
    with connect(warehouse_url) as conn:
        conn.read_only = True
        tally = Tally(conn, Settings(), datetime.now(UTC).date())
        for ask in asks("artist_audience", UUIDS, Wanted([], ["spotify"], None), Settings()):
            tally.price(ask)
        assert tally.estimate("something", None).calls.keys() == {"artist_audience spotify", "artist_listeners spotify"}
