"""What refreshes of an audience were asked for, by person and day: the calls that each costs at the most."""

from __future__ import annotations

from datetime import date
from typing import Any

from chartline.warehouse.connect import Connection

LOCK = 0x43480006


def lock(conn: Connection) -> None:
    """Until the transaction ends, nobody else books: what was summed up is what is added to."""
    conn.execute("select pg_advisory_xact_lock(%s)", [LOCK])


def book(conn: Connection, run_id: str, day: date, person: str, calls: int) -> None:
    """Book a run, in the caller's transaction; one that is booked already stays as it is."""
    conn.execute(
        """insert into chartline.refresh_booking (run_id, day, person, calls) values (%s, %s, %s, %s)
           on conflict (run_id) do nothing""",
        [run_id, day, person, calls],
    )


def take_back(conn: Connection, run_id: str) -> None:
    """Of a run that did not start."""
    conn.execute("delete from chartline.refresh_booking where run_id = %s", [run_id])


def of_person(conn: Connection, person: str, day: date) -> int:
    """The calls that a person's refreshes of a day cost."""
    return _sum(conn, "select sum(calls) from chartline.refresh_booking where day = %s and person = %s", [day, person])


def of_day(conn: Connection, day: date, besides: str = "") -> int:
    """The calls of all refreshes of a day, but of the run `besides`."""
    return _sum(
        conn, "select sum(calls) from chartline.refresh_booking where day = %s and run_id <> %s", [day, besides]
    )


def _sum(conn: Connection, query: Any, asked: list[Any]) -> int:
    row = conn.execute(query, asked).fetchone()
    return int(row[0] or 0) if row else 0
