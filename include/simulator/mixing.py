"""Integer hashing: the only source of chance in the simulated world.

Every fact is a function of the seed and of what the fact is about, so it can be worked out at any time, in any
order, by any process, and is the same on every Python version.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TypeVar

_MASK = (1 << 64) - 1
T = TypeVar("T")


def mix(a: int, b: int = 0, c: int = 0) -> int:
    """Three whole numbers to 64 well-spread bits (the finaliser of SplitMix64 over a linear blend)."""
    z = (a * 0x9E3779B97F4A7C15 + b * 0xC2B2AE3D27D4EB4F + c * 0x165667B19E3779F9 + 0x27D4EB2F165667C5) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


@lru_cache(maxsize=65_536)
def salt(text: str) -> int:
    """64 bits that stand for a name."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def unit(bits: int) -> float:
    """64 bits to a number in [0, 1)."""
    return (bits >> 11) / (1 << 53)


def chance(bits: int, share: float) -> bool:
    """True for about `share` of all `bits`."""
    return unit(bits) < share


def pick(items: Sequence[T], bits: int) -> T:
    """One of `items`."""
    return items[(bits >> 17) % len(items)]


def some(items: Sequence[T], count: int, bits: int) -> tuple[T, ...]:
    """`count` distinct `items` (fewer when there are not so many), in an order of their own."""
    chosen: dict[int, None] = {}
    turn = 0
    while len(chosen) < min(count, len(items)):
        chosen[(mix(bits, turn) >> 17) % len(items)] = None
        turn += 1
    return tuple(items[index] for index in chosen)
