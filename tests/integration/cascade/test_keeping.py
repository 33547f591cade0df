"""One keeper: nobody fetches what another holds, and each step is written whole or not at all."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from chartline.cascade import keeping
from chartline.cascade.keeping import Keeper, Kept, Lease, Owner
from chartline.errors import NotStored, NotYet, QuotaSpent, ServerTrouble
from chartline.settings import Settings
from chartline.soundcharts.calls import Call
from chartline.warehouse import calls, charts, executions, ledger, raw
from chartline.warehouse.connect import connect
from chartline.warehouse.executions import Counts, ItemFailure
from chartline.warehouse.ledger import FOREVER, Settled, Want
from chartline.warehouse.raw import RawAnswer

Conn = psycopg.Connection[Any]
LASTS = timedelta(minutes=5)
RESOURCE = "track_audience"
X, Y, Z = Want("x", "spotify"), Want("y", "spotify"), Want("z", "spotify")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CALL = Call(NOW, "song_audience", "x", "spotify", 200, 30, 100, 1000, None)
TABLES = ("chart", "raw_answer", "api_call", "execution_failure")


@pytest.fixture
def conn(warehouse: Conn) -> Conn:
    warehouse.autocommit = True
    return warehouse


@pytest.fixture
def execution(conn: Conn) -> int:
    return executions.open_execution(conn, dag_id="d", run_id="r", chart_slug="c", trigger="manual").id


@pytest.fixture
def keeper(conn: Conn, execution: int) -> Keeper:
    return keeper_of(conn, "a", execution)


@pytest.fixture
def another(warehouse_url: str) -> Iterator[Keeper]:
    with connect(warehouse_url) as conn:
        conn.autocommit = True
        yield keeper_of(conn, "b")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "POLL", 0.01)


def keeper_of(conn: Conn, name: str, execution_id: int | None = None) -> Keeper:
    return Keeper(conn, Owner(name, execution_id, Settings(), lambda: datetime.now(UTC)), RESOURCE, LASTS)


def good(want: Want) -> Settled:
    now = datetime.now(UTC)
    return Settled(want.entity, want.facet, "ok", now, now + timedelta(days=7))


def answer(want: Want, part: int = 0) -> RawAnswer:
    return RawAnswer(RESOURCE, want.entity, want.facet, part, "song_audience", "/", NOW, b"{}")


def everything(want: Want = X) -> Kept:
    failure = ItemFailure(RESOURCE, "y", "spotify", "not_found", "no")
    return Kept([answer(want)], [good(want)], [CALL], [failure], deferred=2)


def a_chart(conn: Conn) -> Callable[[], Counts]:
    def store() -> Counts:
        conn.execute("insert into chartline.platform (code, name, seen_at) values ('p', 'P', now())")
        conn.execute("insert into chartline.chart (slug, platform, name, frequency) values ('c', 'p', 'C', 'daily')")
        return Counts(audience_points=7)

    return store


def written(conn: Conn) -> dict[str, Any]:
    """How much is there of each, what the ledger says of X, and what stands on the execution's row."""
    sizes = {table: len(conn.execute(f"select from chartline.{table}").fetchall()) for table in TABLES}
    of_x = "select outcome, error_kind, lease_owner, lease_until > now() from chartline.fetch_ledger where entity = 'x'"
    of_run = "select audience_points, deferred, error from chartline.chart_sync_execution"
    return sizes | {"ledger": conn.execute(of_x).fetchone(), "run": conn.execute(of_run).fetchone()}


# -- whose it is -------------------------------------------------------------------------------------------------


def test_what_one_holds_another_does_not_get(keeper: Keeper, another: Keeper) -> None:
    assert keeper.hold([X, Y]).wants == [X, Y]
    assert another.hold([Y, Z]).wants == [Z]
    assert another.hold([Y]).wants == []
    assert keeper.hold([Y]).wants == [Y]


def test_others_are_waited_for_in_place(keeper: Keeper, another: Keeper) -> None:
    keeper.hold([X])
    later = threading.Timer(0.1, keeper.release)
    later.start()
    assert another.hold([X], patience=10).wants == [X]
    later.join()


def test_when_the_patience_is_over_it_is_not_yet(keeper: Keeper, another: Keeper) -> None:
    keeper.hold([X, Y])
    with pytest.raises(NotYet, match=r"Another run is fetching the track audience of x: spotify\.") as over:
        another.hold([X], patience=0.05)
    assert over.value.after == keeping.AGAIN


