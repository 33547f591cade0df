"""The API's odd habits (shape only: what an answer means is never changed by them).

Each struck answer is chosen by a hash of the oddity's name and of what the answer is about, so the same thing is odd in
the same way every time. Odd *contents* (nulls, gaps, several identifiers, falls) are part of the world's truth and not
listed here.
"""

from __future__ import annotations

from simulator.mixing import mix, salt, unit

# How often each one occurs by itself. 0: only when asked for by name.
NATURAL: dict[str, float] = {
    "no_errors_key": 0.02,
    "unknown_keys": 0.05,
    "missing_keys": 0.3,
    "blank_for_null": 0.3,
    "genre_strings": 0.5,
    "escaped_slashes": 0.03,
    "escaped_unicode": 0.1,
    "entry_minutes": 0.1,
    "shuffled_items": 0.0,
    "more_than_limit": 0.0,
    "paris_midnight": 0.0,
    "two_stamps": 0.0,
    "position_zero": 0.0,
    "entry_state": 0.0,
    "quota_text": 0.0,
    "no_expires_in": 0.0,
    "other_isrc": 0.02,
}


class Oddities:
    """Which oddities strike. `wanted`: 0 to 1 scales the natural rates; a list of names: just these strike, always."""

    def __init__(self, wanted: float | list[str]) -> None:
        self._shares = (
            {name: share * wanted for name, share in NATURAL.items()}
            if isinstance(wanted, int | float)
            else {name: float(name in wanted) for name in NATURAL}
        )

    def strikes(self, name: str, about: str = "") -> bool:
        """Whether the oddity strikes the thing that `about` names."""
        share = self._shares[name]
        return share > 0 and unit(mix(salt(name), salt(about))) < share
