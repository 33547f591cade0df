"""The minute limit of an account, shared by every process on every machine.

Calls get slots on one line of time, kept in PostgreSQL and measured by its clock (GCRA): slots are never closer than
`interval`, at most `burst` of them may be saved up while nobody calls, and a slot is good for `USABLE` seconds only.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from psycopg import errors as pg

from chartline.errors import NotConfigured, RateLimited, SchemaMismatch, WarehouseUnavailable
from chartline.soundcharts import ranges
from chartline.soundcharts.policy import LONGEST_WAIT
from chartline.warehouse.connect import connect, limit_statements

WINDOW = 60.0  # seconds: what the API counts in
USABLE = 1.0  # seconds: a slot that was not used by then is thrown away
JITTER = 1.0  # seconds: a call may take that much longer than another one to reach the API
SECONDS = 10  # that handing out slots may take
LONGEST_PAUSE = float(ranges.MINUTE_WAIT.high)  # seconds: no pause of the account is longer, whoever asks for it
SAVED_SHARE = 50  # one in that many of the minute's calls may be saved up
BLOCKS_LOST = 20  # in a row: then the database is too slow to count by


class Limiter(Protocol):
    """What the client asks before a call and tells after it. Safe for threads."""

    def acquire(self) -> None:
        """Blocks until the next call may be made. Raises `RateLimited` when the account is paused for over a minute."""

    def learn(self, remaining: int | None, reset: float | None) -> None:
        """What the API says: calls left in its minute, and seconds until it ends. None where it said nothing."""

    def pause(self, seconds: float) -> None:
        """No call of the account for that long, two minutes at most. Returns at once: it is `acquire` that waits."""

    def close(self) -> None:
        """Gives back what it holds; the client does it with its own end."""


class NoLimiter:
    """Counts nothing; keeps to pauses within this process only. For the simulator, tests and single looks."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._paused_until = -math.inf

    def acquire(self) -> None:
        """Returns at once unless paused."""
        left = self._paused_until - self._clock()
        if left > LONGEST_WAIT:
            raise _paused(left)
        if left > 0:
            self._sleep(left)

    def learn(self, remaining: int | None, reset: float | None) -> None:
        """Pauses when the API says that nothing is left of its minute."""
        if remaining is not None and remaining <= 0 and reset:
            self.pause(min(reset, LONGEST_WAIT))

    def pause(self, seconds: float) -> None:
        """Makes `acquire` wait."""
        self._paused_until = max(self._paused_until, self._clock() + min(seconds, LONGEST_PAUSE))

    def close(self) -> None:
        """Holds nothing."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How slots lie on the line: `interval` seconds apart, `burst` of them saved up at most, `block` taken at once."""

    interval: float
    burst: int
    block: int

    @classmethod
    def of(cls, per_minute: int, block: int = 4) -> Pace:
        """The fastest pace that never makes more than `per_minute` calls in any 60 s.

        A call arrives between its slot and `burst * interval + USABLE + JITTER` seconds later, so the calls of a
        window come from a stretch of `WINDOW + USABLE + JITTER + burst * interval` seconds of the line, which holds
        `(WINDOW + USABLE + JITTER) / interval + burst` slots: made equal to the limit. A block holds what one process
        may well use while it is good.
        """
        if per_minute < 1:
            raise NotConfigured("The limit of calls a minute must be above 0.", advice="Correct calls_per_minute.")
        burst = per_minute // SAVED_SHARE
        interval = (WINDOW + USABLE + JITTER) / (per_minute - burst)
        return cls(interval, burst, max(1, min(block, int(USABLE / interval))))

    @property
    def saved(self) -> float:
        """Seconds of the past whose slots may still be used."""
        return self.burst * self.interval


class SlotBank(Protocol):
    """Where the line of time is kept."""

    def take(self, slots: int) -> tuple[float, float]:
        """Takes that many slots: seconds from now to the first one (below 0: saved up), and seconds of pause left."""

    def block(self, seconds: float) -> None:
        """No slot earlier than that."""

    def close(self) -> None:
        """Gives back what it holds."""


class SlotLimiter:
    """Hands the slots of a bank to the threads of this process. `clock` is in seconds and never goes back."""

    def __init__(
        self,
        bank: SlotBank,
        pace: Pace,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bank, self._pace = bank, pace
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._slots: deque[tuple[float, float]] = deque()  # ready and stale, both by our clock
        self._paused_until = -math.inf

    def acquire(self) -> None:
        """Waits for the next slot. Raises `RateLimited` when the account is paused for over a minute.

        Raises `WarehouseUnavailable` when PostgreSQL does not answer, or so slowly that slots are stale on arrival.
        """
        for _ in range(BLOCKS_LOST):
            ready, stale = self._next_slot()
            if (wait := ready - self._clock()) > 0:
                self._sleep(wait)
            if self._clock() <= stale and ready >= self._paused_until:
                return
        raise WarehouseUnavailable(
            "The warehouse answers too slowly to share out the calls of the minute.",
            advice="Look at the load of the PostgreSQL server.",
        )

    def learn(self, remaining: int | None, reset: float | None) -> None:
        """Pauses the account when the API says that nothing is left of its minute and we did not know."""
        if remaining is not None and remaining <= 0 and reset:
            self.pause(min(reset, LONGEST_WAIT))

    def pause(self, seconds: float) -> None:
        """Moves the line forward for every process; the slots held here are given up."""
        seconds = min(seconds, LONGEST_PAUSE)
        until = self._clock() + seconds
        with self._lock:
            if until <= self._paused_until + USABLE:
                return
            self._paused_until = until
            self._slots.clear()
            self._bank.block(seconds)

    def close(self) -> None:
        """Closes the bank's connection."""
        with self._lock:
            self._bank.close()

    def _next_slot(self) -> tuple[float, float]:
        with self._lock:
            while self._slots:
                ready, stale = self._slots.popleft()
                if stale >= self._clock():
                    return ready, stale
            self._take_block()
            return self._slots.popleft()

    def _take_block(self) -> None:
        """From the moment before the question slots go stale, from the moment after it they are ready: never early."""
        asked = self._clock()
        first, paused = self._bank.take(self._pace.block)
        told = self._clock()
        if paused > LONGEST_WAIT:
            raise _paused(paused)
        for number in range(self._pace.block):
            wait = max(0.0, first + number * self._pace.interval)
            self._slots.append((told + wait, asked + wait + USABLE))


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
        self._connection: psycopg.Connection[Any] | None = None

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

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            conn = connect(self._dsn, application="chartline limiter")
            conn.autocommit = True
            limit_statements(conn, SECONDS)
            self._connection = conn
        return self._connection


def _paused(seconds: float) -> RateLimited:
    return RateLimited(f"Soundcharts asked to wait {seconds:.0f} seconds before the next call.", after=seconds)
