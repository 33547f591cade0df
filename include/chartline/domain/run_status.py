"""How an execution can end, and what counts as a good run."""

from __future__ import annotations

from typing import Literal, LiteralString, get_args

Status = Literal["running", "complete", "partial", "deferred", "failed", "lost"]

STATUSES: tuple[Status, ...] = get_args(Status)
GOOD: tuple[LiteralString, ...] = ("complete", "partial")
"""Fetched what it was asked for, but for single items that are not available."""
FAILED: tuple[LiteralString, ...] = ("failed", "lost")
"""`deferred` is neither: what it left is still owed, though nothing went wrong."""
