"""What the commands share: the warehouse, the API, and how results are printed."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest

import psycopg

from chartline.errors import NotConfigured
from chartline.soundcharts.account import ENVIRONMENT, ApiAccount
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import schema
from chartline.warehouse.budget import PostgresLimiter
from chartline.warehouse.connect import connect

WAREHOUSE = "CHARTLINE_WAREHOUSE_URL"


def warehouse_url() -> str:
    """Where the warehouse is. Raises NotConfigured."""
    url = os.environ.get(WAREHOUSE, "")
    if not url:
        raise NotConfigured(
            f"The warehouse is not set: {WAREHOUSE} is empty.",
            advice="Set it to postgresql://user:password@host:port/chartline, or use bin/chartline after bin/up, "
            "which sets it.",
        )
    return url


@contextmanager
def warehouse() -> Iterator[psycopg.Connection]:
    """A connection in autocommit to a warehouse of the right schema. Raises WarehouseUnavailable, SchemaMismatch."""
    with connect(warehouse_url()) as conn:
        conn.autocommit = True
        schema.check(conn)
        yield conn


def soundcharts() -> SoundchartsClient:
    """The API, under the account's minute limit. Raises NotConfigured when there is no account."""
    account = ApiAccount.from_environment()
    return SoundchartsClient(account, limiter=PostgresLimiter(warehouse_url(), account.name, account.calls_per_minute))


def soundcharts_if_configured() -> Callable[[], SoundchartsClient] | None:
    """The API where an account is set, for commands that also work without one."""
    return soundcharts if os.environ.get(ENVIRONMENT) else None


def per_minute() -> int | None:
    """The account's limit in calls a minute; None where no account is set."""
    return ApiAccount.from_environment().calls_per_minute if os.environ.get(ENVIRONMENT) else None


def me() -> str:
    """Who asks, by the name of the system's user; "" in a container without user names."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def columns(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table for people. What comes from the API is text: nothing in it steers the terminal."""
    cells = [[plain(cell) for cell in row] for row in [head, *rows]]
    widths = [max(map(len, column)) for column in zip_longest(*cells, fillvalue="")]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in cells)
    return "\n".join(lines)


def plain(value: object) -> str:
    """One line of printable characters."""
    return "".join(letter if letter.isprintable() else " " for letter in str(value))
