"""The simulator's own book of calls: what was asked, how it was answered, what was billed."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from simulator.limits import WINDOW

LOG_LENGTH = 1_000_000
MULTI_ENTITY = ","


class Noted(NamedTuple):
    """One call. `at`: Unix time of arrival; `window`: asked days, `first..last`; `fault`: kind of fault committed."""

    at: float
    endpoint: str
    entity: str
    facet: str
    window: str
    offset: int
    status: int
    billed: bool
    fault: str


class Counts:
    """Counts and log since the last reset."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all calls."""
        self._log: deque[Noted] = deque(maxlen=LOG_LENGTH)
        self._calls: Counter[tuple[str, int]] = Counter()
        self._billed: Counter[str] = Counter()
        self._answered: Counter[tuple[str, str, str, str, int]] = Counter()

    def note(self, call: Noted) -> None:
        """Write a call down. Each entity of a batch counts as answered by itself, so overlapping batches show up."""
        self._log.append(call)
        self._calls[call.endpoint, call.status] += 1
        if call.billed:
            self._billed[call.endpoint] += 1
        if call.status == 200 and not call.fault:
            for entity in call.entity.split(MULTI_ENTITY):
                self._answered[call.endpoint, entity, call.facet, call.window, call.offset] += 1

    def summary(self) -> dict[str, Any]:
        """Calls by endpoint and status, billed calls, duplicates (asked again after a good answer), busiest minute.

        `entities`: how many different ones were answered well.
        """
        endpoints: dict[str, dict[str, Any]] = {}
        for (endpoint, status), count in sorted(self._calls.items()):
            row = endpoints.setdefault(
                endpoint, {"calls": 0, "ok": 0, "billed": self._billed[endpoint], "statuses": {}}
            )
            row["calls"] += count
            row["ok"] += count if status == 200 else 0
            row["statuses"][str(status)] = count
        answered = Counter(endpoint for endpoint, _ in {key[:2] for key in self._answered})
        for name, row in endpoints.items():
            row["entities"] = answered[name]
        again = [(key, count) for key, count in self._answered.items() if count > 1]
        return {
            "endpoints": endpoints,
            "total": sum(self._calls.values()),
            "ok": sum(row["ok"] for row in endpoints.values()),
            "billed": sum(self._billed.values()),
            "duplicates": sum(count - 1 for _, count in again),
            "duplicate_examples": [
                dict(zip(("endpoint", "entity", "facet", "window", "offset"), key, strict=True)) | {"answers": count}
                for key, count in sorted(again)[:20]
            ],
            "busiest_minute": busiest_minute(call.at for call in self._log if call.status not in (401, 429)),
        }

    def log(self, *, endpoint: str = "", entity: str = "", since: float = 0.0, limit: int = 10_000) -> Iterator[Noted]:
        """The newest `limit` calls that match, oldest first."""
        found: list[Noted] = []
        for call in reversed(self._log):
            if len(found) >= limit:
                break
            if call.at < since:
                continue  # calls are written down when answered, so their arrivals are only nearly in order
            if endpoint in ("", call.endpoint) and (not entity or entity in call.entity.split(MULTI_ENTITY)):
                found.append(call)
        return reversed(found)


def busiest_minute(times: Iterable[float]) -> int:
    """The most calls in any 60 seconds."""
    window: deque[float] = deque()
    most = 0
    for at in sorted(times):
        window.append(at)
        while window[0] <= at - WINDOW:
            window.popleft()
        most = max(most, len(window))
    return most
