"""Storing what came: all of it together, and one by one when something of it cannot be stored.

Whatever storing one thing raises costs that thing alone, unless it is the warehouse that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg

from chartline.errors import (
    AskPerson,
    ChartlineError,
    ContractBroken,
    NotStored,
    StopRun,
    TryLater,
    WarehouseUnavailable,
)
from chartline.soundcharts.redaction import redact
from chartline.warehouse.connect import Connection
from chartline.warehouse.merge import REFUSED

Thing = TypeVar("Thing")
Written = TypeVar("Written")

AGAIN = 5
_SHOWN = 300


def concerns_all(error: BaseException) -> bool:
    """Whether the next thing would meet it too: the warehouse, the account or the installation is in trouble."""
    if isinstance(error, REFUSED):
        return False
    passing = psycopg.OperationalError | psycopg.InterfaceError | TryLater | StopRun | AskPerson
    return isinstance(error, passing) or not isinstance(error, Exception)


def named(error: Exception, **more: Any) -> ChartlineError:
    """The failure of one thing by its name. `more`: the calls and the body that go with it."""
    if isinstance(error, ChartlineError):
        return error
    if concerns_all(error):
        return WarehouseUnavailable(f"The warehouse does not answer: {type(error).__name__}.", **more)
    if isinstance(error, REFUSED):
        why = error.diag.message_primary or str(error) or type(error).__name__
        return ContractBroken(f"The warehouse cannot hold what came: {why}.", advice="The raw answer is kept.", **more)
    why = redact(f"{type(error).__name__}: {error}"[:_SHOWN])
    return NotStored(
        f"What came could not be read or stored: {why}.",
        advice="The raw answer is kept. This is a fault of Chartline: please report it.",
        **more,
    )


def together(conn: Connection, write: Callable[[], Written]) -> Written:
    """`write` in a transaction; again, a few times, when another run's writes got in its way."""
    attempt = 1
    while True:
        try:
            with conn.transaction():
                return write()
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            if attempt == AGAIN:
                raise
            attempt += 1


def each(
    conn: Connection, things: Sequence[Thing], write: Callable[[Sequence[Thing]], object]
) -> list[tuple[Thing, ChartlineError]]:
    """`write` all things in the caller's transaction, or one by one; returns those that cannot be stored, and why."""
    try:
        with conn.transaction():
            write(things)
        return []
    except Exception as error:
        if concerns_all(error):
            raise
        if len(things) == 1:
            return [(things[0], named(error))]
    return [failed for thing in things for failed in each(conn, [thing], write)]
