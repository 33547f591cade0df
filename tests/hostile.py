"""What nobody means and anybody may send: values for tests, and the strategies that make more of them.

`CHARTLINE_TEST_EXAMPLES`: how many of each property are tried; a few in the suite, many by `python -m benchmarks.fuzz`.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("CHARTLINE_TEST_EXAMPLES", "60"))
"""Of each property; thousands find what is rare."""

fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""How a property is tried."""

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><b>&amp;"
STEERING = "\x1b]0;owned\x07\x9b2J\r\b\x7f"
TURNED = "\u202egpj.exe\u2066\u200f\u2028"
MEGABYTE = "x" * 2**20
TEXTS: tuple[str, ...] = (
    MARKUP, STEERING, TURNED, "'; drop table chartline.track; --", '"; select pg_sleep(9)', "=1+1", "+1", "-1", "@x",
    "=cmd|' /C calc'!A0", "../../../etc/passwd", "..\\..\\x", "/etc/passwd", "%2e%2e%2f", "a/b", "a\nb", "a\0b", "\0",
    "\ud800", "{{ 7*7 }}", "{% raw %}", "${jndi:ldap://x}", "%s%n%x", "$(reboot)", "`reboot`", "nan", "null", "",
    " ", "💿", "e\u0301", "\ufeff", "\uffff", "<!channel>",
)  # fmt: skip
NUMBERS: tuple[float, ...] = (
    0, -1, 2**31, 2**31 - 1, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**40, -(10**400), 1e308, 5e-324, -0.0
)  # fmt: skip
DATES: tuple[str, ...] = (
    "0000-00-00", "0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01", "2026-02-30", "2026-13-45", "1965",
    "1965-05", "-0001-11-30T00:00:00+00:00", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+99:99",
)  # fmt: skip

texts = st.one_of(st.sampled_from(TEXTS), st.text(max_size=30), st.sampled_from(DATES))
numbers = st.one_of(st.sampled_from(NUMBERS), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
"""Any JSON."""


def deep(levels: int, inner: Any = 1) -> Any:
    """A list in a list in a list."""
    for _ in range(levels):
        inner = [inner]
    return inner


def places(value: Any, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where something stands in a JSON value, the whole of it first."""
    yield here
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*here, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*here, number))


def put(value: Any, place: tuple[str | int, ...], odd: Any) -> Any:
    """The same with something else there."""
    if not place:
        return odd
    changed = copy.deepcopy(value)
    at: Any = changed
    for part in place[:-1]:
        at = at[part]
    at[place[-1]] = odd
    return changed


@st.composite
def spoiled(draw: st.DrawFn, good: Any, most: int = 3) -> Any:
    """A good value in which a few places hold anything at all, or nothing."""
    value = good
    for _ in range(draw(st.integers(1, most))):
        value = put(value, draw(st.sampled_from(list(places(value)))), draw(anything))
    return value


def readable(text: str) -> bool:
    """Whether it may stand in a log, and is no longer than a person reads."""
    return len(text) < 20_000 and all(letter.isprintable() or letter.isspace() for letter in text)
