"""When one request after another is refused for the same reason, the rest need not be asked to know the answer."""

from __future__ import annotations

import threading

from chartline.errors import ChartlineError, Moved, RequestRefused

ALIKE = 5
"""So many refusals in a row for one reason, no good answer among them: it is not the single thing that is refused."""


def reason(error: ChartlineError) -> str | None:
    """What is the same when the next thing is refused for the same reason; None for what says nothing of others."""
    if isinstance(error, RequestRefused):
        return error.reason or None
    return Moved.kind if isinstance(error, Moved) else None


class Refusals:
    """Counts them, by platform or whatever else parts the requests (`about`). Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._row: dict[str, tuple[str, int]] = {}
        self._last: dict[str, ChartlineError] = {}

    def good(self, about: str = "") -> None:
        """A good answer: whatever was refused was refused for itself."""
        with self._lock:
            self._row.pop(about, None)

    def note(self, error: ChartlineError, about: str = "") -> None:
        """One thing was refused."""
        why = reason(error)
        with self._lock:
            if why is None:
                self._row.pop(about, None)
                return
            before, count = self._row.get(about, (why, 0))
            self._row[about] = (why, count + 1 if before == why else 1)
            self._last[about] = error

    def last(self, about: str = "") -> ChartlineError | None:
        """The refusal that the next request would meet too; None while that is not sure."""
        with self._lock:
            return self._last[about] if self._row.get(about, ("", 0))[1] >= ALIKE else None
