"""Leases: nobody fetches twice, nothing is lost, whoever comes when."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartline.warehouse import ledger
from chartline.warehouse.connect import connect
from chartline.warehouse.ledger import Settled, Want

LEASE = timedelta(minutes=15)
Conn = psycopg.Connection[Any]


@pytest.fixture(autouse=True)
def _autocommit(warehouse: Conn) -> None:
    """As the steps work: now() must move on between statements."""
    warehouse.autocommit = True


def wants(*entities: str) -> list[Want]:
    return [Want(entity, "spotify") for entity in entities]


def claim(conn: Conn, asked: Sequence[Want], owner: str = "a", **more: Any) -> tuple[str, list[str]]:
    token, got = ledger.claim(conn, "track_audience", asked, owner=owner, lease=LEASE, **more)
    return token, [w.entity for w in got]


def settled(entity: str, outcome: ledger.Outcome = "ok", due: timedelta = timedelta(days=7), **more: Any) -> Settled:
    now = datetime.now(UTC)
    return Settled(entity, "spotify", outcome, now, now + due, **more)


def test_what_one_holds_the_other_does_not_get(warehouse: Conn) -> None:
    assert claim(warehouse, wants("x", "y"))[1] == ["x", "y"]
    assert claim(warehouse, wants("y", "z"), owner="b")[1] == ["z"]


def test_planning_again_gives_the_same_owner_its_work_again(warehouse: Conn) -> None:
    first, _ = claim(warehouse, wants("x", "y"))
    second, got = claim(warehouse, wants("x", "y"))
    assert got == ["x", "y"]
    assert ledger.take_up(warehouse, first, "a", LEASE) == []
    assert [i.entity for i in ledger.take_up(warehouse, second, "a", LEASE)] == ["x", "y"]


def test_the_fresh_is_not_planned_and_the_due_is(warehouse: Conn) -> None:
    claim(warehouse, wants("x", "y"))
    ledger.settle(warehouse, "track_audience", [settled("x"), settled("y", due=timedelta(0))])
    assert claim(warehouse, wants("x", "y"), owner="b")[1] == ["y"]


def test_force_takes_what_was_fetched_before_the_run_and_not_what_the_run_fetched(warehouse: Conn) -> None:
    claim(warehouse, wants("x"))
    ledger.settle(warehouse, "track_audience", [settled("x")])
    started = datetime.now(UTC)
    assert claim(warehouse, wants("x"), owner="b", stale_before=started)[1] == ["x"]
    ledger.settle(warehouse, "track_audience", [settled("x")])
    assert claim(warehouse, wants("x"), owner="b", stale_before=started)[1] == []


def test_a_retry_takes_up_what_is_left_and_what_failed(warehouse: Conn) -> None:
    token, _ = claim(warehouse, wants("x", "y", "z"))
    failed = settled("y", "failed", timedelta(0), error_kind="cut_answer", error="ended early")
    ledger.settle(warehouse, "track_audience", [settled("x"), failed])
    assert [i.entity for i in ledger.take_up(warehouse, token, "a", LEASE)] == ["z", "y"], "what failed comes last"


def test_a_failed_item_is_free_for_others_at_once(warehouse: Conn) -> None:
    token, _ = claim(warehouse, wants("x"))
    ledger.settle(warehouse, "track_audience", [settled("x", "failed", timedelta(0))])
    assert claim(warehouse, wants("x"), owner="b")[1] == ["x"]
    assert ledger.take_up(warehouse, token, "a", LEASE) == []


def test_an_expired_lease_is_taken_over_whole(warehouse: Conn) -> None:
    token, _ = ledger.claim(warehouse, "track_audience", wants("x"), owner="a", lease=timedelta(seconds=-1))
    assert claim(warehouse, wants("x"), owner="b")[1] == ["x"]
    assert ledger.take_up(warehouse, token, "a", LEASE) == []


def test_a_failure_keeps_what_is_known_and_coverage_only_grows(warehouse: Conn) -> None:
    claim(warehouse, wants("x"))
    covered: dict[str, Any] = {"covered_from": date(2026, 1, 1), "covered_to": date(2026, 3, 31)}
    ledger.settle(warehouse, "track_audience", [settled("x", **covered, due=timedelta(0))])
    token, _ = claim(warehouse, wants("x"))
    ledger.settle(warehouse, "track_audience", [settled("x", "failed", timedelta(0), covered_to=date(2026, 2, 1))])
    [item] = ledger.take_up(warehouse, token, "a", LEASE)
    assert (item.covered_from, item.covered_to) == (date(2026, 1, 1), date(2026, 3, 31))
    row = warehouse.execute("select fetched_at is not null, attempts from chartline.fetch_ledger").fetchone()
    assert row == (True, 1)


def test_held_by_others_counts_only_living_leases_of_others(warehouse: Conn) -> None:
    claim(warehouse, wants("x"), owner="a")
    ledger.claim(warehouse, "track_audience", wants("y"), owner="b", lease=timedelta(seconds=-1))
    claim(warehouse, wants("z"), owner="b")
    assert ledger.held_by_others(warehouse, "track_audience", ["x", "y", "z"], "a") == 1
    ledger.release(warehouse, "b")
    assert ledger.held_by_others(warehouse, "track_audience", ["x", "y", "z"], "a") == 0


def test_a_cut_claim_keeps_every_item_in_exactly_one_batch(warehouse: Conn) -> None:
    token, _ = claim(warehouse, wants("x", "y", "z"))
    other = ledger.new_token()
    ledger.assign(warehouse, "track_audience", other, wants("z"))
    assert [i.entity for i in ledger.take_up(warehouse, token, "a", LEASE)] == ["x", "y"]
    assert [i.entity for i in ledger.take_up(warehouse, other, "a", LEASE)] == ["z"]


@pytest.mark.parametrize("runs", [8])
def test_runs_at_once_share_without_overlap_or_loss(warehouse_url: str, runs: int) -> None:
    names = [f"t{n}" for n in range(200)]

    def plan(number: int) -> list[str]:
        mine = names[number * 10 :] + names[: number * 10]
        with connect(warehouse_url) as conn:
            return claim(conn, wants(*mine), owner=f"run{number}")[1]

    with ThreadPoolExecutor(runs) as pool:
        got = [entity for part in pool.map(plan, range(runs)) for entity in part]
    assert sorted(got) == sorted(names)


ACTION = st.one_of(
    st.tuples(st.just("claim"), st.sampled_from("ab"), st.sets(st.sampled_from("uvwxyz"), min_size=1)),
    st.tuples(st.just("settle"), st.sampled_from("ab"), st.sampled_from(["ok", "empty", "absent"])),
    st.tuples(st.just("fail"), st.sampled_from("ab"), st.just("failed")),
)


@given(actions=st.lists(ACTION, max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_fetched_twice_within_its_freshness(warehouse: Conn, actions: list[Any]) -> None:
    warehouse.execute("truncate chartline.fetch_ledger")
    held: dict[str, set[str]] = {"a": set(), "b": set()}
    fetched: set[str] = set()
    for kind, owner, what in actions:
        if kind == "claim":
            _, got = claim(warehouse, wants(*what), owner=owner)
            other = held["b" if owner == "a" else "a"]
            assert set(got) == set(what) - other - fetched
            held[owner] |= set(got)
        else:
            ended = [settled(e, what, timedelta(0 if kind == "fail" else 7)) for e in held[owner]]
            ledger.settle(warehouse, "track_audience", ended)
            if kind == "settle":
                fetched |= held[owner]
            held[owner] = set()


def test_what_is_known_of_an_entitys_facets(warehouse: Conn) -> None:
    claim(warehouse, wants("x"))
    ledger.settle(warehouse, "track_audience", [settled("y", "absent")])
    assert ledger.find(warehouse, "track_audience", "x", ["spotify", "youtube"]) == {
        "spotify": ledger.LedgerRow("never", None, None)
    }
    [(facet, entry)] = ledger.find(warehouse, "track_audience", "y", ["spotify"]).items()
    assert (facet, entry.outcome) == ("spotify", "absent")
    assert entry.fetched_at is not None
    assert entry.due_at == entry.fetched_at + timedelta(days=7)
    assert ledger.find(warehouse, "track_audience", "z", ["spotify"]) == {}