def test_what_comes_while_it_is_waited_for_is_not_held(keeper: Keeper, another: Keeper) -> None:
    asked: list[bool] = []
    keeper.hold([X])

    def still(waited: bool) -> list[Want]:
        asked.append(waited)
        if len(asked) == 3:
            keeper.keep(Kept(settled=[good(X)]))
        return [X] if len(asked) < 4 else []

    assert another.hold([X], patience=10, still=still).wants == []
    assert asked == [False, True, True, True]


def test_what_came_while_the_lease_was_asked_for_is_not_among_what_is_held(keeper: Keeper) -> None:
    assert keeper.hold([X, Y], still=lambda waited: [Y]).wants == [Y]
    assert keeper.hold([X, Y], still=lambda waited: []).wants == []


def test_what_is_fresh_is_held_only_by_who_takes_nothing_for_fresh(keeper: Keeper) -> None:
    keeper.keep(Kept(settled=[good(X)]))
    assert keeper.hold([X, Y], stale_before=None).wants == [Y]
    assert keeper.hold([X, Y], stale_before=FOREVER).wants == [X, Y]


def test_many_at_once_fetch_each_thing_once(warehouse_url: str, conn: Conn) -> None:
    wants = [Want(f"e{n:02}", "spotify") for n in range(40)]
    begin = threading.Barrier(6)
    fetched: list[Want] = []

    def work(number: int) -> None:
        with connect(warehouse_url) as own:
            own.autocommit = True
            keeper = keeper_of(own, f"run {number}")
            todo = wants[number * 4 : number * 4 + 20]

            def still(_: bool) -> list[Want]:
                had = own.execute("select entity from chartline.fetch_ledger where outcome = 'ok'").fetchall()
                return [want for want in todo if (want.entity,) not in had]

            begin.wait(30)
            while held := keeper.hold(still(False)[:5], patience=30, still=still).wants:
                fetched.extend(held)
                keeper.keep(Kept(settled=[good(want) for want in held]))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert Counter(fetched) == Counter(wants)


def test_a_hold_is_renewed_when_a_third_of_it_is_over(keeper: Keeper, conn: Conn) -> None:
    held = keeper.hold([X, Y, Z])
    keeper.keep(Kept(settled=[good(Y)]))
    keeper.fail(Z, ServerTrouble("no"))
    conn.execute("update chartline.fetch_ledger set lease_until = now() + interval '1 s' where lease_until is not null")
    keeper.renew(held)
    until = "select entity from chartline.fetch_ledger where lease_until > now() + interval '1 min'"
    assert conn.execute(until).fetchall() == []
    held.since -= LASTS.total_seconds() / 3
    keeper.renew(held)
    assert conn.execute(until).fetchall() == [("x",)]
    assert time.monotonic() - held.since < 60


def test_a_hold_is_renewed_in_the_order_in_which_leases_are_asked_for(
    keeper: Keeper, another: Keeper, conn: Conn
) -> None:
    """Else one who asks for both in order and one who renews would wait for each other."""
    held = keeper.hold([X, Z])
    conn.execute("update chartline.fetch_ledger set due_at = now() where entity = 'x'")  # it lies behind the other now
    for way in ("indexscan", "bitmapscan"):
        conn.execute(f"set enable_{way} = off")
    held.since -= LASTS.total_seconds()
    with another.conn.transaction():
        lock = "select 1 from chartline.fetch_ledger where entity = %s for update"
        another.conn.execute(lock, ["x"])
        renewing = threading.Thread(target=keeper.renew, args=(held,))
        renewing.start()
        waits = "select count(*) from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
        until = time.monotonic() + 30
        while another.conn.execute(waits, [conn.info.backend_pid]).fetchone() == (0,) and time.monotonic() < until:
            time.sleep(0.01)
        another.conn.execute(lock + " nowait", ["z"])
    renewing.join(30)
    assert not renewing.is_alive()


