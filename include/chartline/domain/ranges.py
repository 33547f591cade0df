"""Numbers that come from outside, and what each of them may be: the one place for it.

A header, a body or a connection can say anything. What is used as a time, a size or a count is brought into its range
first; where that changes it, the log says so, or the field is refused by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Bounds:
    """From `low` to `high`, both included."""

    low: int
    high: int

    def clamp(self, value: float) -> float:
        """The nearest value within."""
        return min(max(value, self.low), self.high)

    def holds(self, value: float) -> bool:
        """Whether it lies within; what is no number does not."""
        return math.isfinite(value) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:,} to {self.high:,}"


def within(day: date, first: date, ahead: timedelta) -> date:
    """The day, when it lies between the first one and so far after today. Raises ValueError that names both."""
    last = datetime.now(UTC).date() + ahead
    if not first <= day <= last:
        raise ValueError(f"a day from {first} to {last} is expected")
    return day


# -- headers ---------------------------------------------------------------------------------------------------

MINUTE_WAIT = Bounds(0, 120)
"""Seconds that a limit of calls a minute may ask to wait (x-ratelimit-reset, Retry-After of a 429)."""
TROUBLE_WAIT = Bounds(0, 900)
"""Seconds that a server in trouble may ask to wait (Retry-After of a 5xx)."""
CALLS_LEFT = Bounds(0, 1_000_000_000)
"""Calls left of the minute (x-ratelimit-remaining)."""
QUOTA_LEFT = Bounds(0, 1_000_000_000_000)
"""Calls left of the billing cycle (x-quota-remaining)."""

# -- bodies ----------------------------------------------------------------------------------------------------

BODY = Bounds(0, 64 * 1024 * 1024)
"""Bytes of an answer, unpacked: a longer one is refused, unread where its Content-Length says so."""
LISTED = Bounds(0, 100_000)
"""Items of a list, and where a page of it begins and how much it holds (page.total, page.offset, page.limit)."""
PAGES = Bounds(1, 1_000)
"""Pages of a list."""
ERROR_CODE = Bounds(400, 599)
"""The code of a complaint in a body."""
TOKEN_LIFE = Bounds(60, 86_400)
"""Seconds that a token is taken to be good for (expires_in)."""

# -- what answers say --------------------------------------------------------------------------------------------

WHOLE = Bounds(-(2**31), 2**31 - 1)
"""Positions, plays, seconds: what a column of 32 bits holds."""
TOTAL = Bounds(-(10**15), 10**15)
"""Streams, views, followers: thousands of them still add up in 64 bits."""
KEY_LENGTH = Bounds(1, 255)
"""Characters of what names a thing (slug, code, identifier): an index must hold it. Other texts are as long as they
are."""
DAYS = (date(2000, 1, 1), timedelta(days=366))
"""Days of rankings and series, and when Soundcharts looked: the first one, and how far after today they may lie."""
DATES = (date(1000, 1, 1), timedelta(days=3660))
"""Dates of releases, births and entries, as for days."""

# -- what people give ------------------------------------------------------------------------------------------

CALLS_PER_MINUTE = Bounds(1, 1_000_000)
"""The account's limit (settings, the connection's extra)."""
CONNECTIONS = Bounds(1, 64)
"""Connections that a task keeps open (settings, the connection's extra)."""
CONNECT_SECONDS = Bounds(0, 60)
READ_SECONDS = Bounds(0, 300)
"""The connection's timeout, when connecting and when reading; above 0."""
