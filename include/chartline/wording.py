"""Numbers in sentences: a number and its noun agree."""

from __future__ import annotations


def noun(count: int, one: str, many: str | None = None) -> str:
    """The noun that goes with `count`: `one`, else `many` (default: `one` with an s)."""
    return one if count == 1 else many or f"{one}s"


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 chart`, `2 charts`, `1,200 entries`."""
    return f"{count:,} {noun(count, one, many)}"