def test_a_batch_is_taken_up_whole_or_not_at_all(
    keeper: Keeper, conn: Conn, execution: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = keeper.hold([X, Y]).token
    keeper.keep(Kept(failures=[ItemFailure(RESOURCE, "x", "spotify", "not_found", "no")], deferred=1))
    keeper.defer([X], QuotaSpent("no calls left"))
    before = written(conn)
    with monkeypatch.context() as patch:
        patch.setattr(executions, "take_up_deferred", raising(ValueError("killed")))
        with pytest.raises(ValueError, match="killed"):
            keeper.take_up(token)
    assert written(conn) == before
    held, items = keeper.take_up(token)
    assert (held.token, held.wants) == (token, [Want(item.entity, item.facet) for item in items])
    assert {item.entity for item in items} == {"x", "y"}
    after = written(conn)
    assert (after["execution_failure"], after["run"][1]) == (0, before["run"][1] - 1)
    assert after["ledger"][2:] == ("a", True)


def test_what_is_released_others_have_at_once(keeper: Keeper, another: Keeper) -> None:
    keeper.hold([X])
    replace(keeper, resource="ranking").hold([X])
    keeper.release()
    assert another.hold([X]).wants == [X]
    assert replace(another, resource="ranking").hold([X]).wants == []


# -- what came of it ---------------------------------------------------------------------------------------------


def raising(error: BaseException) -> Callable[..., Any]:
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    return fails


def after(call: Callable[..., Any], error: BaseException) -> Callable[..., Any]:
    """What it wrote is there when it fails."""

    def fails(*args: Any, **named: Any) -> Any:
        call(*args, **named)
        raise error

    return fails


STEPS = {
    "raw": (raw, "keep"),
    "ledger": (ledger, "settle"),
    "calls": (calls, "record"),
    "failures": (executions, "add_failures"),
    "counts": (executions, "add_counts"),
}


def test_all_of_it_is_kept(keeper: Keeper, conn: Conn) -> None:
    keeper.hold([X])
    assert keeper.keep(everything(), a_chart(conn)) == Counts(audience_points=7, deferred=2)
    assert written(conn) == {
        **dict.fromkeys(TABLES, 1),
        "ledger": ("ok", None, None, None),
        "run": (7, 2, None),
    }


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [ValueError("odd"), KeyboardInterrupt()], ids=lambda error: type(error).__name__)
def test_a_failure_in_the_middle_of_keeping_leaves_nothing(
    keeper: Keeper, conn: Conn, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    keeper.hold([X])
    before = written(conn)
    module, name = STEPS[step]
    monkeypatch.setattr(module, name, after(getattr(module, name), error))
    with pytest.raises(NotStored if isinstance(error, ValueError) else KeyboardInterrupt):
        keeper.keep(everything(), a_chart(conn))
    assert written(conn) == before


def test_what_cannot_be_stored_is_told_by_name_with_its_calls_and_body(keeper: Keeper, conn: Conn) -> None:
    with pytest.raises(NotStored, match="nobody thought of this") as told:
        keeper.keep(everything(), raising(ValueError("nobody thought of this")))
    assert (told.value.calls, told.value.body) == ((CALL,), b"{}")
    keeper.fail(X, told.value)
    assert written(conn)["api_call"] == 1


def test_when_the_warehouse_fails_what_was_paid_is_booked_and_nothing_else(keeper: Keeper, conn: Conn) -> None:
    keeper.hold([X])
    before = written(conn)
    with pytest.raises(psycopg.errors.DiskFull):
        keeper.keep(everything(), after(a_chart(conn), psycopg.errors.DiskFull("no space left on device")))
    assert written(conn) == before | {"api_call": 1}


def test_where_the_connection_broke_it_is_booked_by_another(another: Keeper, conn: Conn) -> None:
    def killed() -> None:
        conn.execute("select pg_terminate_backend(%s)", [another.conn.info.backend_pid])
        another.conn.execute("select 1")

    with pytest.raises(psycopg.OperationalError):
        another.keep(everything(), killed)
    assert another.conn.broken
    assert conn.execute("select count(*) from chartline.api_call").fetchone() == (1,)


def test_where_the_warehouse_is_away_what_was_not_booked_is_in_the_log(
    another: Keeper, conn: Conn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    conn.execute("select pg_terminate_backend(%s)", [another.conn.info.backend_pid])
    monkeypatch.setattr(keeping, "sibling", raising(psycopg.OperationalError("refused")))
    with pytest.raises(psycopg.OperationalError):
        another.keep(everything())
    assert "1 calls could not be booked" in caplog.text


def test_other_writes_that_get_in_the_way_are_gone_through_again(keeper: Keeper, conn: Conn) -> None:
    tries: list[int] = []

    def deadlocked_twice() -> Counts:
        tries.append(len(tries))
        if len(tries) < 3:
            raise psycopg.errors.DeadlockDetected("deadlock detected")
        return Counts(audience_points=1)

    assert keeper.keep(everything(), deadlocked_twice).audience_points == 1
    assert written(conn)["run"] == (1, 2, None)


def test_a_failure_ends_the_lease_and_keeps_what_came(keeper: Keeper, another: Keeper, conn: Conn) -> None:
    keeper.hold([X])
    trouble = ServerTrouble("status 500", calls=(CALL, CALL), body=b"<html>")
    keeper.fail(X, trouble, [replace(answer(X, part), resource="begun") for part in range(2)])
    assert another.hold([X], stale_before=None).wants == [X]
    kept = conn.execute("select resource, part, length(body) > 0 from chartline.raw_answer order by 1, 2").fetchall()
    assert kept == [("begun", 0, True), ("begun", 1, True), (f"broken_{RESOURCE}", 0, True)]
    assert raw.latest(conn, keeping.broken(RESOURCE), "x", "spotify")[0].body == b"<html>"
    assert written(conn)["ledger"][:2] == ("failed", "server_trouble")
    assert written(conn)["api_call"] == 2


@pytest.mark.parametrize("step", ["raw", "ledger", "calls"])
def test_a_failure_in_the_middle_of_noting_a_failure_leaves_nothing(
    keeper: Keeper, conn: Conn, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    keeper.hold([X])
    before = written(conn)
    module, name = STEPS[step]
    monkeypatch.setattr(module, name, after(getattr(module, name), ValueError("killed")))
    with pytest.raises(ValueError, match="killed"):
        keeper.fail(X, ServerTrouble("no", calls=(CALL,), body=b"<html>"), [answer(X)])
    assert written(conn) == before


def test_what_is_put_off_is_counted_and_said(keeper: Keeper, another: Keeper, conn: Conn) -> None:
    keeper.hold([X, Y])
    assert keeper.defer([X, Y], QuotaSpent("No calls are left.")) == 2
    assert written(conn)["ledger"] == ("deferred", "quota_spent", None, None)
    assert written(conn)["run"] == (0, 2, "No calls are left.")
    assert another.hold([X, Y], stale_before=None).wants == [X, Y]


@pytest.mark.parametrize("step", [STEPS["ledger"], STEPS["counts"], (executions, "note_error")], ids=lambda s: s[1])
def test_a_failure_in_the_middle_of_deferring_leaves_nothing(
    keeper: Keeper, conn: Conn, monkeypatch: pytest.MonkeyPatch, step: tuple[Any, str]
) -> None:
    keeper.hold([X])
    before = written(conn)
    module, name = step
    monkeypatch.setattr(module, name, after(getattr(module, name), ValueError("killed")))
    with pytest.raises(ValueError, match="killed"):
        keeper.defer([X], QuotaSpent("no calls left"))
    assert written(conn) == before


def test_all_write_in_the_same_order(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def noted(step: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any) -> Any:
            seen.append(step)
            return call(*args)

        return called

    for step, (module, name) in STEPS.items():
        monkeypatch.setattr(module, name, noted(step, getattr(module, name)))
    order = list(STEPS)
    for write in (
        lambda: keeper.keep(everything()),
        lambda: keeper.fail(X, ServerTrouble("no", calls=(CALL,), body=b"no")),
        lambda: keeper.defer([X], QuotaSpent("no calls left")),
    ):
        seen.clear()
        write()
        assert seen
        assert seen == [step for step in order if step in seen]


def test_an_estimate_keeps_as_a_run_does_but_for_the_execution(conn: Conn, execution: int) -> None:
    estimate = keeper_of(conn, "estimate/1")
    held = estimate.hold([X])
    assert isinstance(held, Lease)
    estimate.keep(everything(), a_chart(conn))
    estimate.fail(Y, ServerTrouble("no", calls=(CALL,)))
    estimate.defer([Z], QuotaSpent("no calls left"))
    assert written(conn)["run"] == (0, 0, None)
    assert written(conn)["execution_failure"] == 0
    assert conn.execute("select count(*), count(execution_id) from chartline.api_call").fetchone() == (2, 0)
    assert charts.find(conn, "c") is not None
