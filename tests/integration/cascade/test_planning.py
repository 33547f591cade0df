"""Batches: every due item in exactly one, no call more than needed, few enough for the pool."""

from __future__ import annotations

from math import ceil
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartline.cascade.planning import Ask, plan
from chartline.cascade.resources import TRACK_AIRPLAY, TRACK_AUDIENCE, TRACK_METADATA
from chartline.settings import Settings
from chartline.warehouse import executions, ledger
from chartline.warehouse.executions import Execution
from chartline.warehouse.ledger import Batch

Conn = psycopg.Connection[Any]


@pytest.fixture
def execution(warehouse: Conn) -> Execution:
    warehouse.autocommit = True
    return executions.open_execution(warehouse, dag_id="d", run_id="r", chart_slug="c", trigger="manual")


def uuids(count: int) -> list[str]:
    return [f"t{number:04}" for number in range(count)]


def items(conn: Conn, batch: Batch) -> list[ledger.Item]:
    from datetime import timedelta

    return ledger.take_up(conn, batch.token, "d/r", timedelta(minutes=1))


def test_one_claim_is_cut_for_the_pool(warehouse: Conn, execution: Execution) -> None:
    batches = plan(warehouse, [Ask(TRACK_METADATA, uuids(450))], execution, Settings(pool_fetch=2), force=False)
    assert [b.count for b in batches] == [230, 220]
    assert [b.label for b in batches] == ["track metadata 1/2 · 230", "track metadata 2/2 · 220"]
    found = [item.entity for batch in batches for item in items(warehouse, batch)]
    assert sorted(found) == uuids(450)


def test_little_work_is_one_batch(warehouse: Conn, execution: Execution) -> None:
    [batch] = plan(warehouse, [Ask(TRACK_METADATA, uuids(30))], execution, Settings(), force=False)
    assert batch.count == 30


def test_nothing_due_is_no_batch(warehouse: Conn, execution: Execution) -> None:
    assert plan(warehouse, [Ask(TRACK_METADATA, [])], execution, Settings(), force=False) == []


def test_a_batch_holds_one_resource_and_its_label_names_the_platforms(warehouse: Conn, execution: Execution) -> None:
    asks = [
        Ask(TRACK_AUDIENCE, uuids(30), ("spotify", "youtube"), 90),
        Ask(TRACK_AIRPLAY, uuids(30), ("airplay",)),
    ]
    batches = plan(warehouse, asks, execution, Settings(pool_fetch=1), force=False)
    assert [(b.resource, b.label) for b in batches] == [
        ("track_audience", "spotify, youtube · 60"),
        ("track_airplay", "airplay · 30"),
    ]
    assert Batch.from_dict(batches[0].as_dict()).options == {"first_days": 90}


@given(count=st.integers(0, 700), slots=st.integers(1, 9), least=st.integers(1, 40))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cutting_adds_no_call(warehouse: Conn, execution: Execution, count: int, slots: int, least: int) -> None:
    warehouse.execute("truncate chartline.fetch_ledger")
    own = Settings(pool_fetch=slots, batch_calls_min=least)
    batches = plan(warehouse, [Ask(TRACK_METADATA, uuids(count))], execution, own, force=False)
    assert sum(b.count for b in batches) == count
    assert sum(ceil(b.count / 10) for b in batches) == ceil(count / 10)
    assert len(batches) <= slots
    assert len({b.token for b in batches}) == len(batches)


def test_slots_have_the_same_to_do_whatever_the_resources(warehouse: Conn, execution: Execution) -> None:
    asks = [Ask(TRACK_AUDIENCE, uuids(120), ("spotify",)), Ask(TRACK_AIRPLAY, uuids(40), ("airplay",))]
    batches = plan(warehouse, asks, execution, Settings(pool_fetch=2), force=False)
    assert [(b.resource, b.count) for b in batches] == [
        ("track_audience", 80),
        ("track_audience", 40),
        ("track_airplay", 40),
    ]
    assert len({item.entity for batch in batches[:2] for item in items(warehouse, batch)}) == 120
