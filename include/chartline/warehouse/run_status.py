"""SQL: which executions went well, and which broke down. `where x.status in {GOOD}`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

from chartline.domain import run_status
from chartline.errors import CredentialsRefused, NotFollowed, QuotaSpent


def _list(statuses: Iterable[LiteralString]) -> LiteralString:
    return "(" + ", ".join(f"'{status}'" for status in statuses) + ")"


GOOD: LiteralString = _list(run_status.GOOD)
FAILED: LiteralString = _list(run_status.FAILED)

_NOT_THEIR_OWN: LiteralString = _list([CredentialsRefused.kind, QuotaSpent.kind, NotFollowed.kind])
"""By the kind of error that ended them: runs stopped by trouble of the account, which is judged once and not of each
run, or by a person who stopped following the chart."""


def broke_down(of: LiteralString) -> LiteralString:
    """Whether the execution `of` (an alias) failed for a reason of its own."""
    return f"{of}.status in {FAILED} and coalesce(split_part({of}.error, ':', 1), '') not in {_NOT_THEIR_OWN}"
