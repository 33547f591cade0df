"""The minute limit of an account: how calls wait for their slots.

A slot is good for `USABLE` seconds only. Where slots come from is a bank's matter: the one that every process on every
machine shares is `warehouse.budget`.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chartline.domain import ranges
from chartline.errors import NotConfigured, RateLimited, WarehouseUnavailable
from chartline.soundcharts.statuses import LONGEST_WAIT

WINDOW = 60.0  # seconds: what the API counts in
USABLE = 1.0  # seconds: a slot that was not used by then is thrown away
JITTER = 1.0  # seconds: a call may take that much longer than another one to reach the API
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
        """Seconds before now whose slots may still be used."""
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


def _paused(seconds: float) -> RateLimited:
    return RateLimited(f"Soundcharts asked to wait {seconds:.0f} seconds before the next call.", after=seconds)
