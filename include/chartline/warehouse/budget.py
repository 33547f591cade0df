"""The minute limit's slots, shared by every process on every machine: one line of time for each account.

The line is kept in the table `api_budget` and measured by PostgreSQL's clock (GCRA): slots are never closer than an
interval, and at most a few of them may be saved up while nobody calls.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import errors as pg

from chartline.errors import SchemaMismatch, WarehouseUnavailable
from chartline.soundcharts.limiter import LONGEST_PAUSE, Pace, SlotLimiter
from chartline.warehouse.connect import Connection, connect, limit_statements

SECONDS = 10  # that handing out slots may take


class PostgresLimiter(SlotLimiter):
    """The limiter of an account (`ApiAccount.name`) on the table `api_budget` of the warehouse at `dsn`.

    Opens one connection of its own at the first call, and anew when it breaks. Close it when done.
    """

    def __init__(self, dsn: str, account: str, per_minute: int, block: int = 4) -> None:
        pace = Pace.of(per_minute, block)
        super().__init__(PostgresBank(dsn, account, per_minute, pace), pace)


# clock_timestamp() and not now(): it is read after the row's lock was got. The lines are compared before they are
# subtracted, as infinite times cannot be. A pause beyond the longest one was written by an older version, or before the
# clock was set back: it and the line it moved do not count.
_TAKE = """
insert into chartline.api_budget as budget (account, per_minute, next_free)
values (%(account)s, %(per_minute)s, clock_timestamp() + make_interval(secs => %(taken)s - %(saved)s))
on conflict (account) do update set
    per_minute = excluded.per_minute,
    next_free = greatest(case when budget.blocked_until <= clock_timestamp() + make_interval(secs => %(longest)s)
                              then greatest(budget.next_free, budget.blocked_until) end,
                         clock_timestamp() - make_interval(secs => %(saved)s)) + make_interval(secs => %(taken)s),
    blocked_until = case when budget.blocked_until <= clock_timestamp() + make_interval(secs => %(longest)s)
                         then budget.blocked_until else '-infinity' end
returning extract(epoch from next_free - clock_timestamp())::float8 - %(taken)s,
          extract(epoch from greatest(blocked_until, clock_timestamp()) - clock_timestamp())::float8
"""
_BLOCK = """
insert into chartline.api_budget as budget (account, per_minute, blocked_until)
values (%(account)s, %(per_minute)s, clock_timestamp() + make_interval(secs => %(seconds)s))
on conflict (account) do update set blocked_until = greatest(budget.blocked_until, excluded.blocked_until)
"""


class PostgresBank:
    """The line of one account in `api_budget`. Not for several threads at once: `SlotLimiter` sees to that."""

    def __init__(self, dsn: str, account: str, per_minute: int, pace: Pace) -> None:
        self._dsn, self._pace = dsn, pace
        self._who = {"account": account, "per_minute": per_minute}
        self._connection: Connection | None = None

    def take(self, slots: int) -> tuple[float, float]:
        """One atomic statement. Raises `WarehouseUnavailable`, `SchemaMismatch`."""
        row = self._run(
            _TAKE, {"taken": slots * self._pace.interval, "saved": self._pace.saved, "longest": LONGEST_PAUSE}
        )
        assert row is not None  # the statement returns its row
        first, paused = row
        return float(first), max(0.0, float(paused))  # a microsecond passes between its two looks at the clock

    def block(self, seconds: float) -> None:
        """Never shortens a pause that another process asked for."""
        self._run(_BLOCK, {"seconds": seconds})

    def close(self) -> None:
        """Closes the connection; the next statement opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self, statement: str, values: dict[str, float]) -> tuple[Any, ...] | None:
        for last in (False, True):
            try:
                cursor = self._connected().execute(statement, {**self._who, **values})
                return cursor.fetchone() if cursor.description else None
            except (psycopg.OperationalError, psycopg.InterfaceError) as broken:
                self.close()
                if last:
                    raise WarehouseUnavailable(
                        f"The warehouse does not answer ({type(broken).__name__}), so no call can be counted.",
                        advice="Start PostgreSQL or correct CHARTLINE_WAREHOUSE_URL.",
                    ) from broken
            except (pg.UndefinedTable, pg.InvalidSchemaName, pg.UndefinedColumn) as older:
                raise SchemaMismatch(
                    "The warehouse has no call budget as this version needs it.", advice="Run: chartline migrate"
                ) from older
        return None

    def _connected(self) -> Connection:
        if self._connection is None:
            conn = connect(self._dsn, application="chartline limiter")
            conn.autocommit = True
            limit_statements(conn, SECONDS)
            self._connection = conn
        return self._connection
