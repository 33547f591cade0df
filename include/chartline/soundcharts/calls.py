"""What one HTTP attempt cost, and what a good one brought."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP attempt. `status` is None when no answer came; `error_kind` is None when it was good.

    `at` is when it was sent (UTC), `bytes` the length of the body received, `quota_left` what the API said about
    the billing cycle, None when it said nothing readable.
    """

    at: datetime
    endpoint: str
    entity: str
    facet: str
    status: int | None
    ms: int
    bytes: int
    quota_left: int | None
    error_kind: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """One good answer. `endpoint` is a name of the endpoint table, `path` the path and query that were asked.

    `calls` holds every attempt that was spent on it, the failed ones first.
    """

    endpoint: str
    path: str
    data: dict[str, Any] = field(repr=False)
    body: bytes = field(repr=False)
    calls: tuple[Call, ...]
    fetched_at: datetime
    noted: set[Any] = field(default_factory=set, compare=False, repr=False)
    """What was odd and is counted already: an answer may be read more than once."""
