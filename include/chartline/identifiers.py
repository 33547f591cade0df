"""The names by which things are asked for: what each may be made of, matched whole.

`$` means the very end to Pydantic and to browsers, but to Python also the place before a last line feed: `is_whole`
and `in_form` are the right ends for each.
"""

from __future__ import annotations

import re

SLUG = r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$"
"""What a chart's slug may be made of: it becomes part of a DAG id, which takes nothing else, and of a path."""
MAX_SLUG = 200

UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
"""Of a track or an artist."""

PLATFORM = r"^[a-z0-9-]+$"
"""A platform's code."""
MAX_PLATFORM = 50


def is_whole(pattern: str, text: str, most: int | None = None) -> bool:
    """Whether all of `text` is what the pattern says, and not longer than `most`."""
    return (most is None or len(text) <= most) and re.fullmatch(pattern.removesuffix("$"), text) is not None


def in_form(pattern: str) -> str:
    """The pattern for a form of Airflow, which the browser checks and then Python's `re.search`."""
    return rf"{pattern}(?!\n)"
