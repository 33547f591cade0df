"""The simulator's clock: real UTC unless it is set, advanced or frozen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _real_time() -> datetime:
    return datetime.now(UTC)


class Clock:
    """Tells the world's time. Tokens, limits and the call log keep to real time whatever this clock says."""

    def __init__(self, real: Callable[[], datetime] = _real_time) -> None:
        self._real = real
        self._shift = timedelta()
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        """The world's time, UTC."""
        return self._frozen or self._real() + self._shift

    @property
    def frozen(self) -> bool:
        """Whether the clock stands still."""
        return self._frozen is not None

    def set(self, moment: datetime, *, frozen: bool) -> None:
        """Go to a moment (aware), and stand there or run on."""
        self._shift = moment.astimezone(UTC) - self._real()
        self._frozen = moment.astimezone(UTC) if frozen else None

    def reset(self) -> None:
        """Back to real time."""
        self._shift, self._frozen = timedelta(), None
