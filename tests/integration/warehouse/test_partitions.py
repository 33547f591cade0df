from __future__ import annotations

import threading
from datetime import date

import psycopg
import pytest

from chartline.warehouse import partitions
from chartline.warehouse.connect import connect

OLD = date(2009, 2, 14)
INSERT = "insert into track_audience values ('7d534228-5165-11e9-9375-549f35161576', 'spotify', %s, 'a', 1)"


def test_a_missing_month_is_made_once(warehouse: psycopg.Connection) -> None:
    assert partitions.ensure_months(warehouse, "track_audience", [OLD, date(2009, 2, 1), date(2009, 12, 31)]) == 2
    assert partitions.ensure_months(warehouse, "track_audience", [OLD]) == 0
    for day in (date(2009, 2, 1), date(2009, 2, 28), date(2009, 12, 1), date(2009, 12, 31)):
        warehouse.execute(INSERT, [day])
    found = warehouse.execute("select tableoid::regclass::text, count(*) from track_audience group by 1 order by 1")
    assert found.fetchall() == [("track_audience_2009_02", 2), ("track_audience_2009_12", 2)]


def test_it_stands_when_the_caller_rolls_back_and_does_not_wait_for_the_caller(warehouse: psycopg.Connection) -> None:
    """The caller has written to the table, and so holds its lock, when a further month turns out to be missing."""
    warehouse.execute("set lock_timeout = '5s'")
    warehouse.execute(INSERT, [date(2026, 11, 1)])
    assert partitions.ensure_months(warehouse, "track_audience", [OLD]) == 1
    warehouse.execute(INSERT, [OLD])
    warehouse.rollback()
    warehouse.execute(INSERT, [OLD])


def test_times_fall_into_their_utc_month(warehouse: psycopg.Connection) -> None:
    partitions.ensure_months(warehouse, "api_call", [date(2020, 1, 1)])
    warehouse.execute("insert into api_call (at, endpoint, ms) values ('2020-02-01 00:59:59+01', 'song', 1)")
    assert warehouse.execute("select count(*) from api_call_2020_01").fetchone() == (1,)


def test_writers_that_need_the_same_months_at_once_all_get_them(warehouse_url: str) -> None:
    months = [date(2001, month, 1) for month in range(1, 7)]
    trouble: list[BaseException] = []
    together = threading.Barrier(4)

    def write(turn: int) -> None:
        try:
            with connect(warehouse_url) as conn:
                conn.execute("set lock_timeout = '10s'")
                together.wait(timeout=30)
                partitions._known.clear()  # as if each were a process of its own
                for day in months if turn % 2 else months[::-1]:
                    partitions.ensure_months(conn, "track_audience", [day])
                    conn.execute(INSERT.replace("'a'", f"'{turn}'"), [day])
        except BaseException as error:
            trouble.append(error)

    writers = [threading.Thread(target=write, args=[turn]) for turn in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert trouble == []
    with connect(warehouse_url) as conn:
        assert conn.execute("select count(*) from track_audience").fetchone() == (24,)


def test_a_table_without_partitions_is_refused(warehouse: psycopg.Connection) -> None:
    with pytest.raises(ValueError, match="not partitioned"):
        partitions.ensure_months(warehouse, "track", [OLD])
