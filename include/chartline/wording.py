"""Numbers in sentences: a number and its noun agree. And whatever was given, as it may stand in one."""

from __future__ import annotations

import reprlib
from typing import Any


def noun(count: int, one: str, many: str | None = None) -> str:
    """The noun that goes with `count`: `one`, else `many` (default: `one` with an s)."""
    return one if count == 1 else many or f"{one}s"


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 chart`, `2 charts`, `1,200 entries`."""
    return f"{count:,} {noun(count, one, many)}"


def shown(value: Any, most: int) -> str:
    """A value of any size and depth as Python spells it, cut off after so many characters."""
    short = reprlib.Repr()
    short.maxlevel, short.maxstring, short.maxlong, short.maxother = 3, 2 * most, 2 * most, 2 * most
    text = short.repr(value)
    return text if len(text) <= most else f"{text[:most]}…"
