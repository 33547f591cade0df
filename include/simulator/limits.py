"""The two limits of an account: calls a minute, and billed calls in the cycle."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

WINDOW = 60.0
_SECOND = 1_000_000_000
_WINDOW_NS = 60 * _SECOND


@dataclass(frozen=True, slots=True)
class Allowance:
    """State of the minute: whether the call may be made, calls left after it, whole seconds until one more is free."""

    allowed: bool
    remaining: int
    reset: int


class RateLimit:
    """At most `per_minute` calls in any 60 seconds, for each account by itself. Refused calls do not count."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._made: dict[str, deque[int]] = {}

    def take(self, account: str, now: int) -> Allowance:
        """Count a call at `now` (nanoseconds of a steady clock, so that sums are exact) when it is allowed."""
        made = self._made.setdefault(account, deque())
        while made and made[0] + _WINDOW_NS <= now:
            made.popleft()
        allowed = len(made) < self.per_minute
        if allowed:
            made.append(now)
        return Allowance(allowed, max(0, self.per_minute - len(made)), -((now - made[0] - _WINDOW_NS) // _SECOND))

    def reset(self) -> None:
        """Forget all calls."""
        self._made.clear()


class Quota:
    """Billed calls left in the cycle."""

    def __init__(self, left: int) -> None:
        self.left = left

    @property
    def spent_up(self) -> bool:
        """Whether nothing is left."""
        return self.left <= 0

    def bill(self) -> None:
        """Take one call off."""
        self.left -= 1
